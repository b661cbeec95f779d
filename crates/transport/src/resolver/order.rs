//! The order in which a domain's hosts are tried (RFC 5321 §5.1), and which
//! addresses an MX record may lead to. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::seam::random;
use mail::{Domain, Entropy};

use super::Exchange;

/// The hosts to try, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Best first. Empty when this server is itself the best.
    pub(crate) hosts: Vec<Domain>,
    /// Whether there are more than may be tried.
    pub(crate) is_cut: bool,
}

/// Orders hosts by preference, those of equal preference at random. Where this
/// server is among them, it and everything not better than it are left out, or
/// mail would go in circles.
pub(crate) fn order(mut hosts: Vec<Exchange>, own: &[Domain], hosts_max: usize, entropy: &dyn Entropy) -> Order {
    let own_preference = hosts.iter().filter(|host| own.contains(&host.host)).map(|host| host.preference).min();
    if let Some(limit) = own_preference {
        hosts.retain(|host| host.preference < limit);
    }
    let mut drawn: Vec<(u16, u64, Domain)> =
        hosts.into_iter().map(|host| (host.preference, u64::from_be_bytes(random(entropy)), host.host)).collect();
    drawn.sort();
    let mut hosts: Vec<Domain> = Vec::new();
    for (_, _, host) in drawn {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let is_cut = hosts.len() > hosts_max;
    hosts.truncate(hosts_max);
    Order { hosts, is_cut }
}

/// Whether an address belongs to the public Internet (the IANA special-purpose
/// registries, RFC 6890). An MX may not lead anywhere else: whoever owns a
/// domain could let this server talk to its neighbours and itself.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Azure serves a machine its own metadata and configuration here: an address
/// that looks public and is answered by the neighbour.
const CLOUD_AGENT: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || address == CLOUD_AGENT;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // 6to4 and NAT64 carry an IPv4 address, which must be public itself.
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        // Global unicast is 2000::/3; all else is loopback, local or reserved.
        [first, ..] => (0x2000..0x4000).contains(&first) && first != 0x3fff,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// Different bytes at each call.
    struct Counter(AtomicU8);

    impl Entropy for Counter {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(97, Ordering::Relaxed).wrapping_mul(31));
        }
    }

    fn exchange(preference: u16, host: &str) -> Exchange {
        Exchange { preference, host: Domain::parse(host).unwrap() }
    }

    fn ordered(hosts: &[(u16, &str)], own: &[&str], hosts_max: usize, seed: u8) -> (Vec<String>, bool) {
        let hosts = hosts.iter().map(|(preference, host)| exchange(*preference, host)).collect();
        let own: Vec<Domain> = own.iter().map(|name| Domain::parse(name).unwrap()).collect();
        let order = order(hosts, &own, hosts_max, &Counter(AtomicU8::new(seed)));
        (order.hosts.iter().map(ToString::to_string).collect(), order.is_cut)
    }

    #[test]
    fn better_preferences_come_first() {
        let hosts = [(20, "b.example"), (10, "a.example"), (30, "c.example")];
        assert_eq!(ordered(&hosts, &[], 9, 0).0, ["a.example", "b.example", "c.example"]);
        assert_eq!(ordered(&hosts, &[], 2, 0), (vec!["a.example".to_owned(), "b.example".to_owned()], true));
    }

    #[test]
    fn equals_come_in_any_order() {
        let hosts = [(10, "a.example"), (10, "b.example")];
        let firsts: BTreeSet<String> = (0..50).map(|seed| ordered(&hosts, &[], 9, seed).0.remove(0)).collect();
        assert_eq!(firsts.len(), 2);
    }

    #[test]
    fn a_host_named_twice_is_tried_once() {
        assert_eq!(ordered(&[(10, "a.example"), (20, "a.example")], &[], 9, 0).0, ["a.example"]);
    }

    #[test]
    fn this_server_and_what_is_not_better_are_left_out() {
        let hosts = [(10, "a.example"), (20, "me.example"), (20, "b.example"), (30, "c.example")];
        assert_eq!(ordered(&hosts, &["me.example"], 9, 0).0, ["a.example"]);
        assert!(ordered(&hosts, &["a.example"], 9, 0).0.is_empty());
    }

    #[test]
    fn neighbours_are_not_public() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "192.0.0.192",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "2001:db8::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2a00:1450::1", "2606:4700::1", "64:ff9b::808:808"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
