//! An MX host that counts: it takes every message, keeps what it took and
//! tells whether it could still reply. Quicker than Postfix, and it can be
//! made to wait between a message and its reply.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::ca::{Ca, Identity};
use testkit::{loopback, wait};

/// A message as it was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The command MAIL, with its parameters.
    pub mail: String,
    /// Whom it was for.
    pub to: Vec<String>,
    /// The message, dots unstuffed; only its beginning where the sink keeps no more.
    pub content: Vec<u8>,
    /// Bytes of the whole message.
    pub bytes: usize,
    /// CRC-32 of what stands after the header block.
    pub body_crc32: u32,
    /// Whether it crossed TLS.
    pub tls: bool,
}

impl Taken {
    /// The message as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// What stands after the header block.
    pub fn body(&self) -> &[u8] {
        let end = self.content.windows(4).position(|window| window == b"\r\n\r\n");
        end.map_or(&[], |end| &self.content[end + 4..])
    }

    /// The value of the first field of that name, as it stands.
    pub fn field(&self, name: &str) -> Option<String> {
        mail::header::first(mail::header::split(&self.content).header, name)
    }
}

/// A running sink.
pub struct Sink {
    hostname: String,
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tls: Option<Arc<ServerConfig>>,
    promises_tls: bool,
    taken: Mutex<Vec<Taken>>,
    closed: Mutex<bool>,
    opens: Condvar,
    waiting: AtomicUsize,
    cuts: AtomicUsize,
    /// What is kept of a message at the most; 0: all.
    kept_max: AtomicUsize,
}

impl Sink {
    /// A host with a valid certificate.
    pub fn valid(ca: &Ca, hostname: &str, address: SocketAddr) -> Self {
        Self::start(hostname, address, Some(&ca.issue(&[hostname])), false)
    }

    /// A host with a valid certificate that offers REQUIRETLS (RFC 8689).
    pub fn promising(ca: &Ca, hostname: &str, address: SocketAddr) -> Self {
        Self::start(hostname, address, Some(&ca.issue(&[hostname])), true)
    }

    /// A host with a certificate that nobody vouches for.
    pub fn self_signed(ca: &Ca, hostname: &str, address: SocketAddr) -> Self {
        Self::start(hostname, address, Some(&ca.self_signed(&[hostname])), false)
    }

    /// Every MX host of a test has one port, at an address of its own.
    pub fn anywhere() -> SocketAddr {
        loopback::free()
    }

    fn start(hostname: &str, address: SocketAddr, identity: Option<&Identity>, promises_tls: bool) -> Self {
        let listener = TcpListener::bind(address).expect("the sink's address");
        let shared = Arc::new(Shared { tls: identity.map(config), promises_tls, ..Shared::default() });
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = served.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { hostname: hostname.to_owned(), address, shared }
    }

    /// The zone lines that make this the only MX of a domain.
    pub fn mx_of(&self, domain: &str) -> String {
        format!("{domain} MX 10 {host}\n{host} A {address}\n", host = self.hostname, address = self.address.ip())
    }

    /// Everything that was taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.shared.taken).clone()
    }

    /// Looks at everything that was taken so far, where it would be much to copy.
    pub fn look<T>(&self, look: impl FnOnce(&[Taken]) -> T) -> T {
        look(&lock(&self.shared.taken))
    }

    /// Waits for a message that `wanted` accepts.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Taken) -> bool) -> Taken {
        wait::until(what, || self.look(|all| all.iter().rev().find(|taken| wanted(taken)).cloned()))
    }

    /// From now on no message is replied to, until [`Self::open`].
    pub fn close(&self) {
        *lock(&self.shared.closed) = true;
    }

    /// Replies again.
    pub fn open(&self) {
        *lock(&self.shared.closed) = false;
        self.shared.opens.notify_all();
    }

    /// From now on no more than the first bytes of a message are kept, where they are too large to keep.
    pub fn keep(&self, bytes: usize) {
        self.shared.kept_max.store(bytes, Ordering::SeqCst);
    }

    /// How many messages have come whole and wait for their reply.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::SeqCst)
    }

    /// How many sessions ended between DATA and the reply to the message.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }
}

fn config(identity: &Identity) -> Arc<ServerConfig> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(|der| der.expect("a PEM")).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    Arc::new(config)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

/// A session; none when the client has gone.
struct Session<'s> {
    shared: &'s Shared,
    line: BufReader<Box<dyn Line>>,
    tls: bool,
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let plain = stream.try_clone().ok()?;
        let mut session = Session { shared: self, line: BufReader::new(Box::new(plain)), tls: false };
        session.say("220 sink ESMTP")?;
        if session.converse()? {
            let connection = ServerConnection::new(self.tls.clone()?).ok()?;
            let line: Box<dyn Line> = Box::new(StreamOwned::new(connection, stream));
            Session { shared: self, line: BufReader::new(line), tls: true }.converse()?;
        }
        Some(())
    }

    fn wait_until_open(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let closed = lock(&self.closed);
        drop(self.opens.wait_while(closed, |closed| *closed));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Session<'_> {
    fn say(&mut self, text: &str) -> Option<()> {
        let line = self.line.get_mut();
        line.write_all(format!("{text}\r\n").as_bytes()).and_then(|()| line.flush()).ok()
    }

    fn hear(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let length = self.line.read_until(b'\n', &mut line).ok()?;
        (length > 0).then_some(line)
    }

    /// True when TLS begins.
    fn converse(&mut self) -> Option<bool> {
        let (mut mail, mut to) = (String::new(), Vec::new());
        loop {
            let command = String::from_utf8_lossy(&self.hear()?).trim_end().to_owned();
            match command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" if self.tls && self.shared.promises_tls => {
                    self.say("250-sink\r\n250-8BITMIME\r\n250 REQUIRETLS")?
                }
                "EHLO" if self.tls || self.shared.tls.is_none() => self.say("250-sink\r\n250 8BITMIME")?,
                "EHLO" => self.say("250-sink\r\n250-8BITMIME\r\n250 STARTTLS")?,
                "STARTTLS" => return self.say("220 2.0.0 go ahead").map(|()| true),
                "MAIL" => {
                    mail = command;
                    self.say("250 2.1.0 ok")?;
                }
                "RCPT" => {
                    to.push(command.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                    self.say("250 2.1.5 ok")?;
                }
                "DATA" => {
                    let done = self.take(std::mem::take(&mut mail), std::mem::take(&mut to));
                    self.shared.cuts.fetch_add(usize::from(done.is_none()), Ordering::SeqCst);
                    done?;
                }
                "QUIT" => return self.say("221 2.0.0 bye").map(|()| false),
                _ => self.say("250 2.0.0 ok")?,
            }
        }
    }

    fn take(&mut self, mail: String, to: Vec<String>) -> Option<()> {
        self.say("354 go ahead")?;
        let kept_max = match self.shared.kept_max.load(Ordering::SeqCst) {
            0 => usize::MAX,
            bytes => bytes,
        };
        let (mut content, mut bytes) = (Vec::new(), 0);
        let mut body: Option<crc32fast::Hasher> = None;
        loop {
            let line = self.hear()?;
            let line = match line.as_slice() {
                b".\r\n" => break,
                [b'.', rest @ ..] => rest,
                line => line,
            };
            bytes += line.len();
            match &mut body {
                Some(body) => body.update(line),
                None if line == b"\r\n" => body = Some(crc32fast::Hasher::new()),
                None => {}
            }
            if content.len() < kept_max {
                content.extend_from_slice(line);
            }
        }
        let body_crc32 = body.unwrap_or_default().finalize();
        lock(&self.shared.taken).push(Taken { mail, to, content, bytes, body_crc32, tls: self.tls });
        self.shared.wait_until_open();
        self.say("250 2.0.0 taken")
    }
}
