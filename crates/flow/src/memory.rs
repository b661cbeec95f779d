//! One budget for all the clear content that is in memory at a time: of
//! messages that arrive, that are judged, and that are sent.
//!
//! Who can wait for a share waits; a message that arrives does not, since its
//! client would wait with it: it is judged later instead.
//!
//! Large messages have a pool of their own and wait among themselves: some that
//! go to hosts which take for ever must hold up no other mail, and a crowd of
//! small ones must not hold up a large one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The budget.
#[derive(Clone)]
pub(crate) struct Memory {
    small: Pool,
    large: Pool,
    /// A message that takes more shares than this is large.
    small_most: usize,
    /// Places in the line of large messages that are to be delivered.
    line: Arc<Semaphore>,
}

#[derive(Clone)]
struct Pool {
    shares: Arc<Semaphore>,
    all: usize,
}

/// Memory that is lent, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lent(OwnedSemaphorePermit);

/// There is no memory soon: come again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoneSoon;

impl Lent {
    /// Gives back what content of `bytes` does not take.
    pub fn keep(&mut self, bytes: u64) {
        let kept = shares_for(bytes, COPIES);
        drop(self.0.split(self.0.num_permits().saturating_sub(kept)));
    }

    /// Gives half of it back.
    pub fn halve(&mut self) {
        drop(self.0.split(self.0.num_permits() / 2));
    }
}

/// The unit in which memory is lent.
const SHARE_BYTES: usize = 1024;
/// Beside the content itself stands what is made of it.
const COPIES: usize = 3;
/// While a copy is sealed the original, what is signed, and both forms of what
/// is sealed stand there; while it is sent, half of that.
const COPIES_SEALING: usize = 2 * COPIES;
/// Small messages have this part of the budget, and the large ones the rest.
const SMALL_PART: usize = 4;
/// A message that takes more than this part of the budget is large.
const LARGE_PART: usize = 256;
/// A share for content that still grows is lent in steps of this.
const STEP_BYTES: usize = 64 * 1024;
/// So long a delivery waits for memory that many share.
const SOON: Duration = Duration::from_secs(1);
/// So long a large one does that stands in line.
const SOON_IN_LINE: Duration = Duration::from_secs(30);
/// So many large ones stand in line: each keeps one of the courier's places.
const LINE: usize = 8;

impl Pool {
    fn new(all: usize) -> Self {
        Self { shares: Arc::new(Semaphore::new(all)), all }
    }

    async fn lend(&self, shares: usize) -> Lent {
        let shares = u32::try_from(shares.min(self.all)).unwrap_or(u32::MAX);
        Lent(self.shares.clone().acquire_many_owned(shares).await.expect("the budget is never closed"))
    }

    fn lend_now(&self, shares: usize) -> Option<Lent> {
        let shares = u32::try_from(shares.min(self.all)).unwrap_or(u32::MAX);
        self.shares.clone().try_acquire_many_owned(shares).ok().map(Lent)
    }
}

impl Memory {
    pub fn new(bytes_max: usize) -> Self {
        let all = (bytes_max / SHARE_BYTES).clamp(2, Semaphore::MAX_PERMITS);
        let small = (all / SMALL_PART).max(1);
        Self {
            small: Pool::new(small),
            large: Pool::new(all - small),
            small_most: (all / LARGE_PART).clamp(1, small),
            line: Arc::new(Semaphore::new(LINE)),
        }
    }

    /// Waits for the memory that a message of `bytes` takes. One that is larger
    /// than what large ones may have takes all of that.
    pub async fn lend(&self, bytes: u64) -> Lent {
        let shares = shares_for(bytes, COPIES);
        self.pool(shares).lend(shares).await
    }

    /// The same for who can come again: it waits only for a while.
    pub async fn lend_soon(&self, bytes: u64) -> Result<Lent, NoneSoon> {
        self.lend_in_time(shares_for(bytes, COPIES)).await
    }

    /// The same while a copy of it is sealed; [`Lent::halve`] it then.
    pub async fn lend_soon_to_seal(&self, bytes: u64) -> Result<Lent, NoneSoon> {
        self.lend_in_time(shares_for(bytes, COPIES_SEALING)).await
    }

    /// Whether a message of so many bytes may have to wait for long.
    pub fn may_be_large(&self, bytes: u64) -> bool {
        shares_for(bytes, COPIES_SEALING) > self.small_most
    }

    /// Whether a message of so many bytes is large.
    pub fn is_large(&self, bytes: u64) -> bool {
        shares_for(bytes, COPIES) > self.small_most
    }

    async fn lend_in_time(&self, shares: usize) -> Result<Lent, NoneSoon> {
        let pool = self.pool(shares);
        if let Some(lent) = pool.lend_now(shares) {
            return Ok(lent);
        }
        if shares <= self.small_most {
            return timeout(SOON, pool.lend(shares)).await.map_err(|_| NoneSoon);
        }
        let _place = self.line.try_acquire().map_err(|_| NoneSoon)?;
        timeout(SOON_IN_LINE, pool.lend(shares)).await.map_err(|_| NoneSoon)
    }

    const fn pool(&self, shares: usize) -> &Pool {
        if shares > self.small_most { &self.large } else { &self.small }
    }
}

fn shares_for(bytes: u64, copies: usize) -> usize {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    bytes.saturating_mul(copies).div_ceil(SHARE_BYTES).max(1)
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
        let step = shares_for((lent_bytes - self.lent_bytes) as u64, COPIES);
        let Some(Lent(more)) = memory.small.lend_now(step) else {
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
        // A quarter of it is for small messages: one step and a bit.
        let memory = Memory::new(4 * (3 * STEP_BYTES + SHARE_BYTES));
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

    fn free(memory: &Memory) -> (usize, usize) {
        (memory.small.shares.available_permits(), memory.large.shares.available_permits())
    }

    #[tokio::test]
    async fn the_largest_message_gets_what_large_ones_may_have() {
        let memory = Memory::new(8 * SHARE_BYTES);
        let all = memory.lend(u64::MAX).await;
        assert_eq!(free(&memory), (2, 0));
        drop(all);
        assert_eq!(free(&memory), (2, 6));
        let mut sealing = memory.lend_soon_to_seal(SHARE_BYTES as u64).await.unwrap();
        assert_eq!(free(&memory), (2, 0));
        sealing.halve();
        assert_eq!(free(&memory), (2, 3));
        sealing.keep(2 * SHARE_BYTES as u64);
        assert_eq!(free(&memory), (2, 3), "never more");
        drop(sealing);
        let mut long = memory.lend(2 * SHARE_BYTES as u64).await;
        long.keep(SHARE_BYTES as u64);
        assert_eq!(free(&memory), (2, 3));
        drop(long);
        let _least = memory.lend(0).await;
        assert_eq!(free(&memory), (1, 6));
    }

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    const LARGE: u64 = 200 * SHARE_BYTES as u64;
    const SMALL: u64 = SHARE_BYTES as u64;

    #[tokio::test]
    async fn a_large_message_that_waits_holds_up_no_small_one() {
        let memory = Memory::new(1024 * SHARE_BYTES);
        let first = memory.lend(LARGE).await;
        let mut second = Box::pin(memory.lend(LARGE));
        assert!(poll(&mut second).is_pending(), "two of them are more than large ones may have");
        for _ in 0..80 {
            let mut small = Box::pin(memory.lend(SMALL));
            assert!(poll(&mut small).is_ready());
        }
        drop(first);
        assert!(poll(&mut second).is_ready());
    }

    #[tokio::test]
    async fn small_messages_that_have_all_of_theirs_hold_up_no_large_one_and_it_none_of_them() {
        let memory = Memory::new(1024 * SHARE_BYTES);
        let mut crowd = Vec::new();
        while let Some(lent) = memory.small.lend_now(3) {
            crowd.push(lent);
        }
        let mut waiting = Box::pin(memory.lend(SMALL));
        assert!(poll(&mut waiting).is_pending());
        let mut large = Box::pin(memory.lend(LARGE));
        assert!(poll(&mut large).is_ready());
        crowd.pop();
        assert!(poll(&mut waiting).is_ready(), "it stands behind no large one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_waits_for_a_while_and_a_few_large_ones_for_longer() {
        let memory = Memory::new(1024 * SHARE_BYTES);
        let first = memory.lend(LARGE).await;
        let mut line: Vec<_> = (0..LINE).map(|_| Box::pin(memory.lend_soon(LARGE))).collect();
        assert!(line.iter_mut().all(|one| poll(one).is_pending()));
        assert_eq!(memory.lend_soon(LARGE).await.unwrap_err(), NoneSoon, "the line is full");
        drop(first);
        let served = line.remove(0).await.unwrap();
        assert_eq!(line.remove(0).await.unwrap_err(), NoneSoon, "the one before it took too long");
        drop((served, line));
        let _all = memory.small.lend_now(memory.small.all).unwrap();
        assert_eq!(memory.lend_soon(SMALL).await.unwrap_err(), NoneSoon);
    }
}
