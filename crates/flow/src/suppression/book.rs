//! Suppressions as they are kept: each is a sealed row that is found by a keyed
//! index of its mailbox. What decides (stream, reason, time) stands in columns,
//! bound to the sealed part; what names somebody is in that part alone.

use jiff::Timestamp;
use mail::suppression::{Reason, mailbox_of};
use mail::{Address, SuppressionId};
use serde::{Deserialize, Serialize};
use store::{StoreError, SuppressionFilter, SuppressionRow};
use vault::{Label, VaultError};

use super::Origin;
use crate::journey::Journey;
use crate::organisation::Organisation;

const VERSION: u32 = 1;

/// A suppression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Its id.
    pub id: SuppressionId,
    /// The address, as whoever added it wrote it.
    pub address: Address,
    /// The stream that it is for; none for every one.
    pub stream: Option<String>,
    /// Why.
    pub reason: Reason,
    /// Where it came from.
    pub origin: Origin,
    /// Since when.
    pub at: Timestamp,
}

/// Why a suppression can't be read.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// The store did not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It opens and says something that this release never wrote.
    #[error("what is kept is no suppression")]
    Form,
}

/// What only the sealed part says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: u32,
    address: Address,
    origin: Origin,
}

/// A suppression by its id.
pub async fn find(
    journey: &Journey,
    organisation: &Organisation,
    id: SuppressionId,
) -> Result<Option<Suppression>, NotRead> {
    let row = journey.store.suppression(organisation.org, id).await?;
    row.map(|row| open(organisation, &row)).transpose()
}

/// What is suppressed for an address, oldest first.
pub async fn of_address(
    journey: &Journey,
    organisation: &Organisation,
    address: &Address,
) -> Result<Vec<Suppression>, NotRead> {
    let rows = journey.store.suppressions_of(organisation.org, vec![index(organisation, address)]).await?;
    rows.iter().map(|row| open(organisation, row)).collect()
}

/// Suppressions after `after`, oldest first.
pub async fn list(
    journey: &Journey,
    organisation: &Organisation,
    (reason, stream): (Option<Reason>, Option<&str>),
    after: Option<SuppressionId>,
    limit: usize,
) -> Result<Vec<Suppression>, NotRead> {
    let filter = SuppressionFilter { stream, reason: reason.map(Reason::number) };
    let rows = journey.store.suppressions(organisation.org, filter, after, limit).await?;
    rows.iter().map(|row| open(organisation, row)).collect()
}

/// The keyed index of an address's mailbox.
pub(super) fn index(organisation: &Organisation, address: &Address) -> [u8; 16] {
    organisation.vault.suppression_index(&mailbox_of(address))
}

/// The row of a suppression.
pub(super) fn row(journey: &Journey, organisation: &Organisation, one: &Suppression) -> SuppressionRow {
    let kept = Kept { v: VERSION, address: one.address.clone(), origin: one.origin.clone() };
    let mut row = SuppressionRow {
        suppression: one.id,
        mailbox: index(organisation, &one.address),
        stream: one.stream.clone().unwrap_or_default(),
        reason: one.reason.number(),
        at: one.at,
        sealed: serde_json::to_vec(&kept).expect("a suppression is written as JSON"),
    };
    row.sealed = organisation.vault.seal(Label::Suppression, &bound(&row), &row.sealed, journey.entropy.as_ref());
    row
}

pub(super) fn open(organisation: &Organisation, row: &SuppressionRow) -> Result<Suppression, NotRead> {
    let bytes = organisation.vault.open(Label::Suppression, &bound(row), &row.sealed)?;
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| NotRead::Form)?;
    if kept.v != VERSION {
        return Err(NotRead::Form);
    }
    Ok(Suppression {
        id: row.suppression,
        address: kept.address,
        stream: stream_of(row),
        reason: Reason::from_number(row.reason).ok_or(NotRead::Form)?,
        origin: kept.origin,
        at: row.at,
    })
}

pub(super) fn stream_of(row: &SuppressionRow) -> Option<String> {
    (!row.stream.is_empty()).then(|| row.stream.clone())
}

/// What binds a row's sealed part to its place.
fn bound(row: &SuppressionRow) -> Vec<u8> {
    let at = row.at.as_microsecond().to_be_bytes();
    [row.suppression.as_bytes(), &row.mailbox[..], &[row.reason], &at, row.stream.as_bytes()].concat()
}
