//! The addresses for which there are keys, as keyed indexes in memory. Mail to
//! anybody else costs one look here and nothing of the store.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use mail::OrgId;

/// Clocks of nodes may differ, and a row is dated before it is durable.
const OVERLAP: Duration = Duration::from_secs(600);

/// The addresses for which there are keys. An address that lost its last key
/// stays until the next start: then the store has nothing for it.
#[derive(Default)]
pub(crate) struct KeyIndex(RwLock<HashMap<OrgId, Known>>);

#[derive(Default)]
struct Known {
    addresses: HashSet<[u8; 16]>,
    read_at: Option<Timestamp>,
}

impl KeyIndex {
    /// Whether an organisation knows any key.
    pub fn is_empty(&self, org: OrgId) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&org).is_none_or(|known| known.addresses.is_empty())
    }

    /// Whether there may be a key for an address.
    pub fn may_have(&self, org: OrgId, address: &[u8; 16]) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&org).is_some_and(|known| known.addresses.contains(address))
    }

    /// The time since which changes have not been read.
    pub fn since(&self, org: OrgId) -> Timestamp {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let read_at = all.get(&org).and_then(|known| known.read_at);
        read_at.and_then(|at| at.checked_sub(OVERLAP).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Adds what changed until `read_at`.
    pub fn add(&self, org: OrgId, addresses: impl IntoIterator<Item = [u8; 16]>, read_at: Timestamp) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(org).or_default();
        known.addresses.extend(addresses);
        known.read_at = Some(read_at);
    }

    /// Adds one that this process has just kept.
    pub fn add_one(&self, org: OrgId, address: [u8; 16]) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(org).or_default().addresses.insert(address);
    }
}
