//! The queue in an operator's hands: what waits and why, held back, let go,
//! tried now, or dropped. Each deed is in the timeline and the ledger of every
//! message that it touches, in the transaction that does it.
//!
//! It works beside a running server. What is under way when it is held back or
//! dropped may still arrive; then that is told, and counts.

use std::time::Duration;

use jiff::Timestamp;
use ledger::Event;
use mail::{Address, Domain, MessageId, OrgId, ParcelId, Priority};
use seal::{Kind, Parcel, Stamp};
use store::{Lane, ParcelRow, ParcelState, StoreError, Write};
use vault::Label;

use crate::case::{Case, Changes};
use crate::dsn::{self, Action, Told};
use crate::journey::Journey;
use crate::opened::{NotOpened, Opened};
use crate::organisation::Organisation;

/// Rows that are looked at in one question.
const PAGE: usize = 200;

/// Which parcels are meant: all that fit whatever is given.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this message.
    pub message: Option<MessageId>,
    /// To this domain.
    pub domain: Option<Domain>,
    /// Of this stream.
    pub stream: Option<String>,
    /// Made longer ago than this.
    pub older_than: Option<Duration>,
}

/// One parcel that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The parcel.
    pub parcel: ParcelId,
    /// Its message.
    pub message: MessageId,
    /// What it is: `content`, `notice`, `code`, `dsn`.
    pub kind: &'static str,
    /// Its stream.
    pub stream: String,
    /// How urgent that is.
    pub priority: Priority,
    /// Whom it goes to.
    pub recipients: Vec<Address>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is tried next.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether an operator holds it back.
    pub is_held: bool,
    /// Why it waits, in one line.
    pub why: String,
}

/// What is done to parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Held back until it is released.
    Hold,
    /// What was held back goes on.
    Release,
    /// Tried now instead of later.
    Retry,
    /// Taken out for good.
    Drop {
        /// Whether the sender is told, by a bounce.
        tells: bool,
    },
}

/// Why nothing is known, or nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// A message does not open.
    #[error(transparent)]
    Message(#[from] NotOpened),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What waits, the most urgent and the longest due first; at most `limit`.
pub async fn list(journey: &Journey, org: OrgId, wanted: &Wanted, limit: usize) -> Result<Vec<Waiting>, QueueError> {
    let mut found = Vec::new();
    let mut rows = Rows::new(journey, org, wanted)?;
    while let Some(page) = rows.next().await? {
        for row in page {
            if found.len() == limit {
                return Ok(found);
            }
            match described(journey, org, &row).await {
                Ok(waiting) => found.push(waiting),
                // Erased meanwhile: it leaves the queue when its turn comes.
                Err(QueueError::Message(NotOpened::Erased)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

/// What of a message waits, and why.
pub async fn of_message(journey: &Journey, org: OrgId, message: MessageId) -> Result<Vec<Waiting>, QueueError> {
    list(journey, org, &Wanted { message: Some(message), ..Wanted::default() }, usize::MAX).await
}

/// Does it to all that fit and that it can be done to; gives how many they
/// are. With `rehearse` nothing is done.
pub async fn act(
    journey: &Journey,
    org: OrgId,
    wanted: &Wanted,
    deed: Deed,
    (by, reason): (&str, &str),
    rehearse: bool,
) -> Result<usize, QueueError> {
    let mut done = 0;
    let mut rows = Rows::new(journey, org, wanted)?;
    while let Some(page) = rows.next().await? {
        for row in page.iter().filter(|row| deed.fits(row, journey.clock.now())) {
            done += usize::from(rehearse || act_on(journey, org, row, deed, by, reason).await?);
        }
    }
    Ok(done)
}

impl Deed {
    fn fits(self, row: &ParcelRow, now: Timestamp) -> bool {
        let is_waiting = row.state == ParcelState::Waiting;
        match self {
            Deed::Hold => is_waiting,
            Deed::Release => row.state == ParcelState::Paused,
            Deed::Retry => is_waiting && row.due > now,
            Deed::Drop { .. } => true,
        }
    }

    fn write(self, parcel: ParcelId, now: Timestamp) -> Write {
        match self {
            Deed::Hold => Write::Stop { parcel, state: ParcelState::Paused },
            Deed::Release => Write::Resume { parcel, due: now },
            Deed::Retry => Write::PutOff { parcel, due: now },
            Deed::Drop { .. } => Write::Stop { parcel, state: ParcelState::Dropped },
        }
    }

    /// The word for it in the timeline.
    const fn word(self) -> &'static str {
        match self {
            Deed::Hold => "hold",
            Deed::Release => "release",
            Deed::Retry => "retry",
            Deed::Drop { .. } => "drop",
        }
    }
}

/// Whether it was done; not if the parcel left the queue meanwhile.
async fn act_on(
    journey: &Journey,
    org: OrgId,
    row: &ParcelRow,
    deed: Deed,
    by: &str,
    reason: &str,
) -> Result<bool, QueueError> {
    let opened = match Opened::find(journey, org, row.message).await {
        Err(NotOpened::Erased) => return Ok(false),
        opened => opened?,
    };
    let case = opened.case(journey, journey.clock.now());
    let parcel = opened_parcel(&case, row);
    let recipients = parcel.iter().flat_map(Parcel::recipients);
    let mut changes = Changes::default();
    changes.writes.push(deed.write(row.parcel, case.now));
    changes.event(Event::QueueChanged {
        parcel: row.parcel,
        recipients: recipients.map(|recipient| recipient.address.clone()).collect(),
        deed: deed.word().to_owned(),
        by: by.to_owned(),
        reason: reason.to_owned(),
    });
    if let (Deed::Drop { tells: true }, Some(parcel)) = (deed, &parcel) {
        bounce(&case, parcel, reason, &mut changes);
    }
    match case.commit(changes).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The word to the sender of what is dropped. Words to the sender and codes
/// have none to tell.
fn bounce(case: &Case<'_>, parcel: &Parcel, reason: &str, changes: &mut Changes) {
    if case.manifest.is_inbound() || !matches!(parcel.kind(), Kind::Content | Kind::Notice) {
        return;
    }
    let because = format!("An administrator of your organisation took it out of the queue: {reason}");
    let told = |recipient: &mail::Recipient| Told {
        recipient: recipient.clone(),
        status: dsn::REFUSED,
        because: because.clone(),
        remote: None,
    };
    let told: Vec<Told> = parcel.recipients().iter().map(told).collect();
    case.tell(Action::Failed, &told, changes);
}

async fn described(journey: &Journey, org: OrgId, row: &ParcelRow) -> Result<Waiting, QueueError> {
    let opened = Opened::find(journey, org, row.message).await?;
    let case = opened.case(journey, journey.clock.now());
    let parcel = opened_parcel(&case, row);
    let kind = parcel.as_ref().map(Parcel::kind);
    let stream = case.stream(kind.unwrap_or(Kind::Content)).name.clone();
    let deferred = match row.attempts {
        0 => None,
        _ => last_deferral(&case, row.parcel).await?,
    };
    Ok(Waiting {
        parcel: row.parcel,
        message: row.message,
        kind: kind.map_or("unknown", Kind::word),
        priority: row.lane.priority(),
        recipients: parcel.iter().flat_map(Parcel::recipients).map(|to| to.address.clone()).collect(),
        created_at: row.created_at,
        due: row.due,
        attempts: row.attempts,
        is_held: row.state == ParcelState::Paused,
        why: why(case.now, row, &stream, deferred),
        stream,
    })
}

/// Why a parcel waits, in one line.
fn why(now: Timestamp, row: &ParcelRow, stream: &str, deferred: Option<(String, Timestamp)>) -> String {
    if row.state == ParcelState::Paused {
        return "an operator holds it back: sealpost queue release".to_owned();
    }
    let due = row.due.strftime("%Y-%m-%d %H:%M:%SZ");
    match deferred {
        Some((because, until)) if row.due.as_microsecond() == until.as_microsecond() => {
            format!("deferred at attempt {}: {because}; again at {due}", row.attempts)
        }
        Some(_) | None if row.due > now => {
            format!("its destination is sent as much as it may be; its turn comes at {due}")
        }
        Some(_) | None => {
            format!("due since {due}; it waits for its turn among {} mail, stream {stream}", row.lane.priority())
        }
    }
}

/// What the last attempt came to, and until when it said to wait.
async fn last_deferral(case: &Case<'_>, wanted: ParcelId) -> Result<Option<(String, Timestamp)>, StoreError> {
    let rows = case.journey.store.journal(case.organisation.org, case.message).await?;
    let deferred = |event: Event| match event {
        Event::Deferred { parcel, because, reply, until, .. } if parcel == wanted => {
            let reply = reply.map(|reply| format!(" ({reply})")).unwrap_or_default();
            Some((format!("{because}{reply}"), until))
        }
        _ => None,
    };
    let records = rows.iter().rev().filter_map(|row| case.record_of(row));
    Ok(records.flat_map(|record| record.events.into_iter().rev()).find_map(deferred))
}

/// None where it is forged or damaged: then it can still be held or dropped.
fn opened_parcel(case: &Case<'_>, row: &ParcelRow) -> Option<Parcel> {
    let bytes = case.key.open(Label::Parcel, row.parcel.as_bytes(), &row.sealed).ok()?;
    let stamp = Stamp { org: case.organisation.org, message: case.message, parcel: row.parcel };
    Parcel::from_bytes(&bytes, &case.organisation.tag_key, stamp).ok()
}

/// The rows that are meant, page by page. What is waiting is read lane by lane
/// in the order of the queue, and then what is held back.
struct Rows<'a> {
    journey: &'a Journey,
    org: OrgId,
    wanted: &'a Wanted,
    destination: Option<[u8; 16]>,
    until: Option<Timestamp>,
    stage: Stage,
}

enum Stage {
    Begin,
    Lanes { left: Vec<Lane>, after: Option<(Timestamp, ParcelId)> },
    Paused { after: Option<ParcelId> },
    Over,
}

impl<'a> Rows<'a> {
    fn new(journey: &'a Journey, org: OrgId, wanted: &'a Wanted) -> Result<Self, NotOpened> {
        let organisation: &Organisation = journey.organisations.find(org).ok_or(NotOpened::NoSuchMessage)?;
        let destination = wanted.domain.as_ref().map(|domain| organisation.vault.domain_index(domain));
        let until = wanted.older_than.map(|age| journey.clock.now().checked_sub(age).unwrap_or(Timestamp::MIN));
        Ok(Self { journey, org, wanted, destination, until, stage: Stage::Begin })
    }

    fn fits(&self, row: &ParcelRow) -> bool {
        let is_queued = matches!(row.state, ParcelState::Waiting | ParcelState::Paused);
        is_queued
            && self.destination.is_none_or(|index| row.destination == Some(index))
            && self.until.is_none_or(|until| row.created_at <= until)
            && self.wanted.stream.as_ref().is_none_or(|stream| row.lane.is_of(stream))
    }

    /// The next ones; an empty page is not the last one, none is.
    async fn next(&mut self) -> Result<Option<Vec<ParcelRow>>, StoreError> {
        let store = &self.journey.store;
        let page = match &mut self.stage {
            Stage::Begin => match self.wanted.message {
                Some(message) => {
                    self.stage = Stage::Over;
                    store.parcels(self.org, message).await?
                }
                None => {
                    let mut left = store.lanes(self.org).await?;
                    left.reverse();
                    self.stage = Stage::Lanes { left, after: None };
                    Vec::new()
                }
            },
            Stage::Lanes { left, after } => match left.last().copied() {
                None => {
                    self.stage = Stage::Paused { after: None };
                    Vec::new()
                }
                Some(lane) => {
                    let page = store.waiting(lane, *after, PAGE).await?;
                    *after = page.last().map(|row| (row.due, row.parcel));
                    if after.is_none() {
                        left.pop();
                    }
                    page
                }
            },
            Stage::Paused { after } => {
                let page = store.paused(self.org, *after, PAGE).await?;
                match page.last() {
                    Some(last) => *after = Some(last.parcel),
                    None => self.stage = Stage::Over,
                }
                page
            }
            Stage::Over => return Ok(None),
        };
        Ok(Some(page.into_iter().filter(|row| self.fits(row)).collect()))
    }
}
