//! Distinguished names (RFC 5280 §4.1.2.4).

use std::fmt;

use crate::asn1::{Malformed, Oid, Reader, directory_string, tag, write};

const ATTRIBUTE: Oid = Oid::new(&[2, 5, 4]);
const COMMON_NAME: Oid = ATTRIBUTE.arc(3);
pub(crate) const EMAIL_ADDRESS: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 1]);

/// Names that have more parts than this are refused.
const PARTS_MAX: usize = 64;

/// What attributes are called in text (RFC 4514 §3, and what certificates of mail have besides).
const SHORT: [(Oid, &str); 13] = [
    (COMMON_NAME, "CN"),
    (ATTRIBUTE.arc(4), "SN"),
    (ATTRIBUTE.arc(5), "serialNumber"),
    (ATTRIBUTE.arc(6), "C"),
    (ATTRIBUTE.arc(7), "L"),
    (ATTRIBUTE.arc(8), "ST"),
    (ATTRIBUTE.arc(9), "street"),
    (ATTRIBUTE.arc(10), "O"),
    (ATTRIBUTE.arc(11), "OU"),
    (ATTRIBUTE.arc(42), "GN"),
    (ATTRIBUTE.arc(97), "organizationIdentifier"),
    (EMAIL_ADDRESS, "E"),
    (Oid::new(&[0, 9, 2342, 19200300, 100, 1, 25]), "DC"),
];

/// A distinguished name, as it was read.
#[derive(Clone)]
pub struct Name {
    der: Vec<u8>,
    /// For each relative name its attributes, folded for comparison and in order.
    folded: Vec<Vec<(Oid, Folded)>>,
    attributes: Vec<(Oid, String)>,
}

/// A value as names are compared (RFC 5280 §7.1): strings without regard to case, kind of string or width of space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Folded {
    Text(String),
    Bytes(Vec<u8>),
}

impl Name {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let whole = reader.take(tag::SEQUENCE)?;
        let mut name = Self { der: whole.whole.to_vec(), folded: Vec::new(), attributes: Vec::new() };
        let mut relatives = whole.inside();
        while !relatives.is_empty() {
            let mut relative = relatives.set()?;
            let mut folded = Vec::new();
            while !relative.is_empty() {
                folded.push(name.attribute(&mut relative)?);
            }
            if folded.is_empty() || name.attributes.len() > PARTS_MAX {
                return Err(Malformed);
            }
            folded.sort();
            name.folded.push(folded);
        }
        Ok(name)
    }

    /// Reads a Name in DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::der(der);
        let name = Self::read(&mut reader)?;
        reader.end()?;
        Ok(name)
    }

    fn attribute(&mut self, relative: &mut Reader<'_>) -> Result<(Oid, Folded), Malformed> {
        let mut pair = relative.sequence()?;
        let oid = pair.oid()?;
        let value = pair.any()?;
        pair.end()?;
        let Ok(text) = directory_string(&value) else {
            return Ok((oid, Folded::Bytes(value.whole.to_vec())));
        };
        self.attributes.push((oid, text.clone().into_owned()));
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        Ok((oid, Folded::Text(words.join(" "))))
    }

    /// The name in DER.
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// Whether the two are the same name (RFC 5280 §7.1).
    pub fn matches(&self, other: &Name) -> bool {
        self.der == other.der || self.folded == other.folded
    }

    /// Whether this is `parent` or lies below it.
    pub(crate) fn is_within(&self, parent: &Name) -> bool {
        self.folded.starts_with(&parent.folded)
    }

    /// The name with one more relative name below it, given as the value of its SET.
    pub(crate) fn below(&self, relative: &[u8]) -> Option<Name> {
        let parts = Reader::only(&self.der).ok()?.value;
        let relative = write::element(tag::SET, &[relative]);
        Self::from_der(&write::sequence(&[parts, &relative])).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.folded.is_empty()
    }

    /// The values of an attribute.
    pub(crate) fn values(&self, oid: Oid) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter(move |(attribute, _)| *attribute == oid).map(|(_, value)| value.as_str())
    }

    /// The last common name, which is the most specific.
    pub fn common_name(&self) -> Option<&str> {
        self.values(COMMON_NAME).last()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for Name {}

/// As RFC 4514 writes names, the most specific first. Whoever made the certificate chose the values, so what could
/// break a line or a log is escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (oid, value)) in self.attributes.iter().rev().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match SHORT.iter().find(|(known, _)| known == oid) {
                Some((_, short)) => write!(f, "{short}=")?,
                None => write!(f, "{oid}=")?,
            }
            write_escaped(f, value)?;
        }
        Ok(())
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    for c in value.chars() {
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(f, "\\{c}")?,
            c if c.is_control() || is_direction(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    Ok(())
}

/// Characters that turn the direction of writing, and so make a text look like another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(oid: &Oid, tag: u8, text: &[u8]) -> Vec<u8> {
        let pair = write::sequence(&[&write::oid(oid), &write::element(tag, &[text])]);
        write::element(tag::SET, &[&pair])
    }

    fn name(parts: &[Vec<u8>]) -> Name {
        Name::from_der(&write::sequence_of(parts)).unwrap()
    }

    #[test]
    fn names_are_one_whatever_their_case_space_and_kind_of_string() {
        let one = name(&[part(&COMMON_NAME, tag::PRINTABLE_STRING, b"Good  CA ")]);
        assert!(one.matches(&name(&[part(&COMMON_NAME, tag::UTF8_STRING, b"good ca")])));
        assert!(!one.matches(&name(&[part(&COMMON_NAME, tag::UTF8_STRING, b"goodca")])));
        assert!(!one.matches(&name(&[part(&EMAIL_ADDRESS, tag::UTF8_STRING, b"good ca")])));
        let below = one.below(&part(&COMMON_NAME, tag::UTF8_STRING, b"x")[2..]).unwrap();
        assert!(below.is_within(&one) && !one.is_within(&below) && below.common_name() == Some("x"));
    }

    #[test]
    fn what_could_deceive_is_escaped() {
        let shown = |text: &str| name(&[part(&COMMON_NAME, tag::UTF8_STRING, text.as_bytes())]).to_string();
        assert_eq!(shown("Jörg"), "CN=Jörg");
        assert_eq!(shown("a,O=Bank"), "CN=a\\,O\\=Bank");
        assert_eq!(shown("a\r\nb\u{0}"), "CN=a\\u{d}\\u{a}b\\u{0}");
        assert_eq!(shown("\u{202e}moc.elpmaxe"), "CN=\\u{202e}moc.elpmaxe");
    }

    #[test]
    fn an_empty_part_is_malformed() {
        assert!(Name::from_der(&write::sequence(&[&write::element(tag::SET, &[])])).is_err());
        assert!(Name::from_der(&write::sequence(&[])).unwrap().is_empty());
    }
}
