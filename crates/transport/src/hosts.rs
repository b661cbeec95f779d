//! The hosts that take a domain's mail, and where they are: a route's, or those
//! of the DNS in the order to try them.

use std::net::IpAddr;

use mail::{Domain, Entropy, MxLookup};
use rustls_pki_types::ServerName;

use crate::cause::Cause;
use crate::config::{Route, RouteHost, TransportConfig};
use crate::resolver::{ResolveError, Resolver, is_public, order};
use crate::tls::Anchors;

/// The hosts of a domain, in order.
pub(crate) struct Hosts {
    pub(crate) hosts: Vec<Host>,
    /// Whether there are more than may be tried.
    pub(crate) is_cut: bool,
}

/// A host to try, before its addresses are known.
pub(crate) struct Host {
    pub(crate) name: ServerName<'static>,
    pub(crate) port: u16,
    pub(crate) lookup: MxLookup,
    /// Its own anchors, where the route names some.
    pub(crate) anchors: Option<Anchors>,
    place: Place,
}

impl Host {
    /// Its name, where an MX lookup gave it: a route is bound by whoever wrote it.
    pub(crate) fn domain(&self) -> Option<&Domain> {
        match &self.place {
            Place::Name(name) if self.lookup != MxLookup::Pinned => Some(name),
            Place::Name(_) | Place::Address(_) => None,
        }
    }
}

enum Place {
    Address(IpAddr),
    Name(Domain),
}

/// What finding hosts takes.
pub(crate) struct Finder<'a> {
    pub(crate) config: &'a TransportConfig,
    pub(crate) resolver: &'a dyn Resolver,
    pub(crate) entropy: &'a dyn Entropy,
}

impl Finder<'_> {
    /// The hosts that take a domain's mail (RFC 5321 §5.1).
    pub(crate) async fn hosts(&self, domain: &Domain) -> Result<Hosts, Cause> {
        if let Some(route) = self.config.routes.iter().find(|route| route.domain == *domain) {
            return Ok(Hosts { hosts: vec![pinned(route)], is_cut: false });
        }
        let found = self.resolver.exchanges(domain).await.map_err(domain_cause)?;
        let own: Vec<Domain> = self.config.own_names.iter().chain([&self.config.helo]).cloned().collect();
        let order = order(found.hosts, &own, self.config.limits.hosts_max, self.entropy);
        if order.hosts.is_empty() {
            return Err(Cause::Loop);
        }
        let host = |name: Domain| {
            let tls_name = ServerName::try_from(name.as_str().to_owned()).ok()?;
            let (place, port, lookup) = (Place::Name(name), self.config.mx_port, found.lookup);
            Some(Host { name: tls_name, place, port, lookup, anchors: None })
        };
        Ok(Hosts { hosts: order.hosts.into_iter().filter_map(host).collect(), is_cut: order.is_cut })
    }

    /// The addresses of a host that may be connected to, in the order to try them.
    pub(crate) async fn addresses(&self, host: &Host) -> Result<Vec<IpAddr>, Cause> {
        let name = match &host.place {
            Place::Address(address) => return Ok(vec![*address]),
            Place::Name(name) => name,
        };
        let mut addresses = self.resolver.addresses(name).await.map_err(|error| match error {
            ResolveError::Failed => Cause::DnsFailed,
            ResolveError::NoSuchName | ResolveError::NoAddress | ResolveError::NullMx => Cause::NoRoute,
        })?;
        // Where a route leads is the operator's choice; where an MX leads is a stranger's.
        if host.lookup != MxLookup::Pinned && !self.config.allow_private {
            addresses.retain(|address| is_public(*address));
        }
        if addresses.is_empty() { Err(Cause::NoRoute) } else { Ok(addresses) }
    }
}

fn pinned(route: &Route) -> Host {
    let place = match &route.host {
        RouteHost::Address(address) => Place::Address(*address),
        RouteHost::Name(name) => Place::Name(name.clone()),
    };
    let anchors = route.anchors.clone();
    Host { name: route.tls_name.clone(), place, port: route.port, lookup: MxLookup::Pinned, anchors }
}

fn domain_cause(error: ResolveError) -> Cause {
    match error {
        ResolveError::NoSuchName => Cause::NoSuchDomain,
        ResolveError::NoAddress => Cause::NoRoute,
        ResolveError::NullMx => Cause::NullMx,
        ResolveError::Failed => Cause::DnsFailed,
    }
}
