//! What the DNS says: that others find this machine, and that mail of the
//! sender domains is known as theirs (SPF, DKIM, DMARC).

use std::net::IpAddr;

use mail::{Address, Domain};
use provenance::{Client, SpfResult, spf};
use seal::DkimKey;
use transport::{DnsName, RecordKind, ResolveError, SecureDns};

use super::Findings;
use super::certificates::host_of;
use crate::commands::dkim::zone_line;
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
    for domain in config.organisation.iter().flat_map(|organisation| &organisation.domains) {
        sender_policy(dns.secure.as_ref(), domain, helo, &addresses, findings).await;
        dmarc(dns.secure.as_ref(), domain, findings).await;
    }
    let keys = opened.map(|installation| {
        installation
            .journey
            .organisations
            .iter()
            .flat_map(|organisation| organisation.dkim.values())
            .collect::<Vec<_>>()
    });
    for key in keys.unwrap_or_default() {
        dkim(dns.secure.as_ref(), key, findings).await;
    }
    if !config.gateway.listen.is_empty() {
        for domain in config.gateway.inbound.iter().flat_map(|inbound| &inbound.domains) {
            exchanges(&dns, domain, &config.server.hostname, findings).await;
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

/// SPF (RFC 7208) for a message from `domain` that this machine brings.
async fn sender_policy(
    dns: &dyn SecureDns,
    domain: &Domain,
    helo: &Domain,
    addresses: &[IpAddr],
    findings: &mut Findings,
) {
    let Ok(sender) = Address::parse(&format!("postmaster@{domain}")) else { return };
    for address in addresses {
        let client = Client { address: *address, helo: helo.as_str(), sender: Some(&sender), receiver: helo.as_str() };
        let result = spf::verify(dns, client).await.result;
        let told = format!("{domain}: SPF for {address} is {result}");
        match result {
            SpfResult::Pass => findings.ok(told),
            SpfResult::None => findings.warn(
                told,
                format!("publish: {domain}. TXT \"v=spf1 a:{helo} -all\", with all else that sends as {domain}"),
            ),
            SpfResult::Temperror => findings.warn(told, "ask again; if it stays, the domain's name servers fail"),
            SpfResult::Permerror => {
                findings.warn(told, format!("mend the SPF record of {domain} (RFC 7208): sealpost probe {domain}"))
            }
            SpfResult::Neutral | SpfResult::Fail | SpfResult::Softfail => {
                findings.warn(told, format!("add a:{helo} to the SPF record of {domain}, before its \"all\""));
            }
        }
    }
}

/// That the published key is ours: receivers would else take our mail for forged.
async fn dkim(dns: &dyn SecureDns, key: &DkimKey, findings: &mut Findings) {
    let name = key.record_name();
    let Some(asked) = DnsName::parse(&name) else { return };
    let fix = || format!("publish: {}", zone_line(key));
    match dns.lookup(&asked, RecordKind::Txt).await {
        Err(error) => {
            findings.warn(format!("{name}: {error}"), "ask again; if it stays, the domain's name servers fail")
        }
        Ok(answer) => {
            let own = public_key(&key.record());
            let published: Vec<String> = answer.texts().filter_map(public_key).collect();
            if published.iter().any(|one| Some(one) == own.as_ref()) {
                findings.ok(format!("{name} holds the key that signs"));
            } else if published.is_empty() {
                findings.warn(format!("{name} is not published: signatures count for nothing"), fix());
            } else {
                findings.fail(format!("{name} holds another key: signatures fail"), fix());
            }
        }
    }
}

/// The tag `p` of a key record (RFC 6376 §3.6.1), without the white space that is allowed in it.
fn public_key(record: &str) -> Option<String> {
    let value = record.split(';').find_map(|tag| {
        let (name, value) = tag.split_once('=')?;
        (name.trim() == "p").then_some(value)
    })?;
    Some(value.chars().filter(|letter| !letter.is_whitespace()).collect())
}

async fn dmarc(dns: &dyn SecureDns, domain: &Domain, findings: &mut Findings) {
    let Some(name) = DnsName::from(domain).under("_dmarc") else { return };
    match dns.lookup(&name, RecordKind::Txt).await {
        Err(error) => findings.warn(format!("{name}: {error}"), "ask again; if it stays, the domain's name servers fail"),
        Ok(answer) => match answer.texts().find(|text| text.starts_with("v=DMARC1")) {
            Some(_) => findings.ok(format!("{domain}: DMARC is published")),
            None => findings.warn(
                format!("{domain}: no DMARC record"),
                format!("publish: {name}. TXT \"v=DMARC1; p=none; rua=mailto:postmaster@{domain}\", and ask for more once SPF and DKIM hold"),
            ),
        },
    }
}

async fn exchanges(dns: &Dns, domain: &Domain, hostname: &Domain, findings: &mut Findings) {
    match dns.resolver.exchanges(domain).await {
        Ok(found) if found.hosts.iter().any(|one| one.host == *hostname) => {
            findings.ok(format!("{domain}: its mail comes to {hostname}"));
        }
        Ok(_) | Err(ResolveError::NoAddress | ResolveError::NoSuchName | ResolveError::NullMx) => findings.warn(
            format!("{domain}: its MX does not name {hostname}"),
            format!("publish: {domain}. MX 10 {hostname}. (unless a filter in front passes mail on to here)"),
        ),
        Err(error) => {
            findings.warn(format!("{domain}: {error}"), "ask again; if it stays, the domain's name servers fail")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_without_white_space_and_other_tags() {
        assert_eq!(public_key("v=DKIM1; k=rsa; p=AB CD\t==").as_deref(), Some("ABCD=="));
        assert_eq!(public_key("v=DKIM1; h=sha256"), None);
    }
}
