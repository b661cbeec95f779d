//! A message's timeline and receipts, opened from its journal.

use jiff::Timestamp;
use ledger::{Entry, EntryError, Event, Record, RecordError, Salt};
use mail::{MessageId, OrgId};
use store::{MessageState, StoreError};
use vault::{Label, VaultError};

use crate::journey::Journey;
use crate::manifest::{Manifest, UnknownFormat};

/// All that is known of a message.
#[derive(Debug)]
pub struct Timeline {
    /// The message.
    pub message: MessageId,
    /// Where it stands.
    pub state: MessageState,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// Who sent it to whom.
    pub manifest: Manifest,
    /// What happened, oldest first.
    pub events: Vec<(Timestamp, Event)>,
    /// The receipts, oldest first, as compact JWS.
    pub receipts: Vec<String>,
    /// The salt of its receipts.
    pub salt: Salt,
}

/// Why there is no timeline.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// There is no such message in this organisation.
    #[error("no such message")]
    NoSuchMessage,
    /// Its key was destroyed: only the ledger's open heads are left.
    #[error("the message was erased")]
    Erased,
    /// The store did not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something of it does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Its row is of another format.
    #[error(transparent)]
    Manifest(#[from] UnknownFormat),
    /// A journal row is no entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A journal row holds no record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Opens the timeline of a message.
pub async fn timeline(journey: &Journey, org: OrgId, message: MessageId) -> Result<Timeline, TimelineError> {
    let organisation = journey.organisations.find(org).ok_or(TimelineError::NoSuchMessage)?;
    let row = journey.store.message(org, message).await?.ok_or(TimelineError::NoSuchMessage)?;
    let wrapped = row.wrapped_key.as_deref().ok_or(TimelineError::Erased)?;
    let key = organisation.vault.open_message_key(message, wrapped)?;
    let manifest = Manifest::from_bytes(&key.open(Label::Envelope, &[], &row.envelope)?)?;
    let mut timeline = Timeline {
        message,
        state: row.state,
        received_at: row.received_at,
        manifest,
        events: Vec::new(),
        receipts: Vec::new(),
        salt: Salt::new(key.salt()),
    };
    for journal in journey.store.journal(org, message).await? {
        let entry = Entry::from_bytes(&journal.entry)?;
        let record = Record::from_bytes(&key.open(Label::Journal, &entry.head.to_bytes(), &entry.payload)?)?;
        timeline.events.extend(record.events.into_iter().map(|event| (journal.at, event)));
        timeline.receipts.extend(record.receipts);
    }
    Ok(timeline)
}
