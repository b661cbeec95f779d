//! Sealed bodies on their way in and where they lie.
//!
//! Only sealed bytes pass here; a body is never clear in this crate. A small
//! one stays in memory until its message is committed, a large one is spooled
//! as it arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mail::{MessageId, OrgId};

use crate::Pending;

/// What stays in memory until the commit; more than that is spooled.
pub(crate) const IN_MEMORY_MAX: usize = 256 * 1024;

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
    pub(crate) content: Spooled,
    pub(crate) place: BodyRef,
    /// Kept for as long as the body lives: a commit is still to come.
    pub(crate) _open: OpenBody,
}

/// Where a spooled body waits for its commit.
#[derive(Debug)]
pub(crate) enum Spooled {
    Memory(Vec<u8>),
    Elsewhere(Box<dyn Spool>),
}

/// A body that waits outside memory and is removed when dropped, unless kept.
pub(crate) trait Spool: Send + Sync + std::fmt::Debug {
    /// Its message is durable: it stays.
    fn keep(&mut self);
}

impl SpooledBody {
    /// How many sealed bytes.
    pub fn len(&self) -> u64 {
        self.place.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn in_memory(&self) -> usize {
        match &self.content {
            Spooled::Memory(bytes) => bytes.len(),
            Spooled::Elsewhere(_) => 0,
        }
    }

    pub(crate) fn keep(&mut self) {
        if let Spooled::Elsewhere(spool) = &mut self.content {
            spool.keep();
        }
    }
}

/// Counts the bodies that are arriving or wait for their commit.
#[derive(Debug)]
pub(crate) struct OpenBody(Arc<AtomicUsize>);

impl OpenBody {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for OpenBody {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A checksum that covers whose body it is, so that a reference used for
/// another organisation or message finds nothing.
pub(crate) fn checksum_of(org: OrgId, message: MessageId) -> crc32fast::Hasher {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&org.0.to_be_bytes());
    checksum.update(message.as_bytes());
    checksum
}
