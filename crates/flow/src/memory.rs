//! One budget for all the clear content that is in memory at a time: of
//! messages that arrive, that are judged, and that are sent.
//!
//! Who can wait for a share waits; a message that arrives does not, since its
//! client would wait with it: it is judged later instead.
//!
//! Large messages together get a part of it and wait among themselves: some that
//! go to hosts which take for ever must hold up no other mail.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget.
#[derive(Clone)]
pub(crate) struct Memory {
    shares: Arc<Semaphore>,
    all: usize,
    /// What large messages together may have of it.
    large: Arc<Semaphore>,
    all_large: usize,
}

/// Memory that is lent, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lent {
    shares: OwnedSemaphorePermit,
    large: Option<OwnedSemaphorePermit>,
}

impl Lent {
    /// Gives back what content of `bytes` does not take.
    pub fn keep(&mut self, bytes: u64) {
        let kept = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_mul(COPIES).div_ceil(SHARE_BYTES).max(1);
        for permit in std::iter::once(&mut self.shares).chain(&mut self.large) {
            drop(permit.split(permit.num_permits().saturating_sub(kept)));
        }
    }

    /// Gives half of it back.
    pub fn halve(&mut self) {
        for permit in std::iter::once(&mut self.shares).chain(&mut self.large) {
            drop(permit.split(permit.num_permits() / 2));
        }
    }
}

/// The unit in which memory is lent.
const SHARE_BYTES: usize = 1024;
/// Beside the content itself stands what is made of it.
const COPIES: usize = 3;
/// While a copy is sealed the original, what is signed, and both forms of what
/// is sealed stand there; while it is sent, half of that.
const COPIES_SEALING: usize = 2 * COPIES;
/// A message that takes more than this part of the budget is large.
const LARGE_PART: usize = 64;
/// A share for content that still grows is lent in steps of this.
const STEP_BYTES: usize = 64 * 1024;

impl Memory {
    pub fn new(bytes_max: usize) -> Self {
        let all = (bytes_max / SHARE_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        let all_large = all - all / 4;
        let pool = |shares| Arc::new(Semaphore::new(shares));
        Self { shares: pool(all), all, large: pool(all_large), all_large }
    }

    /// Waits for the memory that a message of `bytes` takes. One that is larger
    /// than what large ones may have takes all of that.
    pub async fn lend(&self, bytes: u64) -> Lent {
        self.lend_copies(bytes, COPIES).await
    }

    /// The same while a copy of it is sealed; [`Lent::halve`] it then.
    pub async fn lend_to_seal(&self, bytes: u64) -> Lent {
        self.lend_copies(bytes, COPIES_SEALING).await
    }

    async fn lend_copies(&self, bytes: u64, copies: usize) -> Lent {
        let wanted = self.shares_for(usize::try_from(bytes).unwrap_or(usize::MAX), copies);
        let is_large = usize::try_from(wanted).unwrap_or(usize::MAX) > self.all / LARGE_PART;
        let wanted = wanted.min(u32::try_from(self.all_large).unwrap_or(u32::MAX));
        let of = async |pool: &Arc<Semaphore>| {
            pool.clone().acquire_many_owned(wanted).await.expect("the budget is never closed")
        };
        let large = if is_large { Some(of(&self.large).await) } else { None };
        Lent { shares: of(&self.shares).await, large }
    }

    fn shares_for(&self, bytes: usize, copies: usize) -> u32 {
        let wanted = bytes.saturating_mul(copies).div_ceil(SHARE_BYTES);
        u32::try_from(wanted.clamp(1, self.all)).unwrap_or(u32::MAX)
    }
}

/// Content that is kept while it arrives, as long as there is memory for it.
pub(crate) struct Kept {
    bytes: Vec<u8>,
    lent_bytes: usize,
    shares: Option<OwnedSemaphorePermit>,
}

impl Kept {
    pub fn new() -> Self {
        Self { bytes: Vec::new(), lent_bytes: 0, shares: None }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Keeps more; gives whether it could.
    pub fn extend(&mut self, more: &[u8], bytes_max: usize, memory: &Memory) -> bool {
        let wanted = self.bytes.len() + more.len();
        if wanted > bytes_max || !self.reach(wanted, memory) {
            return false;
        }
        self.bytes.extend_from_slice(more);
        true
    }

    fn reach(&mut self, wanted: usize, memory: &Memory) -> bool {
        if wanted <= self.lent_bytes {
            return true;
        }
        let lent_bytes = wanted.next_multiple_of(STEP_BYTES);
        let step = memory.shares_for(lent_bytes - self.lent_bytes, COPIES);
        let Ok(more) = memory.shares.clone().try_acquire_many_owned(step) else {
            return false;
        };
        self.lent_bytes = lent_bytes;
        match &mut self.shares {
            Some(shares) => shares.merge(more),
            None => self.shares = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn what_arrives_is_kept_while_there_is_memory_for_it() {
        let memory = Memory::new(3 * STEP_BYTES + SHARE_BYTES);
        let mut first = Kept::new();
        assert!(first.extend(&[1; 100], usize::MAX, &memory));
        let mut second = Kept::new();
        assert!(!second.extend(&[2; 100], usize::MAX, &memory), "the first one has it all");
        drop(first);
        assert!(second.extend(&[2; 100], usize::MAX, &memory));
        assert!(!second.extend(&[2; STEP_BYTES], usize::MAX, &memory), "a second step is not to be had");
        assert!(!second.extend(&[2; 2], 101, &memory), "nor more than the bound");
        assert_eq!(second.bytes(), [2; 100]);
    }

    #[tokio::test]
    async fn the_largest_message_gets_what_large_ones_may_have() {
        let memory = Memory::new(8 * SHARE_BYTES);
        let all = memory.lend(u64::MAX).await;
        assert_eq!((memory.shares.available_permits(), memory.large.available_permits()), (2, 0));
        drop(all);
        assert_eq!((memory.shares.available_permits(), memory.large.available_permits()), (8, 6));
        let mut sealing = memory.lend_to_seal(SHARE_BYTES as u64).await;
        assert_eq!((memory.shares.available_permits(), memory.large.available_permits()), (2, 0));
        sealing.halve();
        assert_eq!((memory.shares.available_permits(), memory.large.available_permits()), (5, 3));
        sealing.keep(2 * SHARE_BYTES as u64);
        assert_eq!((memory.shares.available_permits(), memory.large.available_permits()), (5, 3), "never more");
        drop(sealing);
        let mut long = memory.lend(2 * SHARE_BYTES as u64).await;
        long.keep(SHARE_BYTES as u64);
        assert_eq!((memory.shares.available_permits(), memory.large.available_permits()), (5, 3));
        drop(long);
        let _least = memory.lend(0).await;
        assert_eq!(memory.shares.available_permits(), 7);
    }

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn a_large_message_that_waits_holds_up_no_small_one() {
        let memory = Memory::new(1024 * SHARE_BYTES);
        let large = 200 * SHARE_BYTES as u64;
        let first = memory.lend(large).await;
        let mut second = Box::pin(memory.lend(large));
        assert!(poll(&mut second).is_pending(), "two of them are more than large ones may have");
        for _ in 0..80 {
            let mut small = Box::pin(memory.lend(SHARE_BYTES as u64));
            assert!(poll(&mut small).is_ready());
        }
        drop(first);
        assert!(poll(&mut second).is_ready());
    }
}
