//! What the mail servers of a domain have shown before, and what follows when
//! they show less: an alarm, and another way for what would have crossed.
//!
//! Somebody on the path can take STARTTLS, a certificate or a binding away, and
//! a message that needs little would cross with what is left. So the best that
//! a domain has shown holds for a time, whatever a message needs.

use std::time::Duration;

use jiff::Timestamp;
use ledger::Event;
use mail::{Domain, Level, Method, MxLookup, Need};
use seal::{Kind, Parcel, TlsAsked};
use store::PostureRow;
use transport::{Delivery, Proof};

/// The words for what noticed a fall.
const NOTICED_BY: &str = "delivery";

/// What a domain has shown before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The best, ever.
    pub best: Level,
    /// When that was last.
    best_at: Timestamp,
    /// The last.
    last: Level,
}

impl Shown {
    pub fn new(row: &PostureRow) -> Self {
        let (best, last) = (Level::from_rank(row.best), Level::from_rank(row.last));
        Self { best, best_at: row.best_at, last }
    }

    /// The least that a parcel may cross with on account of this. The portal's
    /// own mails have rules of their own, a sealed copy may cross any
    /// connection, and whom policy promises nothing has asked for plain mail.
    pub fn least(self, parcel: &Parcel, hold: Duration, now: Timestamp) -> Level {
        let is_held = parcel.kind() == Kind::Content
            && parcel.method() == Method::Tls
            && parcel.need() != Need::None
            && parcel.tls_asked() != TlsAsked::NotInsisted;
        let age = Duration::try_from(now.duration_since(self.best_at)).unwrap_or_default();
        if is_held && self.best >= Level::Verified && age < hold { self.best } else { Level::None }
    }

    /// What is told of a level that is shown now: a fall, each time that it goes
    /// deeper, and the recovery.
    pub fn change(self, domain: &Domain, now: Level) -> Option<Event> {
        let (domain, noticed_by) = (domain.clone(), NOTICED_BY.to_owned());
        let because = vec![format!("level {} → {now}", self.last)];
        if self.best < Level::Verified {
            return None;
        }
        if now < self.best && now < self.last {
            return Some(Event::PostureFell { domain, noticed_by, because });
        }
        (now >= self.best && self.last < self.best).then_some(Event::PostureRecovered { domain, noticed_by, because })
    }
}

/// The best level that a delivery was shown. A pin is the operator's word, not
/// the domain's: it may be taken away without the domain showing less.
pub(crate) fn shown(delivery: &Delivery) -> Option<Level> {
    let level = |proof: &Proof| match proof.mx_lookup {
        MxLookup::Pinned => proof.level.min(Level::Verified),
        MxLookup::Insecure | MxLookup::Dnssec | MxLookup::MtaSts => proof.level,
    };
    delivery.attempts.iter().filter_map(|attempt| attempt.proof.as_ref()).map(level).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(best: Level, last: Level) -> Shown {
        Shown { best, best_at: Timestamp::UNIX_EPOCH, last }
    }

    fn check(best: Level, last: Level, now: Level, expect: Option<&str>) {
        let domain = Domain::parse("r.example").unwrap();
        let told = shown(best, last).change(&domain, now).map(|event| event.kind().word());
        assert_eq!(told, expect, "{best} {last} {now}");
    }

    #[test]
    fn a_fall_is_told_at_each_step_down_and_the_recovery_once() {
        use Level::{Anchored, Encrypted, None as NoTls, Verified};
        check(Verified, Verified, Verified, None);
        check(Verified, Verified, Encrypted, Some("posture_fell"));
        check(Verified, Encrypted, Encrypted, None);
        check(Verified, Encrypted, NoTls, Some("posture_fell"));
        check(Verified, NoTls, Encrypted, None);
        check(Verified, NoTls, Verified, Some("posture_recovered"));
        check(Anchored, Anchored, Verified, Some("posture_fell"));
        check(Verified, Verified, Anchored, None);
        // What was never verified had nothing to lose that anybody relied on.
        check(Encrypted, Encrypted, NoTls, None);
    }
}
