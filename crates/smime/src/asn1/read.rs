//! Reads elements from bytes that someone else wrote, without copying them.

use std::borrow::Cow;
use std::ops::Range;

use super::{Malformed, Oid, tag};

/// How deep elements of indefinite length and strings in pieces may nest.
const DEPTH_MAX: usize = 32;

/// Which encodings are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// One encoding for each value (X.690 §10).
    Der,
    /// Indefinite lengths and strings in pieces too (X.690 §8).
    Ber,
}

/// One element: its tag, its value, and all of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    pub(crate) whole: &'a [u8],
    rules: Rules,
}

impl<'a> Element<'a> {
    /// Reads what is inside.
    pub(crate) fn inside(self) -> Reader<'a> {
        Reader { rest: self.value, rules: self.rules }
    }

    /// Reads what is inside, if it is a SEQUENCE.
    pub(crate) fn sequence(self) -> Result<Reader<'a>, Malformed> {
        if self.tag == tag::SEQUENCE { Ok(self.inside()) } else { Err(Malformed) }
    }

    /// The value of an OCTET STRING, whatever its tag: a string in pieces is put together.
    pub(crate) fn octets(self) -> Result<Cow<'a, [u8]>, Malformed> {
        if self.tag & 0x20 == 0 {
            return Ok(Cow::Borrowed(self.value));
        }
        if self.rules == Rules::Der {
            return Err(Malformed);
        }
        let mut joined = Vec::with_capacity(self.value.len());
        join(self.value, DEPTH_MAX, &mut joined)?;
        Ok(Cow::Owned(joined))
    }
}

/// Appends the pieces of a constructed OCTET STRING (X.690 §8.7.3).
fn join(pieces: &[u8], depth: usize, joined: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut reader = Reader { rest: pieces, rules: Rules::Ber };
    while !reader.is_empty() {
        let piece = reader.any()?;
        match piece.tag {
            tag::OCTET_STRING => joined.extend_from_slice(piece.value),
            0x24 => join(piece.value, depth.checked_sub(1).ok_or(Malformed)?, joined)?,
            _ => return Err(Malformed),
        }
    }
    Ok(())
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    rules: Rules,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], rules: Rules) -> Self {
        Self { rest: bytes, rules }
    }

    pub(crate) fn der(bytes: &'a [u8]) -> Self {
        Self::new(bytes, Rules::Der)
    }

    /// Reads the one element that `bytes` are, by DER.
    pub(crate) fn only(bytes: &'a [u8]) -> Result<Element<'a>, Malformed> {
        let mut reader = Self::der(bytes);
        let element = reader.any()?;
        reader.end()?;
        Ok(element)
    }

    /// Reads what is inside the one SEQUENCE that `bytes` are, by DER.
    pub(crate) fn sequence_in(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::only(bytes)?.sequence()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    pub(crate) fn next_is(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, Malformed> {
        let head = Head::read(self.rest, self.rules)?;
        let after = self.rest.get(head.len..).ok_or(Malformed)?;
        let (value_len, whole_len) = match head.value_len {
            Some(len) => (len, head.len.checked_add(len).ok_or(Malformed)?),
            None => {
                let len = indefinite_len(after)?;
                (len, head.len + len + END_OF_CONTENTS.len())
            }
        };
        let value = after.get(..value_len).ok_or(Malformed)?;
        let (whole, rest) = self.rest.split_at_checked(whole_len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(Element { tag: head.tag, value, whole, rules: self.rules })
    }

    /// The next element, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        if self.next_is(tag) { self.any() } else { Err(Malformed) }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.next_is(tag) { self.any().map(Some) } else { Ok(None) }
    }

    pub(crate) fn sequence(&mut self) -> Result<Reader<'a>, Malformed> {
        self.take(tag::SEQUENCE).map(Element::inside)
    }

    pub(crate) fn set(&mut self) -> Result<Reader<'a>, Malformed> {
        self.take(tag::SET).map(Element::inside)
    }

    /// What `[n]` stands around, if it is next.
    pub(crate) fn explicit(&mut self, number: u8) -> Result<Option<Reader<'a>>, Malformed> {
        Ok(self.optional(tag::context(number))?.map(Element::inside))
    }

    pub(crate) fn oid(&mut self) -> Result<Oid, Malformed> {
        Oid::from_value(self.take(tag::OID)?.value)
    }

    /// An INTEGER as its bytes, big-endian, two's complement.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], Malformed> {
        let value = self.take(tag::INTEGER)?.value;
        let is_minimal = !matches!(value, [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..]);
        if is_minimal { Ok(value) } else { Err(Malformed) }
    }

    /// An INTEGER that is small and not negative.
    pub(crate) fn small(&mut self) -> Result<u64, Malformed> {
        small_of(self.integer()?)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, Malformed> {
        match (self.take(tag::BOOLEAN)?.value, self.rules) {
            ([0], _) => Ok(false),
            ([0xff], _) | ([_], Rules::Ber) => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// A BOOLEAN with DEFAULT FALSE; DER forbids to write the default, and old certificates do.
    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        if self.next_is(tag::BOOLEAN) { self.boolean() } else { Ok(false) }
    }

    /// An OCTET STRING, put together where it comes in pieces.
    pub(crate) fn octets(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        match self.rest.first() {
            Some(&tag::OCTET_STRING | 0x24) => self.any()?.octets(),
            _ => Err(Malformed),
        }
    }

    /// A BIT STRING of whole bytes.
    pub(crate) fn bits(&mut self) -> Result<&'a [u8], Malformed> {
        match self.take(tag::BIT_STRING)?.value {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Malformed),
        }
    }
}

/// The bytes of an INTEGER as a number.
pub(crate) fn small_of(integer: &[u8]) -> Result<u64, Malformed> {
    match integer {
        [] | [0x80..=0xff, ..] => Err(Malformed),
        bytes if bytes.len() <= 8 => Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))),
        _ => Err(Malformed),
    }
}

/// The OCTET STRING that `bytes` are, by DER.
pub(crate) fn octets_in(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let element = Reader::only(bytes)?;
    if element.tag == tag::OCTET_STRING { Ok(element.value) } else { Err(Malformed) }
}

/// Where `part`, which was borrowed from `whole`, stands in it.
pub(crate) fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// Tag and length.
struct Head {
    tag: u8,
    /// How many bytes tag and length take.
    len: usize,
    /// None where the length is indefinite.
    value_len: Option<usize>,
}

impl Head {
    fn read(bytes: &[u8], rules: Rules) -> Result<Self, Malformed> {
        let (tag, first, after) = match bytes {
            [tag, first, after @ ..] => (*tag, *first, after),
            _ => return Err(Malformed),
        };
        // Tags of several bytes occur nowhere in certificates and messages.
        if tag & 0x1f == 0x1f {
            return Err(Malformed);
        }
        match first {
            0..=0x7f => Ok(Self { tag, len: 2, value_len: Some(usize::from(first)) }),
            0x80 if rules == Rules::Ber && tag & 0x20 != 0 => Ok(Self { tag, len: 2, value_len: None }),
            0x81..=0x88 => {
                let count = usize::from(first & 0x7f);
                let bytes = after.get(..count).ok_or(Malformed)?;
                let value = bytes.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
                let is_minimal = value > 0x7f && bytes.first() != Some(&0);
                if rules == Rules::Der && !is_minimal {
                    return Err(Malformed);
                }
                Ok(Self { tag, len: 2 + count, value_len: Some(usize::try_from(value).map_err(|_| Malformed)?) })
            }
            _ => Err(Malformed),
        }
    }
}

/// How long a value of indefinite length is, up to its end-of-contents (X.690 §8.1.5). One pass, whatever the nesting.
fn indefinite_len(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut depth = 1_usize;
    let mut at = 0_usize;
    loop {
        let rest = bytes.get(at..).ok_or(Malformed)?;
        if rest.starts_with(&END_OF_CONTENTS) {
            depth -= 1;
            if depth == 0 {
                return Ok(at);
            }
            at += END_OF_CONTENTS.len();
            continue;
        }
        let head = Head::read(rest, Rules::Ber)?;
        at += head.len;
        match head.value_len {
            Some(len) => at = at.checked_add(len).ok_or(Malformed)?,
            None if depth < DEPTH_MAX => depth += 1,
            None => return Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(bytes: &[u8], rules: Rules) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(bytes, rules);
        let octets = reader.octets()?.into_owned();
        reader.end()?;
        Ok(octets)
    }

    #[test]
    fn strings_are_put_together() {
        let check = |bytes: &[u8], expect: &[u8]| assert_eq!(octets(bytes, Rules::Ber).as_deref(), Ok(expect));
        check(&[4, 2, b'a', b'b'], b"ab");
        check(&[4, 0], b"");
        check(&[0x24, 0x80, 4, 1, b'a', 4, 1, b'b', 0, 0], b"ab");
        check(&[0x24, 6, 4, 1, b'a', 4, 1, b'b'], b"ab");
        check(&[0x24, 0x80, 0x24, 0x80, 4, 1, b'a', 0, 0, 4, 1, b'b', 0, 0], b"ab");
        check(&[0x24, 0x80, 0, 0], b"");
        check(&[4, 0x81, 2, b'a', b'b'], b"ab");
    }

    #[test]
    fn der_has_one_encoding() {
        let check = |bytes: &[u8]| assert_eq!(octets(bytes, Rules::Der), Err(Malformed), "{bytes:x?}");
        check(&[0x24, 6, 4, 1, b'a', 4, 1, b'b']);
        check(&[0x24, 0x80, 4, 1, b'a', 0, 0]);
        check(&[4, 0x81, 2, b'a', b'b']);
        check(&[4, 0x80, 0, 0]);
    }

    #[test]
    fn what_is_cut_short_or_endless_is_refused() {
        let check = |bytes: &[u8]| assert_eq!(octets(bytes, Rules::Ber), Err(Malformed), "{bytes:x?}");
        check(&[]);
        check(&[4]);
        check(&[4, 5, 1]);
        check(&[4, 0x84, 0xff, 0xff, 0xff, 0xff]);
        check(&[4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        check(&[0x24, 0x80, 4, 1, b'a', 0]);
        check(&[0x24, 0x80, 2, 1, 1, 0, 0]);
        check(&[4, 1, b'a', 9]);
        check(&[0x24, 0x80].repeat(1000));
        check(&[[0x24, 0x80].repeat(40), vec![4, 0], vec![0; 80]].concat());
    }

    #[test]
    fn whole_and_value_of_an_indefinite_element() {
        let bytes = [0x30, 0x80, 0x02, 1, 5, 0, 0, 0x05, 0];
        let mut reader = Reader::new(&bytes, Rules::Ber);
        let element = reader.any().unwrap();
        assert_eq!((element.value, element.whole), (&bytes[2..5], &bytes[..7]));
        assert_eq!(element.inside().small(), Ok(5));
        assert_eq!(reader.any().unwrap().tag, tag::NULL);
        assert!(reader.is_empty());
    }

    #[test]
    fn integers_are_minimal() {
        let check = |bytes: &[u8], expect| assert_eq!(Reader::der(bytes).small(), expect, "{bytes:x?}");
        check(&[2, 1, 0], Ok(0));
        check(&[2, 2, 0, 0x80], Ok(128));
        check(&[2, 2, 0, 0x7f], Err(Malformed));
        check(&[2, 1, 0x80], Err(Malformed));
        check(&[2, 0], Err(Malformed));
        check(&[2, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255], Err(Malformed));
    }
}
