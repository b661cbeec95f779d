//! Which domain a parcel goes to, told by the keyed index of its row: learned
//! when the first parcel for it is opened, so that the next ones need not be.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use mail::Domain;

/// At so many domains it is learned anew.
const DOMAINS_MAX: usize = 50_000;

/// The domains that were met.
#[derive(Default)]
pub(crate) struct Domains(Mutex<HashMap<[u8; 16], Domain>>);

impl Domains {
    /// The domain of an index, where it was met.
    pub(crate) fn find(&self, index: Option<[u8; 16]>) -> Option<Domain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&index?).cloned()
    }

    /// An index is that of this domain.
    pub(crate) fn learn(&self, index: Option<[u8; 16]>, domain: &Domain) {
        let Some(index) = index else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= DOMAINS_MAX {
            known.clear();
        }
        known.insert(index, domain.clone());
    }
}
