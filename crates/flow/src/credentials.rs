//! Credentials of submission: kept sealed in the store under a keyed index of
//! their login, so that the database names nobody.

use identity::{Credential, CredentialError};
use ledger::Event;
use store::{CredentialRow, StoreError, Transition, Write};
use vault::{Label, VaultError};

use crate::journey::Journey;
use crate::organisation::Organisation;

/// Why a credential can't be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum CredentialTrouble {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored is no credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

/// Keeps a credential; another one of the same login is replaced. The ledger
/// tells of it in the same transaction, and `by` whom.
pub async fn keep(
    journey: &Journey,
    organisation: &Organisation,
    credential: &Credential,
    by: &str,
) -> Result<(), CredentialTrouble> {
    let login = organisation.vault.login_index(&credential.login);
    let entropy = journey.entropy.as_ref();
    let sealed = organisation.vault.seal(Label::Credential, &login, &credential.to_bytes(), entropy);
    let row = CredentialRow { login, sealed, revoked: credential.revoked.is_some() };
    let (login, by) = (credential.login.clone(), by.to_owned());
    let event = match credential.revoked {
        Some(_) => Event::CredentialRevoked { login, by },
        None => {
            let senders = credential.senders.iter().map(ToString::to_string).collect();
            Event::CredentialMade { login, senders, by }
        }
    };
    let journal = organisation.journal(None, vec![event], journey.clock.now(), entropy);
    let writes = vec![Write::Credential(row)];
    Ok(journey.commit(Transition { org: organisation.org, writes, journal: Some(journal) }).await?)
}

/// The credential of a login in one organisation.
pub async fn find(
    journey: &Journey,
    organisation: &Organisation,
    login: &str,
) -> Result<Option<Credential>, CredentialTrouble> {
    let index = organisation.vault.login_index(login);
    let Some(row) = journey.store.credential(organisation.org, index).await? else {
        return Ok(None);
    };
    let bytes = organisation.vault.open(Label::Credential, &index, &row.sealed)?;
    Ok(Some(Credential::from_bytes(&bytes)?))
}

/// The credential of a login, whichever organisation it belongs to. All are
/// asked, whether one has answered or not, so that the time does not tell.
pub async fn find_anywhere(journey: &Journey, login: &str) -> Result<Option<Credential>, CredentialTrouble> {
    let mut found = None;
    for organisation in journey.organisations.iter() {
        if let Some(credential) = find(journey, organisation, login).await? {
            found = Some(credential);
        }
    }
    Ok(found)
}
