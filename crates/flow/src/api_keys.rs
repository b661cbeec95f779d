//! API keys: kept sealed beside the logins of submission, under a keyed index
//! that no login can have.

use identity::{ApiKey, ApiKeyError, Shown};
use ledger::Event;
use mail::ApiKeyId;
use store::{CredentialRow, StoreError, Transition, Write};
use vault::{Label, VaultError};

use crate::journey::Journey;
use crate::organisation::Organisation;

/// Why an API key can't be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyTrouble {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored is no API key.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
}

/// Keeps a key; the same one from before is replaced. The ledger tells of it in
/// the same transaction, and `by` whom.
pub async fn keep(journey: &Journey, organisation: &Organisation, key: &ApiKey, by: &str) -> Result<(), ApiKeyTrouble> {
    let index = index(organisation, key.id);
    let entropy = journey.entropy.as_ref();
    let sealed = organisation.vault.seal(Label::Credential, &index, &key.to_bytes(), entropy);
    let row = CredentialRow { login: index, sealed, revoked: key.revoked.is_some() };
    let by = by.to_owned();
    let event = match key.revoked {
        Some(_) => Event::ApiKeyRevoked { key: key.id, by },
        None => Event::ApiKeyMade {
            key: key.id,
            name: key.name.clone(),
            scopes: key.scopes.iter().map(ToString::to_string).collect(),
            senders: key.senders.iter().map(ToString::to_string).collect(),
            test: key.test,
            by,
        },
    };
    let journal = organisation.journal(None, vec![event], journey.clock.now(), entropy);
    let writes = vec![Write::Credential(row)];
    Ok(journey.commit(Transition { org: organisation.org, writes, journal: Some(journal) }).await?)
}

/// A key of one organisation by its id.
pub async fn find(
    journey: &Journey,
    organisation: &Organisation,
    key: ApiKeyId,
) -> Result<Option<ApiKey>, ApiKeyTrouble> {
    let index = index(organisation, key);
    let Some(row) = journey.store.credential(organisation.org, index).await? else {
        return Ok(None);
    };
    Ok(Some(opened(organisation, &row)?))
}

/// All keys of one organisation, the oldest first.
pub async fn list(journey: &Journey, organisation: &Organisation) -> Result<Vec<ApiKey>, ApiKeyTrouble> {
    let mut keys = Vec::new();
    for row in journey.store.credentials(organisation.org).await? {
        match opened(organisation, &row) {
            Ok(key) => keys.push(key),
            // A login of submission, which stands in the same table.
            Err(ApiKeyTrouble::ApiKey(ApiKeyError::Damaged(_))) => {}
            Err(error) => return Err(error),
        }
    }
    keys.sort_by_key(|key| key.id);
    Ok(keys)
}

/// The key that was shown, if it holds now, whichever organisation it belongs
/// to. All are asked, whether one has answered or not, and a secret is compared
/// whether there is a key or not, so that the time does not tell.
pub async fn check(journey: &Journey, shown: &Shown) -> Result<Option<ApiKey>, ApiKeyTrouble> {
    let mut found = None;
    for organisation in journey.organisations.iter() {
        if let Some(key) = find(journey, organisation, shown.id).await? {
            found = Some(key);
        }
    }
    let holds = ApiKey::check(found.as_ref(), shown, journey.clock.now());
    Ok(found.filter(|_| holds))
}

fn opened(organisation: &Organisation, row: &CredentialRow) -> Result<ApiKey, ApiKeyTrouble> {
    let bytes = organisation.vault.open(Label::Credential, &row.login, &row.sealed)?;
    Ok(ApiKey::from_bytes(&bytes)?)
}

/// A slash stands in no login.
fn index(organisation: &Organisation, key: ApiKeyId) -> [u8; 32] {
    organisation.vault.login_index(&format!("api/{key}"))
}
