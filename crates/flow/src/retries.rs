//! When a parcel is tried again, and for how long.

use std::time::Duration;

use jiff::Timestamp;
use seal::Kind;
use store::Lane;

use crate::case::Case;
use crate::settings::Settings;
use crate::streams::{CODES, DEFAULT};

/// A code that is older than it works is not sent any more.
pub(crate) const CODE_WORTH: Duration = Duration::from_secs(600);

/// What the store did not give is asked for again after this, and then after
/// twice as long each time: somebody may wait for it.
const STORE_AGAIN: Duration = Duration::from_secs(5);

/// How long a parcel of a message may wait and be tried.
pub(crate) fn ends_after(case: &Case<'_>, kind: Kind) -> Duration {
    let ends = case.stream(kind).expire_after.unwrap_or(case.journey.settings.expire_after);
    if kind == Kind::Code { ends.min(CODE_WORTH) } else { ends }
}

/// The same as far as the lane of a parcel tells it that is not opened: never
/// later than that.
pub(crate) fn earliest_end(settings: &Settings, lane: Lane) -> Duration {
    let worth = lane.is_of(CODES).then_some(CODE_WORTH);
    // Two names may look alike in a lane, and a stream may be gone.
    let of_lane = settings.streams.all().filter(|stream| lane.is_of(&stream.name));
    let ends = of_lane.map(|stream| stream.expire_after.unwrap_or(settings.expire_after)).min();
    ends.or(settings.streams.find(DEFAULT).expire_after)
        .unwrap_or(settings.expire_after)
        .min(worth.unwrap_or(Duration::MAX))
}

/// The longest wait that a parcel is given: whatever is due later was given its
/// time by a clock that was wrong.
pub(crate) fn longest(settings: &Settings) -> Duration {
    // The turns of a destination reach an hour ahead, after a peace of an hour.
    const TURNS: Duration = Duration::from_secs(2 * 3_600);
    let own = settings.streams.all().filter_map(|stream| stream.retry.as_ref()).flatten();
    let longest = own.chain(&settings.retry).max().copied().unwrap_or_default();
    longest.mul_f64(LONGER).max(TURNS)
}

/// How long to wait until the store is asked again.
pub(crate) fn store_again(attempts: u32) -> Duration {
    STORE_AGAIN.saturating_mul(1 << attempts.min(10))
}

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

const SHORTER: f64 = 0.9;
const LONGER: f64 = 1.1;

/// The wait that the schedule has for the next attempt, spread by a tenth
/// either way so that what failed together is not tried together.
pub(crate) fn retry_after(schedule: &[Duration], attempts: u32, spread: u8) -> Duration {
    const ONCE_A_MINUTE: Duration = Duration::from_secs(60);
    let step = usize::try_from(attempts).unwrap_or(usize::MAX);
    let wait = schedule.get(step).or(schedule.last()).copied().unwrap_or(ONCE_A_MINUTE);
    wait.mul_f64(SHORTER + f64::from(spread) / 255.0 * (LONGER - SHORTER))
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
