//! A bounded HTTPS GET, for what strangers publish: MTA-STS policies
//! (RFC 8461), keys by WKD; and over plain HTTP what proves itself by its own
//! signature: revocation lists, answers of OCSP (RFC 6960 §A.1).
//!
//! The address of such a document is chosen by whoever owns a domain, so it
//! must not be able to make this server talk to its neighbours or to itself:
//! names only, one port (or few), every resolved address judged right before
//! it is connected to (so that no second lookup can give another one), and
//! again after each redirect. No proxies, no cookies, no credentials, nothing
//! of the process's environment.

mod error;
mod exchange;
mod tls;
mod url;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Request, Response};
use mail::Clock;
use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout_at};
use transport::{Anchors, Network, ResolveError, Resolver, Stream, is_public};

pub use error::FetchError;
use exchange::Question;
use url::Scheme;
pub use url::{Url, UrlError};

/// What a fetch may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
    /// How long the whole may take: lookups, handshakes, redirects and body.
    pub time: Duration,
    /// Redirects that are followed. RFC 8461 §3.3 wants none.
    pub redirects_max: usize,
    /// Addresses of a host that are tried.
    pub addresses_max: usize,
}

impl Bounds {
    /// What an MTA-STS policy may cost (RFC 8461 §3.3: 64 KiB, a minute, no redirects).
    pub const MTA_STS: Bounds =
        Bounds { body_bytes_max: 64 * 1024, time: Duration::from_secs(60), redirects_max: 0, addresses_max: 4 };
}

/// A document, or another word of the server's about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The status; never one that was followed as a redirect.
    pub status: u16,
    /// The media type as written, parameters included.
    pub content_type: Option<String>,
    /// The body, whole.
    pub body: Vec<u8>,
    /// Where it came from in the end.
    pub url: Url,
}

impl Fetched {
    /// The media type alone, in lower case: `text/plain`.
    pub fn media_type(&self) -> Option<String> {
        let written = self.content_type.as_deref()?;
        Some(written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// Where a fetcher may go.
#[derive(Clone, Copy, Debug)]
pub struct FetchConfig {
    /// The port of URLs that name none; no other is ever connected to: 443.
    pub port: u16,
    /// Whether a name may lead to loopback and private addresses.
    pub allow_private: bool,
    /// Whether a URL may name another port: one that no service of old has.
    /// For URLs that an authority put into its certificates.
    pub other_ports: bool,
}

/// The port of plain HTTP.
const PLAIN_PORT: u16 = 80;
/// Ports below this belong to services that might misread what is sent to them.
const OTHER_PORT_MIN: u16 = 1024;

impl Default for FetchConfig {
    fn default() -> Self {
        Self { port: 443, allow_private: false, other_ports: false }
    }
}

impl FetchConfig {
    /// The port to connect to.
    fn port_of(&self, url: &Url) -> Result<u16, FetchError> {
        let usual = match url.scheme() {
            Scheme::Https => self.port,
            Scheme::Http => PLAIN_PORT,
        };
        match url.port() {
            Some(port) if port != usual && !(self.other_ports && port >= OTHER_PORT_MIN) => Err(FetchError::Port),
            port => Ok(port.unwrap_or(usual)),
        }
    }
}

/// What fetches documents.
pub struct Fetcher {
    config: FetchConfig,
    network: Arc<dyn Network>,
    resolver: Arc<dyn Resolver>,
    tls: tls::HttpsTls,
}

impl Fetcher {
    /// A fetcher over these seams; whoever it talks to must show a certificate
    /// of these anchors for the host's name.
    pub fn new(
        config: FetchConfig,
        anchors: &Anchors,
        network: Arc<dyn Network>,
        resolver: Arc<dyn Resolver>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FetchError> {
        Ok(Self { config, network, resolver, tls: tls::HttpsTls::new(anchors, clock)? })
    }

    /// Gets a document.
    pub async fn get(&self, url: &Url, bounds: Bounds) -> Result<Fetched, FetchError> {
        let until = Instant::now() + bounds.time;
        let mut url = url.clone();
        let mut redirects = 0;
        loop {
            let answer = self.ask_once(&url, Question::Get, &bounds, until).await?;
            let exchange::Answer { status, content_type, location, body } = answer;
            let Some(location) = location else {
                return Ok(Fetched { status, content_type, body, url });
            };
            if redirects == bounds.redirects_max {
                return Err(FetchError::Redirected(status));
            }
            redirects += 1;
            url = url.join(&location).map_err(FetchError::RedirectUrl)?;
        }
    }

    /// Sends a body and gets the answer. A redirect is not followed.
    pub async fn post(
        &self,
        url: &Url,
        media_type: &'static str,
        body: &[u8],
        bounds: Bounds,
    ) -> Result<Fetched, FetchError> {
        let until = Instant::now() + bounds.time;
        let answer = self.ask_once(url, Question::Post(media_type, body), &bounds, until).await?;
        let exchange::Answer { status, content_type, location, body } = answer;
        match location {
            Some(_) => Err(FetchError::Redirected(status)),
            None => Ok(Fetched { status, content_type, body, url: url.clone() }),
        }
    }

    /// Sends a whole request and gives the whole answer, with its fields and
    /// whatever its status: for a conversation over several requests (ACME,
    /// RFC 8555). A redirect is not followed.
    pub async fn send(
        &self,
        url: &Url,
        request: Request<Bytes>,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, FetchError> {
        let whole = async {
            let request = exchange::addressed(url, request)?;
            let stream = self.connect(url, &bounds).await?;
            exchange::pass(stream, request, bounds.body_bytes_max).await
        };
        timeout_at(Instant::now() + bounds.time, whole).await.map_err(|_| FetchError::TimedOut)?
    }

    async fn ask_once(
        &self,
        url: &Url,
        question: Question<'_>,
        bounds: &Bounds,
        until: Instant,
    ) -> Result<exchange::Answer, FetchError> {
        let whole = async {
            let stream = self.connect(url, bounds).await?;
            exchange::ask(stream, url, question, bounds.body_bytes_max).await
        };
        timeout_at(until, whole).await.map_err(|_| FetchError::TimedOut)?
    }

    /// The first address that answers. A certificate that does not verify ends
    /// the fetch: another address of the same name has no better claim to it.
    async fn connect(&self, url: &Url, bounds: &Bounds) -> Result<Box<dyn Stream>, FetchError> {
        let port = self.config.port_of(url)?;
        let name = ServerName::try_from(url.host().as_str().to_owned()).map_err(|_| FetchError::Url(UrlError::Host))?;
        let mut last = FetchError::NoSuchHost;
        for address in self.addresses(url, port, bounds).await? {
            match self.network.connect(address).await {
                Ok(stream) => {
                    return match url.scheme() {
                        Scheme::Https => self.tls.handshake(stream, name).await,
                        Scheme::Http => Ok(stream),
                    };
                }
                Err(error) => last = FetchError::Unreachable(error.kind()),
            }
        }
        Err(last)
    }

    /// The addresses of a host that may be connected to.
    async fn addresses(&self, url: &Url, port: u16, bounds: &Bounds) -> Result<Vec<SocketAddr>, FetchError> {
        let mut addresses = self.resolver.addresses(url.host()).await.map_err(|error| match error {
            ResolveError::Failed => FetchError::DnsFailed,
            ResolveError::NoSuchName | ResolveError::NoAddress | ResolveError::NullMx => FetchError::NoSuchHost,
        })?;
        if !self.config.allow_private {
            addresses.retain(|address| is_public(*address));
            if addresses.is_empty() {
                return Err(FetchError::PrivateAddress);
            }
        }
        addresses.truncate(bounds.addresses_max);
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}
