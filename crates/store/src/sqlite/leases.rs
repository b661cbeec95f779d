//! Leases, in memory: one process has the database open, so that a crash ends
//! every lease and all that waits is found again.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use mail::ParcelId;

use super::reader::Reader;
use crate::StoreError;
use crate::row::Leased;
use crate::sql::parcel::{self, Place};

/// How many places of the queue are looked at in one query.
const PAGE: usize = 256;

/// Who has which parcel, and until when.
#[derive(Default)]
pub(crate) struct Leases {
    held: HashMap<ParcelId, Held>,
    ends: BTreeSet<(i64, ParcelId)>,
    /// Whatever waits at or before this place is held. Lets a lease begin
    /// where the last one stopped instead of passing all that is held.
    passed: Option<Place>,
}

#[derive(Clone, Copy)]
struct Held {
    until: i64,
    place: Place,
}

impl Leases {
    /// How many parcels are held.
    pub(crate) fn count(&self) -> usize {
        self.held.len()
    }

    /// Leases what is due at `now` and nobody holds.
    pub(crate) fn lease(
        &mut self,
        reader: &Reader,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        self.expire(now.as_microsecond());
        let mut leased = Vec::new();
        while leased.len() < limit {
            let page = reader.places(self.passed, now.as_microsecond(), limit.clamp(1, PAGE))?;
            for place in &page {
                if leased.len() == limit {
                    return Ok(leased);
                }
                match self.take(reader, *place, until.as_microsecond()) {
                    Ok(taken) => leased.extend(taken),
                    // What was taken before must reach the caller.
                    Err(_) if !leased.is_empty() => return Ok(leased),
                    Err(error) => return Err(error),
                }
            }
            if page.is_empty() {
                break;
            }
        }
        Ok(leased)
    }

    /// Lets the leases that are still held last until `until`; gives how many they are.
    pub(crate) fn renew(&mut self, parcels: &[ParcelId], until: Timestamp) -> usize {
        let until = until.as_microsecond();
        let mut renewed = 0;
        for parcel in parcels {
            if let Some(held) = self.held.get_mut(parcel) {
                self.ends.remove(&(held.until, *parcel));
                held.until = until;
                self.ends.insert((until, *parcel));
                renewed += 1;
            }
        }
        renewed
    }

    /// The earliest due time of what waits and is not held, or the end of a
    /// lease if that is earlier.
    pub(crate) fn next_due(&self, reader: &Reader) -> Result<Option<Timestamp>, StoreError> {
        let mut passed = self.passed;
        let first_end = self.ends.first().map(|(until, _)| *until);
        let next = loop {
            let page = reader.places(passed, i64::MAX, PAGE)?;
            if let Some(free) = page.iter().find(|place| !self.held.contains_key(&id(place))) {
                break Some(free.0);
            }
            match page.last() {
                Some(last) => passed = Some(*last),
                None => break None,
            }
        };
        let earliest = [next, first_end].into_iter().flatten().min();
        Ok(earliest.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// The parcel left the queue, or was put back into it.
    pub(crate) fn end(&mut self, parcel: ParcelId) {
        if let Some(held) = self.held.remove(&parcel) {
            self.ends.remove(&(held.until, parcel));
        }
    }

    /// A parcel waits at `place`, which may be before what was passed.
    pub(crate) fn waits(&mut self, place: Place) {
        if self.passed.is_some_and(|passed| place <= passed) {
            self.passed = just_before(place);
        }
    }

    fn take(&mut self, reader: &Reader, place: Place, until: i64) -> Result<Option<Leased>, StoreError> {
        let parcel = id(&place);
        if self.held.contains_key(&parcel) {
            self.passed = Some(place);
            return Ok(None);
        }
        let leased = match reader.one(parcel::leased(parcel)) {
            Ok(leased) => leased,
            // One damaged row must not hold up all others: it is passed over
            // until the lease would end.
            Err(StoreError::Corrupt { what }) => {
                tracing::error!(%parcel, what, "a waiting parcel is damaged and is passed over");
                self.hold(parcel, Held { until, place });
                None
            }
            Err(error) => return Err(error),
        };
        if leased.is_some() {
            self.hold(parcel, Held { until, place });
        }
        self.passed = Some(place);
        Ok(leased)
    }

    fn hold(&mut self, parcel: ParcelId, held: Held) {
        self.held.insert(parcel, held);
        self.ends.insert((held.until, parcel));
    }

    fn expire(&mut self, now: i64) {
        while let Some((until, parcel)) = self.ends.first().copied() {
            if until > now {
                return;
            }
            self.ends.pop_first();
            if let Some(held) = self.held.remove(&parcel) {
                self.waits(held.place);
            }
        }
    }
}

fn id(place: &Place) -> ParcelId {
    ParcelId::from_bytes(place.2)
}

/// The last place that is before `place`, roughly: everything between them has
/// the same due time or none.
fn just_before(place: Place) -> Option<Place> {
    Some((place.0.checked_sub(1)?, i64::MAX, [0xff; 16]))
}
