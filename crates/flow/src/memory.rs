//! One budget for all the clear content that is in memory at a time: of
//! messages that arrive, that are judged, and that are sent.
//!
//! Who can wait for a share waits; a message that arrives does not, since its
//! client would wait with it: it is judged later instead.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget.
#[derive(Clone)]
pub(crate) struct Memory {
    shares: Arc<Semaphore>,
    all: usize,
}

/// The unit in which memory is lent.
const SHARE_BYTES: usize = 1024;
/// Beside the content itself stands what is made of it.
const COPIES: usize = 3;
/// A share for content that still grows is lent in steps of this.
const STEP_BYTES: usize = 64 * 1024;

impl Memory {
    pub fn new(bytes_max: usize) -> Self {
        let all = (bytes_max / SHARE_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { shares: Arc::new(Semaphore::new(all)), all }
    }

    /// Waits for the memory that a message of `bytes` takes. One that is larger
    /// than the budget takes all of it.
    pub async fn lend(&self, bytes: u64) -> OwnedSemaphorePermit {
        let wanted = self.shares_for(usize::try_from(bytes).unwrap_or(usize::MAX));
        let shares = self.shares.clone().acquire_many_owned(wanted);
        shares.await.expect("the budget is never closed")
    }

    fn shares_for(&self, bytes: usize) -> u32 {
        let wanted = bytes.saturating_mul(COPIES).div_ceil(SHARE_BYTES);
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
        let step = memory.shares_for(lent_bytes - self.lent_bytes);
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
    async fn the_largest_message_gets_all_there_is() {
        let memory = Memory::new(10 * SHARE_BYTES);
        let all = memory.lend(u64::MAX).await;
        assert_eq!(all.num_permits(), 10);
        drop(all);
        assert_eq!(memory.lend(0).await.num_permits(), 1);
    }
}
