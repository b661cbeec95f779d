//! Whose turn it is: urgent lanes first, with a floor for the others, and equal
//! turns among the organisations, streams and senders of a priority.
//!
//! Whoever was served the longest ago comes next: first of the organisations,
//! then of that one's streams, then of that one's senders. Idle time earns
//! nothing but the next turn, and how much waits in a lane counts for nothing:
//! a campaign of 500,000 gets the same turns as a single message.

use std::collections::HashMap;

use mail::Priority;

use crate::lane::{Lane, Room};
use crate::row::Leased;

/// A lower priority that waits gets one turn after so many of higher ones.
const FLOOR_AFTER: u32 = 9;

/// What was served is forgotten, and everybody begins anew, at so many entries.
const SERVED_MAX: usize = 16 * 1024;

/// Who was served when.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    turn: u64,
    served: HashMap<(u8, i64), u64>,
    /// How many turns of higher priorities each has let pass.
    passed_over: [u32; 3],
}

impl Turns {
    /// Shares `room` out among lanes in which something waits.
    pub(crate) fn share(&mut self, lanes: &[Lane], mut room: Room) -> Vec<(Lane, usize)> {
        if let [only] = lanes {
            let share = room.left(only.priority());
            self.serve(*only);
            return if share == 0 { Vec::new() } else { vec![(*only, share)] };
        }
        let mut shares: Vec<(Lane, usize)> = Vec::new();
        while let Some(lane) = self.next(lanes, &room) {
            self.serve(lane);
            room.take(lane.priority(), 1);
            match shares.iter_mut().find(|(shared, _)| *shared == lane) {
                Some((_, share)) => *share += 1,
                None => shares.push((lane, 1)),
            }
        }
        shares
    }

    fn next(&mut self, lanes: &[Lane], room: &Room) -> Option<Lane> {
        let waits =
            |priority: &Priority| room.left(*priority) > 0 && lanes.iter().any(|lane| lane.priority() == *priority);
        let waiting: Vec<Priority> = Priority::ALL.into_iter().filter(waits).collect();
        let over = |priority: &Priority| self.passed_over(*priority) >= FLOOR_AFTER;
        let priority = waiting.iter().rev().copied().find(over).or_else(|| waiting.first().copied())?;
        for waited in waiting {
            let passed = if waited > priority { self.passed_over(waited).saturating_add(1) } else { 0 };
            if let Some(passed_over) = self.passed_over.get_mut(usize::from(waited.number())) {
                // A higher one doesn't lose its count to a lower one's floor.
                *passed_over = if waited < priority { *passed_over } else { passed };
            }
        }
        let of_priority = lanes.iter().filter(|lane| lane.priority() == priority);
        of_priority.min_by_key(|lane| (lane.levels().map(|level| self.served_at(level)), **lane)).copied()
    }

    fn passed_over(&self, priority: Priority) -> u32 {
        self.passed_over.get(usize::from(priority.number())).copied().unwrap_or(0)
    }

    fn served_at(&self, level: (u8, i64)) -> u64 {
        self.served.get(&level).copied().unwrap_or(0)
    }

    fn serve(&mut self, lane: Lane) {
        if self.served.len() > SERVED_MAX {
            self.served.clear();
        }
        self.turn = self.turn.saturating_add(1);
        for level in lane.levels() {
            self.served.insert(level, self.turn);
        }
    }
}

/// The order in which leased parcels are handed out: the urgent ones first,
/// then the longest due.
pub(crate) fn in_order(mut leased: Vec<Leased>) -> Vec<Leased> {
    leased.sort_by_key(|leased| (leased.lane.priority(), leased.due, leased.parcel));
    leased
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::OrgId;

    fn lane(priority: Priority, org: u32, stream: &str, sender: &str) -> Lane {
        Lane::new(priority, OrgId(org), stream, sender)
    }

    /// Who is served in so many turns, one after another.
    fn turns(lanes: &[Lane], count: usize) -> HashMap<Lane, usize> {
        let mut turns = Turns::default();
        let mut served = HashMap::new();
        for _ in 0..count {
            for (lane, share) in turns.share(lanes, Room::any(1)) {
                *served.entry(lane).or_insert(0) += share;
            }
        }
        served
    }

    #[test]
    fn the_urgent_go_first_and_the_others_are_not_forgotten() {
        let [urgent, daily, bulk] = Priority::ALL.map(|priority| lane(priority, 1, "a", "x"));
        let served = turns(&[urgent, daily, bulk], 1_000);
        assert!(served[&urgent] >= 800, "{served:?}");
        assert!(served[&daily] >= 80 && served[&bulk] >= 80, "{served:?}");
        assert_eq!(served.values().sum::<usize>(), 1_000);
    }

    #[test]
    fn the_first_turn_is_that_of_the_most_urgent() {
        let [urgent, daily, bulk] = Priority::ALL.map(|priority| lane(priority, 1, "a", "x"));
        let mut turns = Turns::default();
        // However long a campaign has been going on.
        turns.share(&[bulk], Room::any(500));
        assert_eq!(turns.share(&[bulk, daily], Room::any(1)), [(daily, 1)]);
        assert_eq!(turns.share(&[bulk, daily, urgent], Room::any(1)), [(urgent, 1)]);
    }

    #[test]
    fn organisations_then_streams_then_senders_have_equal_turns() {
        let bulk = Priority::Marketing;
        let alone = lane(bulk, 1, "news", "x");
        let (one, two) = (lane(bulk, 2, "news", "x"), lane(bulk, 2, "offers", "x"));
        let other = lane(bulk, 2, "offers", "y");
        let served = turns(&[alone, one, two, other], 400);
        assert_eq!((served[&alone], served[&one], served[&two], served[&other]), (200, 100, 50, 50));
    }

    #[test]
    fn a_batch_is_shared_as_turns_are() {
        let (one, two) = (lane(Priority::Operational, 1, "a", "x"), lane(Priority::Operational, 2, "a", "x"));
        let shares = Turns::default().share(&[one, two], Room::any(9));
        assert_eq!(shares.iter().map(|(_, share)| share).sum::<usize>(), 9);
        assert!(shares.iter().all(|(_, share)| (4..=5).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_priority_without_room_waits() {
        let (urgent, bulk) = (lane(Priority::Transactional, 1, "a", "x"), lane(Priority::Marketing, 1, "a", "x"));
        let room = Room { all: 5, of: [5, 5, 2] };
        assert_eq!(Turns::default().share(&[bulk], room), [(bulk, 2)]);
        assert_eq!(Turns::default().share(&[bulk], Room { all: 5, of: [5, 5, 0] }), []);
        let shares = Turns::default().share(&[urgent, bulk], Room { all: 5, of: [1, 5, 2] });
        assert_eq!(shares, [(urgent, 1), (bulk, 2)]);
    }
}
