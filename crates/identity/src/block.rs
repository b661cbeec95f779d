//! Whose an address is, as far as limits go.

use std::net::{IpAddr, Ipv6Addr};

/// The part of an IPv6 address that one customer of a network has at the most
/// to choose from: homes and machines for hire are given a /56 or a /64 (RFC
/// 6177 §2). Whoever has one could come from 2⁷² addresses.
const IPV6_BITS: u32 = 56;

/// The block of addresses that counts as one where it is counted who comes how
/// often: an IPv4 address, the /56 of an IPv6 address.
#[must_use]
pub fn block_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let rest = u128::BITS - IPV6_BITS;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> rest << rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_of_ipv6_is_one() {
        let check = |one: &str, expect: &str| assert_eq!(block_of(one.parse().unwrap()).to_string(), expect);
        check("2001:db8::1", "2001:db8::");
        check("2001:db8::ffff:2", "2001:db8::");
        check("2001:db8:0:ff:1::1", "2001:db8::");
        check("2001:db8:0:100::1", "2001:db8:0:100::");
        check("::ffff:192.0.2.1", "192.0.2.1");
        check("192.0.2.1", "192.0.2.1");
    }
}
