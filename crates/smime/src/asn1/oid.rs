//! Object identifiers, comparable and usable in patterns.

use std::fmt;

use super::Malformed;

/// The longest encoding that is kept; the longest in use are half of it.
const BYTES_MAX: usize = 63;

/// An object identifier as its encoding (X.690 §8.19).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid {
    len: u8,
    bytes: [u8; BYTES_MAX],
}

impl Oid {
    /// From its arcs, in constants.
    pub(crate) const fn new(arcs: &[u32]) -> Self {
        assert!(arcs.len() >= 2, "an object identifier has two arcs or more");
        let mut oid = Self { len: 0, bytes: [0; BYTES_MAX] };
        oid.push(arcs[0] * 40 + arcs[1]);
        let mut next = 2;
        while next < arcs.len() {
            oid.push(arcs[next]);
            next += 1;
        }
        oid
    }

    /// One more arc below this one.
    pub(crate) const fn arc(mut self, arc: u32) -> Self {
        self.push(arc);
        self
    }

    const fn push(&mut self, arc: u32) {
        let mut shift = 28;
        while shift > 0 {
            if arc >> shift != 0 {
                self.put((arc >> shift) as u8 & 0x7f | 0x80);
            }
            shift -= 7;
        }
        self.put(arc as u8 & 0x7f);
    }

    const fn put(&mut self, byte: u8) {
        self.bytes[self.len as usize] = byte;
        self.len += 1;
    }

    /// From the value of an element.
    pub(crate) fn from_value(value: &[u8]) -> Result<Self, Malformed> {
        let is_whole = value.last().is_some_and(|last| last & 0x80 == 0);
        let starts = std::iter::once(&0).chain(value).zip(value);
        let is_padded = starts.into_iter().any(|(before, byte)| before & 0x80 == 0 && *byte == 0x80);
        let mut bytes = [0; BYTES_MAX];
        let place = bytes.get_mut(..value.len()).filter(|_| is_whole && !is_padded).ok_or(Malformed)?;
        place.copy_from_slice(value);
        Ok(Self { len: u8::try_from(value.len()).map_err(|_| Malformed)?, bytes })
    }

    /// The value of its element.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arc: u128 = 0;
        let mut is_first = true;
        for byte in self.as_bytes() {
            arc = arc.wrapping_shl(7) | u128::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                continue;
            }
            if is_first {
                let root = (arc / 40).min(2);
                write!(f, "{root}.{}", arc.wrapping_sub(root * 40))?;
            } else {
                write!(f, ".{arc}")?;
            }
            (arc, is_first) = (0, false);
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arcs: &[u32], value: &[u8], text: &str) {
        let oid = Oid::new(arcs);
        assert_eq!(oid.as_bytes(), value, "{text}");
        assert_eq!(oid.to_string(), text);
        assert_eq!(Oid::from_value(value), Ok(oid));
    }

    #[test]
    fn arcs_become_bytes_and_text() {
        check(&[1, 2, 840, 113549], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d], "1.2.840.113549");
        check(&[2, 5, 29, 17], &[0x55, 0x1d, 0x11], "2.5.29.17");
        check(&[2, 16, 840, 1, 101, 3, 4, 1, 46], &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 46], "2.16.840.1.101.3.4.1.46");
        check(&[1, 3, 6, 1, 5, 5, 7, 128], &[0x2b, 6, 1, 5, 5, 7, 0x81, 0], "1.3.6.1.5.5.7.128");
        check(&[0, 9, 4_294_967_295], &[9, 0x8f, 0xff, 0xff, 0xff, 0x7f], "0.9.4294967295");
        assert_eq!(Oid::new(&[1, 2, 840]).arc(1), Oid::new(&[1, 2, 840, 1]));
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        assert!(Oid::from_value(&[]).is_err());
        assert!(Oid::from_value(&[0x2a, 0x86]).is_err());
        assert!(Oid::from_value(&[0x2a, 0x80, 1]).is_err());
        assert!(Oid::from_value(&[0x80, 1]).is_err());
        assert!(Oid::from_value(&[1; 64]).is_err());
    }
}
