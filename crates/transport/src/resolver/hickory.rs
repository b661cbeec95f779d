//! The DNS by Hickory: a stub resolver that asks the configured name servers
//! and caches within bounds.
//!
//! Nothing here is proven: DNSSEC is not validated, so [`MxLookup::Insecure`]
//! is what every answer gets.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::rr::{Name, RData, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use mail::{Domain, MxLookup};

use super::{Exchange, Exchanges, ResolveError, Resolver};
use crate::network::Pending;

/// Answers that are cached.
const CACHE_SIZE: u64 = 16 * 1024;
/// A name server may not make an answer live longer than this.
const POSITIVE_TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A name that is missing may soon be there.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(5 * 60);

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The operating system's resolver configuration can't be read.
    #[error("the system's resolver configuration can't be used")]
    System(#[source] NetError),
    /// The resolver can't be made.
    #[error("the resolver can't be made")]
    Build(#[source] NetError),
}

/// The DNS by Hickory.
pub struct HickoryResolver {
    inner: TokioResolver,
}

impl HickoryResolver {
    /// A resolver that asks the operating system's name servers.
    pub fn system() -> Result<Self, ResolverError> {
        let mut builder = TokioResolver::builder_tokio().map_err(ResolverError::System)?;
        bound(builder.options_mut());
        Ok(Self { inner: builder.build().map_err(ResolverError::Build)? })
    }

    /// A resolver that asks these name servers, by UDP and TCP.
    pub fn asking(servers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let servers = servers.iter().map(name_server).collect();
        let config = ResolverConfig::from_name_servers(servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        bound(builder.options_mut());
        Ok(Self { inner: builder.build().map_err(ResolverError::Build)? })
    }

    async fn find_exchanges(&self, domain: &Domain) -> Result<Exchanges, ResolveError> {
        let lookup = match self.inner.lookup(name(domain)?, RecordType::MX).await {
            Ok(lookup) => lookup,
            // RFC 5321 §5.1: a domain without MX is its own host.
            Err(error) if error.is_no_records_found() && !error.is_nx_domain() => return Ok(implicit(domain)),
            Err(error) => return Err(fault(&error)),
        };
        let found = records(&lookup);
        if found.is_empty() {
            return Ok(implicit(domain));
        }
        // RFC 7505 §3: the null MX stands alone; among others it means nothing.
        if found.iter().all(|(_, host)| host.is_root()) {
            return Err(ResolveError::NullMx);
        }
        let hosts: Vec<Exchange> = found.into_iter().filter_map(exchange).collect();
        if hosts.is_empty() {
            // Names that are no host names lead nowhere.
            return Err(ResolveError::NoAddress);
        }
        Ok(Exchanges { hosts, lookup: MxLookup::Insecure })
    }

    async fn find_addresses(&self, host: &Domain) -> Result<Vec<IpAddr>, ResolveError> {
        let name = name(host)?;
        let four = self.inner.lookup(name.clone(), RecordType::A);
        let six = self.inner.lookup(name, RecordType::AAAA);
        let (four, six) = futures::join!(four, six);
        let found: Vec<IpAddr> = [&four, &six].into_iter().flatten().flat_map(addresses).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        // A failure of one question leaves open whether there is an address.
        let faults = [four, six].map(|answer| answer.map_or_else(|error| fault(&error), |_| ResolveError::NoAddress));
        match faults {
            faults if faults.contains(&ResolveError::Failed) => Err(ResolveError::Failed),
            faults if faults.contains(&ResolveError::NoSuchName) => Err(ResolveError::NoSuchName),
            _ => Err(ResolveError::NoAddress),
        }
    }
}

impl Resolver for HickoryResolver {
    fn exchanges<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>> {
        Box::pin(self.find_exchanges(domain))
    }

    /// IPv4 first: a server at home in both worlds is reachable by both, and
    /// many senders have working names for their IPv4 address only.
    fn addresses<'a>(&'a self, host: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(self.find_addresses(host))
    }
}

fn bound(options: &mut ResolverOpts) {
    options.cache_size = CACHE_SIZE;
    options.positive_max_ttl = Some(POSITIVE_TTL_MAX);
    options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    options.try_tcp_on_error = true;
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

/// The whole name: no search list of the machine is ever applied.
fn name(domain: &Domain) -> Result<Name, ResolveError> {
    let mut name = Name::from_ascii(domain.as_str()).map_err(|_| ResolveError::NoSuchName)?;
    name.set_fqdn(true);
    Ok(name)
}

fn implicit(domain: &Domain) -> Exchanges {
    Exchanges { hosts: vec![Exchange { preference: 0, host: domain.clone() }], lookup: MxLookup::Insecure }
}

fn records(lookup: &Lookup) -> Vec<(u16, Name)> {
    let mx = |data: &RData| match data {
        RData::MX(mx) => Some((mx.preference, mx.exchange.clone())),
        _ => None,
    };
    lookup.answers().iter().filter_map(|record| mx(&record.data)).collect()
}

fn exchange((preference, host): (u16, Name)) -> Option<Exchange> {
    let text = host.to_ascii();
    let host = Domain::parse(text.strip_suffix('.').unwrap_or(&text)).ok()?;
    Some(Exchange { preference, host })
}

fn addresses(lookup: &Lookup) -> impl Iterator<Item = IpAddr> {
    lookup.answers().iter().filter_map(|record| match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    })
}

fn fault(error: &NetError) -> ResolveError {
    if error.is_nx_domain() {
        ResolveError::NoSuchName
    } else if error.is_no_records_found() {
        ResolveError::NoAddress
    } else {
        // The name asked for says who writes to whom: it is not logged.
        tracing::debug!(kind = error.as_metrics_label(), "a DNS lookup failed");
        ResolveError::Failed
    }
}
