//! How much is under way for each: connections from one block of addresses,
//! files of one link.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is open of each. What is remembered is as much as is open.
pub(crate) struct Crowd<K: Eq + Hash> {
    each_max: usize,
    open: Mutex<HashMap<K, usize>>,
}

/// A place, given back when dropped.
pub(crate) struct Place<K: Eq + Hash> {
    crowd: Arc<Crowd<K>>,
    of: K,
}

impl<K: Eq + Hash + Clone> Crowd<K> {
    pub(crate) fn new(each_max: usize) -> Arc<Self> {
        Arc::new(Self { each_max, open: Mutex::default() })
    }

    /// A place for one more; none where this one has its share.
    pub(crate) fn enter(self: &Arc<Self>, of: K) -> Option<Place<K>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(of.clone()).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), of })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.of) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use identity::block_of;

    use super::*;

    #[test]
    fn places_are_counted_by_network_given_back_and_forgotten() {
        let crowd = Crowd::new(2);
        let enter = |text: &str| crowd.enter(block_of(text.parse().unwrap()));
        let (first, _second) = (enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap());
        assert!(enter("2001:db8::3").is_none());
        let other =
            (enter("2001:db8:0:100::1").unwrap(), enter("192.0.2.1").unwrap(), enter("::ffff:192.0.2.1").unwrap());
        assert!(enter("192.0.2.1").is_none());
        drop(first);
        let _again = enter("2001:db8::3").unwrap();
        drop(other);
        assert_eq!(crowd.open.lock().unwrap().len(), 1);
    }
}
