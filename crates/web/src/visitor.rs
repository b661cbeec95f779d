//! Where a request comes from, behind the proxies that are believed.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The nearest address that is no believed proxy: what stands further left in
/// X-Forwarded-For anybody can have written.
pub(crate) fn visitor(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let fields = headers.get_all("x-forwarded-for").iter().filter_map(|field| field.to_str().ok());
    let hops: Vec<&str> = fields.flat_map(|field| field.split(',')).collect();
    let mut nearest = peer.to_canonical();
    for hop in hops.into_iter().rev() {
        if !is_proxy(nearest, proxies) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
    }
    nearest
}

/// Whether it is one of them.
pub(crate) fn is_proxy(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&str], expect: &str) {
        let proxies = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append("x-forwarded-for", field.parse().unwrap());
        }
        assert_eq!(visitor(peer.parse().unwrap(), &headers, &proxies).to_string(), expect);
    }

    #[test]
    fn only_a_believed_proxy_tells_for_whom_it_asks() {
        check("192.0.2.1", &["198.51.100.1"], "192.0.2.1");
        check("127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["203.0.113.9, 198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["203.0.113.9, 198.51.100.1", "10.0.0.2"], "198.51.100.1");
        check("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["rubbish"], "127.0.0.1");
        check("127.0.0.1", &[], "127.0.0.1");
    }
}
