//! The world around the made-up clinic: a name server with the recipients'
//! domains, and their mail hosts, one with good TLS, one with a self-signed
//! certificate, one without TLS. All of it on loopback.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::MX;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// A certificate authority of this demo's own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new authority.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its certificate, for those who trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name` and its key, as PEM.
    pub fn issue(&self, name: &str) -> Result<(String, KeyPair)> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.0)?;
        Ok((certificate.pem(), key))
    }

    fn server(&self, name: &str, trusted: bool) -> Result<Arc<ServerConfig>> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![name.to_owned()])?;
        let certificate = if trusted { params.signed_by(&key, &self.0)? } else { params.self_signed(&key)? };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }
}

/// How a mail host protects what is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posture {
    /// A certificate of the demo's authority.
    Good,
    /// A certificate that nobody vouches for.
    SelfSigned,
    /// No STARTTLS.
    Clear,
}

/// The domains and their hosts.
pub const DOMAINS: [(&str, Posture); 4] = [
    ("good.example", Posture::Good),
    ("selfsigned.example", Posture::SelfSigned),
    ("plain.example", Posture::Clear),
    ("lakeside.example", Posture::Good),
];

/// A message that a host took.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its recipients there.
    pub to: Vec<String>,
    /// Whether it crossed TLS.
    pub tls: bool,
    /// The message.
    pub content: String,
}

/// What all hosts have taken.
#[derive(Default)]
pub struct Mailboxes {
    received: Mutex<Vec<Received>>,
    arrived: Notify,
}

impl Mailboxes {
    /// All that was taken, oldest first.
    pub fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, received: Received) {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
        self.arrived.notify_waiters();
    }

    /// All that was taken, once it is more than `known`.
    pub async fn wait_for_more(&self, known: usize) -> Vec<Received> {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            let all = self.all();
            if all.len() > known {
                return all;
            }
            arrived.await;
        }
    }
}

/// The running world.
pub struct World {
    /// Where the name server is.
    pub name_server: SocketAddr,
    /// The port of all mail hosts.
    pub mx_port: u16,
    /// What they have taken.
    pub mailboxes: Arc<Mailboxes>,
}

impl World {
    /// Starts the name server and the hosts.
    pub async fn start(authority: &Authority) -> Result<Self> {
        let mailboxes = Arc::new(Mailboxes::default());
        let listeners = bind_hosts().await.context("no port is free on all loopback addresses of the demo")?;
        let mx_port = listeners.first().context("the demo has hosts")?.local_addr()?.port();
        let mut zone = HashMap::new();
        for ((domain, posture), listener) in DOMAINS.iter().zip(listeners) {
            let name = format!("mx.{domain}");
            zone.insert((*domain).to_owned(), listener.local_addr()?.ip());
            let tls = match posture {
                Posture::Good => Some(authority.server(&name, true)?),
                Posture::SelfSigned => Some(authority.server(&name, false)?),
                Posture::Clear => None,
            };
            tokio::spawn(host(listener, name, tls, mailboxes.clone()));
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let name_server = socket.local_addr()?;
        tokio::spawn(serve_names(socket, zone));
        Ok(Self { name_server, mx_port, mailboxes })
    }
}

/// One port on 127.0.0.2 and its neighbours.
async fn bind_hosts() -> Option<Vec<TcpListener>> {
    for _ in 0..100 {
        let first = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).await.ok()?;
        let port = first.local_addr().ok()?.port();
        let mut hosts = vec![first];
        for last in 3..2 + DOMAINS.len() {
            let address = Ipv4Addr::new(127, 0, 0, u8::try_from(last).ok()?);
            match TcpListener::bind((address, port)).await {
                Ok(listener) => hosts.push(listener),
                Err(_) => break,
            }
        }
        if hosts.len() == DOMAINS.len() {
            return Some(hosts);
        }
    }
    None
}

async fn serve_names(socket: UdpSocket, zone: HashMap<String, IpAddr>) {
    let mut packet = [0; 1500];
    while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
        let answer = packet.get(..length).and_then(|packet| answer(packet, &zone));
        if let Some(bytes) = answer {
            // A lost datagram is asked for again.
            let _ = socket.send_to(&bytes, peer).await;
        }
    }
}

fn answer(packet: &[u8], zone: &HashMap<String, IpAddr>) -> Option<Vec<u8>> {
    let query = Message::from_vec(packet).ok()?;
    let question = query.queries.first()?.clone();
    let mut response = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    let name = question.name().to_lowercase().to_ascii();
    let name = name.trim_end_matches('.');
    let is_known = zone.contains_key(name) || name.strip_prefix("mx.").is_some_and(|domain| zone.contains_key(domain));
    if let Some(data) = data(name, question.query_type(), zone) {
        response.add_answer(Record::from_rdata(question.name().clone(), 60, data));
    } else if !is_known {
        response.metadata.response_code = ResponseCode::NXDomain;
    }
    response.add_query(question);
    response.to_vec().ok()
}

fn data(name: &str, kind: RecordType, zone: &HashMap<String, IpAddr>) -> Option<RData> {
    match kind {
        RecordType::MX => {
            zone.get(name)?;
            let host = Name::from_ascii(format!("mx.{name}.")).ok()?;
            Some(RData::MX(MX::new(10, host)))
        }
        RecordType::A => match zone.get(name.strip_prefix("mx.")?)? {
            IpAddr::V4(address) => Some(RData::A((*address).into())),
            IpAddr::V6(_) => None,
        },
        _ => None,
    }
}

async fn host(listener: TcpListener, name: String, tls: Option<Arc<ServerConfig>>, mailboxes: Arc<Mailboxes>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (name, tls, mailboxes) = (name.clone(), tls.clone(), mailboxes.clone());
        tokio::spawn(async move {
            // A client that breaks off is no concern of the demo's host.
            let _ = converse(stream, &name, tls, &mailboxes).await;
        });
    }
}

async fn converse(stream: TcpStream, name: &str, tls: Option<Arc<ServerConfig>>, mailboxes: &Mailboxes) -> Result<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, &format!("220 {name} ESMTP")).await?;
    let Some(tls) = tls else {
        serve(&mut stream, name, Dialogue { offers_tls: false, tls: false }, mailboxes).await?;
        return Ok(());
    };
    if serve(&mut stream, name, Dialogue { offers_tls: true, tls: false }, mailboxes).await? == Ended::StartTls {
        let mut stream = BufReader::new(TlsAcceptor::from(tls).accept(stream.into_inner()).await?);
        serve(&mut stream, name, Dialogue { offers_tls: false, tls: true }, mailboxes).await?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Dialogue {
    offers_tls: bool,
    tls: bool,
}

#[derive(PartialEq, Eq)]
enum Ended {
    Quit,
    StartTls,
}

async fn serve<S>(stream: &mut BufReader<S>, name: &str, dialogue: Dialogue, mailboxes: &Mailboxes) -> Result<Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut to = Vec::new();
    loop {
        let line = hear(stream).await?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" if dialogue.offers_tls => {
                say(stream, &format!("250-{name}\r\n250-8BITMIME\r\n250 STARTTLS")).await?
            }
            "EHLO" => say(stream, &format!("250-{name}\r\n250 8BITMIME")).await?,
            "STARTTLS" if dialogue.offers_tls => {
                say(stream, "220 go ahead").await?;
                return Ok(Ended::StartTls);
            }
            "MAIL" | "RSET" => {
                to.clear();
                say(stream, "250 2.0.0 ok").await?;
            }
            "RCPT" => {
                to.push(line.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                say(stream, "250 2.1.5 ok").await?;
            }
            "DATA" => {
                say(stream, "354 go ahead").await?;
                let content = content(stream).await?;
                mailboxes.put(Received { to: std::mem::take(&mut to), tls: dialogue.tls, content });
                say(stream, "250 2.0.0 taken").await?;
            }
            "QUIT" => {
                say(stream, "221 2.0.0 bye").await?;
                return Ok(Ended::Quit);
            }
            _ => say(stream, "502 5.5.1 not known here").await?,
        }
    }
}

async fn content<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Result<String> {
    let mut content = String::new();
    loop {
        let line = hear(stream).await?;
        if line == "." {
            return Ok(content);
        }
        content.push_str(line.strip_prefix('.').unwrap_or(&line));
        content.push_str("\r\n");
    }
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await? {
        0 => Err(anyhow!("the client has gone")),
        _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) -> Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    Ok(stream.flush().await?)
}
