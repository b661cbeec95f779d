//! The leases of what this node has under way: renewed while the node lives,
//! so that they can be short, and others soon finish what a dead one began.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::ParcelId;
use tokio::time::Instant;

use crate::case::later;
use crate::journey::Journey;

/// What is under way here.
#[derive(Clone, Default)]
pub(crate) struct Leases {
    under_way: Arc<Mutex<HashSet<ParcelId>>>,
}

/// One parcel under way; no longer when this is dropped.
pub(crate) struct Held {
    leases: Leases,
    parcel: ParcelId,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leases.under_way().remove(&self.parcel);
    }
}

impl Leases {
    fn under_way(&self) -> MutexGuard<'_, HashSet<ParcelId>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with a parcel; none where it is under way here already.
    pub(crate) fn begin(&self, parcel: ParcelId) -> Option<Held> {
        let is_new = self.under_way().insert(parcel);
        is_new.then(|| Held { leases: self.clone(), parcel })
    }

    /// Renews the leases for as long as that works; comes back when it has not
    /// for as long as a lease lasts. Then other nodes may have the parcels, and
    /// to go on would deliver them twice.
    pub(crate) async fn keep(&self, journey: &Journey) {
        let lease = journey.settings.lease;
        let every = lease / 4;
        let mut renewed_at = Instant::now();
        loop {
            tokio::time::sleep(every).await;
            let began_at = Instant::now();
            // A machine that was suspended wakes up after its leases.
            if left(renewed_at, lease).is_zero() && !self.under_way().is_empty() {
                return;
            }
            match tokio::time::timeout(every, self.renew(journey)).await {
                Ok(true) => renewed_at = began_at,
                Ok(false) | Err(_) if left(renewed_at, lease) <= every => return,
                Ok(false) | Err(_) => {}
            }
        }
    }

    async fn renew(&self, journey: &Journey) -> bool {
        let parcels: Vec<ParcelId> = self.under_way().iter().copied().collect();
        if parcels.is_empty() {
            return true;
        }
        let until = later(journey.clock.now(), journey.settings.lease);
        match journey.store.renew(parcels, until).await {
            // One that another node has by now is recorded by that node: the write of its outcome is guarded.
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "leases could not be renewed");
                false
            }
        }
    }
}

/// How long the leases last that were renewed then.
fn left(renewed_at: Instant, lease: Duration) -> Duration {
    lease.saturating_sub(renewed_at.elapsed())
}
