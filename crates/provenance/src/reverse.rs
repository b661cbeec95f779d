//! The name under which an address says what it is called (RFC 1035 §3.5,
//! RFC 3596 §2.5).

use std::net::IpAddr;

use transport::DnsName;

/// `4.3.2.1.in-addr.arpa`, or thirty-two digits below `ip6.arpa`.
pub fn reverse_name(address: IpAddr) -> Option<DnsName> {
    let text = match address.to_canonical() {
        IpAddr::V4(four) => {
            let [a, b, c, d] = four.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(six) => {
            let digits: Vec<String> = six
                .octets()
                .iter()
                .rev()
                .flat_map(|byte| [byte & 15, byte >> 4])
                .map(|digit| format!("{digit:x}"))
                .collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    };
    DnsName::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expect: &str) {
        assert_eq!(reverse_name(address.parse().unwrap()).unwrap().as_str(), expect);
    }

    #[test]
    fn addresses_have_a_name() {
        check("192.0.2.1", "1.2.0.192.in-addr.arpa");
        check("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa");
        check("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    }
}
