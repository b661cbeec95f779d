//! The seam to the DNS: which hosts take a domain's mail, and where they are.

mod anchors;
mod cache;
mod chain;
mod hickory;
mod local;
mod order;
mod plain;
mod secure;
mod wildcard;

use std::net::IpAddr;

use mail::{Domain, MxLookup};

use crate::network::Pending;

pub use anchors::{DnssecAnchors, DnssecAnchorsError};
pub use hickory::{HickoryResolver, ResolverError};
pub use local::{LocalResolver, NotLocal};
pub use order::is_public;
pub(crate) use order::order;
pub use secure::{Answer, Caa, DnsName, DnsProof, LookupError, Presence, Record, RecordKind, SecureDns, Tlsa};

/// The hosts that take a domain's mail (RFC 5321 §5.1), in no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanges {
    /// At least one. A domain without MX records is its own host.
    pub hosts: Vec<Exchange>,
    /// How they are known to be the domain's.
    pub lookup: MxLookup,
}

/// A host that takes a domain's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Lower is tried first.
    pub preference: u16,
    /// Its name.
    pub host: Domain,
}

/// Why a domain's hosts are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or no host of it does.
    #[error("the name does not exist")]
    NoSuchName,
    /// The name has no address and no MX.
    #[error("the name has no address")]
    NoAddress,
    /// The domain says that it takes no mail (RFC 7505).
    #[error("the domain takes no mail")]
    NullMx,
    /// There was no answer, or none that could be used. Try again.
    #[error("the lookup failed")]
    Failed,
}

/// What knows the DNS. Answers may be cached for as long as their TTL lets.
pub trait Resolver: Send + Sync {
    /// The hosts that take a domain's mail.
    fn exchanges<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>>;

    /// The addresses of a host, in the order to try them.
    fn addresses<'a>(&'a self, host: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>>;
}
