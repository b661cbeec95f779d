//! An SPF record, read whole: a mistake anywhere in it makes all of it one
//! (RFC 7208 §4.6). Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::SpfResult;
use super::macros::DomainSpec;

/// A record's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub directives: Vec<Directive>,
    /// Where to go on if no mechanism matches.
    pub redirect: Option<DomainSpec>,
}

/// What to say if a mechanism matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub result: SpfResult,
    pub mechanism: Mechanism,
}

/// What a host is compared with. Lengths are those of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(DomainSpec),
    A(Option<DomainSpec>, Prefix),
    Mx(Option<DomainSpec>, Prefix),
    Ptr(Option<DomainSpec>),
    Ip4(Ipv4Addr, u8),
    Ip6(Ipv6Addr, u8),
    Exists(DomainSpec),
}

/// How much of an address must be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    pub four: u8,
    pub six: u8,
}

/// The record can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Whether a text is an SPF record at all (RFC 7208 §4.5).
pub(super) fn is_record(text: &[u8]) -> bool {
    let (version, rest) = text.split_at(text.len().min(6));
    version.eq_ignore_ascii_case(b"v=spf1") && rest.first().is_none_or(|byte| *byte == b' ')
}

impl Record {
    /// Reads a text that [is a record](is_record).
    pub fn read(text: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii()).ok_or(Malformed)?;
        let mut record = Self::default();
        let mut has_explanation = false;
        for term in text.get(6..).unwrap_or_default().split(' ').filter(|term| !term.is_empty()) {
            match modifier(term) {
                Some((name, value)) if name.eq_ignore_ascii_case("redirect") => {
                    let is_second = record.redirect.replace(DomainSpec::read(value).ok_or(Malformed)?).is_some();
                    (!is_second).then_some(()).ok_or(Malformed)?;
                }
                Some((name, value)) if name.eq_ignore_ascii_case("exp") => {
                    DomainSpec::read(value).ok_or(Malformed)?;
                    (!std::mem::replace(&mut has_explanation, true)).then_some(()).ok_or(Malformed)?;
                }
                Some((_, value)) => DomainSpec::is_macro_string(value).then_some(()).ok_or(Malformed)?,
                None => record.directives.push(directive(term)?),
            }
        }
        Ok(record)
    }
}

/// `name=value`, where the name comes before any other punctuation.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    is_name.then_some((name, value))
}

fn directive(term: &str) -> Result<Directive, Malformed> {
    let (result, rest) = match term.as_bytes().first() {
        Some(b'+') => (SpfResult::Pass, &term[1..]),
        Some(b'-') => (SpfResult::Fail, &term[1..]),
        Some(b'~') => (SpfResult::Softfail, &term[1..]),
        Some(b'?') => (SpfResult::Neutral, &term[1..]),
        _ => (SpfResult::Pass, term),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(end);
    Ok(Directive { result, mechanism: mechanism(&name.to_ascii_lowercase(), argument)? })
}

fn mechanism(name: &str, argument: &str) -> Result<Mechanism, Malformed> {
    let value = argument.strip_prefix(':');
    let needed = || value.and_then(DomainSpec::read).ok_or(Malformed);
    match name {
        "all" if argument.is_empty() => Ok(Mechanism::All),
        "include" => needed().map(Mechanism::Include),
        "exists" => needed().map(Mechanism::Exists),
        "a" => with_prefix(argument).map(|(domain, prefix)| Mechanism::A(domain, prefix)),
        "mx" => with_prefix(argument).map(|(domain, prefix)| Mechanism::Mx(domain, prefix)),
        "ptr" if argument.is_empty() => Ok(Mechanism::Ptr(None)),
        "ptr" => needed().map(|domain| Mechanism::Ptr(Some(domain))),
        "ip4" => {
            let (address, length) = network(value.ok_or(Malformed)?, 32)?;
            Ok(Mechanism::Ip4(address.parse().map_err(|_| Malformed)?, length))
        }
        "ip6" => {
            let (address, length) = network(value.ok_or(Malformed)?, 128)?;
            Ok(Mechanism::Ip6(address.parse().map_err(|_| Malformed)?, length))
        }
        _ => Err(Malformed),
    }
}

/// `[":" domain-spec] ["/" length] ["//" length]`.
fn with_prefix(argument: &str) -> Result<(Option<DomainSpec>, Prefix), Malformed> {
    let (rest, six) = match argument.rsplit_once("//") {
        Some((rest, digits)) => (rest, length(digits, 128)?),
        None => (argument, 128),
    };
    let (rest, four) = match rest.rsplit_once('/') {
        Some((before, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => (before, length(digits, 32)?),
        _ => (rest, 32),
    };
    let domain = match rest.strip_prefix(':') {
        Some(text) => Some(DomainSpec::read(text).ok_or(Malformed)?),
        None if rest.is_empty() => None,
        None => return Err(Malformed),
    };
    Ok((domain, Prefix { four, six }))
}

fn network(text: &str, bits: u8) -> Result<(&str, u8), Malformed> {
    match text.split_once('/') {
        Some((address, digits)) => Ok((address, length(digits, bits)?)),
        None => Ok((text, bits)),
    }
}

/// Without leading zeros.
fn length(digits: &str, most: u8) -> Result<u8, Malformed> {
    let is_number = digits == "0" || digits.starts_with(|c: char| matches!(c, '1'..='9'));
    let length = digits.parse().ok().filter(|length: &u8| *length <= most && is_number);
    length.filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit())).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(terms: &str, expect: usize) {
        let found = Record::read(format!("v=spf1 {terms}").as_bytes());
        assert_eq!(found.map(|record| record.directives.len()), Ok(expect), "{terms}");
    }

    fn refuse(terms: &str) {
        assert_eq!(Record::read(format!("v=spf1 {terms}").as_bytes()), Err(Malformed), "{terms}");
    }

    #[test]
    fn only_a_record_is_one() {
        assert!(is_record(b"v=spf1") && is_record(b"V=SPF1 -all"));
        assert!(!is_record(b"v=spf10") && !is_record(b"v=spf") && !is_record(b"") && !is_record(b"spf2.0/pra"));
    }

    #[test]
    fn terms_are_read() {
        check("", 0);
        check("  a   -all ", 2);
        check("+A/24 mx:x.example//64 a:x.example/24//64 ?ptr ptr:x.example", 5);
        check("ip4:1.2.3.4/0 ip6:::1/128 ip4:1.2.3.4 exists:%{i}.x.example include:x.example ~ALL", 6);
        check("redirect=x.example exp=y.example unknown=a%%b -all", 1);
    }

    #[test]
    fn a_mistake_anywhere_spoils_all() {
        for terms in [
            "-all a:",
            "include",
            "include:",
            "exists",
            "a/33",
            "a/024",
            "a//129",
            "a/-1",
            "ip4",
            "ip4:1.2.3",
            "ip4:1.2.3.4/33",
            "ip6:1.2.3.4/",
            "ip6:::1/129",
            "all:x.example",
            "all/8",
            "foo",
            "foo:bar",
            "-",
            "a:x.example:25",
            "redirect=",
            "redirect=a.example redirect=b.example",
            "exp=a.example exp=b.example",
            "x=%",
            "x=%{z}",
            "mx:a b",
            "ip4:1.2.3.4//32",
            "a:abc.123",
            "=x",
        ] {
            refuse(terms);
        }
    }
}
