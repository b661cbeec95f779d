//! The organisations' own keys, opened, in memory. They are few, and read
//! again only when a row has changed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use keyring::org::OrgKey;
use mail::{Domain, OrgId, OrgKeyId};
use store::StoreError;

use super::book;
use super::publication::{Directory, directory};
use crate::journey::Journey;

/// Who keeps own keys elsewhere than in the store: an HSM, a key service. Its
/// keys sign and open as all others do. Those who use them wait for it, off the
/// async threads: it must answer or fail within a time of its own. What it fails
/// to sign or to open goes the way of a key that can't be used.
pub trait Keeper: Send + Sync {
    /// An organisation's keys, the oldest first.
    fn keys(&self, org: OrgId) -> Vec<OrgKey>;
}

/// The own keys of every organisation.
#[derive(Default)]
pub(crate) struct Ring(RwLock<HashMap<OrgId, Held>>);

#[derive(Default, Clone)]
struct Held {
    /// The rows that were read.
    versions: Vec<(OrgKeyId, i64)>,
    keys: Arc<Vec<OrgKey>>,
    /// What is published of them.
    directory: Arc<Directory>,
}

impl Ring {
    /// The own keys of an organisation, the oldest first.
    pub fn of(&self, org: OrgId) -> Arc<Vec<OrgKey>> {
        self.held(org).keys
    }

    /// The web key directory of an organisation.
    pub fn directory(&self, org: OrgId) -> Arc<Directory> {
        self.held(org).directory
    }

    fn held(&self, org: OrgId) -> Held {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&org).cloned().unwrap_or_default()
    }

    fn hold(&self, org: OrgId, held: Held) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(org, held);
    }
}

/// Reads the own keys that have changed since the last time.
pub(crate) async fn refresh(journey: &Journey) -> Result<(), StoreError> {
    for organisation in journey.organisations.iter() {
        let rows = journey.store.org_keys(organisation.org).await?;
        let elsewhere = journey.keeper.get().map(|keeper| keeper.keys(organisation.org)).unwrap_or_default();
        let kept = rows.iter().map(|row| (row.key, row.version));
        let versions: Vec<(OrgKeyId, i64)> =
            kept.chain(elsewhere.iter().map(|key| (key.id, i64::from(key.state.number())))).collect();
        if versions == journey.org_keys.held(organisation.org).versions {
            continue;
        }
        let open = |row: &store::OrgKeyRow| match book::open(organisation, row) {
            Ok(kept) => Some(kept.key),
            // One damaged row must not take the others away.
            Err(error) => {
                tracing::error!(key = %row.key, %error, "an own key can't be read");
                None
            }
        };
        let keys: Vec<OrgKey> = rows.iter().filter_map(open).chain(elsewhere).collect();
        let is_own = |domain: &Domain| journey.organisations.owner_of(domain) == Some(organisation.org);
        let directory = Arc::new(directory(&keys, is_own, journey.clock.now()));
        journey.org_keys.hold(organisation.org, Held { versions, keys: Arc::new(keys), directory });
    }
    Ok(())
}
