//! Enqueue takes a [`Parcel`] and nothing else, so that unsealed mail can't be
//! queued; what comes back out of the queue is a parcel again or an error.

use jiff::Timestamp;
use mail::Entropy;
use seal::{Forged, Parcel, Stamp};
use store::{Lane, Leased, NewParcel, Write};
use vault::{Label, MessageKey, VaultError};

use crate::organisation::Organisation;

/// Why a queued row gives no parcel.
#[derive(Debug, thiserror::Error)]
pub enum NotAParcel {
    /// Its message's key is gone: it was erased.
    #[error("the message was erased")]
    Erased,
    /// It does not open with its message's key.
    #[error("a queued parcel does not open")]
    Sealed(#[from] VaultError),
    /// It opens and does not carry the tag of its place.
    #[error(transparent)]
    Forged(#[from] Forged),
}

/// The write that queues `parcel` in a lane, to be tried at `due`.
pub fn enqueue(
    organisation: &Organisation,
    key: &MessageKey,
    parcel: &Parcel,
    lane: Lane,
    created_at: Timestamp,
    due: Timestamp,
    entropy: &dyn Entropy,
) -> Write {
    let bytes = parcel.to_bytes(&organisation.tag_key);
    Write::Enqueue(NewParcel {
        parcel: parcel.id(),
        message: parcel.message(),
        kind: parcel.kind().number(),
        due,
        created_at,
        sealed: key.seal(Label::Parcel, parcel.id().as_bytes(), &bytes, entropy),
        lane,
        destination: parcel.recipients().first().map(|to| organisation.vault.domain_index(to.address.domain())),
    })
}

/// The key and the parcel of a leased row.
pub fn dequeue(organisation: &Organisation, leased: &Leased) -> Result<(MessageKey, Parcel), NotAParcel> {
    let wrapped = leased.wrapped_key.as_deref().ok_or(NotAParcel::Erased)?;
    let key = organisation.vault.open_message_key(leased.message, wrapped)?;
    let bytes = key.open(Label::Parcel, leased.parcel.as_bytes(), &leased.sealed)?;
    let stamp = Stamp { org: leased.org, message: leased.message, parcel: leased.parcel };
    Ok((key, Parcel::from_bytes(&bytes, &organisation.tag_key, stamp)?))
}
