//! Host names: what they are under, and when two belong together.
//!
//! There is no list of public suffixes here: two names are compared only, and
//! where a name's owner can't be told from its end (a provider that names its
//! customers' machines) the facts say so.

use std::net::IpAddr;

/// A name without the dot at its end and without what can't be part of one.
pub(crate) fn host(text: &str) -> Option<&str> {
    let mut text = text;
    while let Some(shorter) = text.strip_suffix(['.', ',', ':']) {
        text = shorter;
    }
    let is_odd = |byte: u8| byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | b'@');
    (!text.is_empty() && !text.bytes().fold(false, |odd, byte| odd | is_odd(byte))).then_some(text)
}

/// Names that say that there is none.
pub(crate) fn is_nobody(text: &str) -> bool {
    let nobody =
        ["unknown", "unverified", "none", "verified", "unknown_domain", "unspecified", "*", "no.rdns", "may", "really"];
    nobody.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a name is one of the machine itself.
pub(crate) fn is_loopback(name: &str) -> bool {
    let Some(first) = name.as_bytes().first() else { return false };
    if !matches!(first, b'l' | b'L' | b'i' | b'I') {
        return false;
    }
    let name = strip_suffix(name, ".localdomain").unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.eq_ignore_ascii_case("loopback")
        || name.eq_ignore_ascii_case("localhost.localdomain.com")
        || name.eq_ignore_ascii_case("ip6-localhost")
}

fn strip_suffix<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(suffix.len())?;
    let (head, tail) = (name.get(..at)?, name.get(at..)?);
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}

/// The part of a name that an organisation registers: `clinic.example`,
/// `clinic.co.uk`. None for a name of one label and for addresses.
pub(crate) fn organisation(name: &str) -> Option<&str> {
    let bytes = name.as_bytes();
    let last = memchr::memrchr(b'.', bytes)?;
    let top = bytes.get(last + 1..)?;
    if top.is_empty() || top.iter().any(u8::is_ascii_digit) && !top.starts_with(b"xn--") || name.contains(':') {
        return None;
    }
    let second = memchr::memrchr(b'.', bytes.get(..last)?).map_or(0, |dot| dot + 1);
    let label = bytes.get(second..last)?;
    if second > 0 && top.len() == 2 && is_registry(label) {
        let third = memchr::memrchr(b'.', bytes.get(..second - 1)?).map_or(0, |dot| dot + 1);
        return name.get(third..);
    }
    name.get(second..)
}

/// Second labels under which countries register (`co.uk`, `gov.in`).
fn is_registry(label: &[u8]) -> bool {
    const REGISTRIES: [&str; 34] = [
        "co", "com", "net", "org", "ac", "edu", "gov", "gob", "gouv", "govt", "or", "ne", "go", "mil", "nhs", "sch",
        "ltd", "plc", "me", "nom", "id", "in", "info", "biz", "gv", "k12", "ad", "ed", "gr", "lg", "res", "firm",
        "adv", "ind",
    ];
    label.len() <= 4 && REGISTRIES.iter().any(|registry| label.eq_ignore_ascii_case(registry.as_bytes()))
}

/// Whether two names are of one organisation.
pub(crate) fn same_organisation<'a>(one: &'a str, other: &str) -> Option<&'a str> {
    let (mine, theirs) = (organisation(one)?, organisation(other)?);
    mine.eq_ignore_ascii_case(theirs).then_some(mine)
}

/// Names that every organisation has, and that a forger tries first: `mail`,
/// `smtp2`, `mx01`.
pub(crate) fn is_guessed(name: &str) -> bool {
    const GUESSED: [&str; 10] =
        ["mail", "smtp", "mx", "www", "webmail", "exchange", "server", "mailer", "email", "owa"];
    let first = name.split('.').next().unwrap_or_default().trim_end_matches(|last: char| last.is_ascii_digit());
    GUESSED.iter().any(|guessed| first.eq_ignore_ascii_case(guessed))
}

/// Whether a name is made from an address, as providers name their customers'
/// lines: such a machine is a customer's and not the provider's.
pub(crate) fn is_made_from(name: &str, address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    if name.split(['-', '.']).filter(|part| part.parse::<u8>().is_ok()).count() >= 4 {
        return true;
    }
    let [a, b, c, d] = address.octets();
    let mut seen = [false; 4];
    for number in name.split(|c: char| !c.is_ascii_digit()).filter(|digits| (1..=3).contains(&digits.len())) {
        let Ok(number) = number.parse::<u16>() else { continue };
        for (octet, seen) in [a, b, c, d].into_iter().zip(&mut seen) {
            *seen |= u16::from(octet) == number;
        }
    }
    let [_, _, third, fourth] = seen;
    let hex = |octets: [u8; 4]| octets.iter().fold(0u32, |all, octet| all << 8 | u32::from(*octet));
    third && fourth && seen.iter().filter(|seen| **seen).count() >= 3 || has_hex(name, hex([a, b, c, d]))
}

/// Whether the eight digits of an address in hexadecimal stand in a name.
fn has_hex(name: &str, address: u32) -> bool {
    let mut value = 0u32;
    let mut digits = 0;
    for byte in name.bytes() {
        match char::from(byte).to_digit(16) {
            Some(digit) => (value, digits) = (value << 4 | digit, digits + 1),
            None => (value, digits) = (0, 0),
        }
        if digits >= 8 && value == address {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_organisation_of_a_name() {
        let check = |name, expect: &str| assert_eq!(organisation(name).unwrap_or_default(), expect, "{name}");
        check("mx.a.clinic.example", "clinic.example");
        check("clinic.example", "clinic.example");
        check("mx.clinic.co.uk", "clinic.co.uk");
        check("clinic.co.uk", "clinic.co.uk");
        check("co.uk", "co.uk");
        check("mx.de", "mx.de");
        check("localhost", "");
        check("192.0.2.1", "");
        check("2002:a05::1", "");
        check("", "");
        check(".", "");
    }

    #[test]
    fn names_of_the_machine_itself() {
        for name in ["localhost", "LOCALHOST", "localhost.localdomain", "loopback", "localhost.localdomain.com"] {
            assert!(is_loopback(name), "{name}");
        }
        assert!(!is_loopback("localhost.example.com"));
        assert!(!is_loopback("lo"));
    }

    #[test]
    fn names_that_a_forger_tries_first() {
        for name in ["mail.b.example", "MX01.b.example", "smtp2.b.example"] {
            assert!(is_guessed(name), "{name}");
        }
        for name in ["relay2.b.example", "mail-out7.b.example", "b.example"] {
            assert!(!is_guessed(name), "{name}");
        }
    }

    #[test]
    fn names_that_are_made_from_an_address() {
        let address: IpAddr = "79.0.200.161".parse().unwrap();
        assert!(is_made_from("host161-200-static.0-79-b.business.example.it", address));
        assert!(is_made_from("79-0-200-161.dsl.example.net", address));
        assert!(is_made_from("p4F00C8A1.dip0.example.net", address));
        assert!(!is_made_from("mail161.example.net", address));
    }
}
