//! Keys as they are kept: each is a sealed row that is found by a keyed index
//! of its folded address.

use keyring::{Known, NotKnown};
use ledger::KeyNamed;
use mail::{Address, RecipientKeyId};
use store::{RecipientKeyRow, StoreError};
use vault::{Label, VaultError};

use crate::journey::Journey;
use crate::organisation::Organisation;

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What is known of it.
    pub known: Known,
    /// The version of its row, for the next change.
    pub(crate) version: i64,
}

/// Why keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyTrouble {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored can't be read.
    #[error(transparent)]
    Known(#[from] NotKnown),
}

/// All that is known for an address in any case of letters.
pub async fn of(journey: &Journey, organisation: &Organisation, address: &Address) -> Result<Vec<Kept>, KeyTrouble> {
    let index = organisation.vault.address_index(&address.folded());
    let rows = journey.store.recipient_keys_of(organisation.org, vec![index]).await?;
    rows.iter().map(|row| open(organisation, row)).collect()
}

/// A key by its id.
pub async fn find(
    journey: &Journey,
    organisation: &Organisation,
    key: RecipientKeyId,
) -> Result<Option<Kept>, KeyTrouble> {
    let row = journey.store.recipient_key(organisation.org, key).await?;
    row.as_ref().map(|row| open(organisation, row)).transpose()
}

/// Every key after `after`, in the order in which they became known.
pub async fn all(
    journey: &Journey,
    organisation: &Organisation,
    after: Option<RecipientKeyId>,
    limit: usize,
) -> Result<Vec<Kept>, KeyTrouble> {
    let rows = journey.store.recipient_keys(organisation.org, after, limit).await?;
    rows.iter().map(|row| open(organisation, row)).collect()
}

/// The row of a key that was changed now.
pub(crate) fn row(journey: &Journey, organisation: &Organisation, known: &Known) -> RecipientKeyRow {
    let (now, vault) = (journey.clock.now(), &organisation.vault);
    let address = vault.address_index(&known.address.folded());
    let fingerprint = vault.fingerprint_index(&fingerprint_bytes(known));
    let aad = bound(known.id, &address, &fingerprint);
    RecipientKeyRow {
        key: known.id,
        address,
        fingerprint,
        format: known.format().number(),
        state: known.state.number(),
        source: known.source.number(),
        version: 1,
        first_seen: known.first_seen,
        last_seen: known.last_seen,
        changed_at: now,
        expires_at: known.material.expires_at(now),
        sealed: vault.seal(Label::RecipientKey, &aad, &known.to_bytes(), journey.entropy.as_ref()),
    }
}

/// What is known of the key of a row.
pub(crate) fn open(organisation: &Organisation, row: &RecipientKeyRow) -> Result<Kept, KeyTrouble> {
    let aad = bound(row.key, &row.address, &row.fingerprint);
    let bytes = organisation.vault.open(Label::RecipientKey, &aad, &row.sealed)?;
    Ok(Kept { known: Known::from_bytes(row.key, &bytes)?, version: row.version })
}

/// A key as events name it.
pub(crate) fn named(known: &Known) -> KeyNamed {
    KeyNamed { id: known.id, format: known.format(), fingerprint: known.fingerprint(), source: known.counts_as() }
}

fn fingerprint_bytes(known: &Known) -> Vec<u8> {
    let mut bytes = vec![known.format().number()];
    bytes.extend_from_slice(known.fingerprint().as_bytes());
    bytes
}

/// What binds a row's sealed part to its place.
fn bound(key: RecipientKeyId, address: &[u8; 16], fingerprint: &[u8; 16]) -> [u8; 48] {
    let mut bound = [0; 48];
    let parts = key.as_bytes().iter().chain(address).chain(fingerprint);
    bound.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    bound
}
