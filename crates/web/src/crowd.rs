//! How many connections are open from one place: a client of many addresses is
//! one, for a customer of IPv6 has a /56.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use identity::block_of;

/// Counts connections by where they come from. What is remembered is as much as is open.
pub(crate) struct Crowd {
    per_address_max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place, given back when dropped.
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Crowd {
    pub(crate) fn new(per_address_max: usize) -> Arc<Self> {
        Arc::new(Self { per_address_max, open: Mutex::default() })
    }

    /// A place for one more; none where this address has its share.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let address = block_of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_network_given_back_and_forgotten() {
        let crowd = Crowd::new(2);
        let enter = |text: &str| crowd.enter(text.parse().unwrap());
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
