//! What a listener is told: which door it is, and what a client may cost.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use identity::{Sender, SenderPattern, Submitter};
use ipnet::IpNet;
use mail::{Domain, OrgId};
use rustls::ServerConfig;

use super::Exchange;

/// What all listeners of a process share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name in the greeting and in the reply to EHLO.
    pub hostname: String,
    /// What one session may do.
    pub session: smtp::server::Limits,
    /// What clients may cost together and each.
    pub clients: ClientLimits,
}

impl Settings {
    /// The defaults, under this name.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self { hostname: hostname.into(), session: smtp::server::Limits::default(), clients: ClientLimits::default() }
    }
}

/// What clients may cost together and each.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// Connections at one time.
    pub connections_max: usize,
    /// Connections at one time from one IPv4 address or one IPv6 /56.
    pub connections_per_address_max: usize,
    /// New connections a minute from one IPv4 address or one IPv6 /56.
    pub connections_per_minute_max: u32,
    /// Messages a minute from one credential or named network, whatever the
    /// connections.
    pub messages_per_minute_max: u32,
    /// The time to the end of a TLS handshake.
    pub handshake_timeout: Duration,
    /// The time to the next command, and to the next byte of a command. A
    /// client that has not logged in gets `stranger_timeout`.
    pub command_timeout: Duration,
    /// The same for a client that was not recognised yet.
    pub stranger_timeout: Duration,
    /// The time between two parts of a message, and for a reply to be taken.
    pub data_timeout: Duration,
    /// The time for a whole message.
    pub message_timeout: Duration,
    /// Bytes a second that a message must average once `data_timeout` is over.
    pub message_rate_min: u64,
    /// The time for a whole session.
    pub session_timeout: Duration,
    /// How long a stop waits for messages that are under way.
    pub stop_grace: Duration,
}

impl Default for ClientLimits {
    /// RFC 5321 §4.5.3.2 wants 5 minutes and more from a server that takes
    /// mail of strangers; a submission client is known and needs less.
    fn default() -> Self {
        Self {
            connections_max: 4_000,
            connections_per_address_max: 200,
            connections_per_minute_max: 1_200,
            messages_per_minute_max: 60_000,
            handshake_timeout: Duration::from_secs(15),
            command_timeout: Duration::from_secs(300),
            stranger_timeout: Duration::from_secs(30),
            data_timeout: Duration::from_secs(60),
            message_timeout: Duration::from_secs(1_800),
            message_rate_min: 512,
            session_timeout: Duration::from_secs(86_400),
            stop_grace: Duration::from_secs(30),
        }
    }
}

/// How clients come in at one address.
#[derive(Clone)]
pub enum Door {
    /// Submission with STARTTLS, which comes before AUTH (587; RFC 6409, RFC 3207).
    StartTls(Arc<ServerConfig>),
    /// Submission over TLS from the first byte (465; RFC 8314 §3.3).
    ImplicitTls(Arc<ServerConfig>),
    /// Mail without AUTH or TLS from named networks.
    Named(NamedNetworks),
    /// Mail of mail servers (25; RFC 5321).
    Exchange(Exchange),
}

/// Networks whose devices hand in mail without AUTH or TLS, for named sender
/// domains. Made only for loopback and private networks.
#[derive(Clone, Debug)]
pub struct NamedNetworks {
    networks: Vec<IpNet>,
    sender: Sender,
}

/// Why a listener for named networks is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPrivate {
    /// The network reaches beyond loopback and private addresses.
    #[error("{0} is not within loopback or a private network: mail without AUTH is taken from nowhere else")]
    Network(IpNet),
    /// The listener's own address can be reached from elsewhere.
    #[error("{0} is not a loopback or private address: a listener without AUTH listens nowhere else")]
    Address(SocketAddr),
    /// No network or no sender domain was named.
    #[error("a listener without AUTH names at least one network and one sender domain")]
    Unnamed,
}

impl NamedNetworks {
    /// `name` stands in the ledger for whoever sends from these networks.
    pub fn new(org: OrgId, name: &str, networks: Vec<IpNet>, domains: Vec<Domain>) -> Result<Self, NotPrivate> {
        if networks.is_empty() || domains.is_empty() {
            return Err(NotPrivate::Unnamed);
        }
        if let Some(public) = networks.iter().find(|network| !is_private_network(network)) {
            return Err(NotPrivate::Network(*public));
        }
        let senders = domains.into_iter().map(SenderPattern::Domain).collect();
        let by = Submitter::Network(name.to_owned());
        Ok(Self { networks, sender: Sender { org, by, senders } })
    }

    /// Whose mail it is if it comes from `peer`.
    pub fn sender_at(&self, peer: IpAddr) -> Option<&Sender> {
        self.networks.iter().any(|network| network.contains(&peer)).then_some(&self.sender)
    }
}

/// Refuses an address at which others than the named networks could knock.
pub(super) fn check_private(address: SocketAddr) -> Result<(), NotPrivate> {
    let host = IpNet::from(address.ip().to_canonical());
    is_private_network(&host).then_some(()).ok_or(NotPrivate::Address(address))
}

/// Loopback, private (RFC 1918, RFC 4193) or link-local, as a whole.
fn is_private_network(network: &IpNet) -> bool {
    const PRIVATE: [&str; 8] = [
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    ];
    PRIVATE.iter().filter_map(|text| text.parse::<IpNet>().ok()).any(|private| private.contains(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(network: &str) -> Result<NamedNetworks, NotPrivate> {
        NamedNetworks::new(
            OrgId(1),
            "ward",
            vec![network.parse().unwrap()],
            vec![Domain::parse("clinic.example").unwrap()],
        )
    }

    #[test]
    fn only_private_networks_can_be_named() {
        for fine in
            ["127.0.0.0/8", "127.0.0.1/32", "10.1.0.0/16", "172.31.0.0/16", "192.168.4.0/24", "::1/128", "fd00::/8"]
        {
            assert!(named(fine).is_ok(), "{fine}");
        }
        for public in
            ["0.0.0.0/0", "8.8.8.0/24", "172.0.0.0/8", "192.0.0.0/8", "::/0", "2001:db8::/32", "::ffff:0:0/96"]
        {
            assert_eq!(named(public).err(), Some(NotPrivate::Network(public.parse().unwrap())), "{public}");
        }
    }

    #[test]
    fn a_listener_without_auth_listens_on_private_addresses_only() {
        for fine in ["127.0.0.1:25", "[::1]:25", "192.168.4.2:25", "[::ffff:10.0.0.1]:25"] {
            assert!(check_private(fine.parse().unwrap()).is_ok(), "{fine}");
        }
        for public in ["0.0.0.0:25", "[::]:25", "198.51.100.7:25"] {
            assert!(check_private(public.parse().unwrap()).is_err(), "{public}");
        }
    }

    #[test]
    fn only_a_named_network_is_recognised() {
        let ward = named("192.168.4.0/24").unwrap();
        assert!(ward.sender_at("192.168.4.9".parse().unwrap()).is_some());
        assert!(ward.sender_at("192.168.5.9".parse().unwrap()).is_none());
        assert!(ward.sender_at("::ffff:192.168.4.9".parse().unwrap()).is_none());
    }
}
