//! A prober, a signed world of names, a policy host.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use discovery::fetch::{FetchConfig, Fetcher};
use discovery::probe::{Finding, ProbeConfig, Prober, Report, Seams};
use discovery::sts::HttpsPolicies;
use jiff::Timestamp;
use mail::{Clock, Domain, Entropy};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::ca::{Ca, Identity};
use testkit::signed_zone::SignedDns;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use transport::{Anchors, DnssecAnchors, HickoryResolver, TokioNetwork};

struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Probes through this world's DNS, with the anchors of this authority. MX
/// hosts are at `mx_port`, the policy host at `policy_port`.
pub fn prober(dns: &SignedDns, ca: &Ca, mx_port: u16, policy_port: u16) -> Prober {
    prober_with(dns, ca, policy_port, ProbeConfig { mx_port, ..config() })
}

pub fn config() -> ProbeConfig {
    let mut config = ProbeConfig::new(Domain::parse("probe.clinic.example").unwrap());
    config.allow_private = true;
    config.timeouts.greeting = Duration::from_secs(20);
    config
}

pub fn prober_with(dns: &SignedDns, ca: &Ca, policy_port: u16, config: ProbeConfig) -> Prober {
    let dnssec = DnssecAnchors::parse(dns.anchors()).unwrap();
    let resolver = Arc::new(HickoryResolver::asking(&[dns.address()]).unwrap().validating(&dnssec));
    let anchors = Anchors::from_pem(ca.pem().as_bytes()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let network = Arc::new(TokioNetwork);
    let fetch = FetchConfig { port: policy_port, allow_private: true, ..FetchConfig::default() };
    let fetcher = Fetcher::new(fetch, &anchors, network.clone(), resolver.clone(), clock.clone()).unwrap();
    let seams = Seams {
        network,
        resolver: resolver.clone(),
        dns: resolver,
        policies: Arc::new(HttpsPolicies(fetcher)),
        clock,
        entropy: Arc::new(Sevens),
    };
    Prober::new(config, anchors, seams)
}

pub async fn probe(prober: &Prober, domain: &str) -> Report {
    prober.probe(&Domain::parse(domain).unwrap(), &[]).await
}

/// The codes that count, worst first.
pub fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().filter(|finding| finding.counts).map(|finding| finding.code).collect()
}

#[track_caller]
pub fn finding<'r>(report: &'r Report, code: &str) -> &'r Finding {
    let found = report.findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("no {code} among {:?}", codes(report)))
}

#[track_caller]
pub fn lacks(report: &Report, code: &str) {
    assert!(report.findings.iter().all(|finding| finding.code != code), "{code} in {:?}", codes(report));
}

/// A web site that gives one answer to everybody.
pub struct Site {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Site {
    /// The answer is whole, status line and all.
    pub async fn start(identity: &Identity, answer: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(server_config(identity));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_one(acceptor.clone(), stream, answer.clone()));
            }
        });
        Self { address, task }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_one(acceptor: TlsAcceptor, stream: TcpStream, answer: String) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

pub fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// A policy's text as an answer.
pub fn policy(text: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}
