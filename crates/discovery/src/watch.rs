//! The watch list: what a round of probing shows beside the rounds before it,
//! and when a domain is due. Pure; who probes and keeps the rounds is `flow`.
//!
//! A domain is held against the best that it has shown. It *falls* when its
//! level drops, its grade worsens, its certificate nears its end, or nothing
//! can be told for several rounds; it *recovers* when it is again as good as it
//! was. Each is told once, and a fall again only if it goes deeper. A lookup
//! that had no answer tells nothing: it is no fall.

use std::time::Duration;

use jiff::Timestamp;
use mail::Level;
use serde::{Deserialize, Serialize};

use crate::probe::{Grade, MxState, Report, Severity};

/// Rounds in which nothing could be told before that is told.
pub const MISSED_MAX: u32 = 3;
/// Findings of a round that are kept.
const FINDINGS_MAX: usize = 20;
const VERSION: u8 = 1;
/// Lookups without an answer: whoever asks again may have one.
const NO_ANSWER: [&str; 4] = ["mx.failed", "dane.failed", "sts.lookup", "tlsrpt.lookup"];

/// What a round saw of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The level that deliveries reach.
    pub level: Level,
    /// The grade.
    pub grade: Grade,
    /// When the first of its certificates ends.
    pub certificate_ends: Option<Timestamp>,
    /// Whether that is soon.
    pub is_ending: bool,
}

/// A finding, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Its code: `starttls.missing`.
    pub code: String,
    /// The host or name that it is about; none where it is the domain.
    pub about: Option<String>,
}

/// What a round changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is the first of which anything could be told.
    First,
    /// The domain is worse than it was, or worse than was told.
    Fell,
    /// It is as good again as it was.
    Recovered,
}

impl Change {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Change::First => "first",
            Change::Fell => "fell",
            Change::Recovered => "recovered",
        }
    }
}

/// A fall that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// Since when.
    pub since: Timestamp,
    /// The worst that was told of it; none where nothing could be told.
    pub told: Option<Seen>,
    /// What was told last, for people.
    pub because: Vec<String>,
}

/// One round of one domain, and how the domain stands after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// When.
    pub at: Timestamp,
    /// What was seen; none where nothing could be told.
    pub seen: Option<Seen>,
    /// What was found that counts, worst first.
    pub findings: Vec<Noted>,
    /// What it changed.
    pub change: Option<Change>,
    /// What changed, for people.
    pub because: Vec<String>,
    /// What the domain is held against.
    pub held: Option<Seen>,
    /// The fall that lasts.
    pub fall: Option<Fall>,
    /// Rounds in a row in which nothing could be told.
    pub missed: u32,
}

/// What is kept of a round can't be read.
#[derive(Debug, thiserror::Error)]
pub enum NotARound {
    /// It is of a later version.
    #[error("a round of version {0}, which this release does not know")]
    Version(u8),
    /// It is no round.
    #[error("no round of the watch list")]
    Damaged(#[source] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
struct Versioned<R> {
    v: u8,
    round: R,
}

impl Round {
    /// Judges a probe by the round before it.
    pub fn judge(report: &Report, before: Option<&Round>) -> Self {
        let mut round = Self::after(before, report.at);
        let counting = report.findings.iter().filter(|finding| finding.counts && finding.severity > Severity::Info);
        let noted = counting.map(|finding| Noted { code: finding.code.to_owned(), about: finding.about.clone() });
        round.findings = noted.take(FINDINGS_MAX).collect();
        match Seen::of(report) {
            Some(seen) => round.saw(seen),
            None => round.missed(),
        }
        round
    }

    /// A round that came to no end.
    pub fn unfinished(at: Timestamp, before: Option<&Round>) -> Self {
        let mut round = Self::after(before, at);
        round.missed();
        round
    }

    fn after(before: Option<&Round>, at: Timestamp) -> Self {
        Self {
            at,
            seen: None,
            findings: Vec::new(),
            change: None,
            because: Vec::new(),
            held: before.and_then(|before| before.held),
            fall: before.and_then(|before| before.fall.clone()),
            missed: before.map_or(0, |before| before.missed),
        }
    }

    fn saw(&mut self, seen: Seen) {
        let is_first = self.held.is_none();
        // That its certificate ends is told of the first round too.
        let held = self.held.unwrap_or(Seen { is_ending: false, ..seen });
        let worse = seen.short_of(&held);
        (self.seen, self.held, self.missed) = (Some(seen), Some(held), 0);
        match (&self.fall, worse.is_empty()) {
            (None, true) => {
                self.change = is_first.then_some(Change::First);
                self.held = Some(seen);
            }
            (None, false) => self.fell(Some(seen), worse),
            (Some(_), true) => {
                self.change = Some(Change::Recovered);
                self.because = vec![format!("level {}, grade {}", seen.level, seen.grade)];
                (self.fall, self.held) = (None, Some(seen));
            }
            (Some(fall), false) => {
                let told = fall.told.unwrap_or(held);
                if !seen.short_of(&told).is_empty() {
                    self.fell(Some(told.worst(&seen)), worse);
                }
            }
        }
    }

    fn missed(&mut self) {
        self.missed = self.missed.saturating_add(1);
        if self.missed == MISSED_MAX && self.fall.is_none() {
            self.fell(self.held, vec![format!("nothing could be told in {MISSED_MAX} rounds")]);
        }
    }

    fn fell(&mut self, told: Option<Seen>, because: Vec<String>) {
        let since = self.fall.as_ref().map_or(self.at, |fall| fall.since);
        self.change = Some(Change::Fell);
        self.because = because;
        let worst = self.findings.iter().take(3).map(|noted| match &noted.about {
            Some(about) => format!("{} ({about})", noted.code),
            None => noted.code.clone(),
        });
        self.because.extend(worst);
        self.fall = Some(Fall { since, told, because: self.because.clone() });
    }

    /// As it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Versioned { v: VERSION, round: self }).expect("a round is plain JSON")
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`NotARound`] as it says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotARound> {
        let read: Versioned<serde_json::Value> = serde_json::from_slice(bytes).map_err(NotARound::Damaged)?;
        match read.v {
            VERSION => serde_json::from_value(read.round).map_err(NotARound::Damaged),
            later => Err(NotARound::Version(later)),
        }
    }
}

impl Seen {
    /// What a probe saw; none where it could not tell.
    fn of(report: &Report) -> Option<Self> {
        if report.findings.iter().any(|finding| NO_ANSWER.contains(&finding.code)) {
            return None;
        }
        let grade = match (report.grade, report.mx.state) {
            (Some(grade), _) => grade,
            // Nobody to deliver to, and that is certain.
            (None, MxState::NoSuchDomain | MxState::NoHost) => Grade::F,
            (None, MxState::Failed) => Grade::D,
            (None, MxState::Null | MxState::Found | MxState::Implicit) => return None,
        };
        let sessions = report.hosts.iter().flat_map(|host| &host.addresses).filter_map(|address| address.tls.as_ref());
        let certificate_ends = sessions.filter_map(|tls| tls.chain.first()?.not_after).min();
        let is_ending = report.findings.iter().any(|finding| finding.code == "cert.expires_soon");
        Some(Self { level: report.level, grade, certificate_ends, is_ending })
    }

    /// What of it is worse than the other.
    fn short_of(&self, other: &Self) -> Vec<String> {
        let mut worse = Vec::new();
        if self.level < other.level {
            worse.push(format!("level {} → {}", other.level, self.level));
        }
        if self.grade > other.grade {
            worse.push(format!("grade {} → {}", other.grade, self.grade));
        }
        if self.is_ending && !other.is_ending {
            let ends = self.certificate_ends.map_or_else(String::new, |at| format!(" at {at}"));
            worse.push(format!("a certificate ends{ends}"));
        }
        worse
    }

    fn worst(&self, other: &Self) -> Self {
        Self {
            level: self.level.min(other.level),
            grade: self.grade.max(other.grade),
            certificate_ends: other.certificate_ends,
            is_ending: self.is_ending || other.is_ending,
        }
    }
}

/// When a domain is due: at once if it was never probed, else in its own slot
/// of the interval, half an interval after the last round at the earliest. So a
/// list is spread over the interval, and a restart changes nothing.
pub fn due(last: Option<Timestamp>, slot: u64, interval: Duration, now: Timestamp) -> Timestamp {
    let Some(last) = last else { return now };
    let interval = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
    // A clock that was set back must not stop the watch.
    let earliest = last.min(now).as_second().saturating_add(interval / 2);
    let slot = i64::try_from(slot >> 1).unwrap_or(0).rem_euclid(interval);
    let wait = slot.saturating_sub(earliest.rem_euclid(interval)).rem_euclid(interval);
    Timestamp::from_second(earliest.saturating_add(wait)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn seen(level: Level, grade: Grade, is_ending: bool) -> Option<Seen> {
        Some(Seen { level, grade, certificate_ends: None, is_ending })
    }

    fn next(before: Option<&Round>, saw: Option<Seen>) -> Round {
        let mut round = Round::after(before, before.map_or(at(0), |before| before.at + SignedDuration::from_hours(24)));
        match saw {
            Some(seen) => round.saw(seen),
            None => round.missed(),
        }
        round
    }

    /// What each round of a history changes.
    #[track_caller]
    fn check(history: &[Option<Seen>], expect: &[Option<Change>]) -> Round {
        let mut last: Option<Round> = None;
        let mut changes = Vec::new();
        for saw in history {
            let round = next(last.as_ref(), *saw);
            assert_eq!(Round::from_bytes(&round.to_bytes()).unwrap(), round);
            changes.push(round.change);
            last = Some(round);
        }
        assert_eq!(changes, expect);
        last.unwrap()
    }

    use Change::{Fell, First, Recovered};
    use Grade::{A, B, C, D, F};
    use Level::{Anchored, Encrypted, None as NoTls, Verified};

    #[test]
    fn a_fall_is_told_once_and_so_is_the_recovery() {
        let (well, bad) = (seen(Verified, B, false), seen(NoTls, F, false));
        let last = check(
            &[well, well, bad, bad, bad, well, well],
            &[Some(First), None, Some(Fell), None, None, Some(Recovered), None],
        );
        assert_eq!(last.fall, None);
        let fallen = check(&[well, bad, bad], &[Some(First), Some(Fell), None]);
        assert_eq!((fallen.fall.unwrap().since, fallen.held), (at(24), well));
    }

    #[test]
    fn a_fall_that_goes_deeper_is_told_again() {
        let history = [seen(Anchored, A, false), seen(Verified, B, false), seen(Encrypted, D, false)];
        check(&history, &[Some(First), Some(Fell), Some(Fell)]);
        // Half a recovery is none, and to fall back to what was told is no news.
        let history =
            [seen(Anchored, A, false), seen(Encrypted, D, false), seen(Verified, B, false), seen(Encrypted, D, false)];
        check(&history, &[Some(First), Some(Fell), None, None]);
    }

    #[test]
    fn each_of_level_grade_and_certificate_falls_alone() {
        let well = seen(Verified, B, false);
        for worse in [seen(Encrypted, B, false), seen(Verified, C, false), seen(Verified, B, true)] {
            check(&[well, worse, well], &[Some(First), Some(Fell), Some(Recovered)]);
        }
        check(&[seen(Verified, B, true), seen(Verified, B, true)], &[Some(Fell), None]);
        // What became better is what counts from then on.
        check(&[well, seen(Anchored, A, false), well], &[Some(First), None, Some(Fell)]);
    }

    #[test]
    fn what_can_not_be_told_is_no_fall_until_it_lasts() {
        let well = seen(Verified, B, false);
        check(&[well, None, None, well], &[Some(First), None, None, None]);
        check(&[well, None, None, None, None, well], &[Some(First), None, None, Some(Fell), None, Some(Recovered)]);
        check(&[None, None, None, well], &[None, None, Some(Fell), Some(Recovered)]);
        check(&[well, None, None, None, seen(NoTls, F, false)], &[Some(First), None, None, Some(Fell), Some(Fell)]);
    }

    #[test]
    fn a_list_is_spread_over_the_interval() {
        const DAY: Duration = Duration::from_secs(86_400);
        assert_eq!(due(None, 5, DAY, at(7)), at(7));
        for slot in [0, 2 * 3_600, 2 * 80_000, u64::MAX] {
            let first = due(Some(at(0)), slot, DAY, at(0));
            assert!(first >= at(12) && first < at(36), "{slot}: {first}");
            assert_eq!(due(Some(first), slot, DAY, first), first + SignedDuration::from_hours(24), "{slot}");
            // Asked later, and after a pause, the slot is the same.
            assert_eq!(due(Some(at(0)), slot, DAY, at(5)), first);
            assert!(due(Some(at(0)), slot, DAY, at(100)) < at(100));
            assert!(due(Some(at(9_999)), slot, DAY, at(0)) < at(36), "a clock that was set back");
        }
        let spread: std::collections::BTreeSet<Timestamp> =
            (0..24).map(|hour| due(Some(at(0)), hour * 2 * 3_600, DAY, at(0))).collect();
        assert_eq!(spread.len(), 24);
    }

    #[test]
    fn a_later_version_is_refused() {
        let round = next(None, None).to_bytes();
        let later = String::from_utf8(round).unwrap().replace("\"v\":1", "\"v\":2");
        assert!(matches!(Round::from_bytes(later.as_bytes()), Err(NotARound::Version(2))));
        assert!(matches!(Round::from_bytes(b"{}"), Err(NotARound::Damaged(_))));
    }
}
