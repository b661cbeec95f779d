//! An MX host that does as it is told, over a real socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::ca::Identity;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use transport::Stream;

/// What a host does when it is asked for TLS.
#[derive(Clone)]
pub enum Tls {
    /// It offers none.
    Absent,
    /// It offers it, and shakes hands.
    Offered(Arc<ServerConfig>),
    /// It offers it, and answers this.
    Reply(String),
    /// It offers it, grants it, and then writes these bytes instead of a
    /// handshake, in the same segment as the 220.
    SameSegment(Vec<u8>),
    /// It grants it, waits for the first bytes of TLS, and answers these.
    Bytes(Vec<u8>),
    /// On its first connection it shakes hands, later it answers these bytes.
    Once(Arc<ServerConfig>, Vec<u8>),
    /// It grants it and cuts the connection when TLS begins.
    Cut,
    /// It grants it and says nothing more.
    Silence,
}

/// How a host behaves.
#[derive(Clone)]
pub struct Behaviour {
    pub greeting: String,
    pub tls: Tls,
    /// The extensions beside STARTTLS.
    pub offers: Vec<&'static str>,
    /// Replies other than 250, by the beginning of the command line.
    pub replies: Vec<(String, String)>,
    /// The reply to the content; none to cut the connection instead.
    pub end: Option<&'static str>,
    /// Whether it hangs up after each transaction.
    pub hangs_up: bool,
    /// At this command it falls silent.
    pub silent_at: Option<&'static str>,
    /// It grants DATA and then reads nothing.
    pub reads_no_content: bool,
    /// It answers the MAIL after so many transactions with 421.
    pub transactions_max: usize,
    /// Accepts at most so many recipients in a transaction.
    pub recipients_max: usize,
}

impl Behaviour {
    pub fn clear() -> Self {
        Self {
            greeting: "220 mx ESMTP".to_owned(),
            tls: Tls::Absent,
            offers: vec!["PIPELINING", "8BITMIME"],
            replies: Vec::new(),
            end: Some("250 2.0.0 queued"),
            hangs_up: false,
            silent_at: None,
            reads_no_content: false,
            transactions_max: usize::MAX,
            recipients_max: usize::MAX,
        }
    }

    pub fn tls(identity: &Identity) -> Self {
        Self { tls: Tls::Offered(server_config(identity)), ..Self::clear() }
    }

    pub fn with_tls(tls: Tls) -> Self {
        Self { tls, ..Self::clear() }
    }

    pub fn reply(mut self, to: &str, reply: &str) -> Self {
        self.replies.push((to.to_ascii_uppercase(), reply.to_owned()));
        self
    }

    fn reply_to(&self, line: &str) -> Option<&str> {
        let line = line.to_ascii_uppercase();
        self.replies.iter().find(|(to, _)| line.starts_with(to)).map(|(_, reply)| reply.as_str())
    }
}

pub fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// What a host saw.
#[derive(Default)]
pub struct Seen {
    /// Messages that it took: recipients and content, still dot-stuffed.
    pub messages: Vec<(Vec<String>, String)>,
    /// Every byte that came in clear.
    pub clear: Vec<u8>,
    /// Every command line.
    pub lines: Vec<String>,
    pub connections: usize,
    /// Where each connection came from.
    pub clients: Vec<std::net::IpAddr>,
    /// Connections that are open now, and the most that ever were.
    pub open: usize,
    pub open_max: usize,
}

/// A running host.
pub struct Peer {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Peer {
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, client)) = listener.accept().await {
                lock(&shared).clients.push(client.ip());
                let serving = serve(behaviour.clone(), shared.clone(), Box::new(stream));
                tokio::spawn(serving);
            }
        });
        Self { address, seen, task }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// The content never crossed in clear.
    pub fn saw_no_secret(&self) -> bool {
        !String::from_utf8_lossy(&self.seen().clear).contains(super::SECRET)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection of a host.
pub async fn serve(behaviour: Behaviour, seen: Arc<Mutex<Seen>>, stream: Box<dyn Stream>) {
    {
        let mut seen = lock(&seen);
        seen.connections += 1;
        seen.open += 1;
        seen.open_max = seen.open_max.max(seen.open);
    }
    let host = Host { behaviour, seen };
    drop(host.serve(stream).await);
    lock(&host.seen).open -= 1;
}

pub fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Host {
    behaviour: Behaviour,
    seen: Arc<Mutex<Seen>>,
}

/// What a conversation ended in.
enum Ended {
    Closed,
    StartTls(Box<dyn Stream>),
}

impl Host {
    async fn serve(&self, mut stream: Box<dyn Stream>) -> std::io::Result<()> {
        stream.write_all(format!("{}\r\n", self.behaviour.greeting).as_bytes()).await?;
        if !self.behaviour.greeting.starts_with("220") {
            return Ok(());
        }
        let Ended::StartTls(mut stream) = self.converse(stream, false).await? else { return Ok(()) };
        let tls = match &self.behaviour.tls {
            Tls::Once(config, _) if lock(&self.seen).connections == 1 => &Tls::Offered(config.clone()),
            Tls::Once(_, bytes) => &Tls::Bytes(bytes.clone()),
            other => other,
        };
        match tls {
            Tls::Absent | Tls::Reply(_) | Tls::Once(..) => Ok(()),
            Tls::Offered(config) => {
                stream.write_all(b"220 go\r\n").await?;
                let secured = TlsAcceptor::from(config.clone()).accept(stream).await?;
                self.converse(Box::new(secured), true).await.map(drop)
            }
            Tls::SameSegment(bytes) => {
                stream.write_all(&[b"220 go\r\n".as_slice(), bytes].concat()).await?;
                self.swallow(stream).await
            }
            Tls::Bytes(bytes) => {
                stream.write_all(b"220 go\r\n").await?;
                stream.read_u8().await?;
                stream.write_all(bytes).await?;
                self.swallow(stream).await
            }
            Tls::Cut => {
                stream.write_all(b"220 go\r\n").await?;
                stream.read_u8().await.map(drop)
            }
            Tls::Silence => {
                stream.write_all(b"220 go\r\n").await?;
                self.swallow(stream).await
            }
        }
    }

    async fn swallow(&self, mut stream: Box<dyn Stream>) -> std::io::Result<()> {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        lock(&self.seen).clear.extend_from_slice(&rest);
        Ok(())
    }

    async fn converse(&self, stream: Box<dyn Stream>, secure: bool) -> std::io::Result<Ended> {
        let mut stream = BufReader::new(stream);
        let mut recipients = Vec::new();
        let mut transactions = 0;
        loop {
            let Some(line) = self.line(&mut stream, secure).await? else { return Ok(Ended::Closed) };
            lock(&self.seen).lines.push(line.clone());
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if self.behaviour.silent_at == Some(verb.as_str()) {
                return std::future::pending().await;
            }
            let reply = match self.behaviour.reply_to(&line) {
                Some(reply) => reply.to_owned(),
                None => match verb.as_str() {
                    "EHLO" => self.ehlo(secure),
                    "STARTTLS" => match &self.behaviour.tls {
                        Tls::Reply(reply) => reply.clone(),
                        _ => return Ok(Ended::StartTls(stream.into_inner())),
                    },
                    "MAIL" if transactions == self.behaviour.transactions_max => "421 enough".to_owned(),
                    "DATA" if recipients.is_empty() => "554 no recipients".to_owned(),
                    "DATA" => "354 go".to_owned(),
                    "QUIT" => "221 bye".to_owned(),
                    "RCPT" if recipients.len() == self.behaviour.recipients_max => "452 4.5.3 too many".to_owned(),
                    _ => "250 ok".to_owned(),
                },
            };
            stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
            stream.flush().await?;
            match (verb.as_str(), reply.get(..1)) {
                ("MAIL" | "RSET", _) => recipients.clear(),
                ("RCPT", Some("2")) => recipients.push(line),
                ("DATA", Some("3")) => {
                    transactions += 1;
                    let goes_on = self.content(&mut stream, secure, std::mem::take(&mut recipients)).await?;
                    if !goes_on {
                        return Ok(Ended::Closed);
                    }
                }
                ("QUIT", _) => return Ok(Ended::Closed),
                _ => {}
            }
            if reply.starts_with("421") {
                return Ok(Ended::Closed);
            }
        }
    }

    fn ehlo(&self, secure: bool) -> String {
        let mut lines = vec!["mx at your service"];
        lines.extend(&self.behaviour.offers);
        if !secure && !matches!(self.behaviour.tls, Tls::Absent) {
            lines.push("STARTTLS");
        }
        let last = lines.len() - 1;
        let lines: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| format!("250{}{line}", if index == last { ' ' } else { '-' }))
            .collect();
        lines.join("\r\n")
    }

    async fn content(
        &self,
        stream: &mut BufReader<Box<dyn Stream>>,
        secure: bool,
        recipients: Vec<String>,
    ) -> std::io::Result<bool> {
        if self.behaviour.reads_no_content {
            return std::future::pending().await;
        }
        let mut content = String::new();
        loop {
            match self.line(stream, secure).await? {
                None => return Ok(false),
                Some(line) if line == "." => break,
                Some(line) => content.push_str(&format!("{line}\r\n")),
            }
        }
        let Some(end) = self.behaviour.end else { return Ok(false) };
        if end.starts_with('2') {
            lock(&self.seen).messages.push((recipients, content));
        }
        stream.write_all(format!("{end}\r\n").as_bytes()).await?;
        stream.flush().await?;
        Ok(!self.behaviour.hangs_up)
    }

    async fn line(&self, stream: &mut BufReader<Box<dyn Stream>>, secure: bool) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        if !secure {
            lock(&self.seen).clear.extend_from_slice(&line);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end_matches("\r\n").to_owned()))
    }
}
