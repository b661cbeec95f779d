//! Where callers hand their changes to the writer, and how a group forms.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::runner::locked;
use super::shared::Shared;
use crate::StoreError;
use crate::change::{Answer, Change};

/// A group is closed early when it has this many callers …
const CALLERS_MAX: usize = 1024;
/// … or this much of bodies.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What each change of a caller came to, or why none of them happened.
pub(crate) type Outcome = Result<Vec<Result<Answer, StoreError>>, StoreError>;

/// The changes of one caller.
pub(crate) struct Job {
    pub changes: Vec<Change>,
    pub reply: oneshot::Sender<Outcome>,
}

/// Changes that wait for the writer.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    window: Duration,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    arrivals: usize,
    body_bytes: usize,
    since: Option<Instant>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(window: Duration, shared: Arc<Shared>) -> Self {
        Self { waiting: Mutex::default(), wake: Condvar::new(), window, shared }
    }

    /// Hands changes over. The writer is woken only when that makes a
    /// difference: a wake-up costs as much as the change.
    pub(crate) fn push(&self, job: Job) -> Result<(), StoreError> {
        let mut waiting = locked(&self.waiting);
        if waiting.closed {
            return Err(StoreError::Closed);
        }
        let first = waiting.jobs.is_empty();
        if first {
            waiting.since = Some(Instant::now());
        }
        waiting.arrivals += job.changes.iter().map(Change::arrivals).sum::<usize>();
        waiting.body_bytes += job.changes.iter().map(Change::body_bytes).sum::<usize>();
        waiting.jobs.push(job);
        let wake = first || self.complete(&waiting);
        drop(waiting);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// The next group; blocks. Nothing once the queue is closed and empty.
    pub(crate) fn next(&self) -> Option<Vec<Job>> {
        let mut waiting = locked(&self.waiting);
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        while !waiting.closed && !self.complete(&waiting) {
            let left = waiting.since.map_or(Duration::ZERO, |since| self.window.saturating_sub(since.elapsed()));
            if left.is_zero() {
                break;
            }
            waiting = self.wake.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.arrivals = 0;
        waiting.body_bytes = 0;
        Some(std::mem::take(&mut waiting.jobs))
    }

    /// No more changes are taken; what waits is still written.
    pub(crate) fn close(&self) {
        locked(&self.waiting).closed = true;
        self.wake.notify_all();
    }

    /// Whether waiting longer would bring nothing: everybody whose commit is
    /// to come is here, or the group is large enough.
    fn complete(&self, waiting: &Waiting) -> bool {
        waiting.jobs.len() >= CALLERS_MAX
            || waiting.body_bytes >= BODY_BYTES_MAX
            || waiting.arrivals >= self.shared.in_flight()
    }
}
