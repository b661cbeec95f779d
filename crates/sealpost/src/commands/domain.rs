//! `sealpost domain …`: own domains, and each of their DNS records as want,
//! found and fix.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use identity::{Action, Resource};
use mail::Domain;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use seal::DkimKey;
use serde_json::json;

use super::dkim::zone_line;
use super::{Opened, print, say};
use crate::cli::{Cli, DomainVerb};
use crate::config::Config;
use crate::doctor::records::{self, Record};
use crate::doctor::sending;
use crate::doctor::{Outcome, host_of};
use crate::installation::{MakeDkim, Seams};
use crate::reach::{self, Dns};

/// Runs it.
pub async fn run(cli: &Cli, verb: &DomainVerb) -> Result<ExitCode> {
    let (DomainVerb::List { organisation }
    | DomainVerb::Add { organisation, .. }
    | DomainVerb::Check { organisation, .. }) = verb;
    let opened = Opened::new(cli, organisation).await?;
    opened.may(Action::ReadPolicy, &Resource::Organisation(opened.organisation.org))?;
    match verb {
        DomainVerb::List { .. } => list(cli, &opened),
        DomainVerb::Add { domain, .. } => add(cli, &opened, domain).await,
        DomainVerb::Check { domains, strict, .. } => check(cli, &opened, domains, *strict).await,
    }
}

fn list(cli: &Cli, opened: &Opened) -> Result<ExitCode> {
    let config = &opened.loaded.config;
    for domain in &opened.organisation.profile.domains {
        let (is_inbound, selector) = (is_inbound(config, domain), config.dkim_selector(domain));
        print(&match cli.json {
            true => json!({ "domain": domain, "inbound": is_inbound, "dkim_selector": selector }).to_string(),
            false => format!("{domain}  {}, DKIM {selector}", if is_inbound { "both ways" } else { "outbound" }),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the DKIM key of a domain that is to be added, and says what to publish
/// and what to write into the configuration, which stays the operator's.
async fn add(cli: &Cli, opened: &Opened, domain: &Domain) -> Result<ExitCode> {
    let profile = &opened.organisation.profile;
    ensure!(
        !profile.domains.contains(domain),
        "{domain} is a domain of {} already: sealpost domain check",
        profile.slug
    );
    opened.may(Action::ManageOrgKeys, &Resource::Organisation(opened.organisation.org))?;
    let config = &opened.loaded.config;
    let selector = config.dkim_selector(domain);
    let make = Some(seal::DkimKey::generate_rsa as MakeDkim);
    let key = opened.installation.dkim_key(&opened.organisation, domain, selector, make).await?;
    let mut lines: Vec<String> = key.iter().map(zone_line).collect();
    let (helo, reports) = (config.helo(), config.reports_to(domain));
    lines.push(format!("{domain}. TXT \"v=spf1 a:{helo} -all\""));
    lines.push(format!("_dmarc.{domain}. TXT \"v=DMARC1; p=none; rua=mailto:{reports}\""));
    lines.push(format!("_smtp._tls.{domain}. TXT \"v=TLSRPTv1; rua=mailto:{reports}\""));
    match cli.json {
        true => print(&json!({ "domain": domain, "publish": lines }).to_string())?,
        false => lines.iter().try_for_each(|line| print(line))?,
    }
    let domains: Vec<String> = profile.domains.iter().chain([domain]).map(|one| format!("\"{one}\"")).collect();
    say("Publish these records, with all else that sends as this domain in SPF. Then, in the configuration of");
    say(&format!(
        "the organisation {}: domains = [{}], and reload the server; then:",
        profile.slug,
        domains.join(", ")
    ));
    say(&format!("  sealpost domain check {domain}"));
    Ok(ExitCode::SUCCESS)
}

async fn check(cli: &Cli, opened: &Opened, wanted: &[Domain], strict: bool) -> Result<ExitCode> {
    let own = &opened.organisation.profile.domains;
    if let Some(other) = wanted.iter().find(|domain| !own.contains(domain)) {
        anyhow::bail!(
            "{other} is no domain of {}; others are looked at by sealpost probe",
            opened.organisation.profile.slug
        );
    }
    let domains = if wanted.is_empty() { own } else { wanted };
    let checker = Checker::new(opened).await?;
    let mut all = Vec::new();
    for domain in domains {
        let found = checker.check(domain).await;
        if !cli.json {
            print(&format!("{domain}"))?;
            found.iter().try_for_each(|record| print(&told(record)))?;
        }
        all.push((domain, found));
    }
    let of = |outcome| all.iter().flat_map(|(_, found)| found).filter(|record| record.outcome == outcome).count();
    let (failed, warned) = (of(Outcome::Failed), of(Outcome::Warning));
    if cli.json {
        let domain = |(domain, records): &(&Domain, Vec<Record>)| json!({ "domain": domain, "records": records });
        let domains: Vec<serde_json::Value> = all.iter().map(domain).collect();
        print(&json!({ "domains": domains, "failed": failed, "warnings": warned }).to_string())?;
    }
    Ok(if failed == 0 && (warned == 0 || !strict) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the records of a domain are held against.
struct Checker<'a> {
    opened: &'a Opened,
    dns: Dns,
    policies: std::sync::Arc<dyn transport::mta_sts::PolicySource>,
    /// The addresses that this machine sends from.
    addresses: Vec<IpAddr>,
    /// The certificate that port 25 shows.
    chain: Vec<CertificateDer<'static>>,
    now: UnixTime,
}

impl<'a> Checker<'a> {
    async fn new(opened: &'a Opened) -> Result<Self> {
        let (config, seams) = (&opened.loaded.config, Seams::default());
        let dns = reach::dns(&config.delivery, &seams)?;
        let policies = reach::policies(&config.delivery, &dns, &seams)?;
        let addresses = dns.resolver.addresses(config.helo()).await.unwrap_or_default();
        let pem = config.gateway_tls().filter(|_| !config.gateway.listen.is_empty());
        let pem = pem.and_then(|(chain, _)| std::fs::read(chain).ok()).unwrap_or_default();
        let chain = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).map(CertificateDer::into_owned);
        let seconds = seams.clock.now().as_second().unsigned_abs();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        Ok(Self { opened, policies, addresses, chain: chain.collect(), now, dns })
    }

    async fn check(&self, domain: &Domain) -> Vec<Record> {
        let config = &self.opened.loaded.config;
        let (dns, hostname) = (self.dns.secure.as_ref(), &config.server.hostname);
        let reports = config.reports_to(domain);
        let mut found = Vec::new();
        let own = self.addresses.iter().map(|address| (config.helo(), *address));
        for (helo, address) in own.chain(config.source_addresses()) {
            found.extend(records::sender_policy(dns, domain, helo, address).await);
        }
        found.extend(sending::sources(dns, config).await);
        for key in self.opened.organisation.dkim.get(domain).into_iter().flat_map(DkimKey::all) {
            found.extend(records::dkim(dns, key).await);
        }
        found.extend(records::dmarc(dns, domain, &reports).await);
        if is_inbound(config, domain) {
            found.push(records::exchanges(&self.dns, domain, hostname).await);
            found.extend(records::mta_sts(dns, &*self.policies, domain, hostname).await);
            found.extend(records::tls_rpt(dns, domain, &reports).await);
            found.extend(records::dane(dns, hostname, &self.chain, self.now).await);
        }
        let portal = host_of(&config.portal_url()).unwrap_or_else(|| hostname.to_string());
        found.extend(records::wkd(&self.dns, domain, &portal, &self.addresses).await);
        found
    }
}

fn is_inbound(config: &Config, domain: &Domain) -> bool {
    !config.gateway.listen.is_empty() && config.gateway.inbound.iter().any(|inbound| inbound.domains.contains(domain))
}

/// A record for people.
pub fn told(record: &Record) -> String {
    let mark = match record.outcome {
        Outcome::Ok => "✓",
        Outcome::Skipped => "-",
        Outcome::Warning => "!",
        Outcome::Failed => "✗",
    };
    let fix = record.fix.as_ref().map_or_else(String::new, |fix| format!("\n            fix    {fix}"));
    format!("{mark} {:<8}  want   {}\n            found  {}{fix}", record.record, record.want, record.found)
}
