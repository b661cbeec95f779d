//! The queue in an operator's hands: what waits and why, held back, let go,
//! tried now, or dropped. Each deed is in the timeline and the ledger of every
//! message that it touches, in the transaction that does it.
//!
//! It works beside a running server. What is under way when it is held back or
//! dropped may still arrive; then that is told, and counts.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use mail::{Address, Domain, MessageId, OrgId, ParcelId, Priority};
use seal::{Kind, Parcel, Stamp};
use store::{MessageState, ParcelRow, ParcelState, StoreError};
use vault::Label;

use crate::case::{Case, SENDER};
use crate::courier::open_links;
use crate::journey::Journey;
use crate::opened::{NotOpened, Opened};

mod deed;
mod rows;
mod why;

pub use deed::{Done, act};
pub(crate) use why::Reason;

use rows::Rows;
use why::{Told, why};

/// Messages that are kept open while the queue is walked: the parcels of one
/// are near each other.
const OPEN_MAX: usize = 64;

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

/// What can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The message that does not open.
    pub message: MessageId,
    /// The parcel of it that was to be looked at.
    pub parcel: ParcelId,
    /// Why, in words.
    pub why: String,
}

impl Damaged {
    fn new(row: &ParcelRow, why: &NotOpened) -> Self {
        Self { message: row.message, parcel: row.parcel, why: why.to_string() }
    }
}

/// What a look at the queue finds.
#[derive(Clone, Debug)]
pub enum Found {
    /// A parcel that waits.
    Waiting(Waiting),
    /// One of a message that can't be read.
    Damaged(Damaged),
}

/// A walk through the queue, the most urgent and the longest due first. It
/// holds no more than a page of it.
pub struct Looking<'a> {
    journey: &'a Journey,
    org: OrgId,
    wanted: &'a Wanted,
    rows: Rows<'a>,
    page: std::vec::IntoIter<ParcelRow>,
    open: HashMap<MessageId, Result<Known, NotOpened>>,
}

/// A message, and what its journal says, once that was asked.
struct Known {
    opened: Opened,
    told: Option<Told>,
}

impl<'a> Looking<'a> {
    /// A walk through what is wanted.
    ///
    /// # Errors
    /// [`QueueError`] where there is no such organisation here.
    pub fn new(journey: &'a Journey, org: OrgId, wanted: &'a Wanted) -> Result<Self, QueueError> {
        let rows = Rows::new(journey, org, wanted)?;
        Ok(Self { journey, org, wanted, rows, page: Vec::new().into_iter(), open: HashMap::new() })
    }

    /// The next one, if there is one.
    ///
    /// # Errors
    /// [`QueueError`] where the store does not answer. What is damaged is no
    /// error, and ends nothing.
    pub async fn next(&mut self) -> Result<Option<Found>, QueueError> {
        loop {
            let Some(row) = self.page.next() else {
                match self.rows.next().await? {
                    Some(page) => self.page = page.into_iter(),
                    None => return Ok(None),
                }
                continue;
            };
            if let Some(found) = self.look(&row).await? {
                return Ok(Some(found));
            }
        }
    }

    async fn look(&mut self, row: &ParcelRow) -> Result<Option<Found>, QueueError> {
        if !self.open.contains_key(&row.message) {
            if self.open.len() >= OPEN_MAX {
                self.open.clear();
            }
            let known = match Opened::find(self.journey, self.org, row.message).await {
                Err(NotOpened::Store(error)) => return Err(error.into()),
                opened => opened.map(|opened| Known { opened, told: None }),
            };
            self.open.insert(row.message, known);
        }
        let Some(known) = self.open.get_mut(&row.message) else { return Ok(None) };
        let known = match known {
            Ok(known) => known,
            // It leaves the queue when its turn comes.
            Err(NotOpened::Erased) => return Ok(None),
            Err(why) => return Ok(Some(Found::Damaged(Damaged::new(row, why)))),
        };
        let case = known.opened.case(self.journey, self.journey.clock.now());
        if !is_of_stream(&case, row, self.wanted) {
            return Ok(None);
        }
        // A journal is long, and says nothing of what was never tried.
        let is_told = row.state == ParcelState::Paused || row.attempts > 0 || row.wait == 0 && row.due > case.now;
        if is_told && known.told.is_none() {
            known.told = Some(Told::read(&case).await?);
        }
        let nothing = Told::default();
        Ok(Some(Found::Waiting(described(&case, row, known.told.as_ref().unwrap_or(&nothing)))))
    }
}

/// Why a message waits.
#[derive(Clone, Debug, Default)]
pub struct OfMessage {
    /// Why it waits as a whole, or a copy of it that is in no parcel: a line each.
    pub message: Vec<String>,
    /// Its parcels that wait.
    pub parcels: Vec<Waiting>,
}

/// What of a message waits, and why.
///
/// # Errors
/// [`QueueError`] where there is no such message, or it does not open.
pub async fn of_message(journey: &Journey, org: OrgId, message: MessageId) -> Result<OfMessage, QueueError> {
    let opened = match Opened::find(journey, org, message).await {
        Err(NotOpened::Erased) => return Ok(OfMessage::default()),
        opened => opened?,
    };
    let mut found = OfMessage { message: whole(journey, &opened).await?, parcels: Vec::new() };
    let wanted = Wanted { message: Some(message), ..Wanted::default() };
    let mut looking = Looking::new(journey, org, &wanted)?;
    while let Some(one) = looking.next().await? {
        if let Found::Waiting(waiting) = one {
            found.parcels.push(waiting);
        }
    }
    Ok(found)
}

/// Why a message waits as a whole, and which copies in the portal nobody can read yet.
async fn whole(journey: &Journey, opened: &Opened) -> Result<Vec<String>, QueueError> {
    let case = opened.case(journey, journey.clock.now());
    let mut lines = Vec::new();
    match opened.row.state {
        MessageState::Accepted => lines.push(
            "not decided yet: keys of its recipients are looked for, it waits for memory, or what it needs to be \
             opened does not answer; the server's log tells which"
                .to_owned(),
        ),
        MessageState::Held => {
            lines.push("policy holds it for a person: sealpost message release, or reject".to_owned());
        }
        _ => {}
    }
    let links = journey.store.links(case.organisation.org, case.message).await?;
    let links = links.into_iter().filter(|row| row.recipient != SENDER).collect();
    for link in open_links(&case, links) {
        if link.state.lacks_passphrase() && link.state.withdrawn_at().is_none() && link.state.expires_at() > case.now {
            let to = link.recipient;
            lines.push(format!("{to}: its copy waits for a passphrase: sealpost message passphrase"));
        }
    }
    Ok(lines)
}

impl Deed {
    /// The word for it in the timeline.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Deed::Hold => "hold",
            Deed::Release => "release",
            Deed::Retry => "retry",
            Deed::Drop { .. } => "drop",
        }
    }
}

/// Whether a parcel is of the stream that is wanted, by name: the number of its
/// lane is one that another stream may share. A stream that was since taken out
/// of the configuration is found by its name all the same.
fn is_of_stream(case: &Case<'_>, row: &ParcelRow, wanted: &Wanted) -> bool {
    let Some(stream) = &wanted.stream else { return true };
    let kind = kind_of(row);
    let is_own = matches!(kind, None | Some(Kind::Content | Kind::Notice));
    case.stream(kind.unwrap_or(Kind::Content)).name == *stream || is_own && case.manifest.stream == *stream
}

/// The kind that the row says, which stands also where the parcel does not open.
fn kind_of(row: &ParcelRow) -> Option<Kind> {
    [Kind::Content, Kind::Notice, Kind::Code, Kind::Dsn].into_iter().find(|kind| kind.number() == row.kind)
}

fn described(case: &Case<'_>, row: &ParcelRow, told: &Told) -> Waiting {
    let parcel = opened_parcel(case, row);
    let stream = case.stream(kind_of(row).unwrap_or(Kind::Content)).name.clone();
    Waiting {
        parcel: row.parcel,
        message: row.message,
        kind: parcel.as_ref().map_or("unknown", |parcel| parcel.kind().word()),
        priority: row.lane.priority(),
        recipients: parcel.iter().flat_map(Parcel::recipients).map(|to| to.address.clone()).collect(),
        created_at: row.created_at,
        due: row.due,
        attempts: row.attempts,
        is_held: row.state == ParcelState::Paused,
        why: why(case.now, row, parcel.as_ref(), &stream, told),
        stream,
    }
}

/// None where it is forged or damaged: then it can still be held or dropped.
pub(crate) fn opened_parcel(case: &Case<'_>, row: &ParcelRow) -> Option<Parcel> {
    let bytes = case.key.open(Label::Parcel, row.parcel.as_bytes(), &row.sealed).ok()?;
    let stamp = Stamp { org: case.organisation.org, message: case.message, parcel: row.parcel };
    Parcel::from_bytes(&bytes, &case.organisation.tag_key, stamp).ok()
}
