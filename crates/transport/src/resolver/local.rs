//! The DNS by a validating resolver on this very machine, whose word for an
//! answer (the AD bit, RFC 4035 §3.2.3) is taken.
//!
//! Only a loopback address will do: on any other path the bit is anybody's to
//! set. It caches, so nothing is cached here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::Name;
use mail::seam::random;
use mail::{Domain, Entropy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::chain::{self, Known};
use super::secure::{Answer, DnsName, DnsProof, LookupError, Presence, RecordKind, SecureDns};
use super::{Exchanges, ResolveError, Resolver, plain};
use crate::network::Pending;

/// A recursive lookup may take a while; a second question is a second chance.
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 2;
/// What a datagram may carry on loopback without doubt.
const PAYLOAD_MAX: u16 = 4096;

/// The name servers are none, or not on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a resolver whose validation is trusted must be on this machine: 127.0.0.0/8 or ::1")]
pub struct NotLocal;

/// The DNS by a validating resolver on this machine.
pub struct LocalResolver {
    servers: Vec<SocketAddr>,
    entropy: Arc<dyn Entropy>,
}

impl LocalResolver {
    /// Asks these, in order.
    pub fn new(servers: &[SocketAddr], entropy: Arc<dyn Entropy>) -> Result<Self, NotLocal> {
        let is_local = |server: &SocketAddr| server.ip().to_canonical().is_loopback();
        match !servers.is_empty() && servers.iter().all(is_local) {
            true => Ok(Self { servers: servers.to_vec(), entropy }),
            false => Err(NotLocal),
        }
    }

    async fn find(&self, asked: &DnsName, kind: RecordKind) -> Result<Answer, LookupError> {
        let name = asked.to_wire().ok_or(LookupError::Failed)?;
        let message = self.ask(&name, kind).await?;
        let proof = proof(&message);
        let known: Vec<Known<'_>> = message.answers.iter().map(|record| (record, proof)).collect();
        let mut answer = chain::read(&name, kind, &known)?;
        if answer.presence == Presence::NoData && message.metadata.response_code == ResponseCode::NXDomain {
            answer.presence = Presence::NoSuchName;
        }
        // A denial has no record to bear its proof.
        answer.proof = answer.proof.min(proof);
        if answer.alias == Some(DnsProof::Insecure) && kind != RecordKind::Cname {
            // The bit is for the whole: the alias itself may be proven although its end isn't.
            let alias = self.ask(&name, RecordKind::Cname).await?;
            answer.alias = Some(self::proof(&alias));
        }
        Ok(answer)
    }

    /// A resolver that validates answers SERVFAIL where a zone is bogus; with
    /// checking disabled it then gives what it has all the same.
    async fn ask(&self, name: &Name, kind: RecordKind) -> Result<Message, LookupError> {
        let message = self.question(name, kind, false).await?;
        match message.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(message),
            ResponseCode::ServFail => {
                let unchecked = self.question(name, kind, true).await?.metadata.response_code;
                match unchecked {
                    ResponseCode::NoError | ResponseCode::NXDomain => Err(LookupError::Bogus),
                    _ => Err(LookupError::Failed),
                }
            }
            _ => Err(LookupError::Failed),
        }
    }

    async fn question(&self, name: &Name, kind: RecordKind, is_unchecked: bool) -> Result<Message, LookupError> {
        let mut query = Message::query();
        query.metadata.id = u16::from_be_bytes(random(&*self.entropy));
        query.metadata.recursion_desired = true;
        query.metadata.authentic_data = true;
        query.metadata.checking_disabled = is_unchecked;
        query.add_query(Query::query(name.clone(), chain::wire_kind(kind)));
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD_MAX);
        query.set_edns(edns);
        let bytes = query.to_vec().map_err(|_| LookupError::Failed)?;
        for server in self.servers.iter().cycle().take(self.servers.len().saturating_mul(ATTEMPTS)) {
            if let Ok(Ok(message)) = timeout(PATIENCE, converse(*server, &query, &bytes)).await {
                return Ok(message);
            }
        }
        Err(LookupError::Failed)
    }
}

impl SecureDns for LocalResolver {
    fn lookup<'a>(&'a self, name: &'a DnsName, kind: RecordKind) -> Pending<'a, Result<Answer, LookupError>> {
        Box::pin(self.find(name, kind))
    }
}

impl Resolver for LocalResolver {
    fn exchanges<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>> {
        Box::pin(plain::exchanges(self, domain))
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(plain::addresses(self, host))
    }
}

fn proof(message: &Message) -> DnsProof {
    if message.metadata.authentic_data { DnsProof::Secure } else { DnsProof::Insecure }
}

/// By UDP, and by TCP where that is cut (RFC 7766).
async fn converse(server: SocketAddr, query: &Message, bytes: &[u8]) -> io::Result<Message> {
    let message = by_udp(server, query, bytes).await?;
    if !message.metadata.truncation {
        return Ok(message);
    }
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[length.to_be_bytes().as_slice(), bytes].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    read(query, &answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

async fn by_udp(server: SocketAddr, query: &Message, bytes: &[u8]) -> io::Result<Message> {
    let own: IpAddr = if server.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let socket = UdpSocket::bind((own, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut packet = vec![0; usize::from(PAYLOAD_MAX)];
    loop {
        let length = socket.recv(&mut packet).await?;
        // Whatever is no answer to this question is somebody else's packet.
        if let Some(message) = packet.get(..length).and_then(|packet| read(query, packet)) {
            return Ok(message);
        }
    }
}

fn read(query: &Message, packet: &[u8]) -> Option<Message> {
    let message = Message::from_vec(packet).ok()?;
    (message.metadata.id == query.metadata.id && message.queries == query.queries).then_some(message)
}
