//! What reaches out of this machine, as the configuration wants it: the DNS,
//! the anchors, what probes, and what delivers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use discovery::fetch::{FetchConfig, Fetcher};
use discovery::probe::{self, ProbeConfig, Prober};
use discovery::sts::HttpsPolicies;
use flow::reports::Reporter;
use flow::sts::KeptPolicies;
use flow::{Journey, Senders};
use mail::Domain;
use transport::mta_sts::{PolicySource, StsCache};
use transport::{
    Anchors, Bindings, DnssecAnchors, HickoryResolver, LocalResolver, Resolver, SecureDns, TokioNetwork, Transport,
    TransportConfig,
};

use crate::config::{Config, Delivery, DnssecMode};
use crate::gateway;
use crate::installation::Seams;

/// The DNS, as those see it who want hosts and as those who want proofs.
pub struct Dns {
    /// Hosts and addresses.
    pub resolver: Arc<dyn Resolver>,
    /// Any record, with proofs.
    pub secure: Arc<dyn SecureDns>,
}

impl Dns {
    fn of<D: Resolver + SecureDns + 'static>(dns: D) -> Self {
        let dns = Arc::new(dns);
        Self { resolver: dns.clone(), secure: dns }
    }
}

/// The DNS that the configuration asks for.
pub fn dns(delivery: &Delivery, seams: &Seams) -> Result<Dns> {
    let servers: Vec<SocketAddr> = delivery.name_servers.iter().map(|server| server.0).collect();
    if delivery.dnssec == DnssecMode::Trusted {
        let local = LocalResolver::new(&servers, seams.entropy.clone()).context("delivery.dnssec = \"trusted\"")?;
        return Ok(Dns::of(local));
    }
    let resolver = match servers.is_empty() {
        true => HickoryResolver::system(),
        false => HickoryResolver::asking(&servers),
    };
    let resolver = resolver.context("no DNS resolver could be made")?;
    let anchors = || dnssec_anchors(delivery.dnssec_anchors.as_deref());
    Ok(Dns::of(match delivery.dnssec {
        DnssecMode::Auto => resolver.validating_if_possible(&anchors()?),
        DnssecMode::Validate => resolver.validating(&anchors()?),
        DnssecMode::Trusted | DnssecMode::Off => resolver,
    }))
}

fn dnssec_anchors(path: Option<&Path>) -> Result<DnssecAnchors> {
    let Some(path) = path else { return Ok(DnssecAnchors::root()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    DnssecAnchors::parse(&text).with_context(|| format!("delivery.dnssec_anchors: {}", path.display()))
}

/// The anchors of certificates.
pub fn anchors(delivery: &Delivery) -> Result<Anchors> {
    match &delivery.anchors {
        None => Ok(Anchors::public()),
        Some(path) => gateway::anchors("delivery.anchors", path),
    }
}

/// What fetches over HTTPS, with whom these anchors vouch for.
pub fn fetcher(delivery: &Delivery, anchors: &Anchors, seams: &Seams, wanted: FetchConfig) -> Result<Fetcher> {
    let resolver = dns(delivery, seams)?.resolver;
    let fetcher = Fetcher::new(wanted, anchors, Arc::new(TokioNetwork), resolver, seams.clock.clone());
    fetcher.context("HTTPS can't be set up")
}

/// What fetches MTA-STS policies.
pub fn policies(delivery: &Delivery, dns: &Dns, seams: &Seams) -> Result<Arc<dyn PolicySource>> {
    let config = FetchConfig { allow_private: delivery.allow_private, ..FetchConfig::default() };
    let network = Arc::new(TokioNetwork);
    let fetcher = Fetcher::new(config, &anchors(delivery)?, network, dns.resolver.clone(), seams.clock.clone());
    Ok(Arc::new(HttpsPolicies(fetcher.context("HTTPS can't be set up")?)))
}

/// What tells other domains how TLS with them went.
pub fn reporter(delivery: &Delivery, seams: &Seams, journey: &Arc<Journey>) -> Result<Reporter> {
    let dns = dns(delivery, seams)?;
    let (places, network) = (Reporter::places(delivery.allow_private), Arc::new(TokioNetwork));
    let fetcher = Fetcher::new(places, &anchors(delivery)?, network, dns.resolver, seams.clock.clone());
    Ok(Reporter::new(journey.clone(), dns.secure, fetcher.context("HTTPS can't be set up")?))
}

/// What probes domains, under this EHLO name.
pub fn prober(delivery: &Delivery, helo: Domain, scans: bool, seams: &Seams) -> Result<Prober> {
    let dns = dns(delivery, seams)?;
    let config = ProbeConfig {
        mx_port: delivery.mx_port,
        allow_private: delivery.allow_private,
        scans,
        ..ProbeConfig::new(helo)
    };
    let seams = probe::Seams {
        network: Arc::new(TokioNetwork),
        policies: policies(delivery, &dns, seams)?,
        resolver: dns.resolver,
        dns: dns.secure,
        clock: seams.clock.clone(),
        entropy: seams.entropy.clone(),
    };
    Ok(Prober::new(config, anchors(delivery)?, seams))
}

/// What delivers, for every stream.
pub fn senders(config: &Config, seams: &Seams, journey: &Arc<Journey>) -> Result<Senders> {
    let default = transport(config, seams, journey)?;
    let anchors = anchors(&config.delivery)?;
    let mut by_source = BTreeMap::new();
    for wanted in &config.source {
        let source = source(wanted)?;
        for address in source.missing() {
            tracing::error!(source = source.name, %address, "this machine has no such address: nothing leaves from it");
        }
        by_source.insert(source.name.clone(), Arc::new(default.leaving_from(source, anchors.clone())));
    }
    let mut senders = Senders::from(Arc::new(default));
    for stream in &config.stream {
        let own = stream.sources.iter().filter_map(|name| by_source.get(name).cloned());
        senders = senders.with(&stream.name, own.collect());
    }
    Ok(senders)
}

fn source(wanted: &crate::config::Source) -> Result<transport::Source> {
    let (ipv4, ipv6) = (wanted.ipv4, wanted.ipv6);
    let since = first_moment(wanted.sending_since)?;
    Ok(transport::Source { name: wanted.name.clone(), ipv4, ipv6, helo: wanted.helo.clone(), since })
}

fn first_moment(day: Option<jiff::civil::Date>) -> Result<Option<jiff::Timestamp>> {
    let first = day.map(|day| day.to_zoned(jiff::tz::TimeZone::UTC)).transpose()?;
    Ok(first.map(|day| day.timestamp()))
}

/// What delivers, held to what binds the hosts of others.
fn transport(config: &Config, seams: &Seams, journey: &Arc<Journey>) -> Result<Transport> {
    let delivery = &config.delivery;
    let mut wanted = TransportConfig::new(config.helo().clone());
    let helos = config.source.iter().map(|source| source.helo.clone());
    wanted.own_names = std::iter::once(config.server.hostname.clone()).chain(helos).collect();
    wanted.mx_port = delivery.mx_port;
    wanted.allow_private = delivery.allow_private;
    wanted.timeouts.connect = delivery.connect_timeout.0;
    wanted.timeouts.command = delivery.reply_timeout.0;
    wanted.timeouts.end = delivery.data_timeout.0;
    wanted.limits.connections_max = delivery.concurrency_per_domain as usize;
    wanted.shapes = config.shaping.iter().map(shape).collect();
    wanted.sending_since = first_moment(delivery.sending_since)?;
    wanted.routes = config.route.iter().map(route).collect::<Result<_>>()?;
    wanted.routes.extend(gateway::routes(config)?);
    let dns = dns(delivery, seams)?;
    let network = Arc::new(TokioNetwork);
    let (clock, source) = (seams.clock.clone(), policies(delivery, &dns, seams)?);
    let memory = Arc::new(KeptPolicies(journey.clone()));
    let policies = StsCache::new(dns.secure.clone(), source, memory, clock.clone());
    let bindings = Bindings::new(dns.secure, policies, clock.clone());
    let anchors = anchors(delivery)?;
    let transport = Transport::new(wanted, anchors, network, dns.resolver, clock, seams.entropy.clone());
    Ok(transport.bound(bindings))
}

fn shape(wanted: &crate::config::Shaping) -> transport::Shape {
    transport::Shape {
        name: wanted.name.clone(),
        mx: wanted.mx.iter().map(ToString::to_string).collect(),
        connections: wanted.connections,
        messages_per_connection: wanted.messages_per_connection,
        per_minute: wanted.per_minute,
        per_hour: wanted.per_hour,
    }
}

fn route(route: &crate::config::Route) -> Result<transport::Route> {
    let tls_name = route.tls_name.as_ref().map(mail::Domain::as_str);
    transport::Route::new(route.domain.clone(), &route.host, route.port, tls_name)
        .with_context(|| format!("route for {}", route.domain))
}
