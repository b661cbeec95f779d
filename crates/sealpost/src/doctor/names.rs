//! What the DNS says: that others find this machine, and that mail of the
//! sender domains is known as theirs (SPF, DKIM, DMARC).

use std::net::IpAddr;

use mail::Domain;
use seal::DkimKey;
use transport::ResolveError;

use super::certificates::host_of;
use super::{Findings, records, sending};
use crate::config::Config;
use crate::installation::{Installation, Seams};
use crate::reach::{self, Dns};

/// Names of this machine, then each sender domain, then the domains whose mail comes in here.
pub(super) async fn check(config: &Config, opened: Option<&Installation>, seams: &Seams, findings: &mut Findings) {
    let dns = match reach::dns(&config.delivery, seams) {
        Ok(dns) => dns,
        Err(error) => return findings.fail(format!("{error:#}"), "set delivery.name_servers"),
    };
    let helo = config.helo();
    let addresses = own_addresses(&dns, helo, findings).await;
    if let Some(host) = host_of(&config.portal_url()).and_then(|host| Domain::parse(&host).ok())
        && host != *helo
    {
        own_addresses(&dns, &host, findings).await;
    }
    // A machine behind NAT can't tell from which address others see it.
    for address in addresses.iter().filter(|address| transport::is_public(**address)) {
        findings.take(Some(sending::name_of(dns.secure.as_ref(), helo, *address).await));
    }
    sending::sources(dns.secure.as_ref(), config).await.into_iter().for_each(|record| findings.take(Some(record)));
    let senders: Vec<(&Domain, IpAddr)> =
        addresses.iter().map(|address| (helo, *address)).chain(config.source_addresses()).collect();
    for domain in config.organisation.iter().flat_map(|organisation| &organisation.domains) {
        for (helo, address) in &senders {
            findings.take(records::sender_policy(dns.secure.as_ref(), domain, helo, *address).await);
        }
        findings.take(records::dmarc(dns.secure.as_ref(), domain, &config.reports_to(domain)).await);
    }
    let keys = opened.map(|installation| {
        installation
            .journey
            .organisations
            .iter()
            .flat_map(|organisation| organisation.dkim.values())
            .flat_map(DkimKey::all)
            .collect::<Vec<_>>()
    });
    for key in keys.unwrap_or_default() {
        findings.take(records::dkim(dns.secure.as_ref(), key).await);
    }
    if !config.gateway.listen.is_empty() {
        for domain in config.gateway.inbound.iter().flat_map(|inbound| &inbound.domains) {
            findings.take(Some(records::exchanges(&dns, domain, &config.server.hostname).await));
        }
    }
}

async fn own_addresses(dns: &Dns, host: &Domain, findings: &mut Findings) -> Vec<IpAddr> {
    match dns.resolver.addresses(host).await {
        Ok(addresses) if !addresses.is_empty() => {
            findings.ok(format!("{host} has {}", listed(&addresses)));
            addresses
        }
        Err(ResolveError::Failed) => {
            findings.fail(
                format!("no answer about {host}"),
                "see that the resolver of /etc/resolv.conf answers, or set delivery.name_servers",
            );
            Vec::new()
        }
        Ok(_) | Err(_) => {
            findings.fail(
                format!("{host} has no address"),
                format!("publish: {host}. A (and AAAA) with this machine's public address"),
            );
            Vec::new()
        }
    }
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}
