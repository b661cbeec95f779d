//! Postfix under test: Debian's, as an instance of its own, set for speed. It
//! reuses TLS connections and sessions, and nothing slows it down or is looked
//! up. It does not judge, encrypt or sign anything, and takes any certificate
//! (level `encrypt`): less work than Sealpost's.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::peer::{PATIENCE, Peer, within};

/// The program that runs all the others.
pub const MASTER: &str = "/usr/lib/postfix/sbin/master";

/// Starts it in `folder`, relaying to `sink`; gives where it takes mail.
pub fn start(folder: &Path, sink: SocketAddr) -> Result<(Peer, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    fs::write(folder.join("main.cf"), main_cf(folder, sink))?;
    fs::write(folder.join("master.cf"), master_cf(address))?;
    make_folders(folder)?;
    let mut master = Command::new(MASTER);
    master.arg("-c").arg(folder).arg("-d").current_dir(folder.join("queue"));
    let log = folder.join("master.log");
    let mut peer = Peer::start(&mut master, &folder.join("output"), &log)?;
    let greeted = within(PATIENCE, || {
        peer.ensure_alive()?;
        Ok(greets(address).then_some(()))
    })?;
    greeted.with_context(|| fs::read_to_string(folder.join("mail.log")).unwrap_or_default()).context("postfix")?;
    Ok((peer, address))
}

fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut code = [0; 3];
    let patient = stream.set_read_timeout(Some(Duration::from_secs(5)));
    patient.and_then(|()| stream.read_exact(&mut code)).is_ok() && code == *b"220"
}

fn main_cf(folder: &Path, sink: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6\nconfig_directory = {folder}\nqueue_directory = {folder}/queue\n\
         data_directory = {folder}/data\nmaillog_file = {folder}/mail.log\nmaillog_file_prefixes = {folder}\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         shlib_directory = /usr/lib/postfix\nmeta_directory = /etc/postfix\n\
         mail_owner = postfix\nsetgid_group = postdrop\n\
         myhostname = mta.clinic.example\nmydestination =\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
         inet_interfaces = loopback-only\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\nsmtpd_peername_lookup = no\n\
         disable_dns_lookups = yes\nsmtp_host_lookup = native\nrelayhost = [127.0.0.1]:{port}\n\
         smtpd_client_connection_count_limit = 0\nsmtpd_client_connection_rate_limit = 0\n\
         default_process_limit = 200\nmax_use = 5000\nin_flow_delay = 0\n\
         qmgr_message_active_limit = 60000\nqmgr_message_recipient_limit = 60000\n\
         initial_destination_concurrency = 20\ndefault_destination_concurrency_limit = 20\n\
         smtp_tls_security_level = encrypt\nsmtp_tls_loglevel = 0\n\
         smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_sessions\n\
         smtp_tls_connection_reuse = yes\nsmtp_connection_cache_on_demand = yes\n\
         smtp_connection_cache_destinations = 127.0.0.1\nsmtp_connection_cache_time_limit = 5s\n\
         smtp_connection_reuse_time_limit = 600s\n",
        port = sink.port(),
    )
}

fn master_cf(address: SocketAddr) -> String {
    let mut text = format!("{address} inet n - n - - smtpd\n");
    for (name, kind, private, wakeup, limit, command) in [
        ("cleanup", "unix", "n", "-", "0", "cleanup"),
        ("qmgr", "unix", "n", "300", "1", "qmgr"),
        ("tlsmgr", "unix", "-", "1000?", "1", "tlsmgr"),
        ("tlsproxy", "unix", "-", "-", "0", "tlsproxy"),
        ("rewrite", "unix", "-", "-", "-", "trivial-rewrite"),
        ("bounce", "unix", "-", "-", "0", "bounce"),
        ("defer", "unix", "-", "-", "0", "bounce"),
        ("trace", "unix", "-", "-", "0", "bounce"),
        ("proxymap", "unix", "-", "-", "-", "proxymap"),
        ("smtp", "unix", "-", "-", "-", "smtp"),
        ("relay", "unix", "-", "-", "-", "smtp"),
        ("error", "unix", "-", "-", "-", "error"),
        ("retry", "unix", "-", "-", "-", "error"),
        ("anvil", "unix", "-", "-", "1", "anvil"),
        ("scache", "unix", "-", "-", "1", "scache"),
        ("postlog", "unix-dgram", "n", "-", "1", "postlogd"),
    ] {
        text.push_str(&format!("{name} {kind} {private} - n {wakeup} {limit} {command}\n"));
    }
    text
}

/// What `postfix start` would make on a new machine.
fn make_folders(folder: &Path) -> Result<()> {
    let owner = account("/etc/passwd", "postfix").context("no user postfix")?;
    let group = account("/etc/group", "postdrop").context("no group postdrop")?;
    let make = |name: &str, user: Option<u32>, group: Option<u32>, mode: u32| {
        let path = folder.join(name);
        fs::create_dir_all(&path)?;
        chown(&path, user, group)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
    };
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    make("queue", None, None, 0o755)?;
    make("queue/pid", None, None, 0o755)?;
    let private = "active bounce corrupt defer deferred flush hold incoming private saved trace";
    for name in private.split(' ') {
        make(&format!("queue/{name}"), Some(owner), None, 0o700)?;
    }
    make("queue/maildrop", Some(owner), Some(group), 0o730)?;
    make("queue/public", Some(owner), Some(group), 0o710)?;
    make("data", Some(owner), None, 0o700)?;
    Ok(())
}

fn account(file: &str, name: &str) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// Whether what a run needs is there; else says how to get it.
pub fn ensure_present(needs_master: bool) -> Result<()> {
    let source = Path::new(super::load::SOURCE).exists();
    let master = !needs_master || Path::new(MASTER).exists();
    ensure!(
        source && master,
        "Debian's Postfix is not there (smtp-source is part of it); as root:\n\n    apt-get install --yes postfix\n"
    );
    ensure!(
        !needs_master || crate::packages::is_root(),
        "Postfix must be started by root; --only sealpost needs no root"
    );
    Ok(())
}
