//! The sections and keys of the configuration, with their defaults.
//!
//! Every field here is a key, and every key has its line in
//! `docs/configuration.md`; a test compares the two.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use mail::Domain;
use serde::{Deserialize, Serialize};

use super::acme::Acme;
use super::delivery::{Delivery, Route, Shaping};
use super::gateway::Gateway;
use super::keys::{Keys, OrgKeys, Smime};
use super::replies::Replies;
use super::reports::Reports;
use super::source::Source;
use super::store::{Store, StoreUrl};
use super::stream::Stream;
use super::units::{Size, Span};
use super::watch::Watch;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    /// The organisations that are served: one written as `[organisation]`, or several as `[[organisation]]`.
    pub organisation: Vec<Organisation>,
    /// The machine.
    pub server: Server,
    /// Keys at rest.
    #[serde(default)]
    pub vault: Vault,
    /// The doors for mail with authentication.
    #[serde(default)]
    pub submission: Submission,
    /// The door for named networks.
    #[serde(default)]
    pub named_networks: NamedNetworks,
    /// Port 25, in two directions.
    #[serde(default)]
    pub gateway: Gateway,
    /// Outbound mail.
    #[serde(default)]
    pub delivery: Delivery,
    /// Domains with a fixed host.
    #[serde(default)]
    pub route: Vec<Route>,
    /// How much single destinations are sent at a time.
    #[serde(default)]
    pub shaping: Vec<Shaping>,
    /// The own addresses that mail of streams leaves from.
    #[serde(default)]
    pub source: Vec<Source>,
    /// What messages are part of.
    #[serde(default)]
    pub stream: Vec<Stream>,
    /// The pick-up portal.
    #[serde(default)]
    pub portal: Portal,
    /// The listeners' certificate, had from an authority.
    #[serde(default)]
    pub acme: Acme,
    /// Signing.
    #[serde(default)]
    pub dkim: Dkim,
    /// Rules and detectors, as the `policy` crate reads them.
    #[serde(default)]
    pub policy: toml::Table,
    /// How recipients' keys are found.
    #[serde(default)]
    pub keys: Keys,
    /// The organisations' own keys.
    #[serde(default)]
    pub orgkeys: OrgKeys,
    /// Whose S/MIME certificates are believed.
    #[serde(default)]
    pub smime: Smime,
    /// What policy holds for a person.
    #[serde(default)]
    pub holds: Holds,
    /// Domains that are probed on a schedule.
    #[serde(default)]
    pub watch: Watch,
    /// Reports on TLS and DMARC, both ways.
    #[serde(default)]
    pub reports: Reports,
    /// Health and metrics.
    #[serde(default)]
    pub health: Health,
    /// Logs.
    #[serde(default)]
    pub log: Log,
    /// The database.
    #[serde(default)]
    pub store: Store,
}

/// `[organisation]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organisation {
    /// Its name in commands and paths: lower-case letters, digits, hyphens.
    pub slug: String,
    /// Its name for people, as recipients know it.
    pub name: String,
    /// The number that notices give for questions.
    pub phone: Option<String>,
    /// Where its clocks stand, as an IANA name; recipients read dates in this zone.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// The domains it sends from.
    pub domains: Vec<Domain>,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Organisation {
    /// The zone that `time_zone` names.
    pub fn zone(&self) -> Result<jiff::tz::TimeZone, jiff::Error> {
        jiff::tz::TimeZone::get(&self.time_zone)
    }
}

/// `[server]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// The public name of this machine.
    pub hostname: Domain,
    /// Where database and bodies are.
    #[serde(default = "data_dir")]
    pub data_dir: PathBuf,
    /// What judging and sealing may hold in memory at once; a larger message waits for its turn.
    #[serde(default = "judging_memory")]
    pub judging_memory: Size,
}

fn data_dir() -> PathBuf {
    PathBuf::from("/var/lib/sealpost")
}

fn judging_memory() -> Size {
    Size(256_000_000)
}

/// `[vault]`: exactly one of the two is set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vault {
    /// The file with the root key: mode 0600, outside the data directory.
    pub root_key_file: Option<PathBuf>,
    /// The variable of the environment that holds the root key.
    pub root_key_env: Option<String>,
}

/// `[submission]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Submission {
    /// Where STARTTLS comes before AUTH (RFC 6409).
    pub starttls: Vec<SocketAddr>,
    /// Where TLS comes first (RFC 8314).
    pub tls: Vec<SocketAddr>,
    /// The certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// What one client may ask for.
    pub limits: Limits,
}

impl Default for Submission {
    fn default() -> Self {
        let everywhere = |port| vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
        Self {
            starttls: everywhere(587),
            tls: everywhere(465),
            certificate: None,
            key: None,
            limits: Limits::default(),
        }
    }
}

/// `[submission.limits]`, which hold for `[named_networks]` too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Connections at once from one address.
    pub connections_per_address: u32,
    /// Messages a minute from one credential or named network; 0: no limit.
    pub messages_per_minute: u32,
    /// Recipients of one message.
    pub recipients: u32,
    /// Bytes of one message.
    pub message_size: Size,
    /// Bytes of one line of a message, without CRLF.
    pub line_length: u32,
    /// Multiparts and messages inside each other.
    pub mime_depth: u32,
    /// Parts of one message.
    pub mime_parts: u32,
    /// How long a client may say nothing.
    pub idle: Span,
    /// How long a session may last.
    pub session: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 5_000,
            connections_per_address: 2_500,
            messages_per_minute: 60_000,
            recipients: 500,
            message_size: Size(64_000_000),
            line_length: 998,
            mime_depth: 50,
            mime_parts: 1_000,
            idle: Span::minutes(5),
            session: Span::hours(1),
        }
    }
}

/// `[named_networks]`: off while `listen` is empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedNetworks {
    /// Where mail is taken without AUTH and TLS: loopback and private addresses only.
    pub listen: Vec<SocketAddr>,
    /// From whom.
    pub networks: Vec<IpNet>,
    /// With which sender domains; each belongs to an organisation.
    pub sender_domains: Vec<Domain>,
}

/// `[portal]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Portal {
    /// Where pages are served.
    pub listen: Vec<SocketAddr>,
    /// Where plain HTTP is sent on to the portal, and authorities are answered (HTTP-01).
    pub listen_http: Vec<SocketAddr>,
    /// What links begin with; none: `https://` and `server.hostname`.
    pub url: Option<String>,
    /// The certificate chain, PEM; none: that of `[submission]`.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// The language where a recipient's browser asks for none that there is.
    pub language: Language,
    /// How long a message can be picked up.
    pub expiry: Span,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// The colour of buttons and links, as `#rrggbb`, dark enough to read on white.
    pub accent: Option<String>,
    /// Whether the header analyser is a page for everybody.
    pub analyser: bool,
    /// Recipients' replies.
    pub replies: Replies,
}

impl Default for Portal {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 443))],
            listen_http: Vec::new(),
            url: None,
            certificate: None,
            key: None,
            language: Language::En,
            expiry: Span::days(30),
            proxies: Vec::new(),
            accent: None,
            analyser: false,
            replies: Replies::default(),
        }
    }
}

/// A language that the portal speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Spanish.
    Es,
}

impl Language {
    /// The tag of BCP 47.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Es => "es",
        }
    }
}

/// `[dkim]`: the keys themselves are in the vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Dkim {
    /// Whether what is sent is signed.
    pub sign: bool,
    /// The selector of every domain that has none of its own.
    pub selector: String,
    /// Selectors of single domains: `"clinic.example" = "s2"`.
    pub selectors: BTreeMap<Domain, String>,
    /// Selectors of a second key of single domains, which signs as well.
    pub second: BTreeMap<Domain, String>,
}

impl Default for Dkim {
    fn default() -> Self {
        Self { sign: true, selector: "sealpost".to_owned(), selectors: BTreeMap::new(), second: BTreeMap::new() }
    }
}

/// `[holds]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Holds {
    /// After this a held message that nobody judged is not sent; its sender is told.
    pub expiry: Span,
}

impl Default for Holds {
    fn default() -> Self {
        Self { expiry: Span::days(14) }
    }
}

/// `[health]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Where `/livez`, `/readyz` and `/metrics` are.
    pub listen: SocketAddr,
}

impl Default for Health {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)) }
    }
}

/// `[log]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,transport=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// A JSON object a line.
    Json,
    /// Text for people.
    Text,
}

impl Config {
    /// The first key in which `other` differs that a running server can't change.
    pub fn immovable(&self, other: &Config) -> Option<&'static str> {
        let same_store = match (&self.store.url, &other.store.url) {
            (StoreUrl::Sqlite, StoreUrl::Sqlite) => true,
            (StoreUrl::Postgres(one), StoreUrl::Postgres(another)) => one.reveal() == another.reveal(),
            (StoreUrl::Sqlite, StoreUrl::Postgres(_)) | (StoreUrl::Postgres(_), StoreUrl::Sqlite) => false,
        };
        let keys = [
            ("server.data_dir", self.server.data_dir == other.server.data_dir),
            ("store.url", same_store),
            ("vault.root_key_file", self.vault.root_key_file == other.vault.root_key_file),
            ("vault.root_key_env", self.vault.root_key_env == other.vault.root_key_env),
        ];
        keys.into_iter().find(|(_, same)| !same).map(|(key, _)| key)
    }

    /// What links to the portal begin with, without a slash at the end.
    pub fn portal_url(&self) -> String {
        match &self.portal.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}", self.server.hostname),
        }
    }

    /// The name said in EHLO.
    pub fn helo(&self) -> &Domain {
        self.delivery.helo.as_ref().unwrap_or(&self.server.hostname)
    }

    /// The addresses of all sources, each with the name that is said there.
    pub fn source_addresses(&self) -> impl Iterator<Item = (&Domain, IpAddr)> {
        self.source.iter().flat_map(|source| source.addresses().map(|address| (&source.helo, address)))
    }

    /// Certificate and key of the submission listeners.
    pub fn submission_tls(&self) -> Option<(&Path, &Path)> {
        Some((self.submission.certificate.as_deref()?, self.submission.key.as_deref()?))
    }

    /// Certificate and key of the portal: its own, else those of submission. None: plain HTTP, which only loopback
    /// may, and which a `portal.url` of `http://` asks for.
    pub fn portal_tls(&self) -> Option<(&Path, &Path)> {
        if self.portal.url.as_ref().is_some_and(|url| url.starts_with("http://")) {
            return None;
        }
        match (&self.portal.certificate, &self.portal.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => self.submission_tls(),
        }
    }

    /// The selector that signs for a domain.
    pub fn dkim_selector(&self, domain: &Domain) -> &str {
        self.dkim.selectors.get(domain).unwrap_or(&self.dkim.selector)
    }
}
