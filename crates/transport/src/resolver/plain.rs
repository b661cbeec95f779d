//! Which hosts take a domain's mail, and where they are, from a DNS with
//! proofs (RFC 5321 §5.1, RFC 7505).

use std::net::IpAddr;

use mail::{Domain, MxLookup};

use super::secure::{Answer, DnsName, DnsProof, LookupError, Presence, Record, RecordKind, SecureDns};
use super::{Exchange, Exchanges, ResolveError};

pub(super) async fn exchanges(dns: &dyn SecureDns, domain: &Domain) -> Result<Exchanges, ResolveError> {
    let answer = dns.lookup(&DnsName::from(domain), RecordKind::Mx).await.map_err(fault)?;
    let lookup = match answer.proof {
        DnsProof::Secure => MxLookup::Dnssec,
        DnsProof::Insecure => MxLookup::Insecure,
    };
    match answer.presence {
        Presence::NoSuchName => Err(ResolveError::NoSuchName),
        // RFC 5321 §5.1: a domain without MX is its own host.
        Presence::NoData => Ok(Exchanges { hosts: vec![Exchange { preference: 0, host: domain.clone() }], lookup }),
        Presence::Present => hosts(&answer).map(|hosts| Exchanges { hosts, lookup }),
    }
}

fn hosts(answer: &Answer) -> Result<Vec<Exchange>, ResolveError> {
    let found: Vec<(u16, &DnsName)> = answer
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Exchange { preference, host } => Some((*preference, host)),
            _ => None,
        })
        .collect();
    // RFC 7505 §3: the null MX stands alone; among others it means nothing.
    if found.iter().all(|(_, host)| host.is_root()) {
        return Err(ResolveError::NullMx);
    }
    let exchange = |(preference, host): (u16, &DnsName)| Some(Exchange { preference, host: host.domain()? });
    let hosts: Vec<Exchange> = found.into_iter().filter_map(exchange).collect();
    // Names that are no host names lead nowhere.
    if hosts.is_empty() { Err(ResolveError::NoAddress) } else { Ok(hosts) }
}

/// IPv4 first: a server at home in both worlds is reachable by both, and many
/// senders have working names for their IPv4 address only.
pub(super) async fn addresses(dns: &dyn SecureDns, host: &Domain) -> Result<Vec<IpAddr>, ResolveError> {
    let name = DnsName::from(host);
    let (four, six) = futures::join!(dns.lookup(&name, RecordKind::A), dns.lookup(&name, RecordKind::Aaaa));
    let found: Vec<IpAddr> = [&four, &six].into_iter().flatten().flat_map(Answer::addresses).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    // A failure of one question leaves open whether there is an address.
    let (four, six) = (four.map_err(fault)?, six.map_err(fault)?);
    match (four.presence, six.presence) {
        (Presence::NoSuchName, _) | (_, Presence::NoSuchName) => Err(ResolveError::NoSuchName),
        _ => Err(ResolveError::NoAddress),
    }
}

const fn fault(error: LookupError) -> ResolveError {
    match error {
        LookupError::Bogus | LookupError::Failed => ResolveError::Failed,
    }
}
