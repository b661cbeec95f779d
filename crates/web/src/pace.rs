//! Answers at even times, so that how long one took tells nothing.
//!
//! What is asked of a link that exists and of one that does not takes the same
//! steps; what is left of the difference (a page that was cached, a row that
//! was there) is hidden by answering at the next full step of a clock that
//! started with the request.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Longer than the work of a portal's page takes on a busy day.
const STEP: Duration = Duration::from_millis(250);
/// The same of a look at an API key.
const KEY_STEP: Duration = Duration::from_millis(50);

/// Does the work, and gives its result when the next step is full.
pub(crate) async fn evenly<T>(work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    full_step(start).await;
    result
}

/// Waits until the next step since `start` is full: for answers that only some
/// visitors get, such as those whose session is none.
pub(crate) async fn full_step(start: Instant) {
    full(STEP, start).await;
}

/// The same where an API key is refused: to open one that exists takes longer than to find none.
pub(crate) async fn key_refused(start: Instant) {
    full(KEY_STEP, start).await;
}

async fn full(step: Duration, start: Instant) {
    let steps = start.elapsed().as_millis() / step.as_millis() + 1;
    sleep_until(start + step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_of_different_length_takes_alike() {
        for (work, expect) in [(0, 250), (3, 250), (249, 250), (251, 500), (700, 750)] {
            let start = Instant::now();
            evenly(sleep(Duration::from_millis(work))).await;
            assert_eq!(start.elapsed().as_millis(), expect, "{work} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refused_keys_are_told_at_steps_of_their_own() {
        for (work, expect) in [(0, 50), (49, 50), (50, 100)] {
            let start = Instant::now();
            sleep(Duration::from_millis(work)).await;
            key_refused(start).await;
            assert_eq!(start.elapsed().as_millis(), expect, "{work} ms");
        }
    }
}
