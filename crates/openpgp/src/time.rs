//! OpenPGP's seconds (RFC 9580 §3.5) and our timestamps.

use jiff::Timestamp;
use pgp::types::Timestamp as Seconds;

/// How far a signer's clock may be ahead of ours.
const SKEW_S: i64 = 300;

pub fn from_packet(seconds: Seconds) -> Timestamp {
    Timestamp::from_second(i64::from(seconds.as_secs())).unwrap_or(Timestamp::MAX)
}

/// Seconds as OpenPGP has them: none before 1970, and the last at 2106.
pub fn to_packet(time: Timestamp) -> Seconds {
    let seconds = u32::try_from(time.as_second().max(0)).unwrap_or(u32::MAX);
    Seconds::from_secs(seconds)
}

/// `start` and so many seconds more; a duration of none is for ever (RFC 9580 §5.2.3.13).
pub fn end(start: Timestamp, seconds: u32) -> Option<Timestamp> {
    if seconds == 0 {
        return None;
    }
    let end = start.as_second().saturating_add(i64::from(seconds));
    Timestamp::from_second(end).ok()
}

/// The latest time that counts as the present.
pub fn latest(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second().saturating_add(SKEW_S)).unwrap_or(now)
}
