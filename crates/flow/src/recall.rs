//! Recall: what can still be stopped of a message is stopped, and for each
//! recipient the truth is said. What is in the portal is withdrawn at once,
//! for whoever is reading it too; what waits in the queue is not sent; what
//! another server has taken can't be called back.
//!
//! To recall twice is to ask again: nothing more changes, unless something
//! more can be stopped.

use std::collections::HashMap;

use jiff::Timestamp;
use ledger::{Event, Status, Verdict};
use mail::{Address, MessageId, Method, Need, OrgId, ParcelId};
use seal::{Grounds, Kind, Parcel, Stamp};
use store::{MessageState, ParcelRow, ParcelState, StoreError, Write};
use vault::{Label, VaultError};

use crate::case::{Case, Changes, SENDER};
use crate::holds;
use crate::journey::Journey;
use crate::opened::{NotOpened, Opened};
use crate::portal::{LinkState, StateError};
use crate::queue::opened_parcel;
use crate::receipts::{Fact, receipt};

/// So often it is tried again when a delivery or a visitor was first.
const CONFLICTS_MAX: usize = 16;

/// Why nothing was recalled.
#[derive(Debug, thiserror::Error)]
pub enum NotRecalled {
    /// The message does not open.
    #[error(transparent)]
    Message(#[from] NotOpened),
    /// Something of it does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A portal link can't be read.
    #[error(transparent)]
    Link(#[from] StateError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of one recipient's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the portal, where nobody reads it any more.
    Withdrawn,
    /// It was not sent yet, and will not be. An attempt that is under way may
    /// still arrive; the timeline tells.
    Stopped,
    /// The recipient's server has it: it can't be recalled.
    Delivered,
    /// It was never sent: refused, rejected, bounced or expired.
    NeverSent,
}

impl Outcome {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Withdrawn => "withdrawn",
            Outcome::Stopped => "stopped",
            Outcome::Delivered => "delivered",
            Outcome::NeverSent => "never_sent",
        }
    }

    /// The same for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Outcome::Withdrawn => "withdrawn from the portal",
            Outcome::Stopped => "stopped before it was sent",
            Outcome::Delivered => "delivered, can't be recalled",
            Outcome::NeverSent => "never sent",
        }
    }
}

/// One recipient and what became of the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// The recipient.
    pub recipient: Address,
    /// What became of the copy.
    pub outcome: Outcome,
    /// When the recipient's server took it, where it did.
    pub delivered_at: Option<Timestamp>,
}

/// Recalls a message; gives what became of each recipient's copy.
pub async fn recall(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    by: &str,
    reason: &str,
) -> Result<Vec<Recalled>, NotRecalled> {
    let mut tried = 0;
    loop {
        match try_recall(journey, org, message, by, reason).await {
            Err(NotRecalled::Store(StoreError::Conflict)) if tried < CONFLICTS_MAX => tried += 1,
            done => return done,
        }
    }
}

async fn try_recall(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    by: &str,
    reason: &str,
) -> Result<Vec<Recalled>, NotRecalled> {
    let opened = Opened::find(journey, org, message).await?;
    let case = opened.case(journey, journey.clock.now());
    let mut changes = Changes::default();
    let mut copies = Copies::read(&case, opened.row.state).await?;
    if copies.is_waiting {
        changes.writes.push(Write::Decided { message, from: opened.row.state, state: MessageState::Decided });
        let held = copies.stopped.iter().filter(|address| !copies.is_released(address));
        changes.writes.extend(held.map(|address| holds::once(&case, address)));
    }
    copies.withdraw(&case, &mut changes).await?;
    copies.stop(&case, &mut changes)?;
    let told: Vec<Recalled> = opened.manifest.envelope.recipients.iter().map(|to| copies.of(&to.address)).collect();
    for one in told.iter().filter(|one| copies.changed.contains(&one.recipient)) {
        let (recipient, outcome) = (one.recipient.clone(), one.outcome.word().to_owned());
        if matches!(one.outcome, Outcome::Stopped | Outcome::Withdrawn) {
            changes.record.receipts.push(copies.receipt(&case, &recipient));
        }
        changes.event(Event::Recalled { recipient, outcome, by: by.to_owned(), reason: reason.to_owned() });
    }
    if !changes.writes.is_empty() {
        case.commit(changes).await?;
    }
    Ok(told)
}

/// What is known of a message's copies.
struct Copies {
    /// Whether the message waits to be decided or judged.
    is_waiting: bool,
    events: Vec<(Timestamp, Event)>,
    parcels: Vec<ParcelRow>,
    withdrawn: Vec<Address>,
    stopped: Vec<Address>,
    /// Whose copies this recall changes.
    changed: Vec<Address>,
    /// By which rules a copy was to go, and how.
    grounds: HashMap<Address, (Grounds, Method)>,
}

impl Copies {
    async fn read(case: &Case<'_>, state: MessageState) -> Result<Self, StoreError> {
        let rows = case.journey.store.journal(case.organisation.org, case.message).await?;
        let record = |row: &store::JournalRow| Some((row.at, case.record_of(row)?.events));
        let events = rows.iter().filter_map(record);
        let events = events.flat_map(|(at, events)| events.into_iter().map(move |event| (at, event))).collect();
        let is_waiting = matches!(state, MessageState::Accepted | MessageState::Held);
        let parcels = case.journey.store.parcels(case.organisation.org, case.message).await?;
        let (withdrawn, stopped, changed) = (Vec::new(), Vec::new(), Vec::new());
        let grounds = grounds(case, &parcels);
        let mut copies = Self { is_waiting, events, parcels, withdrawn, stopped, changed, grounds };
        if is_waiting {
            let all = case.manifest.envelope.recipients.iter().map(|to| to.address.clone());
            let waiting: Vec<Address> = all.filter(|address| copies.fate(address).is_none()).collect();
            copies.stopped.clone_from(&waiting);
            copies.changed = waiting;
        }
        Ok(copies)
    }

    /// Nobody reads at the portal any more, in a session that is open neither.
    async fn withdraw(&mut self, case: &Case<'_>, changes: &mut Changes) -> Result<(), NotRecalled> {
        let links = case.journey.store.links(case.organisation.org, case.message).await?;
        for link in links.into_iter().filter(|link| link.recipient != SENDER) {
            let state = LinkState::from_bytes(&case.key.open(Label::Link, &link.hash, &link.sealed)?)?;
            let recipient = state.recipient().clone();
            if state.withdrawn_at().is_none() {
                let next = state.withdrawn(case.now);
                changes.writes.push(Write::LinkState {
                    hash: link.hash,
                    expected_version: link.version,
                    sealed: case.seal_link(&link.hash, &next),
                    expires_at: next.expires_at(),
                });
                self.changed.push(recipient.clone());
            }
            self.stopped.retain(|address| *address != recipient);
            self.withdrawn.push(recipient);
        }
        Ok(())
    }

    /// What waits in the queue is not sent, but for words to the sender.
    fn stop(&mut self, case: &Case<'_>, changes: &mut Changes) -> Result<(), NotRecalled> {
        let is_queued = |row: &ParcelRow| matches!(row.state, ParcelState::Waiting | ParcelState::Paused);
        let waits = |row: &&ParcelRow| is_queued(row) && row.kind != Kind::Dsn.number();
        for row in self.parcels.iter().filter(waits) {
            changes.writes.push(Write::Stop { parcel: row.parcel, state: ParcelState::Recalled });
            if row.kind == Kind::Content.number() {
                let recipients = recipients(case, row)?;
                self.changed.extend(recipients.iter().cloned());
                self.stopped.extend(recipients);
            }
        }
        Ok(())
    }

    /// What is signed of a copy that is recalled. One that was never decided
    /// has no grounds but that.
    fn receipt(&self, case: &Case<'_>, recipient: &Address) -> String {
        match self.grounds.get(recipient) {
            Some((grounds, method)) => {
                let fact = Fact::stopped(grounds, Verdict::Deliver, Status::Recalled);
                receipt(case, recipient, &Fact { method: *method, ..fact })
            }
            None => {
                let policy_sha256 = case.organisation.policy_hash;
                let grounds = Grounds { need: Need::Portal, because: Vec::new(), policy_sha256 };
                receipt(case, recipient, &Fact::stopped(&grounds, Verdict::Hold, Status::Recalled))
            }
        }
    }

    fn of(&self, recipient: &Address) -> Recalled {
        let fate = self.fate(recipient);
        let outcome = match fate {
            Some((_, Outcome::Delivered)) => Outcome::Delivered,
            _ if self.withdrawn.contains(recipient) => Outcome::Withdrawn,
            _ if self.stopped.contains(recipient) => Outcome::Stopped,
            Some((_, outcome)) => outcome,
            None => Outcome::NeverSent,
        };
        let delivered_at = fate.filter(|_| outcome == Outcome::Delivered).map(|(at, _)| at);
        Recalled { recipient: recipient.clone(), outcome, delivered_at }
    }

    fn is_released(&self, wanted: &Address) -> bool {
        let is_it = |event: &Event| matches!(event, Event::Released { recipient: Some(one), .. } if one == wanted);
        self.events.iter().any(|(_, event)| is_it(event))
    }

    fn is_copy(&self, parcel: &ParcelId) -> bool {
        self.parcels.iter().any(|row| row.parcel == *parcel && row.kind == Kind::Content.number())
    }

    /// What the timeline says of a copy that left the queue.
    fn fate(&self, wanted: &Address) -> Option<(Timestamp, Outcome)> {
        let fates = self.events.iter().filter_map(|(at, event)| {
            let (recipient, outcome) = match event {
                // A code that was delivered is no copy.
                Event::Delivered { recipient, parcel, .. } if self.is_copy(parcel) => (recipient, Outcome::Delivered),
                Event::Recalled { recipient, outcome, .. } if outcome == Outcome::Stopped.word() => {
                    (recipient, Outcome::Stopped)
                }
                Event::Bounced { recipient, .. } | Event::Rejected { recipient, .. } => (recipient, Outcome::NeverSent),
                Event::Refused { recipient: Some(recipient), .. }
                | Event::Suppressed { recipient, .. }
                | Event::Expired { recipient: Some(recipient), .. } => (recipient, Outcome::NeverSent),
                _ => return None,
            };
            (recipient == wanted).then_some((*at, outcome))
        });
        // A delivery that was under way is the truth, whatever was said before it.
        let fates: Vec<_> = fates.collect();
        let delivered = fates.iter().find(|(_, outcome)| *outcome == Outcome::Delivered);
        delivered.or(fates.last()).copied()
    }
}

/// The grounds of each copy: those of its newest parcel, which is its notice
/// where it went to the portal.
fn grounds(case: &Case<'_>, rows: &[ParcelRow]) -> HashMap<Address, (Grounds, Method)> {
    let is_copy = |row: &&ParcelRow| [Kind::Content.number(), Kind::Notice.number()].contains(&row.kind);
    let parcels = rows.iter().filter(is_copy).filter_map(|row| opened_parcel(case, row));
    let of = |parcel: Parcel| {
        let (grounds, method) = (parcel.grounds().clone(), parcel.method());
        let of_one = |to: &mail::Recipient| (to.address.clone(), (grounds.clone(), method));
        parcel.recipients().iter().map(of_one).collect::<Vec<_>>()
    };
    parcels.flat_map(of).collect()
}

/// Whose copy a parcel is.
fn recipients(case: &Case<'_>, row: &ParcelRow) -> Result<Vec<Address>, NotRecalled> {
    let bytes = case.key.open(Label::Parcel, row.parcel.as_bytes(), &row.sealed)?;
    let stamp = Stamp { org: case.organisation.org, message: case.message, parcel: row.parcel };
    // One that is forged is nobody's, and is stopped all the same.
    let parcel = Parcel::from_bytes(&bytes, &case.organisation.tag_key, stamp).ok();
    let recipients = parcel.iter().flat_map(|parcel| parcel.recipients());
    Ok(recipients.map(|recipient| recipient.address.clone()).collect())
}
