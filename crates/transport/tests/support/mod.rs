//! What the tests of delivery share: a world of MX hosts over real sockets,
//! and a parcel to send into it.

#![expect(dead_code, reason = "each test file uses a part of it")]

pub mod bonds;
pub mod peer;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mail::{Address, Clock, Domain, Entropy, MessageId, MxLookup, Need, OrgId, ParcelId, Recipient, ReversePath};
use seal::{Edits, Grounds, Parcel, Stamp};
use testkit::ca::Ca;
use transport::{
    Anchors, Attempt, Cause, Delivery, Exchange, Exchanges, Fate, Inability, Network, PeerFeatures, Pending,
    ResolveError, Resolver, Route, Stream, TokioNetwork, Transport, TransportConfig, Tried, Wire, WireError,
};

use peer::{Behaviour, Peer};

/// The port that MX hosts seem to have.
pub const MX_PORT: u16 = 25;
/// What must never cross in clear.
pub const SECRET: &str = "HbA1c 9.1 percent";

pub struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that can be put ahead.
#[derive(Default)]
pub struct Ahead(AtomicI64);

impl Ahead {
    /// From now on it is so many minutes ahead.
    pub fn by_minutes(&self, minutes: i64) {
        self.0.store(minutes, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_mins(self.0.load(Ordering::SeqCst))
    }
}

/// Different bytes at each call, the same in each run.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let drawn = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = drawn.to_be_bytes()[index % 8];
        }
    }
}

/// Public addresses that lead to listeners on loopback, so that the rule
/// against private addresses stays on.
#[derive(Default)]
pub struct Switchboard {
    lines: HashMap<SocketAddr, SocketAddr>,
    pub connections: AtomicUsize,
    lacks_ipv6: bool,
    lacks_every_way: bool,
}

impl Network for Switchboard {
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        match self.lines.get(&to) {
            Some(real) => {
                let real = *real;
                Box::pin(async move { TokioNetwork.connect(real).await })
            }
            None if self.lacks_every_way || self.lacks_ipv6 && to.is_ipv6() => {
                Box::pin(async { Err(io::ErrorKind::NetworkUnreachable.into()) })
            }
            None => Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) }),
        }
    }
}

/// A DNS of fixed answers.
#[derive(Default)]
pub struct Names {
    pub exchanges: HashMap<String, Result<Exchanges, ResolveError>>,
    pub addresses: HashMap<String, Result<Vec<IpAddr>, ResolveError>>,
}

impl Resolver for Names {
    fn exchanges<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>> {
        let found = self.exchanges.get(domain.as_str()).cloned().unwrap_or(Err(ResolveError::NoSuchName));
        Box::pin(async move { found })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>> {
        let found = self.addresses.get(host.as_str()).cloned().unwrap_or(Err(ResolveError::NoSuchName));
        Box::pin(async move { found })
    }
}

/// A domain `r.example` with MX hosts, and a transport to them.
pub struct World {
    pub ca: Ca,
    pub config: TransportConfig,
    pub names: Names,
    /// How the hosts are known to be the domain's.
    pub lookup: MxLookup,
    pub clock: Arc<Ahead>,
    switchboard: Switchboard,
    hosts: Vec<Exchange>,
}

impl World {
    pub fn new() -> Self {
        let mut config = TransportConfig::new(Domain::parse("out.example").unwrap());
        config.mx_port = MX_PORT;
        config.timeouts.greeting = Duration::from_secs(5);
        config.timeouts.handshake = Duration::from_secs(5);
        config.timeouts.command = Duration::from_secs(5);
        config.timeouts.end = Duration::from_secs(5);
        Self {
            ca: Ca::new(),
            config,
            names: Names::default(),
            lookup: MxLookup::Insecure,
            clock: Arc::default(),
            switchboard: Switchboard::default(),
            hosts: Vec::new(),
        }
    }

    /// Adds the next best MX host, `mx1.r.example` and so on, with one address.
    pub async fn host(&mut self, behave: impl FnOnce(&Ca, &str) -> Behaviour) -> Peer {
        let number = self.hosts.len() + 1;
        let name = format!("mx{number}.r.example");
        let peer = Peer::start(behave(&self.ca, &name)).await;
        self.place(number, vec![IpAddr::from([8, 0, 0, number as u8])]);
        self.switchboard.lines.insert(SocketAddr::from(([8, 0, 0, number as u8], MX_PORT)), peer.address);
        peer
    }

    /// Adds the next best MX host at addresses where nobody listens.
    pub fn dead_host(&mut self, addresses: &[[u8; 4]]) {
        let number = self.hosts.len() + 1;
        self.place(number, addresses.iter().copied().map(IpAddr::from).collect());
    }

    /// Lets an address lead to a peer.
    pub fn lead(&mut self, address: [u8; 4], peer: &Peer) {
        self.switchboard.lines.insert(SocketAddr::from((address, MX_PORT)), peer.address);
    }

    /// This machine has no IPv6.
    pub fn without_ipv6(&mut self) {
        self.switchboard.lacks_ipv6 = true;
    }

    /// This machine has no way to anywhere.
    pub fn without_any_way(&mut self) {
        self.switchboard.lacks_every_way = true;
    }

    fn place(&mut self, number: usize, addresses: Vec<IpAddr>) {
        let name = format!("mx{number}.r.example");
        self.hosts.push(Exchange { preference: number as u16 * 10, host: Domain::parse(&name).unwrap() });
        self.names.addresses.insert(name, Ok(addresses));
    }

    /// A route for `r.example` to a peer.
    pub fn route(&mut self, peer: &Peer, tls_name: &str) {
        let domain = Domain::parse("r.example").unwrap();
        let route = Route::new(domain, &peer.address.ip().to_string(), peer.address.port(), Some(tls_name)).unwrap();
        self.switchboard.lines.insert(peer.address, peer.address);
        self.config.routes.push(route);
    }

    pub fn transport(mut self) -> (Transport, Arc<Switchboard>, Ca) {
        if !self.hosts.is_empty() {
            let found = Exchanges { hosts: self.hosts, lookup: self.lookup };
            self.names.exchanges.insert("r.example".to_owned(), Ok(found));
        }
        let switchboard = Arc::new(self.switchboard);
        let anchors = Anchors::from_pem(self.ca.pem().as_bytes()).unwrap();
        let (names, clock, entropy) = (Arc::new(self.names), self.clock, Arc::<Counting>::default());
        let transport = Transport::new(self.config, anchors, switchboard.clone(), names, clock, entropy);
        (transport, switchboard, self.ca)
    }

    pub async fn deliver(self, parcel: &Parcel) -> Delivery {
        let (transport, _, _) = self.transport();
        let delivery = transport.deliver(parcel, &Letter::default()).await;
        transport.close().await;
        delivery
    }
}

/// The bytes of every parcel here.
pub struct Letter {
    pub bytes: Result<Vec<u8>, WireError>,
    pub sender: ReversePath,
}

impl Default for Letter {
    fn default() -> Self {
        let bytes = format!("Subject: result\r\n\r\n{SECRET}\r\n.\r\nend\r\n").into_bytes();
        Self { bytes: Ok(bytes), sender: ReversePath(Some(Address::parse("clinic@s.example").unwrap())) }
    }
}

impl Wire for Letter {
    fn sender(&self) -> ReversePath {
        self.sender.clone()
    }

    fn bytes(&self, _peer: PeerFeatures) -> Result<Vec<u8>, WireError> {
        self.bytes.clone()
    }
}

pub fn stamp() -> Stamp {
    Stamp { org: OrgId(1), message: MessageId::from_bytes([1; 16]), parcel: ParcelId::from_bytes([2; 16]) }
}

pub fn recipients(locals: &[&str]) -> Vec<Recipient> {
    locals.iter().map(|local| Recipient::new(Address::parse(&format!("{local}@r.example")).unwrap())).collect()
}

fn grounds(need: Need) -> Grounds {
    Grounds { need, because: vec!["default".to_owned()], policy_sha256: [0; 32] }
}

/// The stored original for these recipients.
pub fn parcel_to(locals: &[&str], need: Need) -> Parcel {
    Parcel::original(stamp(), recipients(locals), grounds(need), [0; 32], Edits::default()).unwrap()
}

pub fn parcel(need: Need) -> Parcel {
    parcel_to(&["p"], need)
}

pub fn notice() -> Parcel {
    Parcel::notice(
        stamp(),
        recipients(&["p"]).remove(0),
        grounds(Need::Portal),
        "Subject: notice\r\n\r\nsomething waits\r\n".to_owned(),
    )
}

/// A fate in one line.
pub fn word(fate: &Fate) -> String {
    match fate {
        Fate::Delivered { reply, proof } => format!("delivered {} {} {}", reply.code, proof.level, proof.mx),
        Fate::Deferred(cause) => format!("deferred {} {}", cause.enhanced(), in_short(cause)),
        Fate::Refused { cause, .. } => format!("refused {} {}", cause.enhanced(), in_short(cause)),
        Fate::CannotMeet => "cannot meet".to_owned(),
    }
}

fn in_short(cause: &Cause) -> String {
    match cause {
        Cause::Replied(stage, reply) => format!("{stage:?} {}", reply.code),
        Cause::TlsFailed(_) => "TlsFailed".to_owned(),
        other => format!("{other:?}"),
    }
}

pub fn words(delivery: &Delivery) -> Vec<String> {
    delivery.recipients.iter().map(|(address, fate)| format!("{} {}", address.local(), word(fate))).collect()
}

/// What was tried, in one line each.
pub fn tried(delivery: &Delivery) -> Vec<String> {
    delivery.attempts.iter().map(attempt).collect()
}

fn attempt(attempt: &Attempt) -> String {
    let result = match &attempt.result {
        Tried::Sent => "sent".to_owned(),
        Tried::Unable(Inability::Handshake(_)) => "unable Handshake".to_owned(),
        Tried::Unable(Inability::Refused(reply)) => format!("unable Refused {}", reply.code),
        Tried::Unable(inability) => format!("unable {inability:?}"),
        Tried::Failed(cause) => format!("failed {}", in_short(cause)),
    };
    format!("{} {result}", attempt.mx)
}
