//! A message's row, opened with its key: what every later look at a message
//! begins with.

use std::sync::Arc;

use jiff::Timestamp;
use mail::{MessageId, OrgId};
use store::{MessageRow, StoreError};
use vault::{Label, MessageKey, VaultError};

use crate::case::Case;
use crate::journey::Journey;
use crate::manifest::{Manifest, UnknownFormat};
use crate::organisation::Organisation;

/// Why a message can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
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
}

/// A message's row, opened with its key.
pub(crate) struct Opened {
    pub organisation: Arc<Organisation>,
    pub row: MessageRow,
    pub key: MessageKey,
    pub manifest: Manifest,
}

impl Opened {
    pub async fn find(journey: &Journey, org: OrgId, message: MessageId) -> Result<Self, NotOpened> {
        let organisation = journey.organisations.find(org).ok_or(NotOpened::NoSuchMessage)?.clone();
        let row = journey.store.message(org, message).await?.ok_or(NotOpened::NoSuchMessage)?;
        let (key, manifest) = open(&organisation, &row)?;
        Ok(Self { organisation, row, key, manifest })
    }

    pub fn case<'a>(&'a self, journey: &'a Journey, now: Timestamp) -> Case<'a> {
        Case {
            journey,
            organisation: &self.organisation,
            manifest: &self.manifest,
            message: self.row.message,
            key: &self.key,
            received_at: self.row.received_at,
            now,
        }
    }
}

/// The key and the manifest of a message's row.
pub(crate) fn open(organisation: &Organisation, row: &MessageRow) -> Result<(MessageKey, Manifest), NotOpened> {
    let wrapped = row.wrapped_key.as_deref().ok_or(NotOpened::Erased)?;
    let key = organisation.vault.open_message_key(row.message, wrapped)?;
    let manifest = Manifest::from_bytes(&key.open(Label::Envelope, &[], &row.envelope)?)?;
    Ok((key, manifest))
}
