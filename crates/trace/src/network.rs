//! Addresses as they are written in `Received` fields, and which of them never
//! leave a machine or a site.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::text;

/// What an address alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// 127.0.0.0/8, ::1.
    Loopback,
    /// RFC 1918, 6598, 3927, 4193 and link-local: no such packet crosses between organisations.
    Private,
    Public,
}

/// An address with what stands around it: `192.0.2.1`, `[192.0.2.1]:25`,
/// `[192.0.2.1:25]`, `/192.0.2.1`, `IPv6:2001:db8::1`, `fe80::1%4`,
/// `::ffff:192.0.2.1`.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let text = match text.as_bytes().first()? {
        b'[' => text::until(text.get(1..)?, |byte| byte == b']'),
        b'/' => text.get(1..)?,
        _ => text,
    };
    match text.as_bytes().first()? {
        b'0'..=b'9' => v4(text.as_bytes()).map(IpAddr::V4).or_else(|| v6(text)).or_else(|| with_port(text)),
        b'I' | b'i' => v6(text.get(5..).filter(|_| text.as_bytes().get(4) == Some(&b':'))?.trim_start()),
        b'a'..=b'f' | b'A'..=b'F' | b':' => v6(text),
        _ => None,
    }
}

fn with_port(text: &str) -> Option<IpAddr> {
    let (address, port) = text::cut(text, b':')?;
    port.bytes().all(|byte| byte.is_ascii_digit()).then(|| v4(address.as_bytes()).map(IpAddr::V4))?
}

fn v4(bytes: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut index, mut value, mut digits) = ([0u8; 4], 0usize, 0u16, 0u8);
    for byte in bytes {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                value = value * 10 + u16::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && index < 3 => {
                *octets.get_mut(index)? = u8::try_from(value).ok()?;
                (index, value, digits) = (index + 1, 0, 0);
            }
            _ => return None,
        }
    }
    *octets.get_mut(index)? = u8::try_from(value).ok()?;
    (index == 3 && digits > 0).then(|| octets.into())
}

fn v6(text: &str) -> Option<IpAddr> {
    // Most words that begin like an address are names.
    let start = text::until(text, |byte| !byte.is_ascii_hexdigit());
    match text.as_bytes().get(start.len())? {
        b':' if text.len() <= 60 => {}
        b'.' => return v4(text.as_bytes()).map(IpAddr::V4),
        _ => return None,
    }
    let text = text::until(text, |byte| byte == b'%');
    let address: Ipv6Addr = text.parse().ok()?;
    Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
}

/// How far an address reaches.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [first, second, ..] = address.octets();
    match (first, second) {
        (127, _) => Reach::Loopback,
        (10, _) | (172, 16..=31) | (192, 168) | (169, 254) | (100, 64..=127) => Reach::Private,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let [first, second, third, ..] = address.segments();
    if address.is_loopback() {
        return Reach::Loopback;
    }
    if first == 0x2002 {
        // 6to4 (RFC 3056) of a private address: what Google writes for its own machines.
        let [[a, b], [c, d]] = [second.to_be_bytes(), third.to_be_bytes()];
        return reach_v4(Ipv4Addr::new(a, b, c, d));
    }
    let is_private = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0;
    if is_private { Reach::Private } else { Reach::Public }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_they_are_written() {
        let check = |text: &str, expect: &str| {
            assert_eq!(address(text).map(|address| address.to_string()).unwrap_or_default(), expect, "{text}");
        };
        check("192.0.2.1", "192.0.2.1");
        check("[192.0.2.1]", "192.0.2.1");
        check("[192.0.2.1]:2780", "192.0.2.1");
        check("192.0.2.1:58374", "192.0.2.1");
        check("/192.0.2.1", "192.0.2.1");
        check("IPv6:2001:db8::1", "2001:db8::1");
        check("[IPv6:::1]", "::1");
        check("IPv6:192.0.2.1", "192.0.2.1");
        check("fe80::1%14", "fe80::1");
        check("::ffff:127.0.0.1", "127.0.0.1");
        check("2603:10b6:207:3d::31", "2603:10b6:207:3d::31");
        for text in [
            "",
            "[",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1.1",
            "192.0.2.1:x",
            "1.2.3.4x",
            "IPv6",
            "deadbeef",
            "a.example",
            "::::",
            "IPvé",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn how_far_they_reach() {
        let check = |text: &str, expect: Reach| assert_eq!(address(text).map(reach), Some(expect), "{text}");
        check("127.1.2.3", Reach::Loopback);
        check("::1", Reach::Loopback);
        check("::ffff:127.0.0.1", Reach::Loopback);
        for private in
            ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1", "100.64.0.1", "fe80::1"]
        {
            check(private, Reach::Private);
        }
        check("fd00::1", Reach::Private);
        check("2002:a05:6358::1", Reach::Private);
        for public in ["172.32.0.1", "100.128.0.1", "192.0.2.1", "2001:db8::1", "2002:c000:0201::1"] {
            check(public, Reach::Public);
        }
    }
}
