//! Postfix as somebody's MX host, with a configuration, queue and log of its
//! own, delivering whatever it accepts into one Maildir.
//!
//! Postfix wants to be root, for its daemons change users. It is Debian's
//! package `postfix`; the system's own instance is neither used nor touched.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::ca::{Ca, Identity};
use crate::process::{Peer, account, is_root};
use crate::{loopback, wait};

/// How an MX host is about TLS.
pub enum Tls<'c> {
    /// A certificate of the authority, for the host's name.
    Valid(&'c Ca),
    /// For the host's name, but signed by itself.
    SelfSigned(&'c Ca),
    /// Of the authority, for another name.
    WrongName(&'c Ca),
    /// Of the authority, for the host's name, but over.
    Expired(&'c Ca),
    /// A valid certificate and nothing newer than TLS 1.0.
    Tls10(&'c Ca),
    /// A valid certificate, every version and every suite that OpenSSL still
    /// has, those without encryption or certificate too.
    Careless(&'c Ca),
    /// STARTTLS is not offered.
    None,
}

/// An MX host before its start.
pub struct Builder {
    hostname: String,
    identity: Option<Identity>,
    old_tls: bool,
    address: Option<SocketAddr>,
    settings: Vec<(String, String)>,
    header: Option<String>,
}

/// A running Postfix.
pub struct Postfix {
    hostname: String,
    identity: Option<Identity>,
    address: SocketAddr,
    // Before its folder: what is dropped first no longer writes into what is dropped next.
    peer: Peer,
    folder: TempDir,
}

/// A message that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter(pub Vec<u8>);

impl Letter {
    /// The message as text, broken UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The values of a header field, unfolded.
    pub fn header(&self, name: &str) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let head = text.split("\n\n").next().unwrap_or_default().replace("\n\t", " ").replace("\n ", " ");
        let field = |line: &str| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().filter_map(field).collect()
    }

    /// What stands after the header.
    pub fn body(&self) -> String {
        let text = self.text().replace("\r\n", "\n");
        text.split_once("\n\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }
}

impl Postfix {
    /// A host of this name, without TLS until told otherwise.
    pub fn named(hostname: &str) -> Builder {
        Builder {
            hostname: hostname.to_owned(),
            identity: None,
            old_tls: false,
            address: None,
            settings: Vec::new(),
            header: None,
        }
    }

    /// Its name.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The zone lines that make this the only MX of a domain.
    pub fn mx_of(&self, domain: &str) -> String {
        format!("{domain} MX 10 {host}\n{host} A {address}\n", host = self.hostname, address = self.address.ip())
    }

    /// What was delivered so far, oldest first.
    pub fn letters(&self) -> Vec<Letter> {
        let mut paths: Vec<(std::time::SystemTime, PathBuf)> = fs::read_dir(self.folder.path().join("mail/inbox/new"))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((entry.as_ref().ok()?.metadata().ok()?.modified().ok()?, entry.ok()?.path())))
            .collect();
        paths.sort();
        paths.into_iter().filter_map(|(_, path)| fs::read(path).ok().map(Letter)).collect()
    }

    /// Waits until `count` messages have been delivered.
    ///
    /// # Panics
    ///
    /// When they have not within [`wait::PATIENCE`]; Postfix's log is in the panic.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Letter> {
        let enough = || Some(self.letters()).filter(|letters| letters.len() >= count);
        wait::within(wait::PATIENCE, enough).unwrap_or_else(|| {
            panic!("{} of {count} messages at {}\n{}", self.letters().len(), self.hostname, self.log())
        })
    }

    /// What it logged.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("mail.log")).unwrap_or_default();
        format!("{}{}", self.peer.log(), String::from_utf8_lossy(&log))
    }
}

impl Builder {
    /// Offers STARTTLS in this manner.
    pub fn tls(mut self, tls: &Tls<'_>) -> Self {
        let name = self.hostname.clone();
        self.identity = match tls {
            Tls::Valid(ca) | Tls::Tls10(ca) | Tls::Careless(ca) => Some(ca.issue(&[&name])),
            Tls::SelfSigned(ca) => Some(ca.self_signed(&[&name])),
            Tls::WrongName(ca) => Some(ca.issue(&["somebody.else.example"])),
            Tls::Expired(ca) => Some(ca.expired(&[&name])),
            Tls::None => None,
        };
        self.old_tls = matches!(tls, Tls::Tls10(_) | Tls::Careless(_));
        match tls {
            Tls::Tls10(_) => self.set("smtpd_tls_protocols", "TLSv1"),
            Tls::Careless(_) => self
                .set("smtpd_tls_protocols", ">=TLSv1")
                .set("smtpd_tls_ciphers", "low")
                .set("tls_low_cipherlist", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
            Tls::Valid(_) | Tls::SelfSigned(_) | Tls::WrongName(_) | Tls::Expired(_) | Tls::None => self,
        }
    }

    /// Listens here. Without it: on a loopback address of its own, at any port.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Listens at this port of a loopback address of its own, as all MX hosts of one test do.
    pub fn port(self, port: u16) -> Self {
        let address = SocketAddr::from((loopback::address(), port));
        self.address(address)
    }

    /// A line of `main.cf`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Does not offer these extensions: `8bitmime, smtputf8`.
    pub fn without(self, keywords: &str) -> Self {
        let smtputf8 = if keywords.contains("smtputf8") { "no" } else { "yes" };
        self.set("smtpd_discard_ehlo_keywords", keywords).set("smtputf8_enable", smtputf8)
    }

    /// Answers RCPT for an address with a reply of its own: `("late@clinic.example", "450 4.2.0 not yet")`.
    pub fn answering(self, replies: &[(&str, &str)]) -> Self {
        let entries: Vec<String> = replies.iter().map(|(address, reply)| format!("{{{address} = {reply}}}")).collect();
        let map = format!("check_recipient_access inline:{{{}}}, reject_unauth_destination", entries.join(", "));
        self.set("smtpd_recipient_restrictions", &map)
    }

    /// Keeps nothing: hands all mail on to one server, over TLS, from this address of its own.
    pub fn relaying(self, to: SocketAddr, from: &str) -> Self {
        let next = format!("smtp:[{}]:{}", to.ip(), to.port());
        self.set("virtual_mailbox_domains", "")
            .set("relay_domains", "static:all")
            .set("relay_transport", &next)
            .set("default_transport", &next)
            .set("smtp_bind_address", from)
            .set("smtp_tls_security_level", "encrypt")
            .set("maximal_backoff_time", "5s")
            .set("minimal_backoff_time", "5s")
            .set("queue_run_delay", "5s")
    }

    /// Writes this field on top of whatever it takes.
    pub fn adding(mut self, field: &str) -> Self {
        self.header = Some(field.to_owned());
        self
    }

    /// Starts it and waits for its greeting.
    ///
    /// # Panics
    ///
    /// When Postfix is not installed, this process is not root, or it will not start.
    pub fn start(self) -> Postfix {
        assert!(is_root(), "Postfix must be started by root; cargo xtask test sees to that");
        let address = self.address.unwrap_or_else(loopback::free);
        let folder = tempfile::Builder::new().prefix("postfix").tempdir().expect("a temporary folder");
        make_folders(folder.path());
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a configuration file");
        write("main.cf", &self.main_cf(folder.path()));
        write("master.cf", &master_cf(address));
        write(
            "header_checks",
            &self.header.iter().map(|field| format!("/^From:/ PREPEND {field}\n")).collect::<String>(),
        );
        write("openssl.cnf", if self.old_tls { OPENSSL_OLD } else { "" });
        let mut master = Command::new("/usr/lib/postfix/sbin/master");
        master.arg("-c").arg(folder.path()).arg("-d").current_dir(folder.path().join("queue"));
        if self.old_tls {
            master.env("OPENSSL_CONF", folder.path().join("openssl.cnf"));
        }
        let log = folder.path().join("master.log");
        let peer = Peer::start(&mut master, &log);
        let mut postfix = Postfix { hostname: self.hostname, identity: self.identity, address, peer, folder };
        // On a machine that is very busy a master was seen that neither ends nor says a word.
        if !postfix.greets() {
            eprintln!("Postfix at {address} says nothing and is started once more:\n{}", postfix.peer.group());
            postfix.peer.kill();
            postfix.peer = Peer::start(&mut master, &log);
            let greets = postfix.greets();
            assert!(greets, "Postfix did not start at {address}\n{}\n{}", postfix.peer.group(), postfix.log());
        }
        postfix
    }

    fn main_cf(&self, folder: &Path) -> String {
        let mail_user = account("/etc/passwd", "nobody").unwrap_or(65_534);
        let folder = folder.display();
        let mut text = format!(
            "compatibility_level = 3.6\nconfig_directory = {folder}\nqueue_directory = {folder}/queue\n\
             data_directory = {folder}/data\nmaillog_file = {folder}/mail.log\nmaillog_file_prefixes = {folder}\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             shlib_directory = /usr/lib/postfix\nmeta_directory = /etc/postfix\nmail_owner = postfix\n\
             setgid_group = postdrop\nmyhostname = {hostname}\nmydestination =\nalias_maps =\nalias_database =\n\
             inet_interfaces = all\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             smtpd_peername_lookup = no\nsmtpd_relay_restrictions = reject_unauth_destination\n\
             virtual_mailbox_domains = static:all\nvirtual_mailbox_base = {folder}/mail\n\
             virtual_mailbox_maps = static:inbox/\nvirtual_uid_maps = static:{mail_user}\n\
             virtual_gid_maps = static:{mail_user}\nvirtual_minimum_uid = 1\n\
             smtpd_client_connection_rate_limit = 0\nsmtpd_client_connection_count_limit = 0\n\
             message_size_limit = 104857600\nmailbox_size_limit = 0\nvirtual_mailbox_limit = 0\n\
             smtpd_error_sleep_time = 0\nsmtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1\n",
            hostname = self.hostname,
        );
        match &self.identity {
            None => text.push_str("smtpd_tls_security_level = none\n"),
            Some(identity) => text.push_str(&format!(
                "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {}, {}\n",
                identity.key.display(),
                identity.certificate.display()
            )),
        }
        if self.header.is_some() {
            text.push_str(&format!("header_checks = regexp:{folder}/header_checks\n"));
        }
        if self.old_tls {
            text.push_str("import_environment = MAIL_CONFIG TZ LANG=C OPENSSL_CONF\n");
        }
        self.settings.iter().for_each(|(name, value)| text.push_str(&format!("{name} = {value}\n")));
        text
    }
}

impl Postfix {
    /// Waits for the banner, so that whoever connects next is served. False if none comes.
    ///
    /// # Panics
    ///
    /// When it has ended.
    fn greets(&mut self) -> bool {
        let banner = |address: SocketAddr| {
            let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).ok()?;
            line.starts_with("220").then_some(())
        };
        let started = wait::within(wait::PATIENCE, || match self.peer.ended() {
            Some(_) => Some(false),
            None => banner(self.address).map(|()| true),
        });
        assert_ne!(started, Some(false), "Postfix ended at {}\n{}", self.address, self.log());
        started.is_some()
    }
}

/// As `postfix post-install create-missing` would make them.
fn make_folders(folder: &Path) {
    let owner = account("/etc/passwd", "postfix").expect("the user postfix: install the package postfix");
    let drop_group = account("/etc/group", "postdrop");
    let make = |name: &str, user: Option<u32>, group: Option<u32>, mode: u32| {
        let path = folder.join(name);
        fs::create_dir_all(&path).expect("a folder for Postfix");
        chown(&path, user, group).expect("its owner");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    };
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("its mode");
    make("queue", None, None, 0o755);
    make("queue/pid", None, None, 0o755);
    for private in
        ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"]
    {
        make(&format!("queue/{private}"), Some(owner), None, 0o700);
    }
    make("queue/maildrop", Some(owner), drop_group, 0o730);
    make("queue/public", Some(owner), drop_group, 0o710);
    make("data", Some(owner), None, 0o700);
    make("mail", account("/etc/passwd", "nobody"), None, 0o755);
}

fn master_cf(address: SocketAddr) -> String {
    let mut text = format!("{address} inet n - n - - smtpd\n");
    for (name, kind, private, wakeup, limit, command) in [
        ("cleanup", "unix", "n", "-", "0", "cleanup"),
        ("qmgr", "unix", "n", "300", "1", "qmgr"),
        ("tlsmgr", "unix", "-", "1000?", "1", "tlsmgr"),
        ("rewrite", "unix", "-", "-", "-", "trivial-rewrite"),
        ("bounce", "unix", "-", "-", "0", "bounce"),
        ("defer", "unix", "-", "-", "0", "bounce"),
        ("trace", "unix", "-", "-", "0", "bounce"),
        ("proxymap", "unix", "-", "-", "-", "proxymap"),
        ("error", "unix", "-", "-", "-", "error"),
        ("retry", "unix", "-", "-", "-", "error"),
        ("discard", "unix", "-", "-", "-", "discard"),
        ("smtp", "unix", "-", "-", "-", "smtp"),
        ("virtual", "unix", "-", "-", "-", "virtual"),
        ("anvil", "unix", "-", "-", "1", "anvil"),
        ("scache", "unix", "-", "-", "1", "scache"),
        ("postlog", "unix-dgram", "n", "-", "1", "postlogd"),
    ] {
        // `virtual` changes to the mailbox's user, which an unprivileged daemon could not.
        let unprivileged = if command == "virtual" { "n" } else { "-" };
        text.push_str(&format!("{name} {kind} {private} {unprivileged} n {wakeup} {limit} {command}\n"));
    }
    text
}

/// OpenSSL 3 as it was before TLS 1.2 became the least that Debian allows.
const OPENSSL_OLD: &str = "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n\
    [old]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n";
