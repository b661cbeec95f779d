//! Own keys as they are kept: each is a sealed row.

use keyring::org::{KeptElsewhere, NotAnOrgKey, OrgKey};
use mail::{KeyFormat, OrgKeyId};
use store::{OrgKeyRow, StoreError};
use vault::{Label, VaultError};
use zeroize::Zeroizing;

use crate::journey::Journey;
use crate::organisation::Organisation;

/// An own key as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The key.
    pub key: OrgKey,
    /// The version of its row, for the next change.
    pub(crate) version: i64,
}

/// Why own keys can't be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum OrgKeyTrouble {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored can't be read.
    #[error(transparent)]
    NotAnOrgKey(#[from] NotAnOrgKey),
    /// It has no private part to be kept.
    #[error(transparent)]
    Elsewhere(#[from] KeptElsewhere),
}

/// Every own key, the oldest first.
pub async fn all(journey: &Journey, organisation: &Organisation) -> Result<Vec<Kept>, OrgKeyTrouble> {
    let rows = journey.store.org_keys(organisation.org).await?;
    rows.iter().map(|row| open(organisation, row)).collect()
}

/// An own key by its id.
pub async fn find(
    journey: &Journey,
    organisation: &Organisation,
    key: OrgKeyId,
) -> Result<Option<Kept>, OrgKeyTrouble> {
    let rows = journey.store.org_keys(organisation.org).await?;
    rows.iter().find(|row| row.key == key).map(|row| open(organisation, row)).transpose()
}

/// The row of a key that was changed now.
pub(super) fn row(journey: &Journey, organisation: &Organisation, key: &OrgKey) -> Result<OrgKeyRow, OrgKeyTrouble> {
    let now = journey.clock.now();
    let aad = bound(key.id, key.format().number());
    let bytes = key.to_bytes()?;
    Ok(OrgKeyRow {
        key: key.id,
        format: key.format().number(),
        state: key.state.number(),
        version: 1,
        created_at: key.made_at,
        changed_at: now,
        expires_at: key.expires_at(now),
        sealed: organisation.vault.seal(Label::OrgKey, &aad, &bytes, journey.entropy.as_ref()),
    })
}

/// The key of a row.
pub(super) fn open(organisation: &Organisation, row: &OrgKeyRow) -> Result<Kept, OrgKeyTrouble> {
    let aad = bound(row.key, row.format);
    let bytes = Zeroizing::new(organisation.vault.open(Label::OrgKey, &aad, &row.sealed)?);
    let key = OrgKey::from_bytes(row.key, &bytes)?;
    debug_assert_eq!(KeyFormat::from_number(row.format), Some(key.format()));
    Ok(Kept { key, version: row.version })
}

/// What binds a row's sealed part to its place.
fn bound(key: OrgKeyId, format: u8) -> [u8; 17] {
    let mut bound = [format; 17];
    bound.iter_mut().zip(key.as_bytes()).for_each(|(to, from)| *to = *from);
    bound
}
