//! Sealed bodies on their way in and where they lie.
//!
//! Only sealed bytes pass here; a body is never clear in this crate.

use crate::Pending;

/// Where a sealed body lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRef {
    /// The segment, or 0 for a place of its own (a file, or rows of a table).
    pub(crate) segment: u64,
    /// Where it begins.
    pub(crate) offset: u64,
    /// How many sealed bytes.
    pub(crate) length: u64,
    /// CRC-32 of them, so that damage is told from a wrong key.
    pub(crate) checksum: u32,
}

impl BodyRef {
    /// How many sealed bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Takes a sealed body in chunks while it is still arriving.
///
/// Dropping one that was not finished, or a [`SpooledBody`] that was not
/// committed, leaves nothing behind.
pub trait BodyWriter: Send {
    /// Takes the next sealed bytes.
    fn push(&mut self, sealed: Vec<u8>) -> Pending<'_, ()>;
    /// Ends the body; what it gives goes into an
    /// [`Acceptance`](crate::Acceptance).
    fn finish(self: Box<Self>) -> Pending<'static, SpooledBody>;
}

/// A whole sealed body that no message refers to yet.
#[derive(Debug)]
pub struct SpooledBody {
    pub(crate) bytes: Vec<u8>,
}

impl SpooledBody {
    /// How many sealed bytes.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
