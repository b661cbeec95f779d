//! What a transport is told: its name, its anchors, its routes and its bounds.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use mail::Domain;
use rustls_pki_types::ServerName;

use crate::shaping::Shape;
use crate::tls::Anchors;

/// How a transport behaves.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// The name for EHLO.
    pub helo: Domain,
    /// Further names of this server, for finding loops (RFC 5321 §5.1).
    pub own_names: Vec<Domain>,
    /// Domains with a fixed host.
    pub routes: Vec<Route>,
    /// The port of MX hosts: 25.
    pub mx_port: u16,
    /// Whether an MX may lead to loopback and private addresses. Else whoever
    /// owns a domain could let this server talk to its own neighbours.
    pub allow_private: bool,
    /// Bounds on time.
    pub timeouts: Timeouts,
    /// Bounds on number.
    pub limits: Limits,
    /// How much single destinations are sent, over what is built in.
    pub shapes: Vec<Shape>,
    /// When mail began to be sent from here, where that is news to others.
    pub sending_since: Option<Timestamp>,
}

impl TransportConfig {
    /// The usual behaviour under this name.
    pub fn new(helo: Domain) -> Self {
        Self {
            helo,
            own_names: Vec::new(),
            routes: Vec::new(),
            mx_port: 25,
            allow_private: false,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            shapes: Vec::new(),
            sending_since: None,
        }
    }
}

/// Bounds on time. Those of the dialogue are RFC 5321 §4.5.3.2's least values
/// or shorter where a waiting queue is better served by the next host.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Opening a connection.
    pub connect: Duration,
    /// The greeting.
    pub greeting: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// The reply to EHLO, STARTTLS, MAIL, RCPT, DATA, RSET.
    pub command: Duration,
    /// Progress while the content is written.
    pub write: Duration,
    /// The reply to the content.
    pub end: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// After this no further address is tried in one delivery.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(120),
            handshake: Duration::from_secs(30),
            command: Duration::from_secs(300),
            write: Duration::from_secs(180),
            end: Duration::from_secs(600),
            idle: Duration::from_secs(15),
            whole: Duration::from_secs(600),
        }
    }
}

/// Bounds on number.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// MX hosts that are tried for a domain.
    pub hosts_max: usize,
    /// Addresses that are tried of a host.
    pub addresses_max: usize,
    /// Connections to a host at a time.
    pub connections_max: usize,
    /// Idle connections in all.
    pub idle_max: usize,
    /// Transactions on a connection.
    pub transactions_max: u32,
    /// Recipients in a transaction (RFC 5321 §4.5.3.1.8 promises 100).
    pub recipients_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hosts_max: 16,
            addresses_max: 8,
            connections_max: 20,
            idle_max: 200,
            transactions_max: 100,
            recipients_max: 100,
        }
    }
}

/// A domain with a fixed host, port and TLS name.
#[derive(Clone, Debug)]
pub struct Route {
    /// The domain whose mail takes this route.
    pub domain: Domain,
    /// The host.
    pub host: RouteHost,
    /// The port.
    pub port: u16,
    /// The name that the host's certificate must be for.
    pub tls_name: ServerName<'static>,
    /// The anchors that its chain must lead to, in place of everybody's.
    pub anchors: Option<Anchors>,
}

/// The host of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteHost {
    /// By its address.
    Address(IpAddr),
    /// By its name, which the DNS resolves.
    Name(Domain),
}

/// Why a route can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The host is neither an address nor a name.
    #[error("the host of a route is an IP address or a name")]
    Host,
    /// The TLS name is neither a name nor an address.
    #[error("the TLS name of a route is a name or an IP address")]
    TlsName,
}

impl Route {
    /// A route as the configuration writes it. Without a TLS name the
    /// certificate must be for the host.
    pub fn new(domain: Domain, host: &str, port: u16, tls_name: Option<&str>) -> Result<Self, RouteError> {
        let name = ServerName::try_from(tls_name.unwrap_or(host).to_owned()).map_err(|_| RouteError::TlsName)?;
        let host = match host.parse() {
            Ok(address) => RouteHost::Address(address),
            Err(_) => RouteHost::Name(Domain::parse(host).map_err(|_| RouteError::Host)?),
        };
        Ok(Self { domain, host, port, tls_name: name, anchors: None })
    }
}
