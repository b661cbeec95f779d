//! Writes DER.

use super::{Oid, tag};

/// An element of these parts.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(len + HEAD_MAX);
    put_head(&mut bytes, tag, len);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(tag::SEQUENCE, parts)
}

/// A SEQUENCE OF.
pub(crate) fn sequence_of(parts: &[Vec<u8>]) -> Vec<u8> {
    sequence(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// A SET OF: DER wants its elements in order (X.690 §11.6).
pub(crate) fn set_of(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort_unstable();
    element(tag::SET, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// `[n]` around parts.
pub(crate) fn context(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(tag::context(number), parts)
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(tag::OCTET_STRING, &[bytes])
}

/// A BIT STRING of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(tag::BIT_STRING, &[&[0], bytes])
}

pub(crate) fn oid(oid: &Oid) -> Vec<u8> {
    element(tag::OID, &[oid.as_bytes()])
}

/// An INTEGER that is not negative, from big-endian bytes of any length.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let needs_sign = bytes.first().is_none_or(|first| first & 0x80 != 0);
    element(tag::INTEGER, &[if needs_sign { &[0] } else { &[] }, bytes])
}

pub(crate) fn small(number: u64) -> Vec<u8> {
    unsigned(&number.to_be_bytes())
}

pub(crate) fn boolean(value: bool) -> Vec<u8> {
    element(tag::BOOLEAN, &[&[if value { 0xff } else { 0 }]])
}

pub(crate) fn null() -> Vec<u8> {
    element(tag::NULL, &[])
}

/// Tag and at most nine bytes of length.
pub(crate) const HEAD_MAX: usize = 10;

/// Appends tag and length of a value that follows.
pub(crate) fn put_head(bytes: &mut Vec<u8>, tag: u8, len: usize) {
    bytes.push(tag);
    match u8::try_from(len) {
        Ok(short @ 0..=0x7f) => bytes.push(short),
        _ => {
            let long = len.to_be_bytes();
            let used = long.len() - (len.leading_zeros() / 8) as usize;
            bytes.push(0x80 | used as u8);
            bytes.extend_from_slice(&long[long.len() - used..]);
        }
    }
}

/// How many bytes tag and length of a value take.
pub(crate) fn head_len(len: usize) -> usize {
    if len < 0x80 { 2 } else { 2 + size_of::<usize>() - (len.leading_zeros() / 8) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        for (len, head) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (256, &[4, 0x82, 1, 0]),
            (1 << 24, &[4, 0x84, 1, 0, 0, 0]),
        ] {
            let mut bytes = Vec::new();
            put_head(&mut bytes, tag::OCTET_STRING, len);
            assert_eq!(bytes, head);
            assert_eq!(head_len(len), head.len());
        }
    }

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!(small(0), [2, 1, 0]);
        assert_eq!(small(127), [2, 1, 127]);
        assert_eq!(small(128), [2, 2, 0, 128]);
        assert_eq!(unsigned(&[0, 0, 0xff]), [2, 2, 0, 0xff]);
    }

    #[test]
    fn a_set_is_in_order() {
        assert_eq!(set_of(vec![small(2), small(1)]), [0x31, 6, 2, 1, 1, 2, 1, 2]);
    }
}
