//! `[gateway]`: port 25, the organisations' own mail systems, and where
//! inbound mail goes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use mail::{Address, Domain};
use serde::{Deserialize, Serialize};

use super::Config;
use super::providers::{M365_CERTIFICATE, Provider};
use super::units::{Size, Span};

/// `[gateway]`: off while `listen` is empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// Where mail servers bring mail (RFC 5321).
    pub listen: Vec<SocketAddr>,
    /// The certificate chain, PEM; none: that of `[submission]`.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// Who vouches for the certificates of connectors, PEM; none: the roots that are built in.
    pub anchors: Option<PathBuf>,
    /// Whether mail is refused whose author's domain asks for that (DMARC, `p=reject`).
    pub honour_dmarc: bool,
    /// Domains of partners, which others may want to look like.
    pub partners: Vec<Domain>,
    /// Names of the staff, which nobody writes under from outside.
    pub staff: Vec<String>,
    /// The domain of signed return paths, whose MX is this machine; none: MAIL FROM stays the sender's.
    pub return_path: Option<Domain>,
    /// What one mail server may ask for.
    pub limits: Limits,
    /// The organisations' own mail systems, whose outbound mail is taken.
    pub connector: Vec<Connector>,
    /// Domains whose inbound mail is taken, and where it goes.
    pub inbound: Vec<Inbound>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            certificate: None,
            key: None,
            anchors: None,
            honour_dmarc: true,
            partners: Vec::new(),
            staff: Vec::new(),
            return_path: None,
            limits: Limits::default(),
            connector: Vec::new(),
            inbound: Vec::new(),
        }
    }
}

/// `[gateway.limits]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Connections at once from one address.
    pub connections_per_address: u32,
    /// New connections a minute from one address.
    pub connections_per_minute: u32,
    /// Messages a minute from one connector, or from one address of a stranger; 0: no limit.
    pub messages_per_minute: u32,
    /// Recipients of one message.
    pub recipients: u32,
    /// Bytes of one message.
    pub message_size: Size,
    /// How long a mail server may say nothing (RFC 5321 §4.5.3.2.7).
    pub idle: Span,
    /// How long a session may last.
    pub session: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_000,
            connections_per_address: 100,
            connections_per_minute: 600,
            messages_per_minute: 3_000,
            recipients: 200,
            message_size: Size(64_000_000),
            idle: Span::minutes(5),
            session: Span::hours(1),
        }
    }
}

/// `[[gateway.connector]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connector {
    /// Its name in commands and in the ledger.
    pub name: String,
    /// The slug of the organisation whose mail system it is; none: the only one.
    pub organisation: Option<String>,
    /// What mail system it is.
    #[serde(default)]
    pub kind: Kind,
    /// The networks that it connects from; empty: any.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// The name that its client certificate must be valid for.
    pub certificate: Option<Domain>,
    /// The sender domains that it may use; empty: all of the organisation.
    #[serde(default)]
    pub sender_domains: Vec<Domain>,
    /// The field in which its transport rule shows the secret.
    #[serde(default = "secret_field")]
    pub secret_field: String,
    /// Files with the secret: two, of which one is replaced while the other is good.
    #[serde(default)]
    pub secret_files: Vec<PathBuf>,
    /// Whether a DKIM signature of the sender's domain proves the tenant.
    #[serde(default)]
    pub dkim: bool,
    /// Whether nobody else sends from its public networks, or under the name in its certificate.
    #[serde(default)]
    pub exclusive: bool,
}

fn secret_field() -> String {
    "X-Sealpost-Tenant".to_owned()
}

/// What a mail system is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Microsoft 365, which its customers share.
    M365,
    /// Google Workspace, which its customers share.
    Google,
    /// One's own.
    #[default]
    Generic,
}

impl Kind {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::M365 => "m365",
            Kind::Google => "google",
            Kind::Generic => "generic",
        }
    }

    /// Whether other organisations send from the same networks, under the same certificate.
    pub const fn is_shared(self) -> bool {
        match self {
            Kind::M365 | Kind::Google => true,
            Kind::Generic => false,
        }
    }
}

/// `[[gateway.inbound]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inbound {
    /// The recipients' domains.
    pub domains: Vec<Domain>,
    /// The slug of the organisation; none: the one that the domains belong to, or the only one.
    pub organisation: Option<String>,
    /// The next hop: a host name or an IP address.
    pub host: String,
    /// Its port.
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// The name that its certificate must bear; none: `host`.
    pub tls_name: Option<Domain>,
    /// Who vouches for it, PEM; none: `delivery.anchors`.
    pub anchors: Option<PathBuf>,
    /// A mailbox there that sends back what it gets, for `sealpost gateway check`.
    pub probe: Option<Address>,
}

fn smtp_port() -> u16 {
    25
}

impl Connector {
    /// The networks that it connects from; empty: any.
    pub fn source_networks(&self) -> Vec<IpNet> {
        match self.kind {
            Kind::Google if self.networks.is_empty() && self.certificate.is_none() => {
                Provider::Google.networks().collect()
            }
            Kind::Google | Kind::M365 | Kind::Generic => self.networks.clone(),
        }
    }

    /// The name that its client certificate must be valid for.
    pub fn certificate_name(&self) -> Option<Domain> {
        match self.kind {
            Kind::M365 if self.networks.is_empty() && self.certificate.is_none() => {
                Domain::parse(M365_CERTIFICATE).ok()
            }
            Kind::M365 | Kind::Google | Kind::Generic => self.certificate.clone(),
        }
    }
}

impl Config {
    /// Certificate and key of the gateway: its own, else those of submission.
    pub fn gateway_tls(&self) -> Option<(&Path, &Path)> {
        match (&self.gateway.certificate, &self.gateway.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => self.submission_tls(),
        }
    }

    /// The organisation with that slug; without one the only one.
    pub fn organisation_of(&self, slug: Option<&str>) -> Option<&super::Organisation> {
        match (slug, self.organisation.as_slice()) {
            (Some(slug), all) => all.iter().find(|one| one.slug == slug),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// Whose mail an inbound route is for.
    pub fn organisation_of_inbound(&self, inbound: &Inbound) -> Option<&super::Organisation> {
        let owns = |one: &&super::Organisation| inbound.domains.iter().any(|domain| one.domains.contains(domain));
        match &inbound.organisation {
            Some(slug) => self.organisation_of(Some(slug)),
            None => self.organisation.iter().find(owns).or(self.organisation_of(None)),
        }
    }
}
