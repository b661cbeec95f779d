//! A small signed Internet of names on a free loopback port, by UDP and TCP: a
//! root of its own, and zones below it that are signed, unsigned or broken.
//!
//! It answers for all of its zones at once, as a resolver that passes on what
//! DNSSEC needs would; whoever validates begins at [`SignedDns::anchors`].
//! Zones are written as in [`crate::dns`], and signed with NSEC.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::dnssec::crypto::EcdsaSigningKey;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::dnssec::{Algorithm, DigestType, DnssecSigner, SigningKey};
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::dnssec::NxProofKind;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

use crate::dns;

/// How a zone is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// Signed, and its parent vouches for its key.
    Secure,
    /// Not signed, and its parent says so.
    Insecure,
    /// Signed with another key than its parent vouches for.
    Bogus,
}

/// A world of zones before its start.
#[derive(Default)]
pub struct Builder {
    zones: Vec<(Name, Signing, String)>,
}

/// A running name server for a world of zones.
pub struct SignedDns {
    address: SocketAddr,
    anchors: String,
    world: Arc<RwLock<World>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SignedDns {
    /// No zones yet.
    pub fn zones() -> Builder {
        Builder::default()
    }

    /// Where it listens, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key of its root, as a DNSKEY record: what a validator begins at.
    pub fn anchors(&self) -> &str {
        &self.anchors
    }

    /// Gives a zone other records.
    ///
    /// # Panics
    ///
    /// When there is no such zone, or a line is no record.
    pub fn replace(&self, origin: &str, records: &str) {
        let mut world = self.world.write().expect("no test panicked in here");
        let origin = dns::name(origin);
        let zone = world.zones.iter_mut().find(|zone| zone.origin == origin).expect("a zone that there is");
        zone.records = records.lines().filter_map(dns::record).collect();
        world.publish();
    }
}

impl Drop for SignedDns {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Builder {
    /// A zone and its records.
    pub fn zone(mut self, origin: &str, signing: Signing, records: &str) -> Self {
        self.zones.push((dns::name(origin), signing, records.to_owned()));
        self
    }

    /// Signs and serves the zones.
    ///
    /// # Panics
    ///
    /// When a line is no record, or no port is free.
    pub fn start(self) -> SignedDns {
        let mut zones = vec![Zone::new(Name::root(), Signing::Secure, "")];
        zones.extend(self.zones.iter().map(|(origin, signing, records)| Zone::new(origin.clone(), *signing, records)));
        let anchors = format!(". 3600 IN DNSKEY {}", zones[0].dnskey());
        let mut world = World { zones, catalog: Arc::default(), parents: HashMap::new() };
        world.publish();
        let world = Arc::new(RwLock::new(world));
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let served = world.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(served, &ready, stopped));
        });
        let address = address.recv().expect("the name server's address");
        SignedDns { address, anchors, world, stop: Some(stop), thread: Some(thread) }
    }
}

async fn serve(world: Arc<RwLock<World>>, ready: &std::sync::mpsc::Sender<SocketAddr>, stopped: oneshot::Receiver<()>) {
    let (udp, tcp) = sockets().await;
    ready.send(tcp.local_addr().expect("the address of a bound socket")).expect("a test that waits");
    let mut server = Server::new(Front(world));
    server.register_socket(udp);
    server.register_listener(tcp, Duration::from_secs(5), 4096);
    drop(stopped.await);
    drop(server.shutdown_gracefully().await);
}

/// The same port for both.
async fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = tcp.local_addr().expect("the address of a bound socket");
        if let Ok(udp) = UdpSocket::bind(address).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for UDP and TCP");
}

/// The zones, and what answers for them.
struct World {
    zones: Vec<Zone>,
    catalog: Arc<Catalog>,
    /// For each zone's apex a catalog that holds its parent alone: DS records
    /// are the parent's (RFC 4035 §3.1.4.1).
    parents: HashMap<Name, Arc<Catalog>>,
}

impl World {
    fn publish(&mut self) {
        let handlers: Vec<(Name, Arc<dyn ZoneHandler>)> =
            self.zones.iter().map(|zone| (zone.origin.clone(), self.sign(zone))).collect();
        let mut catalog = Catalog::new();
        self.parents.clear();
        for (origin, handler) in &handlers {
            catalog.upsert(LowerName::new(origin), vec![handler.clone()]);
            let above = handlers.iter().filter(|(other, _)| other != origin && other.zone_of(origin));
            if let Some((parent, handler)) = above.max_by_key(|(other, _)| other.num_labels()) {
                let mut alone = Catalog::new();
                alone.upsert(LowerName::new(parent), vec![handler.clone()]);
                self.parents.insert(origin.clone(), Arc::new(alone));
            }
        }
        self.catalog = Arc::new(catalog);
    }

    fn sign(&self, zone: &Zone) -> Arc<dyn ZoneHandler> {
        let proof = (zone.signing != Signing::Insecure).then_some(NxProofKind::Nsec);
        let mut handler: InMemoryZoneHandler<TokioRuntimeProvider> =
            InMemoryZoneHandler::empty(zone.origin.clone(), ZoneType::Primary, AxfrPolicy::Deny, proof);
        let children = self.zones.iter().filter(|other| self.parent_of(other) == Some(&zone.origin));
        let records = zone.apex().into_iter().chain(zone.records.clone()).chain(children.flat_map(Zone::delegation));
        for record in records {
            assert!(handler.upsert_mut(record.clone(), 1), "{record} has no place in {}", zone.origin);
        }
        if zone.signing != Signing::Insecure {
            handler.add_zone_signing_key_mut(zone.signer()).expect("a key for the zone");
            handler.secure_zone_mut().expect("a signed zone");
        }
        Arc::new(handler)
    }

    fn parent_of(&self, zone: &Zone) -> Option<&Name> {
        let above = self.zones.iter().map(|other| &other.origin);
        above
            .filter(|other| **other != zone.origin && other.zone_of(&zone.origin))
            .max_by_key(|other| other.num_labels())
    }
}

struct Zone {
    origin: Name,
    signing: Signing,
    records: Vec<Record>,
    /// PKCS#8 of the key that signs it, and of the one that its parent vouches for.
    key: Vec<u8>,
    vouched: Vec<u8>,
}

impl Zone {
    fn new(origin: Name, signing: Signing, records: &str) -> Self {
        let generate = || {
            let key = EcdsaSigningKey::generate_pkcs8(Algorithm::ECDSAP256SHA256).expect("a key");
            key.secret_pkcs8_der().to_vec()
        };
        let key = generate();
        let vouched = if signing == Signing::Bogus { generate() } else { key.clone() };
        Self { origin, signing, records: records.lines().filter_map(dns::record).collect(), key, vouched }
    }

    fn apex(&self) -> Vec<Record> {
        let soa = SOA::new(dns::name("ns.test"), dns::name("nobody.test"), 1, 1, 1, 1, 0);
        let ns = NS(dns::name("ns.test"));
        vec![
            Record::from_rdata(self.origin.clone(), 0, RData::SOA(soa)),
            Record::from_rdata(self.origin.clone(), 0, RData::NS(ns)),
        ]
    }

    /// What the parent holds about it.
    fn delegation(&self) -> Vec<Record> {
        let ns = Record::from_rdata(self.origin.clone(), 0, RData::NS(NS(dns::name("ns.test"))));
        if self.signing == Signing::Insecure {
            return vec![ns];
        }
        let dnskey = dnskey(&self.vouched);
        let digest = dnskey.to_digest(&self.origin, DigestType::SHA256).expect("a digest of the key");
        let tag = dnskey.calculate_key_tag().expect("the tag of the key");
        let ds = DS::new(tag, Algorithm::ECDSAP256SHA256, DigestType::SHA256, digest.as_ref().to_vec());
        vec![ns, Record::from_rdata(self.origin.clone(), 0, RData::DNSSEC(DNSSECRData::DS(ds)))]
    }

    fn signer(&self) -> DnssecSigner {
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        DnssecSigner::new(dnskey(&self.key), Box::new(signing_key(&self.key)), self.origin.clone(), week)
    }

    fn dnskey(&self) -> String {
        dnskey(&self.key).to_string()
    }
}

fn signing_key(pkcs8: &[u8]) -> EcdsaSigningKey {
    EcdsaSigningKey::from_pkcs8(&pkcs8.into(), Algorithm::ECDSAP256SHA256).expect("a key that was made here")
}

fn dnskey(pkcs8: &[u8]) -> DNSKEY {
    DNSKEY::from_key(&signing_key(pkcs8).to_public_key().expect("its public half"))
}

/// Hands each request to the zone that has the word on it.
struct Front(Arc<RwLock<World>>);

#[async_trait::async_trait]
impl RequestHandler for Front {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, response: R) -> ResponseInfo {
        let catalog = {
            let world = self.0.read().expect("no test panicked in here");
            let asked =
                request.request_info().ok().map(|info| (info.query.query_type(), Name::from(info.query.name())));
            let parent = asked
                .filter(|(kind, _)| *kind == RecordType::DS)
                .and_then(|(_, name)| world.parents.get(&name.to_lowercase()).cloned());
            parent.unwrap_or_else(|| world.catalog.clone())
        };
        catalog.handle_request::<R, T>(request, response).await
    }
}
