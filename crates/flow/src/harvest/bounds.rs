//! How many new keys are taken from mail, so that a flood of them fills
//! neither the store nor anybody's list.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

/// Keys from mail that are kept for one address, whatever became of them.
const ADDRESS_MAX: usize = 8;
/// New keys of one domain in a day.
const DOMAIN_MAX: u32 = 200;
/// New keys from one network in a day: names of domains cost nothing, addresses do.
const NETWORK_MAX: u32 = 500;
/// New keys in a day in all.
const ALL_MAX: u32 = 5_000;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// New keys of this day. A day begins with its first key; a restart begins anew.
#[derive(Default)]
pub(super) struct Bounds {
    since: Option<Timestamp>,
    all: u32,
    domains: HashMap<[u8; 16], u32>,
    networks: HashMap<IpAddr, u32>,
}

impl Bounds {
    /// Whether one more is taken for an address that has `of_address` from
    /// mail, of this domain, brought from there. Where it is, it counts.
    pub fn admits(&mut self, of_address: usize, domain: [u8; 16], peer: IpAddr, now: Timestamp) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since).abs() >= DAY) {
            *self = Self { since: Some(now), ..Self::default() };
        }
        let network = network(peer);
        let of_domain = self.domains.get(&domain).copied().unwrap_or(0);
        let of_network = self.networks.get(&network).copied().unwrap_or(0);
        if of_address >= ADDRESS_MAX || of_domain >= DOMAIN_MAX || of_network >= NETWORK_MAX || self.all >= ALL_MAX {
            return false;
        }
        // Each map has at most one entry for each key that was taken.
        self.all += 1;
        self.domains.insert(domain, of_domain + 1);
        self.networks.insert(network, of_network + 1);
        true
    }
}

/// The network of an address: /24, or /48 of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & 0xffff_ff00).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 80)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap()
    }

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number * 256).into())
    }

    #[test]
    fn an_address_has_few_keys_from_mail() {
        let mut bounds = Bounds::default();
        assert!(bounds.admits(7, [1; 16], peer(1), at(0)));
        assert!(!bounds.admits(8, [1; 16], peer(1), at(0)));
    }

    #[test]
    fn a_flood_of_one_domain_or_one_network_leaves_room_for_others() {
        let mut bounds = Bounds::default();
        let taken = (0..1_000).filter(|number| bounds.admits(0, [1; 16], peer(number % 50), at(1))).count();
        assert_eq!(taken, 200, "of one domain from everywhere");
        let domain =
            |number: u16| [number.to_be_bytes()[0], number.to_be_bytes()[1], 7, 7].repeat(4).try_into().unwrap();
        let taken = (0..1_000).filter(|number| bounds.admits(0, domain(*number), peer(999), at(1))).count();
        assert_eq!(taken, 500, "of many domains from one network");
        assert!(bounds.admits(0, [2; 16], peer(77), at(1)));
        assert!(!bounds.admits(0, [1; 16], peer(77), at(24)));
        assert!(bounds.admits(0, [1; 16], peer(77), at(25)), "the next day");
    }

    #[test]
    fn all_domains_and_networks_together_are_bounded_too() {
        let mut bounds = Bounds::default();
        let domain = |number: u32| [number.to_be_bytes(); 4].concat().try_into().unwrap();
        let taken = (0..6_000).filter(|number| bounds.admits(0, domain(*number), peer(*number), at(0))).count();
        assert_eq!((taken, bounds.domains.len(), bounds.networks.len()), (5_000, 5_000, 5_000));
    }

    #[test]
    fn neighbours_are_one_network() {
        assert_eq!(network("192.0.2.1".parse().unwrap()), network("::ffff:192.0.2.250".parse().unwrap()));
        assert_eq!(network("2001:db8:1::1".parse().unwrap()), network("2001:db8:1:ffff::9".parse().unwrap()));
        assert_ne!(network("2001:db8:1::1".parse().unwrap()), network("2001:db8:2::1".parse().unwrap()));
    }
}
