//! Lanes: the queue is parted by priority, organisation, stream and sender, so
//! that what waits in one is never in the way of another.
//!
//! A lane is one number, the leading part of the queue's index. It is worked
//! out from names and needs no table: two streams, or two senders of a stream,
//! that share a number by chance share their turns and nothing else.

use std::fmt;

use mail::{OrgId, Priority};

const SENDER_BITS: u32 = 6;
const STREAM_BITS: u32 = 22;
const ORG_SHIFT: u32 = SENDER_BITS + STREAM_BITS;
const PRIORITY_SHIFT: u32 = 60;

/// A lane of the queue. Lanes of a higher priority come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(i64);

impl Lane {
    /// The lane of an organisation's stream for what this sender hands in.
    pub fn new(priority: Priority, org: OrgId, stream: &str, sender: &str) -> Self {
        let (stream, sender) = (bits(stream, STREAM_BITS), bits(sender, SENDER_BITS));
        let (priority, org) = (i64::from(priority.number()) << PRIORITY_SHIFT, i64::from(org.0) << ORG_SHIFT);
        Self(priority | org | (stream << SENDER_BITS) | sender)
    }

    /// The number that the database keeps.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The lane with this number; none where no lane has it.
    pub const fn from_number(number: i64) -> Option<Self> {
        match Priority::from_number(number >> PRIORITY_SHIFT) {
            Some(_) => Some(Self(number)),
            None => None,
        }
    }

    /// How urgent it is.
    pub fn priority(self) -> Priority {
        Priority::from_number(self.0 >> PRIORITY_SHIFT).unwrap_or(Priority::Marketing)
    }

    /// Whose it is.
    pub fn org(self) -> OrgId {
        OrgId(u32::try_from((self.0 >> ORG_SHIFT) & i64::from(u32::MAX)).unwrap_or(u32::MAX))
    }

    /// Whether it is one of a stream of this name.
    pub fn is_of(self, stream: &str) -> bool {
        (self.0 >> SENDER_BITS) & ((1 << STREAM_BITS) - 1) == bits(stream, STREAM_BITS)
    }

    /// It and what it is part of, the widest first: all of its organisation,
    /// all of its stream, itself, each within its priority.
    pub(crate) const fn levels(self) -> [(u8, i64); 3] {
        [(0, self.0 >> ORG_SHIFT), (1, self.0 >> SENDER_BITS), (2, self.0)]
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

fn bits(name: &str, count: u32) -> i64 {
    i64::from(crc32fast::hash(name.as_bytes()) & ((1 << count) - 1))
}

/// How many parcels a lease may give: in all, and of each priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub all: usize,
    /// Of each priority, by its number; of operational mail together with marketing.
    pub of: [usize; 3],
}

impl Room {
    /// So many, of whatever priority.
    pub const fn any(all: usize) -> Self {
        Self { all, of: [all; 3] }
    }

    /// How many there may be of a priority.
    pub fn left(&self, priority: Priority) -> usize {
        let [transactional, operational, marketing] = self.of;
        let left = match priority {
            Priority::Transactional => transactional,
            Priority::Operational => operational,
            Priority::Marketing => marketing.min(operational),
        };
        left.min(self.all)
    }

    /// Takes some away.
    pub fn take(&mut self, priority: Priority, count: usize) {
        self.all = self.all.saturating_sub(count);
        let [transactional, operational, marketing] = &mut self.of;
        let less = |of: &mut usize| *of = of.saturating_sub(count);
        match priority {
            Priority::Transactional => less(transactional),
            Priority::Operational => less(operational),
            // Else both together would have what is kept for the urgent.
            Priority::Marketing => [operational, marketing].into_iter().for_each(less),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_found_again_by_its_number() {
        for priority in Priority::ALL {
            for org in [0, 1, u32::MAX] {
                let lane = Lane::new(priority, OrgId(org), "reminders", "credential:ehr");
                assert_eq!(Lane::from_number(lane.number()), Some(lane));
                assert_eq!((lane.priority(), lane.org()), (priority, OrgId(org)));
                assert!(lane.is_of("reminders") && !lane.is_of("letters"));
            }
        }
        assert_eq!(Lane::from_number(-1), None);
        assert_eq!(Lane::from_number(i64::MAX), None);
    }

    #[test]
    fn what_is_less_urgent_takes_its_room_together() {
        let mut room = Room { all: 2, of: [2, 1, 1] };
        room.take(Priority::Operational, 1);
        assert_eq!(Priority::ALL.map(|one| room.left(one)), [1, 0, 0]);
        let mut room = Room { all: 2, of: [2, 1, 1] };
        room.take(Priority::Marketing, 1);
        assert_eq!(Priority::ALL.map(|one| room.left(one)), [1, 0, 0]);
    }

    #[test]
    fn urgent_lanes_come_first_and_each_name_has_its_own() {
        let lane = |priority, stream, sender| Lane::new(priority, OrgId(7), stream, sender);
        assert!(lane(Priority::Transactional, "z", "z") < lane(Priority::Operational, "a", "a"));
        assert!(lane(Priority::Operational, "z", "z") < lane(Priority::Marketing, "a", "a"));
        assert_ne!(lane(Priority::Operational, "a", "x"), lane(Priority::Operational, "b", "x"));
        assert_ne!(lane(Priority::Operational, "a", "x"), lane(Priority::Operational, "a", "y"));
    }
}
