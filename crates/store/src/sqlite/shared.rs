//! What writer and readers share in memory: leases, the tail of the journal,
//! the length of the queue.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use mail::OrgId;

use super::apply::Effect;
use super::bodies::Bodies;
use super::leases::Leases;
use super::reader::Reader;
use super::runner::locked;
use crate::StoreError;
use crate::body::OpenBodies;
use crate::lane::Room;
use crate::row::Leased;

/// Shared by the writer and all who read.
pub(crate) struct Shared {
    pub(crate) bodies: Bodies,
    pub(crate) open_bodies: Arc<OpenBodies>,
    leases: Mutex<Leases>,
    leased: AtomicUsize,
    tail: Mutex<Tail>,
    waiting: Mutex<HashMap<OrgId, u64>>,
}

/// How far each organisation's journal has positions, so that asking for rows
/// without one costs little.
#[derive(Default)]
struct Tail {
    /// All rows up to this one have a position.
    settled: HashMap<OrgId, i64>,
}

impl Shared {
    pub(crate) fn new(bodies: &Path, waiting: HashMap<OrgId, u64>) -> Self {
        Self {
            bodies: Bodies::new(bodies),
            open_bodies: Arc::default(),
            leases: Mutex::default(),
            leased: AtomicUsize::new(0),
            tail: Mutex::default(),
            waiting: Mutex::new(waiting),
        }
    }

    /// Bodies that are open and parcels that are leased: each will commit
    /// something.
    pub(crate) fn in_flight(&self) -> usize {
        self.open_bodies.count().saturating_add(self.leased.load(Ordering::Relaxed))
    }

    pub(crate) fn lease(
        &self,
        reader: &Reader,
        now: Timestamp,
        until: Timestamp,
        room: Room,
    ) -> Result<Vec<Leased>, StoreError> {
        // The lock is held across the read: a commit that puts a parcel back
        // waits for it, so that no place is passed over.
        let mut leases = locked(&self.leases);
        let leased = leases.lease(reader, now, until, room);
        self.count(&leases);
        leased
    }

    pub(crate) fn renew(&self, parcels: &[mail::ParcelId], until: Timestamp) -> usize {
        locked(&self.leases).renew(parcels, until)
    }

    pub(crate) fn next_due(&self, reader: &Reader) -> Result<Option<Timestamp>, StoreError> {
        locked(&self.leases).next_due(reader)
    }

    /// Counts what waits anew, and looks for the lanes again.
    pub(crate) fn look_again(&self, reader: &Reader) -> Result<(), StoreError> {
        let counted = reader.all(super::open::count_waiting())?;
        *locked(&self.waiting) = super::open::by_org(counted);
        locked(&self.leases).forget_lanes();
        Ok(())
    }

    /// How many parcels of an organisation wait.
    pub(crate) fn waiting(&self, org: OrgId) -> u64 {
        locked(&self.waiting).get(&org).copied().unwrap_or(0)
    }

    /// From where rows without a position are to be looked for. A command
    /// beside this process may have written some.
    pub(crate) fn settled(&self, org: OrgId) -> i64 {
        locked(&self.tail).settled.get(&org).copied().unwrap_or(0)
    }

    /// All rows of an organisation up to `id` have a position.
    pub(crate) fn settle(&self, org: OrgId, id: i64) {
        let mut tail = locked(&self.tail);
        let settled = tail.settled.entry(org).or_insert(id);
        *settled = id.max(*settled);
    }

    /// Follows a group that is durable.
    pub(crate) fn follow(&self, effects: &[Effect]) {
        if effects.is_empty() {
            return;
        }
        let (mut leases, mut tail) = (locked(&self.leases), locked(&self.tail));
        let mut waiting = locked(&self.waiting);
        for effect in effects {
            match *effect {
                Effect::Waits { org, place } => {
                    leases.waits(place);
                    let count = waiting.entry(org).or_insert(0);
                    *count = count.saturating_add(1);
                }
                Effect::Retried { place } => {
                    leases.end(place.parcel);
                    leases.waits(place);
                }
                Effect::Left { org, parcel } => {
                    leases.end(parcel);
                    let count = waiting.entry(org).or_insert(0);
                    *count = count.saturating_sub(1);
                }
                Effect::Unleased { parcel } => leases.end(parcel),
                Effect::Sequenced { org, id } => raise(&mut tail.settled, org, id),
                Effect::Erased => {}
            }
        }
        self.count(&leases);
    }

    fn count(&self, leases: &MutexGuard<'_, Leases>) {
        self.leased.store(leases.count(), Ordering::Relaxed);
    }
}

fn raise(ids: &mut HashMap<OrgId, i64>, org: OrgId, id: i64) {
    let highest = ids.entry(org).or_insert(id);
    *highest = id.max(*highest);
}
