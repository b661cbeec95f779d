//! Macros of SPF (RFC 7208 §7): read once, expanded for each check. Pure.

use std::net::IpAddr;

/// A name with macros in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DomainSpec(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Macro(Macro),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Macro {
    letter: char,
    is_escaped: bool,
    /// So many parts from the right; all of them where none is named.
    parts: Option<usize>,
    is_reversed: bool,
    delimiters: String,
}

/// What macros stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub local: &'a str,
    pub sender_domain: &'a str,
    /// The domain that is being checked.
    pub domain: &'a str,
    pub address: IpAddr,
    pub helo: &'a str,
    /// The name that the address proves, or `unknown`.
    pub validated: &'a str,
}

/// RFC 7208 §7.3: a name that is longer loses parts from its left.
const NAME_BYTES_MAX: usize = 253;

impl DomainSpec {
    /// Reads a domain-spec, which ends in a top label or a macro.
    pub fn read(text: &str) -> Option<Self> {
        let pieces = pieces(text)?;
        let ends_well = match pieces.last()? {
            Piece::Macro(_) => true,
            Piece::Text(end) => ends_in_top_label(end, pieces.len() > 1),
        };
        ends_well.then_some(Self(pieces))
    }

    /// Whether a text is a macro-string, as the value of a modifier is.
    pub fn is_macro_string(text: &str) -> bool {
        pieces(text).is_some()
    }

    /// Whether the name that an address proves is asked for.
    pub fn needs_validated(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Macro(part) if part.letter == 'p'))
    }

    /// The name.
    pub fn expand(&self, values: &Values<'_>) -> String {
        let mut name = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Macro(part) => name.push_str(&part.expand(values)),
            }
        }
        let mut rest = name.trim_end_matches('.');
        while rest.len() > NAME_BYTES_MAX {
            rest = rest.split_once('.').map_or("", |(_, rest)| rest);
        }
        rest.to_owned()
    }
}

fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c != '%' {
            matches!(c, '!'..='~').then_some(())?;
            plain.push(c);
            rest = rest.get(1..)?;
            continue;
        }
        let escape = rest.chars().nth(1)?;
        rest = rest.get(2..)?;
        match escape {
            '%' => plain.push('%'),
            '_' => plain.push(' '),
            '-' => plain.push_str("%20"),
            '{' => {
                let (inside, after) = rest.split_once('}')?;
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Macro(Macro::read(inside)?));
                rest = after;
            }
            _ => return None,
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Some(pieces)
}

/// `"." toplabel ["."]`, or a first text that is a name of several labels.
fn ends_in_top_label(end: &str, follows_macro: bool) -> bool {
    let end = end.strip_suffix('.').unwrap_or(end);
    let Some((before, label)) = end.rsplit_once('.') else { return false };
    let is_label = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().any(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    is_label && !label.is_empty() && (follows_macro || !before.is_empty())
}

impl Macro {
    fn read(text: &str) -> Option<Self> {
        let letter = text.chars().next()?;
        let rest = text.get(1..)?;
        // `c`, `r` and `t` stand only in explanations.
        "slodiphv".contains(letter.to_ascii_lowercase()).then_some(())?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at(digits);
        let parts = match number {
            "" => None,
            number => Some(number.parse::<usize>().unwrap_or(usize::MAX)).filter(|parts| *parts > 0).map(Some)?,
        };
        let (is_reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        delimiters.bytes().all(|byte| b".-+,/_=".contains(&byte)).then_some(())?;
        let delimiters = if delimiters.is_empty() { "." } else { delimiters };
        Some(Self {
            letter: letter.to_ascii_lowercase(),
            is_escaped: letter.is_ascii_uppercase(),
            parts,
            is_reversed,
            delimiters: delimiters.to_owned(),
        })
    }

    fn expand(&self, values: &Values<'_>) -> String {
        let value = self.value(values);
        let mut parts: Vec<&str> = value.split(|c| self.delimiters.contains(c)).collect();
        if self.is_reversed {
            parts.reverse();
        }
        let kept = self.parts.unwrap_or(usize::MAX).min(parts.len());
        let joined = parts.split_off(parts.len() - kept).join(".");
        if self.is_escaped { escaped(&joined) } else { joined }
    }

    fn value(&self, values: &Values<'_>) -> String {
        match self.letter {
            's' => format!("{}@{}", values.local, values.sender_domain),
            'l' => values.local.to_owned(),
            'o' => values.sender_domain.to_owned(),
            'd' => values.domain.to_owned(),
            'i' => dotted(values.address),
            'p' => values.validated.to_owned(),
            'h' => values.helo.to_owned(),
            _ => String::from(if values.address.is_ipv4() { "in-addr" } else { "ip6" }),
        }
    }
}

/// RFC 7208 §7.3: an address of IPv6 as its thirty-two digits.
fn dotted(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => {
            let digits = six.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            digits.map(|digit| format!("{digit:x}")).collect::<Vec<_>>().join(".")
        }
    }
}

/// RFC 3986 §2.3.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, address: &str, expect: &str) {
        let values = Values {
            local: "strong-bad",
            sender_domain: "email.example.com",
            domain: "email.example.com",
            address: address.parse().unwrap(),
            helo: "mx.example.org",
            validated: "mx.example.org",
        };
        assert_eq!(DomainSpec::read(text).unwrap().expand(&values), expect, "{text}");
    }

    #[test]
    fn the_examples_of_the_standard_expand() {
        // RFC 7208 §7.4.
        let four = "192.0.2.3";
        for (text, expect) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("a%%b%_c%-d.%{S}", "a%b c%20d.strong-bad%40email.example.com"),
        ] {
            check(text, four, expect);
        }
        check(
            "%{ir}.%{v}._spf.%{d2}",
            "2001:db8::cb01",
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com",
        );
    }

    #[test]
    fn a_long_name_loses_parts_from_its_left() {
        let long = format!("{}.%{{d}}", ["aaaaaaaaa"; 30].join("."));
        let name = format!("{}.email.example.com", ["aaaaaaaaa"; 23].join("."));
        check(&long, "192.0.2.3", &name);
    }

    #[test]
    fn what_is_no_domain_spec_is_refused() {
        for text in [
            "", "abc", "abc.", "a.-b", "a.b-", "a.123", "%", "%{", "%{}", "%{x}", "%{d0}", "%{d!}", "%{c}.a", "a b.c",
            "%(d)", "é.fr",
        ] {
            assert_eq!(DomainSpec::read(text), None, "{text}");
        }
        assert!(DomainSpec::is_macro_string("") && DomainSpec::is_macro_string("abc%{d}/"));
    }
}
