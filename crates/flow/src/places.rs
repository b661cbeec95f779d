//! The places of deliveries: so many are under way at a time, and what is less
//! urgent never has all of them.
//!
//! A campaign to slow servers would else hold every place for minutes, and a
//! password reset would wait for one however soon its turn comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mail::Priority;
use store::Room;

/// All places.
#[derive(Clone)]
pub(crate) struct Places {
    all: usize,
    taken: Arc<[AtomicUsize; 3]>,
}

/// One place; free again when this is dropped.
pub(crate) struct Place {
    places: Places,
    priority: Priority,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.of(self.priority).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub(crate) fn new(all: usize) -> Self {
        Self { all, taken: Arc::default() }
    }

    fn of(&self, priority: Priority) -> &AtomicUsize {
        let [transactional, operational, marketing] = &*self.taken;
        match priority {
            Priority::Transactional => transactional,
            Priority::Operational => operational,
            Priority::Marketing => marketing,
        }
    }

    /// Takes a place, whether there is room or not: what is leased is carried.
    pub(crate) fn take(&self, priority: Priority) -> Place {
        self.of(priority).fetch_add(1, Ordering::Relaxed);
        Place { places: self.clone(), priority }
    }

    /// How many more may be under way, in all and of each priority.
    pub(crate) fn room(&self) -> Room {
        let [transactional, operational, marketing] = Priority::ALL.map(|one| self.of(one).load(Ordering::Relaxed));
        let taken = [transactional + operational + marketing, operational + marketing, marketing];
        let mut of = [0; 3];
        for ((free, priority), taken) in of.iter_mut().zip(Priority::ALL).zip(taken) {
            *free = priority.share(self.all).saturating_sub(taken);
        }
        // Less urgent ones have no more than what is left of the shares above theirs.
        let [first, second, third] = of;
        // One urgent delivery goes beside whatever holds the only place.
        let first = if transactional == 0 { first.max(1) } else { first };
        Room { all: first, of: [first, second.min(first), third.min(second).min(first)] }
    }

    /// Whether what is not urgent has to wait for a place.
    pub(crate) fn is_tight(&self) -> bool {
        self.room().of.contains(&0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_less_urgent_never_has_all_places() {
        let places = Places::new(100);
        assert_eq!(places.room(), Room { all: 100, of: [100, 85, 60] });
        let campaign: Vec<Place> = (0..60).map(|_| places.take(Priority::Marketing)).collect();
        assert_eq!(places.room(), Room { all: 40, of: [40, 25, 0] });
        let daily: Vec<Place> = (0..25).map(|_| places.take(Priority::Operational)).collect();
        assert_eq!(places.room(), Room { all: 15, of: [15, 0, 0] });
        assert!(places.is_tight());
        // A machine of two places shares them, too.
        assert_eq!(Places::new(2).room(), Room { all: 2, of: [2, 1, 1] });
        drop(campaign);
        assert_eq!(places.room(), Room { all: 75, of: [75, 60, 60] });
        drop(daily);
        assert!(!places.is_tight());
    }

    #[test]
    fn a_single_place_is_everybodys() {
        let places = Places::new(1);
        assert_eq!(places.room(), Room { all: 1, of: [1, 1, 1] });
        let news = places.take(Priority::Marketing);
        assert_eq!(places.room(), Room { all: 1, of: [1, 0, 0] }, "one that is urgent goes beside");
        let code = places.take(Priority::Transactional);
        assert_eq!(places.room(), Room { all: 0, of: [0, 0, 0] });
        drop(news);
        assert_eq!(places.room(), Room { all: 0, of: [0, 0, 0] });
        drop(code);
        assert_eq!(places.room(), Room { all: 1, of: [1, 1, 1] });
    }

    #[test]
    fn few_places_keep_one_for_what_is_urgent() {
        let of = |all| Places::new(all).room().of;
        assert_eq!([3, 4, 5, 6].map(of), [[3, 2, 1], [4, 3, 2], [5, 4, 3], [6, 5, 4]]);
    }
}
