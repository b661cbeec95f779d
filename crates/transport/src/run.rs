//! What is known so far of a delivery under way, and its end: one fate for
//! each recipient.

use mail::{Address, Reply};
use seal::Parcel;
use smtp::client::{Step, Verdict};

use crate::cause::{Cause, Stage, is_final};
use crate::delivery::{Attempt, Delivery, Fate, Tried};
use crate::dialogue::stage;
use crate::mta_sts::StsTrouble;
use crate::proof::Proof;

/// A delivery under way.
pub(crate) struct Run {
    addresses: Vec<Address>,
    fates: Vec<Option<Fate>>,
    /// The first passing failure of each recipient's own.
    later: Vec<Option<Cause>>,
    /// The first passing failure of a host.
    not_now: Option<Cause>,
    /// Whether a host proved unable.
    unable: bool,
    /// The first lasting failure of a host that is not about protection.
    never: Option<Cause>,
    attempts: Vec<Attempt>,
    pub(crate) sts_trouble: Option<StsTrouble>,
}

impl Run {
    pub(crate) fn new(parcel: &Parcel) -> Self {
        let addresses: Vec<Address> = parcel.recipients().iter().map(|to| to.address.clone()).collect();
        let count = addresses.len();
        Self {
            addresses,
            fates: vec![None; count],
            later: vec![None; count],
            not_now: None,
            unable: false,
            never: None,
            attempts: Vec::new(),
            sts_trouble: None,
        }
    }

    /// The recipients without a fate, by index.
    pub(crate) fn open(&self) -> Vec<usize> {
        self.fates.iter().enumerate().filter(|(_, fate)| fate.is_none()).map(|(index, _)| index).collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.fates.iter().all(Option::is_some)
    }

    /// What was tried until now.
    pub(crate) fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    pub(crate) fn note(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
    }

    /// A host failed as a whole.
    pub(crate) fn failed(&mut self, cause: &Cause) {
        let slot = if cause.may_retry() { &mut self.not_now } else { &mut self.never };
        slot.get_or_insert_with(|| cause.clone());
    }

    /// A host proved that it can't do what is needed.
    pub(crate) const fn unable(&mut self) {
        self.unable = true;
    }

    /// Gives everyone who has none this fate.
    pub(crate) fn settle(&mut self, fate: &Fate) {
        for slot in self.fates.iter_mut().filter(|slot| slot.is_none()) {
            *slot = Some(fate.clone());
        }
    }

    /// Takes the verdict on one recipient; gives what is to be tried again in
    /// another transaction of the same session.
    pub(crate) fn take(&mut self, index: usize, verdict: Verdict, broken: Option<&Cause>, proof: &Proof) -> Again {
        let fate = match verdict {
            Verdict::Accepted(reply) => Fate::Delivered { reply, proof: proof.clone() },
            Verdict::Refused(Step::Rcpt, reply) if is_too_many(&reply) => {
                self.put_off(index, Cause::Replied(Stage::Recipient, reply));
                return Again::SameSession;
            }
            Verdict::Refused(step, reply) if is_final(&reply) => {
                Fate::Refused { cause: Cause::Replied(stage(step), reply), proof: Some(proof.clone()) }
            }
            Verdict::Refused(step, reply) => {
                self.put_off(index, Cause::Replied(stage(step), reply));
                return Again::OtherHost;
            }
            // Whether it was taken is not known. Another host now would make
            // a duplicate likely; later it is a risk that must be taken.
            Verdict::Unanswered(Step::End) => Fate::Deferred(Cause::ReplyLost),
            Verdict::Unanswered(step) => {
                self.put_off(index, broken.cloned().unwrap_or(Cause::Cut(stage(step))));
                return Again::OtherHost;
            }
        };
        if let Some(slot) = self.fates.get_mut(index) {
            *slot = Some(fate);
        }
        Again::Never
    }

    fn put_off(&mut self, index: usize, cause: Cause) {
        if let Some(slot) = self.later.get_mut(index) {
            slot.get_or_insert(cause);
        }
    }

    /// Every host was tried, or no further one may be.
    pub(crate) fn finish(mut self) -> Delivery {
        for (slot, later) in self.fates.iter_mut().zip(self.later) {
            if slot.is_none() {
                *slot = Some(last_fate(later, self.not_now.as_ref(), self.unable, self.never.as_ref()));
            }
        }
        Delivery {
            recipients: self.addresses.into_iter().zip(self.fates.into_iter().flatten()).collect(),
            attempts: self.attempts,
            sts_trouble: self.sts_trouble,
        }
    }
}

/// What is left to a recipient when every host was tried. Whatever may pass
/// defers; only where nothing may pass does a proven inability count, and it
/// counts before a host that takes no mail at all.
fn last_fate(later: Option<Cause>, not_now: Option<&Cause>, unable: bool, never: Option<&Cause>) -> Fate {
    match (later.as_ref().or(not_now), unable, never) {
        (Some(cause), _, _) => Fate::Deferred(cause.clone()),
        (None, true, _) => Fate::CannotMeet,
        (None, false, Some(cause)) => Fate::Refused { cause: cause.clone(), proof: None },
        (None, false, None) => Fate::Refused { cause: Cause::NoRoute, proof: None },
    }
}

/// Where a recipient may be tried again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    SameSession,
    OtherHost,
}

/// "Too many recipients" is a word about the transaction, not about the
/// recipient (RFC 5321 §4.5.3.1.10).
fn is_too_many(reply: &Reply) -> bool {
    match (reply.code, reply.enhanced) {
        (452, None) => true,
        (452 | 552, Some(enhanced)) => (enhanced.1, enhanced.2) == (5, 3),
        _ => false,
    }
}

/// How a transaction went, for the list of attempts.
pub(crate) fn tried(verdicts: &[Verdict], broken: Option<&Cause>) -> Tried {
    let cause = |verdict: &Verdict| match verdict {
        Verdict::Accepted(_) => None,
        Verdict::Refused(step, reply) => Some(Cause::Replied(stage(*step), reply.clone())),
        Verdict::Unanswered(Step::End) => Some(Cause::ReplyLost),
        Verdict::Unanswered(step) => Some(broken.cloned().unwrap_or(Cause::Cut(stage(*step)))),
    };
    let causes: Vec<Option<Cause>> = verdicts.iter().map(cause).collect();
    match causes.iter().all(Option::is_some) {
        true => Tried::Failed(causes.into_iter().flatten().next().unwrap_or(Cause::Cut(Stage::Sender))),
        false => Tried::Sent,
    }
}
