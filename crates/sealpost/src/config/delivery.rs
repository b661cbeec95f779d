//! `[delivery]` and `[[route]]`: how mail leaves.

use std::num::NonZeroU32;
use std::path::PathBuf;

use mail::Domain;
use serde::{Deserialize, Serialize};

use super::units::{NameServer, Span};

/// `[delivery]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// The port of MX hosts.
    pub mx_port: u16,
    /// Certificates to trust, PEM; none: the roots that are built in.
    pub anchors: Option<PathBuf>,
    /// Name servers to ask; none: the system's.
    pub name_servers: Vec<NameServer>,
    /// Whether answers of the DNS are proven.
    pub dnssec: DnssecMode,
    /// The DNSKEY records that proofs begin at; none: those of the root zone, which are built in.
    pub dnssec_anchors: Option<PathBuf>,
    /// Whether mail may go to loopback and private addresses found by MX lookup.
    pub allow_private: bool,
    /// Waits between attempts; the last one repeats.
    pub retry: Vec<Span>,
    /// How long attempts go on before the sender is told that there will be none.
    pub expiry: Span,
    /// How long a domain may only defer before the copy goes to the portal.
    pub reroute_after: Span,
    /// How long the best level that a domain showed is held to after it was last shown.
    pub posture_hold: Span,
    /// The day on which mail began to be sent from here, where that is news to others.
    pub sending_since: Option<jiff::civil::Date>,
    /// The name said in EHLO; none: `server.hostname`.
    pub helo: Option<Domain>,
    /// Connections at once.
    pub concurrency: u32,
    /// Connections at once to one domain.
    pub concurrency_per_domain: u32,
    /// How long connecting may take.
    pub connect_timeout: Span,
    /// How long a peer may take for a reply (RFC 5321 §4.5.3.2).
    pub reply_timeout: Span,
    /// How long a peer may take for its reply to the end of the data (RFC 5321 §4.5.3.2.6).
    pub data_timeout: Span,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            mx_port: 25,
            anchors: None,
            name_servers: Vec::new(),
            dnssec: DnssecMode::Auto,
            dnssec_anchors: None,
            allow_private: false,
            retry: vec![Span::minutes(1), Span::minutes(5), Span::minutes(15), Span::minutes(30), Span::hours(1)],
            expiry: Span::days(5),
            reroute_after: Span::hours(4),
            posture_hold: Span::days(30),
            sending_since: None,
            helo: None,
            concurrency: 256,
            concurrency_per_domain: 20,
            connect_timeout: Span::seconds(30),
            reply_timeout: Span::minutes(5),
            data_timeout: Span::minutes(10),
        }
    }
}

/// Whether answers of the DNS are proven (RFC 4035).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DnssecMode {
    /// Validated here, if the name servers pass on the root's signatures.
    Auto,
    /// Validated here, always.
    Validate,
    /// A validating resolver on this machine is believed.
    Trusted,
    /// Nothing is proven.
    Off,
}

/// `[[shaping]]`: how much a destination is sent at a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shaping {
    /// What it is called.
    pub name: String,
    /// What the names of its MX hosts end in.
    pub mx: Vec<Domain>,
    /// Connections at once; none: `delivery.concurrency_per_domain`.
    pub connections: Option<NonZeroU32>,
    /// Messages on a connection; none: as to everybody.
    pub messages_per_connection: Option<NonZeroU32>,
    /// Messages a minute; none: no limit.
    pub per_minute: Option<NonZeroU32>,
    /// Messages an hour; none: no limit.
    pub per_hour: Option<NonZeroU32>,
}

/// `[[route]]`: a domain whose mail goes to a fixed host, without an MX lookup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Route {
    /// The recipients' domain.
    pub domain: Domain,
    /// A host name or an IP address.
    pub host: String,
    /// Its port.
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// The name that its certificate must bear; none: `host`.
    pub tls_name: Option<Domain>,
}

fn smtp_port() -> u16 {
    25
}
