//! Bytes that are wiped when nobody needs them any more.

use std::fmt;
use std::ops::{Deref, Range};

use zeroize::{Zeroizing, optimization_barrier};

/// Decrypted content: a part of some memory, all of which is wiped when it is dropped.
///
/// It may be many megabytes. `Zeroizing` writes a `Vec` byte by byte, and twice, which takes longer than decrypting it
/// did; this is one `memset`.
#[derive(Clone, PartialEq, Eq)]
pub struct Wiped {
    bytes: Vec<u8>,
    range: Range<usize>,
}

impl Wiped {
    /// All of these.
    pub fn new(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { bytes, range }
    }

    /// A part of these; of what is beyond their end there is nothing.
    #[must_use]
    pub fn of(bytes: Vec<u8>, range: Range<usize>) -> Self {
        let range = if bytes.get(range.clone()).is_some() { range } else { 0..0 };
        Self { bytes, range }
    }

    /// A part of this, in the same memory.
    #[must_use]
    pub fn narrowed(mut self, range: Range<usize>) -> Self {
        let start = self.range.start.saturating_add(range.start);
        let end = self.range.start.saturating_add(range.end).min(self.range.end);
        Self::of(std::mem::take(&mut self.bytes), start..end)
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<Zeroizing<Vec<u8>>> for Wiped {
    fn from(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Self::new(std::mem::take(&mut *bytes))
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // To the end of the memory: what was longer once may have left something there.
        self.bytes.clear();
        self.bytes.resize(self.bytes.capacity(), 0);
        // Or the compiler would see that nobody reads them again, and leave them as they are.
        optimization_barrier(self.bytes.as_slice());
    }
}

/// Never its content.
impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stays_within_what_it_is_a_part_of() {
        let part = |range| Wiped::of(b"0123456789".to_vec(), range);
        assert_eq!(&*part(2..5), b"234");
        assert_eq!(&*part(2..50), b"");
        assert_eq!(&*part(2..8).narrowed(1..3), b"34");
        assert_eq!(&*part(2..5).narrowed(1..9), b"34");
        assert_eq!(&*part(2..5).narrowed(7..9), b"");
        assert_eq!(&*Wiped::from(Zeroizing::new(b"abc".to_vec())), b"abc");
        assert_eq!(format!("{:?}", Wiped::new(b"secret".to_vec())), "6 bytes");
    }
}
