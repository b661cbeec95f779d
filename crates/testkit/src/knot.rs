//! Knot as the signer and name server of a test's own zones: the root, and
//! `secure.test` below it, signed as a real operator's are.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Peer;
use crate::{loopback, unbound, wait};

/// How a zone proves that something does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// By names in order (RFC 4034).
    Nsec,
    /// By hashes in order (RFC 5155).
    Nsec3,
}

/// A running Knot.
pub struct Knot {
    address: SocketAddr,
    anchors: String,
    // Before its folder: what is dropped first no longer writes into what is dropped next.
    _peer: Peer,
    _folder: TempDir,
}

impl Knot {
    /// Signs and serves these records (written as in [`crate::dns`]) as the
    /// zone `secure.test`. The root denies by NSEC, as the real one does.
    ///
    /// # Panics
    ///
    /// When Knot is not installed or will not start.
    pub fn start(denial: Denial, records: &str) -> Self {
        let address = loopback::free();
        let folder = tempfile::Builder::new().prefix("knot").tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file for Knot");
        write("knot.conf", &config(folder.path(), address, denial));
        for name in ["run", "db"] {
            fs::create_dir(folder.path().join(name)).expect("a folder for Knot");
        }
        write("secure.zone", &format!("{}{}", apex("secure.test."), absolute(records)));
        for zone in [".", "secure.test."] {
            keymgr(folder.path(), &[zone, "generate", "algorithm=13", "ksk=yes", "zsk=yes"]);
        }
        let ds = keymgr(folder.path(), &["secure.test.", "ds"]);
        let sha256 = ds.lines().find(|line| line.split_whitespace().nth(4) == Some("2")).expect("a DS record");
        write("root.zone", &format!("{}secure.test. NS ns.test.\n{sha256}\n", apex(".")));
        let anchors = keymgr(folder.path(), &[".", "dnskey"]);
        let mut command = Command::new("/usr/sbin/knotd");
        let log = folder.path().join("log");
        let mut peer = Peer::start(command.arg("-c").arg(folder.path().join("knot.conf")), &log);
        let started = wait::within(wait::PATIENCE, || match peer.ended() {
            Some(_) => Some(false),
            None => {
                (unbound::answers(address) && peer.log().matches("successfully signed").count() >= 2).then_some(true)
            }
        });
        assert_eq!(started, Some(true), "Knot did not start\n{}", peer.log());
        Self { address, anchors, _peer: peer, _folder: folder }
    }

    /// Where it listens, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key of its root, as a DNSKEY record.
    pub fn anchors(&self) -> String {
        self.anchors.replacen("DNSKEY", "3600 IN DNSKEY", 1)
    }
}

fn config(folder: &Path, address: SocketAddr, denial: Denial) -> String {
    let denial = if denial == Denial::Nsec3 { "on" } else { "off" };
    let folder = folder.display();
    format!(
        "server:\n  rundir: \"{folder}/run\"\n  listen: {ip}@{port}\n\
         log:\n  - target: stdout\n    any: info\n\
         database:\n  storage: \"{folder}/db\"\n  journal-db-max-size: 16M\n  kasp-db-max-size: 16M\n  \
         timer-db-max-size: 16M\n  catalog-db-max-size: 16M\n\
         policy:\n  - id: root\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n    nsec3: off\n  \
         - id: secure\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n    nsec3: {denial}\n\
         template:\n  - id: default\n    storage: \"{folder}\"\n    dnssec-signing: on\n    \
         zonefile-load: difference-no-serial\n    zonefile-sync: -1\n    journal-content: all\n\
         zone:\n  - domain: .\n    file: root.zone\n    dnssec-policy: root\n  \
         - domain: secure.test.\n    file: secure.zone\n    dnssec-policy: secure\n",
        ip = address.ip(),
        port = address.port(),
    )
}

fn keymgr(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("/usr/sbin/keymgr").arg("-c").arg(folder.join("knot.conf")).args(arguments).output();
    let output = output.expect("keymgr of the package knot");
    assert!(output.status.success(), "keymgr {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn apex(origin: &str) -> String {
    format!("{origin} 0 SOA ns.test. nobody.test. 1 3600 600 3600 0\n{origin} 0 NS ns.test.\n$TTL 0\n")
}

/// A zone file's names end in a dot; ours don't.
fn absolute(records: &str) -> String {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields.as_slice() {
            [] => String::new(),
            [owner, kind @ "CNAME", target] => format!("{owner}. {kind} {target}."),
            [owner, kind @ "MX", preference, host] => format!("{owner}. {kind} {preference} {host}."),
            [owner, rest @ ..] => format!("{owner}. {}", rest.join(" ")),
        }
    };
    records.lines().map(|text| format!("{}\n", line(text))).collect()
}
