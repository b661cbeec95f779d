//! The books of all destinations, and a bound on how many are kept: whoever
//! sends here chooses what we send to, and could fill the memory with names.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::group::Group;

/// At so many destinations the idle ones are forgotten.
const KEPT: usize = 4_096;
/// At so many, those that nobody came to for the longest time are forgotten
/// too, whatever is known of them. Where a delivery is under way they stay.
const MOST: usize = 16_384;

/// The books of all destinations.
pub(super) struct Books {
    groups: HashMap<Arc<str>, Group>,
    /// At so many they are looked through. It moves, so that this is not done
    /// at every new destination.
    look_at: usize,
}

impl Default for Books {
    fn default() -> Self {
        Self { groups: HashMap::new(), look_at: KEPT }
    }
}

impl Books {
    /// Those of one destination.
    pub(super) fn of(&mut self, name: &Arc<str>, now: Timestamp) -> &mut Group {
        if self.groups.len() >= self.look_at && !self.groups.contains_key(name) {
            self.forget(now);
        }
        self.groups.entry(name.clone()).or_default()
    }

    fn forget(&mut self, now: Timestamp) {
        self.groups.retain(|_, group| !group.is_idle(now));
        if self.groups.len() >= MOST {
            let left = self.groups.values().filter(|group| !group.is_under_way());
            let mut used: Vec<Option<Timestamp>> = left.map(Group::used_at).collect();
            used.sort_unstable();
            let until = used.get(used.len() / 2).copied().flatten();
            self.groups.retain(|_, group| group.is_under_way() || group.used_at() > until);
        }
        let left = self.groups.len();
        self.look_at = left.saturating_mul(2).clamp(KEPT, MOST.max(left + 1));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mail::Priority::Marketing;

    use super::*;
    use crate::shaping::group::{Answer, Bounds};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    const BOUNDS: Bounds = Bounds { connections: 8, interval: None };

    #[test]
    fn a_flood_of_destinations_that_complain_fills_no_memory_and_does_not_free_a_provider() {
        let mut books = Books::default();
        let (busy, provider): (Arc<str>, Arc<str>) = ("busy.example".into(), "provider.example".into());
        let Answer::Go(_) = books.of(&busy, at(0)).come(at(0), Marketing, BOUNDS) else { panic!("not taken") };
        books.of(&provider, at(0)).too_much(at(0), Duration::from_secs(3_600));
        for number in 0..100_000 {
            let (name, now) = (Arc::from(format!("{number}.example")), at(number / 100));
            let group = books.of(&name, now);
            let Answer::Go(id) = group.come(now, Marketing, BOUNDS) else { panic!("not taken") };
            group.too_much(now, Duration::from_secs(3_600));
            group.leave(id, now, BOUNDS);
            if number % 1_000 == 0 {
                drop(books.of(&provider, now).come(now, Marketing, BOUNDS));
            }
            assert!(books.groups.len() <= MOST + 1, "{}", books.groups.len());
        }
        assert!(books.groups[&busy].is_under_way());
        let answer = books.of(&provider, at(1_000)).come(at(1_000), Marketing, BOUNDS);
        assert!(matches!(answer, Answer::At(_, _)), "it is still left in peace");
    }

    #[test]
    fn destinations_that_are_done_with_are_forgotten_first() {
        let mut books = Books::default();
        for number in 0..3 * KEPT {
            let name = Arc::from(format!("{number}.example"));
            let group = books.of(&name, at(0));
            let Answer::Go(id) = group.come(at(0), Marketing, BOUNDS) else { panic!("not taken") };
            group.leave(id, at(0), BOUNDS);
        }
        assert!(books.groups.len() <= KEPT, "{}", books.groups.len());
    }
}
