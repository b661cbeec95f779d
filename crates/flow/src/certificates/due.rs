//! When a certificate is ordered: ahead of its end, and after a failure not
//! before a while that grows.
//!
//! Authorities count failures: five an hour of one name is what the largest
//! bears.

use std::time::Duration;

use acme::Wanted;
use aws_lc_rs::digest;
use jiff::Timestamp;

use super::kept::{Failure, Kept};
use crate::case::later;

/// The wait after the first failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(5 * 60);
const LONGEST_WAIT: Duration = Duration::from_secs(12 * 60 * 60);

/// When the next order is due.
pub(super) fn due(kept: Option<&Kept>, failure: Option<&Failure>, wanted: &Wanted, directory: &str) -> Timestamp {
    let renewal = kept.filter(|kept| fits(kept, wanted, directory)).map_or(Timestamp::MIN, renewal);
    // Another configuration is not held to the failures of the one before.
    match failure.filter(|failure| failure.plan == plan(wanted, directory)) {
        Some(failure) => renewal.max(failure.again),
        None => renewal,
    }
}

/// Whether it is the certificate that is wanted.
pub(super) fn fits(kept: &Kept, wanted: &Wanted, directory: &str) -> bool {
    kept.directory == directory && kept.names == wanted.names
}

/// A third of its life before it ends.
pub(super) fn renewal(kept: &Kept) -> Timestamp {
    let ahead = kept.ends.duration_since(kept.begins) / 3;
    kept.ends.checked_sub(ahead).unwrap_or(Timestamp::MIN)
}

/// When it is tried again after so many failures.
pub(super) fn again(failures: u32, now: Timestamp) -> Timestamp {
    later(now, FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_WAIT))
}

/// What tells one plan from another, without its secrets.
pub(super) fn plan(wanted: &Wanted, directory: &str) -> String {
    let external = wanted.external.as_ref().map(|one| one.id.as_str());
    let all = (directory, &wanted.names, wanted.challenge, &wanted.contact, wanted.terms_agreed, external);
    let text = serde_json::to_vec(&all).unwrap_or_default();
    digest::digest(&digest::SHA256, &text).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use acme::Challenge;
    use mail::Domain;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn wanted(name: &str) -> Wanted {
        Wanted {
            names: vec![Domain::parse(name).unwrap()],
            challenge: Challenge::Http01,
            contact: Vec::new(),
            terms_agreed: true,
            external: None,
        }
    }

    fn kept() -> Kept {
        Kept {
            v: 1,
            directory: "d".to_owned(),
            names: wanted("a.example").names,
            chain: String::new(),
            key: zeroize::Zeroizing::default(),
            issuer: String::new(),
            sha256: String::new(),
            begins: at(0),
            ends: at(90),
        }
    }

    fn failed(failures: u32, plan: String) -> Failure {
        Failure { v: 1, plan, failures, at: at(70), again: at(72), because: String::new(), fix: String::new() }
    }

    #[test]
    fn a_certificate_is_due_when_a_third_of_its_life_is_left() {
        assert_eq!(due(Some(&kept()), None, &wanted("a.example"), "d"), at(60));
        assert_eq!(due(None, None, &wanted("a.example"), "d"), Timestamp::MIN);
        assert_eq!(due(Some(&kept()), None, &wanted("b.example"), "d"), Timestamp::MIN, "another name");
        assert_eq!(due(Some(&kept()), None, &wanted("a.example"), "e"), Timestamp::MIN, "another authority");
    }

    #[test]
    fn a_failure_is_waited_out_unless_the_plan_is_another() {
        let wanted = wanted("a.example");
        let same = failed(1, plan(&wanted, "d"));
        assert_eq!(due(Some(&kept()), Some(&same), &wanted, "d"), at(72));
        assert_eq!(due(None, Some(&same), &wanted, "d"), at(72));
        let agreed = Wanted { terms_agreed: false, ..wanted };
        assert_eq!(due(None, Some(&same), &agreed, "d"), Timestamp::MIN);
    }

    #[test]
    fn waits_double_up_to_half_a_day() {
        let wait = |failures| again(failures, at(0)).duration_since(at(0)).as_mins();
        assert_eq!([1, 2, 3, 4, 8, 9, 100, u32::MAX].map(wait), [5, 10, 20, 40, 640, 720, 720, 720]);
    }
}
