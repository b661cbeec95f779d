//! The DNS records of an own domain: what should stand there, what does, and
//! the fix. `sealpost doctor` tells those that mail needs, `sealpost domain
//! check` all of them.

use std::net::IpAddr;

use mail::{Address, Domain};
use provenance::{Client, SpfResult, spf};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use seal::DkimKey;
use serde::Serialize;
use transport::mta_sts::{PolicySource, StsRecord, TlsRptRecord};
use transport::{DaneNeed, DnsName, Judgement, RecordKind, ResolveError, SecureDns, Tlsa, dane_need, judge_dane};

use super::Outcome;
use crate::commands::dkim::zone_line;
use crate::reach::Dns;

const ASK_AGAIN: &str = "ask again; if it stays, the domain's name servers fail";

/// One record of a domain.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Which: `SPF`.
    pub record: &'static str,
    /// The name that it stands at.
    pub name: String,
    /// What should stand there, as a line of a zone or in words.
    pub want: String,
    /// How it is.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// A record whose outcome is still to be told.
struct Asked {
    record: &'static str,
    name: String,
    want: String,
}

impl Asked {
    fn new(record: &'static str, name: impl ToString, want: String) -> Self {
        Self { record, name: name.to_string(), want }
    }

    fn told(self, outcome: Outcome, found: impl Into<String>, fix: Option<String>) -> Record {
        let Asked { record, name, want } = self;
        Record { record, name, want, outcome, found: found.into(), fix }
    }

    fn ok(self, found: impl Into<String>) -> Record {
        self.told(Outcome::Ok, found, None)
    }

    fn skip(self, found: impl Into<String>) -> Record {
        self.told(Outcome::Skipped, found, None)
    }

    fn warn(self, found: impl Into<String>, fix: impl Into<String>) -> Record {
        self.told(Outcome::Warning, found, Some(fix.into()))
    }

    fn fail(self, found: impl Into<String>, fix: impl Into<String>) -> Record {
        self.told(Outcome::Failed, found, Some(fix.into()))
    }
}

/// SPF (RFC 7208) for a message from `domain` that this machine brings.
pub async fn sender_policy(dns: &dyn SecureDns, domain: &Domain, helo: &Domain, address: IpAddr) -> Option<Record> {
    let sender = Address::parse(&format!("postmaster@{domain}")).ok()?;
    let client = Client { address, helo: helo.as_str(), sender: Some(&sender), receiver: helo.as_str() };
    let result = spf::verify(dns, client).await.result;
    let told = format!("{domain}: SPF for {address} is {result}");
    let asked = Asked::new("SPF", domain, format!("{domain}. TXT \"v=spf1 … a:{helo} … -all\""));
    Some(match result {
        SpfResult::Pass => asked.ok(told),
        SpfResult::None => asked.warn(
            told,
            format!("publish: {domain}. TXT \"v=spf1 a:{helo} -all\", with all else that sends as {domain}"),
        ),
        SpfResult::Temperror => asked.warn(told, ASK_AGAIN),
        SpfResult::Permerror => {
            asked.warn(told, format!("mend the SPF record of {domain} (RFC 7208): sealpost probe {domain}"))
        }
        SpfResult::Neutral | SpfResult::Fail | SpfResult::Softfail => {
            asked.warn(told, format!("add a:{helo} to the SPF record of {domain}, before its \"all\""))
        }
    })
}

/// That the published key is ours: receivers would else take our mail for forged.
pub async fn dkim(dns: &dyn SecureDns, key: &DkimKey) -> Option<Record> {
    let name = key.record_name();
    let place = DnsName::parse(&name)?;
    let asked = Asked::new("DKIM", &name, zone_line(key));
    let fix = format!("publish: {}", zone_line(key));
    Some(match dns.lookup(&place, RecordKind::Txt).await {
        Err(error) => asked.warn(format!("{name}: {error}"), ASK_AGAIN),
        Ok(answer) => {
            let own = public_key(&key.record());
            let published: Vec<String> = answer.texts().filter_map(public_key).collect();
            if published.iter().any(|one| Some(one) == own.as_ref()) {
                asked.ok(format!("{name} holds the key that signs"))
            } else if published.is_empty() {
                asked.warn(format!("{name} is not published: signatures count for nothing"), fix)
            } else {
                asked.fail(format!("{name} holds another key: signatures fail"), fix)
            }
        }
    })
}

/// The tag `p` of a key record (RFC 6376 §3.6.1), without the white space that is allowed in it.
fn public_key(record: &str) -> Option<String> {
    let value = record.split(';').find_map(|tag| {
        let (name, value) = tag.split_once('=')?;
        (name.trim() == "p").then_some(value)
    })?;
    Some(value.chars().filter(|letter| !letter.is_whitespace()).collect())
}

/// DMARC (RFC 9989), with reports to `reports`.
pub async fn dmarc(dns: &dyn SecureDns, domain: &Domain, reports: &str) -> Option<Record> {
    let name = DnsName::from(domain).under("_dmarc")?;
    let asked = Asked::new("DMARC", &name, format!("{name}. TXT \"v=DMARC1; p=…; rua=mailto:{reports}\""));
    Some(match dns.lookup(&name, RecordKind::Txt).await {
        Err(error) => asked.warn(format!("{name}: {error}"), ASK_AGAIN),
        Ok(answer) => match answer.texts().find(|text| text.starts_with("v=DMARC1")) {
            Some(_) => asked.ok(format!("{domain}: DMARC is published")),
            None => asked.warn(
                format!("{domain}: no DMARC record"),
                format!(
                    "publish: {name}. TXT \"v=DMARC1; p=none; rua=mailto:{reports}\", and ask for more once SPF and DKIM hold"
                ),
            ),
        },
    })
}

/// That mail for the domain comes here.
pub async fn exchanges(dns: &Dns, domain: &Domain, hostname: &Domain) -> Record {
    let asked = Asked::new("MX", domain, format!("{domain}. MX 10 {hostname}."));
    match dns.resolver.exchanges(domain).await {
        Ok(found) if found.hosts.iter().any(|one| one.host == *hostname) => {
            asked.ok(format!("{domain}: its mail comes to {hostname}"))
        }
        Ok(_) | Err(ResolveError::NoAddress | ResolveError::NoSuchName | ResolveError::NullMx) => asked.warn(
            format!("{domain}: its MX does not name {hostname}"),
            format!("publish: {domain}. MX 10 {hostname}. (unless a filter in front passes mail on to here)"),
        ),
        Err(error) => asked.warn(format!("{domain}: {error}"), ASK_AGAIN),
    }
}

/// MTA-STS (RFC 8461) of a domain whose mail comes here: record, policy, and
/// that the policy names this host.
pub async fn mta_sts(
    dns: &dyn SecureDns,
    policies: &dyn PolicySource,
    domain: &Domain,
    hostname: &Domain,
) -> Option<Record> {
    let name = DnsName::from(domain).under("_mta-sts")?;
    let file = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
    let asked = Asked::new(
        "MTA-STS",
        &name,
        format!("{name}. TXT \"v=STSv1; id=…\", and {file} with mode enforce and mx: {hostname}"),
    );
    let record = match dns.lookup(&name, RecordKind::Txt).await {
        Err(error) => return Some(asked.warn(format!("{name}: {error}"), ASK_AGAIN)),
        Ok(answer) => StsRecord::of(answer.texts()),
    };
    Some(match record {
        StsRecord::Absent => asked.warn(
            format!("{domain}: no MTA-STS record: senders without DANE can be led elsewhere"),
            format!(
                "serve {file} as text/plain: \"version: STSv1\", \"mode: testing\", \"mx: {hostname}\", \
                 \"max_age: 604800\", a line each; publish: {name}. TXT \"v=STSv1; id=1\"; enforce it once reports are clean"
            ),
        ),
        StsRecord::Broken(why) => asked.fail(format!("{name}: {why}"), format!("publish: {name}. TXT \"v=STSv1; id=1\"")),
        StsRecord::Present { .. } => match policies.policy(domain).await {
            Err(why) => asked.fail(format!("{file}: {why}"), "serve it over HTTPS with a valid certificate, as text/plain"),
            Ok(policy) if !policy.names(hostname) => asked.fail(
                format!("the MTA-STS policy of {domain} does not name {hostname}: mail to here waits"),
                format!("add \"mx: {hostname}\" to {file}, and change the id of {name}"),
            ),
            Ok(policy) if policy.to_text().contains("mode: enforce") => {
                asked.ok(format!("{domain}: MTA-STS is enforced and names {hostname}"))
            }
            Ok(_) => asked.warn(
                format!("{domain}: MTA-STS names {hostname} and enforces nothing"),
                format!("write \"mode: enforce\" into {file} once reports are clean, and change the id of {name}"),
            ),
        },
    })
}

/// Where reports on TLS to the domain go (RFC 8460).
pub async fn tls_rpt(dns: &dyn SecureDns, domain: &Domain, reports: &str) -> Option<Record> {
    let name = DnsName::from(domain).under("_smtp._tls")?;
    let line = format!("{name}. TXT \"v=TLSRPTv1; rua=mailto:{reports}\"");
    let asked = Asked::new("TLS-RPT", &name, line.clone());
    Some(match dns.lookup(&name, RecordKind::Txt).await {
        Err(error) => asked.warn(format!("{name}: {error}"), ASK_AGAIN),
        Ok(answer) => match TlsRptRecord::of(answer.texts()) {
            TlsRptRecord::Present { rua } => asked.ok(format!("{domain}: reports on TLS go to {}", rua.join(", "))),
            TlsRptRecord::Absent => {
                asked.warn(format!("{domain}: nobody tells how TLS with it goes"), format!("publish: {line}"))
            }
            TlsRptRecord::Broken(why) => asked.fail(format!("{name}: {why}"), format!("publish: {line}")),
        },
    })
}

/// The host of the web key directory, where the portal answers for own keys.
pub async fn wkd(dns: &Dns, domain: &Domain, portal: &str, own: &[IpAddr]) -> Option<Record> {
    let host = Domain::parse(&format!("openpgpkey.{domain}")).ok()?;
    let asked = Asked::new("WKD", &host, format!("{host}. CNAME {portal}. where own keys are published"));
    Some(match dns.resolver.addresses(&host).await {
        Ok(found) if found.iter().any(|address| own.contains(address)) => {
            asked.ok(format!("{host} leads to this machine"))
        }
        Ok(found) if !found.is_empty() => asked.warn(
            format!("{host} leads elsewhere"),
            format!("publish: {host}. CNAME {portal}., if own keys are published"),
        ),
        Err(ResolveError::Failed) => asked.warn(format!("no answer about {host}"), ASK_AGAIN),
        Ok(_) | Err(_) => asked.skip(format!("{host} is not there: needed only where own OpenPGP keys are published")),
    })
}

/// TLSA records of this host's own port 25 (RFC 7672), against the certificate
/// that it shows.
pub async fn dane(
    dns: &dyn SecureDns,
    hostname: &Domain,
    chain: &[CertificateDer<'static>],
    now: UnixTime,
) -> Option<Record> {
    let name = DnsName::from(hostname).under("_25._tcp")?;
    let key = discovery::probe::read_certificate(chain.first()?).key_sha256?;
    let line = format!("{name}. TLSA 3 1 1 {key}");
    let asked = Asked::new("DANE", &name, format!("{line}, in a zone that is signed"));
    let answer = match dns.lookup(&name, RecordKind::Tlsa).await {
        Err(error) => return Some(asked.fail(format!("{name}: {error}: mail to here waits"), ASK_AGAIN)),
        Ok(answer) => answer,
    };
    let records: Vec<Tlsa> = answer.associations().cloned().collect();
    let server = ServerName::try_from(hostname.as_str().to_owned()).ok()?;
    let fix =
        format!("publish: {line} a day before the key of the certificate changes, and take the old one away after");
    Some(match (records.is_empty(), dane_need(&records)) {
        (true, _) => asked.skip(format!("{name} is not there: it would bind this host where the zone is signed")),
        (false, DaneNeed::Match(usable)) => match judge_dane(&usable, chain, &[server], now) {
            Judgement::Dane { record, .. } => asked.ok(format!("{name} stands for the certificate ({record})")),
            Judgement::Verified { .. } | Judgement::NotVerified { .. } => {
                asked.fail(format!("{name} does not stand for the certificate: mail to here waits"), fix)
            }
        },
        (false, DaneNeed::Nothing | DaneNeed::Encryption) => {
            asked.warn(format!("{name} has records that no sender can use"), fix)
        }
    })
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
