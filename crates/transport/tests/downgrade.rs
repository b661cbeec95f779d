//! Whatever hosts do with TLS, in whatever order: content that needs TLS never
//! crosses in clear, no fate claims more than was proven, and only proofs of
//! inability reroute. Random worlds without sockets.

mod support;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use mail::{Domain, Level, MxLookup, Need};
use proptest::prelude::*;
use support::peer::{Behaviour, Seen, Tls, lock, serve};
use support::{Counting, Letter, Names, RealClock, SECRET, parcel_to};
use testkit::ca::Ca;
use transport::{
    Anchors, Delivery, Exchange, Exchanges, Fate, Network, Pending, Stream, Transport, TransportConfig, Tried,
};

static CA: LazyLock<Ca> = LazyLock::new(Ca::new);

/// What a host does with TLS, and what it can at best prove.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Good,
    SelfSigned,
    WrongName,
    Expired,
    NoTls,
    Refuses454,
    Refuses502,
    Injects,
    Alerts,
    Cuts,
    Talks,
    Unreachable,
    TurnsAway(&'static str),
}

impl Kind {
    fn best(self) -> Level {
        match self {
            Kind::Good => Level::Verified,
            Kind::SelfSigned | Kind::WrongName | Kind::Expired => Level::Encrypted,
            _ => Level::None,
        }
    }

    /// Whether it proves by itself that it can't reach this level.
    fn proves_unable(self, level: Level) -> bool {
        match self {
            Kind::Good | Kind::SelfSigned | Kind::WrongName | Kind::Expired => self.best() < level,
            Kind::NoTls | Kind::Refuses502 | Kind::Alerts => level > Level::None,
            Kind::Refuses454 | Kind::Injects | Kind::Cuts | Kind::Talks | Kind::Unreachable => false,
            // It takes no mail at all, for good.
            Kind::TurnsAway(greeting) => greeting.starts_with('5'),
        }
    }

    fn behaviour(self, name: &str) -> Behaviour {
        let tls = |tls| Behaviour::with_tls(tls);
        match self {
            Kind::Good => Behaviour::tls(&CA.issue(&[name])),
            Kind::SelfSigned => Behaviour::tls(&CA.self_signed(&[name])),
            Kind::WrongName => Behaviour::tls(&CA.issue(&["other.example"])),
            Kind::Expired => Behaviour::tls(&CA.expired(&[name])),
            Kind::NoTls | Kind::Unreachable => Behaviour::clear(),
            Kind::Refuses454 => tls(Tls::Reply("454 later".to_owned())),
            Kind::Refuses502 => tls(Tls::Reply("502 never".to_owned())),
            Kind::Injects => tls(Tls::SameSegment(b"250 mx\r\n".to_vec())),
            Kind::Alerts => tls(Tls::Bytes(vec![21, 3, 3, 0, 2, 2, 70])),
            Kind::Cuts => tls(Tls::Cut),
            Kind::Talks => tls(Tls::Bytes(b"250 mx\r\n250 go on in clear\r\n".to_vec())),
            Kind::TurnsAway(greeting) => Behaviour { greeting: greeting.to_owned(), ..Behaviour::clear() },
        }
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Good,
        Kind::SelfSigned,
        Kind::WrongName,
        Kind::Expired,
        Kind::NoTls,
        Kind::Refuses454,
        Kind::Refuses502,
        Kind::Injects,
        Kind::Alerts,
        Kind::Cuts,
        Kind::Talks,
        Kind::Unreachable,
        Kind::TurnsAway("421 busy"),
        Kind::TurnsAway("554 no"),
    ])
}

struct Memory {
    hosts: HashMap<IpAddr, (Kind, Behaviour)>,
    seen: Arc<Mutex<Seen>>,
}

impl Network for Memory {
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let (ours, theirs) = tokio::io::duplex(4096);
        match self.hosts.get(&to.ip()) {
            Some((kind, behaviour)) if !matches!(kind, Kind::Unreachable) => {
                tokio::spawn(serve(behaviour.clone(), self.seen.clone(), Box::new(theirs)));
                Box::pin(async move { Ok(Box::new(ours) as Box<dyn Stream>) })
            }
            _ => Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) }),
        }
    }
}

fn transport(kinds: &[Kind], seen: Arc<Mutex<Seen>>) -> Transport {
    let (mut names, mut hosts, mut exchanges) = (Names::default(), HashMap::new(), Vec::new());
    for (index, kind) in kinds.iter().enumerate() {
        let name = format!("mx{index}.r.example");
        let address = IpAddr::from([8, 0, 0, index as u8 + 1]);
        hosts.insert(address, (*kind, kind.behaviour(&name)));
        exchanges.push(Exchange { preference: index as u16, host: Domain::parse(&name).unwrap() });
        names.addresses.insert(name, Ok(vec![address]));
    }
    let found = Exchanges { hosts: exchanges, lookup: MxLookup::Insecure };
    names.exchanges.insert("r.example".to_owned(), Ok(found));
    let mut config = TransportConfig::new(Domain::parse("out.example").unwrap());
    config.timeouts.idle = Duration::ZERO;
    let anchors = Anchors::from_pem(CA.pem().as_bytes()).unwrap();
    let (network, entropy) = (Arc::new(Memory { hosts, seen }), Arc::<Counting>::default());
    Transport::new(config, anchors, network, Arc::new(names), Arc::new(RealClock), entropy)
}

fn deliver(kinds: &[Kind], need: Need) -> (Delivery, Arc<Mutex<Seen>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let seen = Arc::<Mutex<Seen>>::default();
    let transport = transport(kinds, seen.clone());
    let delivery = runtime.block_on(async {
        let delivery = transport.deliver(&parcel_to(&["a", "b"], need), &Letter::default()).await;
        // Hosts that are still reading get to see everything that was written.
        tokio::time::sleep(Duration::from_secs(1)).await;
        delivery
    });
    (delivery, seen)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_host_gets_or_is_said_to_give_what_it_did_not_prove(
        kinds in proptest::collection::vec(kinds(), 1..4),
        need in prop::sample::select(vec![Need::None, Need::Encrypted, Need::Verified, Need::Anchored]),
    ) {
        let (delivery, seen) = deliver(&kinds, need);
        let level = need.transit().unwrap();
        let clear = String::from_utf8_lossy(&lock(&seen).clear).into_owned();
        prop_assert!(level == Level::None || !clear.contains(SECRET));
        prop_assert!(level == Level::None || !clear.contains("MAIL FROM"));
        let able = kinds.iter().any(|kind| kind.best() >= level && !matches!(kind, Kind::Unreachable | Kind::TurnsAway(_)));
        for (_, fate) in &delivery.recipients {
            match fate {
                Fate::Delivered { proof, .. } => {
                    prop_assert!(able && proof.level >= level);
                    prop_assert_eq!(proof.level > Level::None, proof.tls.is_some());
                }
                Fate::CannotMeet => {
                    prop_assert!(kinds.iter().all(|kind| kind.proves_unable(level)));
                    prop_assert!(delivery.attempts.iter().any(|attempt| matches!(attempt.result, Tried::Unable(_))));
                }
                Fate::Refused(_) => prop_assert!(kinds.iter().all(|kind| matches!(kind, Kind::TurnsAway(_)))),
                Fate::Deferred(_) => prop_assert!(!able && !kinds.iter().all(|kind| kind.proves_unable(level))),
            }
        }
        prop_assert_eq!(lock(&seen).messages.len(), usize::from(able), "once and only once");
    }
}
