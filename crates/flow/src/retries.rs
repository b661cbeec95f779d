//! When a parcel is tried again, and for how long.

use std::time::Duration;

use jiff::Timestamp;

/// A code that is older than it works is not sent any more.
pub(crate) const CODE_WORTH: Duration = Duration::from_secs(600);

/// Somebody waits for a code before a page: what failed once, such as a lookup
/// that a busy machine did not answer in time, is tried again while they do.
pub(crate) fn code_retry(attempts: u32) -> Duration {
    const WAITS_S: [u64; 3] = [2, 5, 15];
    let step = usize::try_from(attempts).unwrap_or(usize::MAX).min(WAITS_S.len() - 1);
    Duration::from_secs(WAITS_S.get(step).copied().unwrap_or(15))
}

pub(crate) fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// The wait that the schedule has for the next attempt, spread by a tenth
/// either way so that what failed together is not tried together.
pub(crate) fn retry_after(schedule: &[Duration], attempts: u32, spread: u8) -> Duration {
    const ONCE_A_MINUTE: Duration = Duration::from_secs(60);
    let step = usize::try_from(attempts).unwrap_or(usize::MAX);
    let wait = schedule.get(step).or(schedule.last()).copied().unwrap_or(ONCE_A_MINUTE);
    wait.mul_f64(0.9 + f64::from(spread) / 255.0 * 0.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_tried_again_while_somebody_waits_for_it() {
        let waits: Vec<u64> = (0..5).map(|attempts| code_retry(attempts).as_secs()).collect();
        assert_eq!(waits, [2, 5, 15, 15, 15]);
    }

    #[test]
    fn retries_follow_the_schedule_and_repeat_its_last_wait() {
        let schedule = [Duration::from_secs(60), Duration::from_secs(1_000)];
        let wait = |attempts, spread| retry_after(&schedule, attempts, spread).as_secs();
        assert_eq!((wait(0, 0), wait(0, 255)), (54, 66));
        assert_eq!((wait(1, 0), wait(9, 255)), (900, 1_100));
    }
}
