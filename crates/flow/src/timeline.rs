//! A message's timeline and receipts, opened from its journal.

use jiff::Timestamp;
use ledger::{Entry, EntryError, Event, Record, RecordError, Salt};
use mail::{MessageId, OrgId};
use store::{MessageState, StoreError};
use vault::{Label, VaultError};

use crate::journey::Journey;
use crate::manifest::Manifest;
use crate::opened::{NotOpened, Opened};

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
    /// The message does not open.
    #[error(transparent)]
    Message(#[from] NotOpened),
    /// The store did not give its journal.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A journal row does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A journal row is no entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A journal row holds no record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Opens the timeline of a message.
pub async fn timeline(journey: &Journey, org: OrgId, message: MessageId) -> Result<Timeline, TimelineError> {
    let Opened { row, key, manifest, .. } = Opened::find(journey, org, message).await?;
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
