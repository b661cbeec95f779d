//! How long a request may still take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long a request may still take. A handler that gets what it waits for
/// may ask for more time; nobody else gets any.
#[derive(Debug, Clone)]
pub struct Patience {
    until: Arc<Mutex<Instant>>,
    last: Instant,
}

impl Patience {
    /// A request has this long, and with what is granted a quarter of an hour.
    pub(super) fn new(first: Duration) -> Self {
        const AT_MOST: Duration = Duration::from_secs(15 * 60);
        let now = Instant::now();
        Self { until: Arc::new(Mutex::new(now + first)), last: now + AT_MOST.max(first) }
    }

    /// So long from now, if that is later than it was.
    pub fn grant(&self, more: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max((Instant::now() + more).min(self.last));
    }

    pub(super) async fn over(&self) {
        loop {
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}
