//! Unbound as a validating resolver on this machine, in front of a test's own
//! signed zones.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;

use tempfile::TempDir;

use crate::process::Peer;
use crate::{loopback, wait};

/// A running Unbound.
pub struct Unbound {
    address: SocketAddr,
    // Before its folder: what is dropped first no longer writes into what is dropped next.
    _peer: Peer,
    _folder: TempDir,
}

impl Unbound {
    /// Asks this name server about everything, and validates from these
    /// anchors on (a DNSKEY record of the root).
    ///
    /// # Panics
    ///
    /// When Unbound is not installed or will not start.
    pub fn forwarding_to(server: SocketAddr, anchors: &str) -> Self {
        let address = loopback::free();
        let folder = tempfile::Builder::new().prefix("unbound").tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("anchors"), anchors).expect("the anchors");
        let config = format!(
            "server:\n interface: {ip}@{port}\n port: {port}\n do-daemonize: no\n use-syslog: no\n username: \"\"\n \
             chroot: \"\"\n directory: \"{folder}\"\n pidfile: \"\"\n trust-anchor-file: \"{anchors}\"\n \
             do-not-query-localhost: no\n local-zone: \"test.\" nodefault\n do-ip6: no\n \
             cache-max-ttl: 0\n cache-max-negative-ttl: 0\n module-config: \"validator iterator\"\n\
             remote-control:\n control-enable: no\n\
             forward-zone:\n name: \".\"\n forward-addr: {server_ip}@{server_port}\n",
            ip = address.ip(),
            port = address.port(),
            folder = folder.path().display(),
            anchors = at("anchors").display(),
            server_ip = server.ip(),
            server_port = server.port(),
        );
        fs::write(at("unbound.conf"), config).expect("the configuration");
        let mut command = Command::new("/usr/sbin/unbound");
        let mut peer = Peer::start(command.arg("-d").arg("-c").arg(at("unbound.conf")), &at("log"));
        let started = wait::within(wait::PATIENCE, || match peer.ended() {
            Some(_) => Some(false),
            None => answers(address).then_some(true),
        });
        assert_eq!(started, Some(true), "Unbound did not start\n{}", peer.log());
        Self { address, _peer: peer, _folder: folder }
    }

    /// Where it listens, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Whether anything comes back: the header of a query without a question.
pub(crate) fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        socket.connect(address).ok()?;
        socket.set_read_timeout(Some(std::time::Duration::from_millis(300))).ok()?;
        // The root's name servers, asked without recursion.
        socket.send(&[0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]).ok()?;
        socket.recv(&mut [0; 512]).ok()
    };
    ask().is_some()
}
