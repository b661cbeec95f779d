//! Pebble as an authority that speaks ACME (RFC 8555): Let's Encrypt's own
//! server for tests. It looks names up in a test's zone and connects to the
//! ports that it is told, as a real one does to 80 and 443; it refuses one
//! nonce in twenty, so that clients show that they bear it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::ca::Ca;
use crate::dns::Dns;
use crate::process::Peer;
use crate::{loopback, wait};

/// The name that Pebble's directory is asked for under.
pub const HOST: &str = "ca.example";

/// What a test wants of its authority.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The port that HTTP-01 is looked for at.
    pub http_port: u16,
    /// The port that TLS-ALPN-01 is looked for at.
    pub tls_port: u16,
    /// How long its certificates live.
    pub life: Duration,
    /// A key identifier and a MAC key, base64url, without which it makes no account.
    pub external_account: Option<(&'static str, &'static str)>,
    /// Names that it issues nothing for, with all below them.
    pub blocked: &'static [&'static str],
}

/// A running Pebble.
pub struct Pebble {
    address: SocketAddr,
    management: SocketAddr,
    configuration: PathBuf,
    dns: SocketAddr,
    // Before its folder: what is dropped first no longer writes into what is dropped next.
    peer: Peer,
    folder: TempDir,
}

impl Pebble {
    /// Starts it; its own certificate is of this authority, and the zone gets its name.
    ///
    /// # Panics
    ///
    /// When Pebble is not installed or will not start.
    pub fn start(ca: &Ca, dns: &Dns, wanted: &Wanted) -> Self {
        let folder = tempfile::Builder::new().prefix("pebble").tempdir().expect("a temporary folder");
        let (address, management) = (loopback::free(), loopback::free());
        dns.add(&format!("{HOST} A {}", address.ip()));
        let identity = ca.issue(&[HOST, &management.ip().to_string()]);
        let keys: serde_json::Map<_, _> =
            wanted.external_account.iter().map(|(id, key)| ((*id).to_owned(), json!(key))).collect();
        let configuration = json!({ "pebble": {
            "listenAddress": address.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": identity.certificate,
            "privateKey": identity.key,
            "httpPort": wanted.http_port,
            "tlsPort": wanted.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": wanted.external_account.is_some(),
            "externalAccountMACKeys": keys,
            "domainBlocklist": wanted.blocked,
            "certificateValidityPeriod": wanted.life.as_secs(),
        }});
        let at = folder.path().join("pebble.json");
        fs::write(&at, configuration.to_string()).expect("Pebble's configuration");
        let peer = run(&at, dns.address(), folder.path());
        let mut pebble = Self { address, management, configuration: at, dns: dns.address(), peer, folder };
        pebble.wait_until_it_listens();
        pebble
    }

    /// Starts it anew: it has forgotten every account and has another root.
    ///
    /// # Panics
    ///
    /// When it will not start.
    pub fn restart(&mut self) {
        self.peer.kill();
        self.peer = run(&self.configuration, self.dns, self.folder.path());
        self.wait_until_it_listens();
    }

    fn wait_until_it_listens(&mut self) {
        let started = wait::within(wait::PATIENCE, || match self.peer.ended() {
            Some(_) => Some(false),
            None => [self.address, self.management]
                .iter()
                .all(|at| std::net::TcpStream::connect(at).is_ok())
                .then_some(true),
        });
        assert_eq!(started, Some(true), "Pebble did not start\n{}", self.peer.log());
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://{HOST}:{}/dir", self.address.port())
    }

    /// How many certificates it issued since it started.
    pub fn issued(&self) -> usize {
        self.log().matches("Issued certificate serial").count()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.peer.log()
    }
}

fn run(configuration: &Path, dns: SocketAddr, folder: &Path) -> Peer {
    let mut command = Command::new("/usr/bin/pebble");
    command.arg("-config").arg(configuration).args(["-dnsserver", &dns.to_string()]);
    // It would sleep for seconds before it looks, as real ones do.
    command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
    Peer::start(&mut command, &folder.join("log"))
}
