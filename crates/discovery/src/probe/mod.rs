//! `sealpost probe`: what a domain's mail servers can do today, what the domain
//! says about them, and what is not as it should be (docs/probe.md).
//!
//! A probe never sends a message and never says MAIL FROM. It is polite: one
//! connection at a time to a host, a stated EHLO name, short timeouts, a cap on
//! connections. What a server says is outside data: it is made harmless before
//! anybody sees it.

mod certificate;
mod finding;
mod names;
mod report;
mod scan;
mod texts;
mod visit;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use mail::{Clock, Domain, Entropy, Level};
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use transport::mta_sts::{PolicySource, StsMode, StsPolicy, StsRecord};
use transport::{Anchors, Binding, Judgement, Network, Resolver, SecureDns, Timeouts, Tls, is_public};

pub use certificate::{CertificateReport, certificate as read_certificate};
pub use finding::{Finding, Grade, Severity};
pub use report::{
    AddressReport, CaaReport, DaneReport, DaneState, Dnssec, HostReport, MxReport, MxState, Report, ScanReport,
    StartTls, StsPolicyReport, StsReport, Taken, TextReport, TextState, TlsReport, harmless,
};
pub use texts::{DkimReport, DmarcReport, SpfReport};

use names::Names;
use scan::Scanner;
use visit::{Asked, Visitor};

const BANNER_MAX: usize = 200;

/// How a probe behaves.
#[derive(Clone, Debug)]
pub struct ProbeConfig {
    /// The name for EHLO.
    pub helo: Domain,
    /// The port of MX hosts: 25.
    pub mx_port: u16,
    /// Whether an MX may lead to loopback and private addresses.
    pub allow_private: bool,
    /// Bounds on time.
    pub timeouts: Timeouts,
    /// MX hosts that are probed of a domain.
    pub hosts_max: usize,
    /// Addresses that are probed of a host.
    pub addresses_max: usize,
    /// Connections to a host in one probe.
    pub connections_max: usize,
    /// Whether old versions and weak ciphers are asked about too.
    pub scans: bool,
}

impl ProbeConfig {
    /// The usual behaviour under this name.
    pub fn new(helo: Domain) -> Self {
        let timeouts = Timeouts {
            connect: Duration::from_secs(15),
            greeting: Duration::from_secs(30),
            handshake: Duration::from_secs(15),
            command: Duration::from_secs(30),
            write: Duration::from_secs(15),
            ..Timeouts::default()
        };
        Self {
            helo,
            mx_port: 25,
            allow_private: false,
            timeouts,
            hosts_max: 10,
            addresses_max: 4,
            connections_max: 40,
            scans: true,
        }
    }
}

/// What a probe reaches out through.
pub struct Seams {
    /// Opens connections.
    pub network: Arc<dyn Network>,
    /// Knows addresses.
    pub resolver: Arc<dyn Resolver>,
    /// Knows the DNS with proofs.
    pub dns: Arc<dyn SecureDns>,
    /// Fetches MTA-STS policies.
    pub policies: Arc<dyn PolicySource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Unpredictable bytes.
    pub entropy: Arc<dyn Entropy>,
}

/// What probes domains.
pub struct Prober {
    config: ProbeConfig,
    seams: Seams,
    tls: Tls,
}

/// What is known of a domain when its hosts are visited.
struct Known<'a> {
    domain: &'a Domain,
    mx: &'a MxReport,
    policy: Option<&'a StsPolicy>,
}

impl Prober {
    /// A prober over these seams; certificates are judged by these anchors.
    pub fn new(config: ProbeConfig, anchors: Anchors, seams: Seams) -> Self {
        let tls = Tls::new(anchors, seams.clock.clone());
        Self { config, seams, tls }
    }

    /// Probes a domain. DKIM keys are looked for under these selectors.
    pub async fn probe(&self, domain: &Domain, selectors: &[String]) -> Report {
        let names = Names(&*self.seams.dns);
        let (mx, exchanges) = names.exchanges(domain, self.config.hosts_max).await;
        let (sts, policy) = self.mta_sts(domain).await;
        let known = Known { domain, mx: &mx, policy: policy.as_ref() };
        let mut hosts = Vec::new();
        for (preference, host) in &exchanges {
            hosts.push(self.host(&known, *preference, host).await);
        }
        let mut dkim = Vec::new();
        for selector in selectors {
            dkim.push(names.dkim(domain, selector).await);
        }
        let level = hosts.iter().flat_map(|host| &host.addresses).map(|address| address.level).max();
        let mut report = Report {
            domain: domain.clone(),
            at: self.seams.clock.now(),
            grade: None,
            level: level.unwrap_or(Level::None),
            mx,
            hosts,
            mta_sts: sts,
            tls_rpt: names.tls_rpt(domain).await,
            spf: names.spf(domain).await,
            dkim,
            dmarc: names.dmarc(domain).await,
            caa: names.caa(domain).await,
            findings: Vec::new(),
        };
        report.findings = finding::findings(&report);
        report.grade = finding::grade(&report);
        report
    }

    async fn mta_sts(&self, domain: &Domain) -> (StsReport, Option<StsPolicy>) {
        let (record, read) = Names(&*self.seams.dns).sts_record(domain).await;
        let none = |record, failure| (StsReport { record, policy: None, failure }, None);
        if !matches!(read, Some(StsRecord::Present { .. })) {
            return none(record, None);
        }
        match self.seams.policies.policy(domain).await {
            Ok(policy) => {
                let shown = StsPolicyReport {
                    mode: policy.mode.word(),
                    mx: policy.mx.iter().map(ToString::to_string).collect(),
                    max_age_s: policy.max_age_s,
                };
                (StsReport { record, policy: Some(shown), failure: None }, Some(policy))
            }
            Err(error) => none(record, Some(whole(&error))),
        }
    }

    async fn host(&self, known: &Known<'_>, preference: u16, host: &Domain) -> HostReport {
        let names = Names(&*self.seams.dns);
        let (dane, found) = names.dane(known.mx, known.domain, host, self.config.mx_port).await;
        let named = known.policy.filter(|policy| policy.mode != StsMode::None).map(|policy| policy.names(host));
        let is_enforced = known.policy.is_some_and(|policy| policy.mode == StsMode::Enforce);
        // DANE overrides MTA-STS (RFC 8461 §2).
        let binding = match found {
            Binding::Found(_) if is_enforced && named == Some(true) => Binding::Sts,
            other => other,
        };
        let forbidden = match (&dane.state, &binding) {
            (DaneState::Failed, _) => Some("the lookup of its TLSA records is bogus or fails"),
            (_, Binding::Found(_)) if is_enforced => Some("the MTA-STS policy does not name this host"),
            _ => None,
        };
        let mut report = HostReport {
            host: host.clone(),
            preference,
            failure: None,
            dane,
            mta_sts_names: named,
            addresses: Vec::new(),
        };
        let addresses = match self.addresses(host).await {
            Ok(addresses) => addresses,
            Err(failure) => return HostReport { failure: Some(failure), ..report },
        };
        let visitor = Visitor {
            network: &*self.seams.network,
            helo: &self.config.helo,
            timeouts: &self.config.timeouts,
            connections_max: self.config.connections_max,
            connections: AtomicUsize::new(0),
        };
        for address in addresses {
            let mut seen = self.visit(&visitor, host, address, &binding).await;
            if let Some(why) = forbidden {
                (seen.level, seen.forbidden) = (Level::None, Some(why.to_owned()));
            }
            report.addresses.push(seen);
        }
        if self.config.scans {
            self.scan(&visitor, host, &mut report.addresses).await;
        }
        report
    }

    async fn addresses(&self, host: &Domain) -> Result<Vec<IpAddr>, String> {
        let found = self.seams.resolver.addresses(host).await;
        let mut addresses = found.map_err(|error| error.to_string())?;
        if !self.config.allow_private {
            addresses.retain(|address| is_public(*address));
            if addresses.is_empty() {
                return Err("its addresses are not public".to_owned());
            }
        }
        addresses.truncate(self.config.addresses_max);
        Ok(addresses)
    }

    /// One visit: what a delivery would see.
    async fn visit(&self, visitor: &Visitor<'_>, host: &Domain, address: IpAddr, binding: &Binding) -> AddressReport {
        let mut report = AddressReport {
            address,
            failure: None,
            banner: None,
            extensions: Vec::new(),
            starttls: None,
            tls: None,
            tls_failure: None,
            level: Level::None,
            forbidden: None,
            scan: None,
        };
        let clear = match visitor.enter(SocketAddr::new(address, self.config.mx_port)).await {
            Ok(clear) => clear,
            Err(error) => return AddressReport { failure: Some(error.to_string()), ..report },
        };
        report.banner = Some(harmless(&clear.banner, BANNER_MAX));
        match visitor.ask_tls(clear).await {
            Err(error) => {
                report.starttls = Some(StartTls::Refused);
                report.tls_failure = Some(error.to_string());
            }
            Ok(Asked::NotOffered(extensions)) => {
                report.starttls = Some(StartTls::NotOffered);
                report.extensions = visit::keywords(extensions);
            }
            Ok(Asked::Refused(code, extensions)) => {
                report.starttls = Some(StartTls::Refused);
                report.tls_failure = Some(format!("it answers {code} to STARTTLS"));
                report.extensions = visit::keywords(extensions);
            }
            Ok(Asked::Go(stream, handshake)) => {
                report.starttls = Some(StartTls::Offered);
                self.secure(visitor, host, binding, stream, handshake, &mut report).await;
            }
        }
        if report.level < binding.floor() {
            report.forbidden = Some(format!("what binds this host demands {}", binding.floor()));
            report.level = Level::None;
        }
        report
    }

    async fn secure(
        &self,
        visitor: &Visitor<'_>,
        host: &Domain,
        binding: &Binding,
        stream: Box<dyn transport::Stream>,
        handshake: smtp::client::Handshake,
        report: &mut AddressReport,
    ) {
        let Ok(name) = ServerName::try_from(host.as_str().to_owned()) else { return };
        let shaking = self.tls.handshake(stream, binding.tls_name(&name), None);
        let secured = match timeout(self.config.timeouts.handshake, shaking).await {
            Ok(Ok(secured)) => secured,
            Ok(Err(error)) => {
                report.tls_failure = Some(error.to_string());
                return;
            }
            Err(_) => {
                report.tls_failure = Some("the handshake took too long".to_owned());
                return;
            }
        };
        let transport::Secured { mut stream, mut proof, chain, group } = secured;
        let pkix_fault = match &proof.judgement {
            Judgement::NotVerified { fault, .. } => Some(fault.word()),
            Judgement::Verified { .. } | Judgement::Dane { .. } => None,
        };
        proof.judgement = binding.judge(proof.judgement, &chain, self.tls.now());
        report.level = binding.level(Some(&proof));
        report.tls = Some(TlsReport {
            version: proof.version,
            cipher: proof.cipher,
            group,
            pkix: pkix_fault.is_none(),
            pkix_fault,
            dane: match proof.judgement {
                Judgement::Dane { record, .. } => Some(record),
                Judgement::Verified { .. } | Judgement::NotVerified { .. } => None,
            },
            chain: chain.iter().map(certificate::certificate).collect(),
        });
        if let Ok(session) = visitor.hello(&mut *stream, handshake.done()).await {
            report.extensions = visit::keywords(session.extensions());
            report.extensions.insert(0, "STARTTLS");
            visitor.leave(stream, session).await;
        }
    }

    /// On the first address that offers STARTTLS: the others of a host are
    /// mostly the same server, and connections are not ours to waste.
    async fn scan(&self, visitor: &Visitor<'_>, host: &Domain, addresses: &mut [AddressReport]) {
        let offered = addresses.iter_mut().find(|address| address.starttls == Some(StartTls::Offered));
        if let Some(report) = offered {
            let address = SocketAddr::new(report.address, self.config.mx_port);
            let scanner = Scanner { visitor, host, address, entropy: &*self.seams.entropy };
            report.scan = Some(scanner.scan().await);
        }
    }
}

/// An error and its causes in one line.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
