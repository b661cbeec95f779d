//! MTA-STS policies that were had, kept in the store: a restart, or another
//! node, holds deliveries to them as whoever fetched them did.
//!
//! A row is sealed, and found by a keyed index of its domain: which domains an
//! organisation writes to is nobody else's business.

use std::sync::Arc;

use jiff::Timestamp;
use mail::{Domain, OrgId};
use serde::{Deserialize, Serialize};
use store::{StoreError, StsPolicyRow, Transition, Write};
use transport::Pending;
use transport::mta_sts::{KnownPolicy, PoliciesUnknown, PolicyMemory, StsPolicy};
use vault::{Label, OrgVault, VaultError};

use crate::journey::Journey;

const VERSION: u8 = 1;

/// Keeps policies in the store of a journey.
pub struct KeptPolicies(pub Arc<Journey>);

/// The sealed form.
#[derive(Serialize, Deserialize)]
struct Kept {
    v: u8,
    id: String,
    fetched_at: Timestamp,
    /// As the domain's host would serve it.
    policy: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the organisation is not served here")]
    NotServed,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("what is kept is no policy")]
    NotAPolicy,
}

impl KeptPolicies {
    fn vault(&self, org: OrgId) -> Result<&OrgVault, Trouble> {
        let organisation = self.0.organisations.find(org).ok_or(Trouble::NotServed)?;
        Ok(&organisation.vault)
    }

    pub(crate) async fn find(&self, org: OrgId, domain: &Domain) -> Result<Option<KnownPolicy>, Trouble> {
        let vault = self.vault(org)?;
        let index = vault.domain_index(domain);
        let Some(row) = self.0.store.sts_policy(org, index).await? else { return Ok(None) };
        let bytes = vault.open(Label::StsPolicy, &index, &row.sealed)?;
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| Trouble::NotAPolicy)?;
        if kept.v != VERSION {
            return Err(Trouble::NotAPolicy);
        }
        let policy = StsPolicy::parse(kept.policy.as_bytes()).map_err(|_| Trouble::NotAPolicy)?;
        Ok(Some(KnownPolicy { id: kept.id, policy, fetched_at: kept.fetched_at }))
    }

    async fn put(&self, org: OrgId, domain: &Domain, known: &KnownPolicy) -> Result<(), Trouble> {
        let vault = self.vault(org)?;
        let index = vault.domain_index(domain);
        let kept =
            Kept { v: VERSION, id: known.id.clone(), fetched_at: known.fetched_at, policy: known.policy.to_text() };
        let bytes = serde_json::to_vec(&kept).map_err(|_| Trouble::NotAPolicy)?;
        let sealed = vault.seal(Label::StsPolicy, &index, &bytes, self.0.entropy.as_ref());
        let row = StsPolicyRow { domain: index, until: known.until(), sealed };
        // A policy whose time is over binds nobody.
        let writes = vec![Write::StsPolicy(row), Write::ForgetStsPolicies { before: self.0.clock.now() }];
        Ok(self.0.commit(Transition { org, writes, journal: None }).await?)
    }
}

impl PolicyMemory for KeptPolicies {
    fn recall<'a>(
        &'a self,
        org: OrgId,
        domain: &'a Domain,
    ) -> Pending<'a, Result<Option<KnownPolicy>, PoliciesUnknown>> {
        Box::pin(async move { self.find(org, domain).await.map_err(|error| unknown(&error)) })
    }

    fn keep<'a>(
        &'a self,
        org: OrgId,
        domain: &'a Domain,
        known: &'a KnownPolicy,
    ) -> Pending<'a, Result<(), PoliciesUnknown>> {
        Box::pin(async move { self.put(org, domain, known).await.map_err(|error| unknown(&error)) })
    }
}

fn unknown(error: &Trouble) -> PoliciesUnknown {
    tracing::error!(%error, "an MTA-STS policy in the store can't be used");
    PoliciesUnknown
}
