//! Leases, in memory: one process has the database open, so that a crash ends
//! every lease and all that waits is found again.
//!
//! What waits is found lane by lane. A lane in which nothing is due is asked
//! nothing, and one in which much is due is read from where the last lease
//! stopped: what a lease costs doesn't rise with what waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use mail::ParcelId;

use super::reader::Reader;
use crate::StoreError;
use crate::lane::{Lane, Room};
use crate::row::Leased;
use crate::sql::parcel::{self, Place};
use crate::turns::{Turns, in_order};

/// How many places of the queue are looked at in one query.
const PAGE: usize = 256;

/// So often the lanes are looked for in the database, in microseconds: a
/// command beside this process may have changed what waits.
const LOOK_EVERY: u64 = 1_000_000;

/// Who has which parcel, and until when.
#[derive(Default)]
pub(crate) struct Leases {
    held: HashMap<ParcelId, Held>,
    ends: BTreeSet<(i64, ParcelId)>,
    lanes: BTreeMap<Lane, Waiting>,
    turns: Turns,
    looked_at: Option<i64>,
}

#[derive(Clone, Copy)]
struct Held {
    until: i64,
    place: Place,
}

/// How far a lane has been read.
#[derive(Clone, Copy)]
struct Waiting {
    /// Whatever waits at or before this place is held. Lets a lease begin
    /// where the last one stopped instead of passing all that is held.
    passed: Option<Place>,
    /// Nothing that is free is due before this.
    quiet_until: i64,
    /// Whether something free is due just then.
    is_exact: bool,
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
        mut room: Room,
    ) -> Result<Vec<Leased>, StoreError> {
        let (now, until) = (now.as_microsecond(), until.as_microsecond());
        self.expire(now);
        self.look(reader, now)?;
        let mut leased = Vec::new();
        loop {
            let due = self.lanes.iter().filter(|(_, waiting)| waiting.quiet_until <= now);
            let due: Vec<Lane> = due.map(|(lane, _)| *lane).collect();
            let shares = self.turns.share(&due, room);
            if shares.is_empty() {
                return Ok(in_order(leased));
            }
            for (lane, share) in shares {
                let before = leased.len();
                match self.take(reader, lane, now, until, share, &mut leased) {
                    Ok(()) => room.take(lane.priority(), leased.len() - before),
                    // What was taken before must reach the caller.
                    Err(_) if !leased.is_empty() => return Ok(in_order(leased)),
                    Err(error) => return Err(error),
                }
            }
        }
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
    pub(crate) fn next_due(&mut self, reader: &Reader) -> Result<Option<Timestamp>, StoreError> {
        if self.looked_at.is_none() {
            self.look(reader, 0)?;
        }
        let mut next = self.ends.first().map_or(i64::MAX, |(until, _)| *until);
        for (lane, waiting) in &mut self.lanes {
            if !waiting.is_exact {
                waiting.quiet_until = first_free(reader, *lane, waiting.passed, &self.held)?;
                waiting.is_exact = true;
            }
            next = next.min(waiting.quiet_until);
        }
        Ok(Timestamp::from_microsecond(next).ok())
    }

    /// The parcel left the queue, or was put back into it.
    pub(crate) fn end(&mut self, parcel: ParcelId) {
        if let Some(held) = self.held.remove(&parcel) {
            self.ends.remove(&(held.until, parcel));
        }
    }

    /// A parcel waits at `place`, which may be before what was passed.
    pub(crate) fn waits(&mut self, place: Place) {
        let new = Waiting { passed: None, quiet_until: place.due, is_exact: true };
        let waiting = self.lanes.entry(place.lane).or_insert(new);
        waiting.quiet_until = waiting.quiet_until.min(place.due);
        if waiting.passed.is_some_and(|passed| place <= passed) {
            waiting.passed = just_before(place);
        }
    }

    /// Another process may have changed what waits.
    pub(crate) fn forget_lanes(&mut self) {
        self.looked_at = None;
    }

    /// Finds the lanes in which something waits.
    fn look(&mut self, reader: &Reader, now: i64) -> Result<(), StoreError> {
        if self.looked_at.is_some_and(|at| now.abs_diff(at) < LOOK_EVERY) {
            return Ok(());
        }
        let waits = |(lane, due)| (lane, Waiting { passed: None, quiet_until: due, is_exact: false });
        self.lanes = reader.all(parcel::lanes())?.into_iter().map(waits).collect();
        self.looked_at = Some(now);
        Ok(())
    }

    /// Takes up to `share` parcels of a lane.
    fn take(
        &mut self,
        reader: &Reader,
        lane: Lane,
        now: i64,
        until: i64,
        share: usize,
        leased: &mut Vec<Leased>,
    ) -> Result<(), StoreError> {
        let wanted = leased.len().saturating_add(share);
        let mut size = share.clamp(1, PAGE);
        while leased.len() < wanted {
            let passed = self.lanes.get(&lane).and_then(|waiting| waiting.passed);
            let page = reader.places(lane, passed, now, size)?;
            // What is held is passed in a few steps.
            size = PAGE.min(size * 4);
            if page.is_empty() {
                self.change(lane, |waiting| (waiting.quiet_until, waiting.is_exact) = (now.saturating_add(1), false));
                return Ok(());
            }
            for place in page {
                if leased.len() == wanted {
                    return Ok(());
                }
                let taken = self.take_one(reader, place, until)?;
                self.change(lane, |waiting| (waiting.passed, waiting.is_exact) = (Some(place), false));
                leased.extend(taken);
            }
        }
        Ok(())
    }

    fn take_one(&mut self, reader: &Reader, place: Place, until: i64) -> Result<Option<Leased>, StoreError> {
        let parcel = place.parcel;
        if self.held.contains_key(&parcel) {
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
        Ok(leased)
    }

    fn change(&mut self, lane: Lane, change: impl FnOnce(&mut Waiting)) {
        if let Some(waiting) = self.lanes.get_mut(&lane) {
            change(waiting);
        }
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

/// When the first parcel of a lane is due that nobody holds.
fn first_free(
    reader: &Reader,
    lane: Lane,
    mut passed: Option<Place>,
    held: &HashMap<ParcelId, Held>,
) -> Result<i64, StoreError> {
    let mut size = 8;
    loop {
        let page = reader.places(lane, passed, i64::MAX, size)?;
        size = PAGE.min(size * 4);
        if let Some(free) = page.iter().find(|place| !held.contains_key(&place.parcel)) {
            return Ok(free.due);
        }
        match page.last() {
            Some(last) => passed = Some(*last),
            None => return Ok(i64::MAX),
        }
    }
}

/// The last place of the lane that is before `place`, roughly: everything
/// between them has the same due time or none.
fn just_before(place: Place) -> Option<Place> {
    Some(Place { due: place.due.checked_sub(1)?, parcel: ParcelId::from_bytes([0xff; 16]), ..place })
}
