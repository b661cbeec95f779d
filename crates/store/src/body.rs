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
const IN_MEMORY_MAX: usize = 256 * 1024;
/// The same for all bodies together.
const IN_MEMORY_ALL_MAX: usize = 64 * 1024 * 1024;

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

/// The bodies that are arriving or wait for their commit, and what they hold in memory.
#[derive(Debug, Default)]
pub(crate) struct OpenBodies {
    count: AtomicUsize,
    in_memory: AtomicUsize,
}

impl OpenBodies {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

/// One of them.
#[derive(Debug)]
pub(crate) struct OpenBody {
    all: Arc<OpenBodies>,
    in_memory: usize,
}

impl OpenBody {
    pub(crate) fn new(all: &Arc<OpenBodies>) -> Self {
        all.count.fetch_add(1, Ordering::Relaxed);
        Self { all: Arc::clone(all), in_memory: 0 }
    }

    /// Whether it may stay in memory at this size. Where not, it holds none
    /// from now on: thousands of clients that stop before their end must not
    /// take all there is.
    pub(crate) fn stays_in_memory(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.in_memory);
        let fits = |held: usize| held.checked_add(more).filter(|held| *held <= IN_MEMORY_ALL_MAX);
        let stays = bytes <= IN_MEMORY_MAX
            && self.all.in_memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        match stays {
            true => self.in_memory = self.in_memory.saturating_add(more),
            false => self.give_back(),
        }
        stays
    }

    fn give_back(&mut self) {
        self.all.in_memory.fetch_sub(std::mem::take(&mut self.in_memory), Ordering::Relaxed);
    }
}

impl Drop for OpenBody {
    fn drop(&mut self) {
        self.give_back();
        self.all.count.fetch_sub(1, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bodies_in_memory_have_one_bound() {
        let all = Arc::<OpenBodies>::default();
        let mut open: Vec<OpenBody> = (0..257).map(|_| OpenBody::new(&all)).collect();
        let stay: Vec<bool> = open.iter_mut().map(|body| body.stays_in_memory(IN_MEMORY_MAX)).collect();
        assert_eq!((stay.iter().filter(|stays| **stays).count(), stay[256]), (256, false));
        assert!(open[0].stays_in_memory(IN_MEMORY_MAX), "what is counted is not counted twice");
        assert!(!open[0].stays_in_memory(IN_MEMORY_MAX + 1));
        assert!(open[256].stays_in_memory(1_000), "what one gave up another may have");
        drop(open);
        assert_eq!((all.count(), all.in_memory.load(Ordering::Relaxed)), (0, 0));
    }
}
