//! Whatever hosts do with TLS, whatever their domain says of them by DANE and
//! MTA-STS, and whoever suppresses or forges that: content that needs TLS never
//! crosses in clear, no fate claims more than was proven, and only proofs of
//! inability reroute. Random worlds without sockets.

mod support;

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use mail::{Clock, Domain, Level, MxLookup, Need, OrgId};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use support::bonds::{Bonds, Shelf, bindings, policy, tlsa};
use support::peer::{Behaviour, Seen, Tls, lock, serve};
use support::{Counting, Letter, Names, RealClock, SECRET, parcel_to};
use testkit::ca::{Ca, Identity};
use testkit::soak;
use transport::mta_sts::{KnownPolicy, StsPolicy};
use transport::{
    Anchors, Delivery, Exchange, Exchanges, Fate, LookupError, Network, Pending, Stream, Tlsa, Transport,
    TransportConfig, Tried,
};

static CA: LazyLock<Ca> = LazyLock::new(Ca::new);
/// Whose key no host has.
static OTHER: LazyLock<Identity> = LazyLock::new(|| CA.issue(&["other.example"]));

/// What a host does with TLS.
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

/// What binds the hosts to the domain, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tie {
    /// Nothing.
    Loose,
    /// A policy was had, and its time is over; record and host are silent now.
    StsExpired,
    /// A policy was had and holds; record and host are silent now.
    StsKept,
    /// A policy names the hosts, or others.
    Sts { names: bool },
    /// TLSA records for the hosts' own keys, or for others.
    Dane { right: bool },
    /// TLSA records of a usage that SMTP has no use for.
    DaneUnusable,
    /// TLSA records whose lookup is bogus, or has no answer.
    DaneFails(LookupError),
}

const TIES: [Tie; 10] = [
    Tie::Loose,
    Tie::StsExpired,
    Tie::StsKept,
    Tie::Sts { names: true },
    Tie::Sts { names: false },
    Tie::Dane { right: true },
    Tie::Dane { right: false },
    Tie::DaneUnusable,
    Tie::DaneFails(LookupError::Bogus),
    Tie::DaneFails(LookupError::Failed),
];

impl Tie {
    /// The least that anything may cross with.
    fn floor(self) -> Level {
        match self {
            Tie::Loose | Tie::StsExpired => Level::None,
            Tie::DaneUnusable => Level::Encrypted,
            Tie::StsKept | Tie::Sts { .. } | Tie::Dane { .. } | Tie::DaneFails(_) => Level::Anchored,
        }
    }

    /// Whether no host may be tried at all.
    fn forbids(self) -> bool {
        matches!(self, Tie::Sts { names: false } | Tie::DaneFails(_))
    }

    fn bonds(self, identities: &[(String, Identity)]) -> (Arc<Bonds>, Arc<Shelf>) {
        let (bonds, shelf) = (Bonds::default(), Shelf::default());
        let records = |tlsa: &dyn Fn(&Identity) -> Result<Vec<Tlsa>, LookupError>| {
            let all = identities.iter().map(|(name, identity)| (name.clone(), tlsa(identity)));
            *bonds.tlsa.lock().unwrap() = all.collect();
        };
        let kept = |days: i64| {
            let policy = StsPolicy::parse(policy("enforce", "*.r.example", 7 * 86_400).as_bytes()).unwrap();
            let fetched_at = Timestamp::now() - SignedDuration::from_hours(24 * days);
            let known = KnownPolicy { id: "1".to_owned(), policy, fetched_at };
            shelf.kept.lock().unwrap().insert((OrgId(1), "r.example".to_owned()), known);
        };
        match self {
            Tie::Loose => {}
            Tie::StsExpired => kept(8),
            Tie::StsKept => kept(6),
            Tie::Sts { names } => {
                *bonds.id.lock().unwrap() = Some("1".to_owned());
                let mx = if names { "*.r.example" } else { "*.other.example" };
                *bonds.policy.lock().unwrap() = Some(policy("enforce", mx, 86_400));
            }
            Tie::Dane { right: true } => records(&|identity| Ok(vec![tlsa(&identity.tlsa(3, 1, 1))])),
            Tie::Dane { right: false } => records(&|_| Ok(vec![tlsa(&OTHER.tlsa(3, 1, 1))])),
            Tie::DaneUnusable => records(&|identity| Ok(vec![tlsa(&identity.tlsa(1, 1, 1))])),
            Tie::DaneFails(error) => records(&|_| Err(error)),
        }
        (Arc::new(bonds), Arc::new(shelf))
    }
}

impl Kind {
    /// What it can at best prove.
    fn best(self, tie: Tie) -> Level {
        let is_tls = matches!(self, Kind::Good | Kind::SelfSigned | Kind::WrongName | Kind::Expired);
        match (self, tie) {
            _ if !is_tls => Level::None,
            (_, Tie::Dane { right: true }) => Level::Anchored,
            (_, Tie::Dane { right: false }) => Level::Encrypted,
            (Kind::Good, Tie::StsKept | Tie::Sts { .. }) => Level::Anchored,
            (Kind::Good, _) => Level::Verified,
            _ => Level::Encrypted,
        }
    }

    /// Whether it proves by itself that it can't reach this level.
    fn proves_unable(self, tie: Tie, level: Level) -> bool {
        match self {
            _ if tie.forbids() => false,
            Kind::Good | Kind::SelfSigned | Kind::WrongName | Kind::Expired => self.best(tie) < level,
            Kind::NoTls | Kind::Refuses502 | Kind::Alerts => level > Level::None,
            Kind::Refuses454 | Kind::Injects | Kind::Cuts | Kind::Talks | Kind::Unreachable => false,
            // It takes no mail at all, for good.
            Kind::TurnsAway(greeting) => greeting.starts_with('5'),
        }
    }

    fn identity(self, name: &str) -> Identity {
        match self {
            Kind::SelfSigned => CA.self_signed(&[name]),
            Kind::WrongName => CA.issue(&["other.example"]),
            Kind::Expired => CA.expired(&[name]),
            _ => CA.issue(&[name]),
        }
    }

    fn behaviour(self, identity: &Identity) -> Behaviour {
        let tls = |tls| Behaviour::with_tls(tls);
        match self {
            Kind::Good | Kind::SelfSigned | Kind::WrongName | Kind::Expired => Behaviour::tls(identity),
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

fn transport(kinds: &[Kind], tie: Tie, seen: Arc<Mutex<Seen>>) -> Transport {
    let mut identities = Vec::new();
    let (mut names, mut hosts, mut exchanges) = (Names::default(), HashMap::new(), Vec::new());
    for (index, kind) in kinds.iter().enumerate() {
        let name = format!("mx{index}.r.example");
        let address = IpAddr::from([8, 0, 0, index as u8 + 1]);
        let identity = kind.identity(&name);
        hosts.insert(address, (*kind, kind.behaviour(&identity)));
        identities.push((name.clone(), identity));
        exchanges.push(Exchange { preference: index as u16, host: Domain::parse(&name).unwrap() });
        names.addresses.insert(name, Ok(vec![address]));
    }
    let found = Exchanges { hosts: exchanges, lookup: MxLookup::Dnssec };
    names.exchanges.insert("r.example".to_owned(), Ok(found));
    let mut config = TransportConfig::new(Domain::parse("out.example").unwrap());
    config.timeouts.idle = Duration::ZERO;
    let anchors = Anchors::from_pem(CA.pem().as_bytes()).unwrap();
    let (network, entropy) = (Arc::new(Memory { hosts, seen }), Arc::<Counting>::default());
    let (clock, (bonds, shelf)) = (Arc::new(RealClock) as Arc<dyn Clock>, tie.bonds(&identities));
    let bound = bindings(&bonds, &shelf, &clock);
    Transport::new(config, anchors, network, Arc::new(names), clock, entropy).bound(bound)
}

fn deliver(kinds: &[Kind], tie: Tie, need: Need) -> (Delivery, Arc<Mutex<Seen>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let seen = Arc::<Mutex<Seen>>::default();
    let transport = transport(kinds, tie, seen.clone());
    let delivery = runtime.block_on(async {
        let delivery = transport.deliver(&parcel_to(&["a", "b"], need), &Letter::default()).await;
        // Hosts that are still reading get to see everything that was written.
        tokio::time::sleep(Duration::from_secs(1)).await;
        delivery
    });
    (delivery, seen)
}

/// Worlds of a run in CI.
const WORLDS: u32 = 256;

#[test]
fn no_host_gets_or_is_said_to_give_what_it_did_not_prove() {
    let worlds = soak::count("SEALPOST_WORLDS", WORLDS);
    // Printed where it fails, and told in the report: it replays the run.
    let seed = soak::count("SEALPOST_WORLDS_SEED", RealClock.now().as_nanosecond() as u64);
    let config = ProptestConfig {
        cases: worlds,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let needs = prop::sample::select(vec![Need::None, Need::Encrypted, Need::Verified, Need::Anchored]);
    let world = (proptest::collection::vec(kinds(), 1..4), prop::sample::select(TIES.to_vec()), needs);
    let crossed = Crossed::default();
    let outcome = TestRunner::new(config).run(&world, |(kinds, tie, need)| judge(&kinds, tie, need, &crossed));
    outcome.unwrap_or_else(|why| panic!("{why}\nreplay it with SEALPOST_WORLDS_SEED={seed}"));
    let Crossed { whole, none } = crossed;
    soak::report(&format!(
        "downgrade: {worlds} worlds, seed {seed}: {} delivered as promised, {} not at all, nothing in clear",
        whole.get(),
        none.get()
    ));
}

/// How many worlds got their message, and how many did not.
#[derive(Default)]
struct Crossed {
    whole: Cell<u32>,
    none: Cell<u32>,
}

/// The secret in any form in which mail could carry it.
fn says_secret(clear: &str) -> bool {
    let base64 = |shift: usize| {
        let coded = base64::engine::general_purpose::STANDARD.encode(format!("{}{SECRET}", "x".repeat(shift)));
        let whole = (shift + SECRET.len()) / 3 * 4;
        coded[if shift == 0 { 0 } else { 4 }..whole].to_owned()
    };
    let flat = clear.replace("=\r\n", "").replace("\r\n", "");
    let forms = (0..3).map(base64).chain([SECRET.to_owned(), SECRET.replace(' ', "=20")]);
    forms.into_iter().any(|form| clear.contains(&form) || flat.contains(&form))
}

fn judge(kinds: &[Kind], tie: Tie, need: Need, crossed: &Crossed) -> Result<(), TestCaseError> {
    let (delivery, seen) = deliver(kinds, tie, need);
    let (level, least) = (need.transit().unwrap(), need.transit().unwrap().max(tie.floor()));
    let clear = String::from_utf8_lossy(&lock(&seen).clear).into_owned();
    prop_assert!(least == Level::None || !says_secret(&clear));
    prop_assert!(least == Level::None || !clear.contains("MAIL FROM"));
    let is_able = |kind: &Kind| kind.best(tie) >= least && !matches!(kind, Kind::Unreachable | Kind::TurnsAway(_));
    let able = !tie.forbids() && kinds.iter().any(is_able);
    for (_, fate) in &delivery.recipients {
        match fate {
            Fate::Delivered { proof, .. } => {
                prop_assert!(able && proof.level >= least);
                prop_assert_eq!(proof.level > Level::None, proof.tls.is_some());
            }
            Fate::CannotMeet => {
                prop_assert!(kinds.iter().all(|kind| kind.proves_unable(tie, level)));
                prop_assert!(delivery.attempts.iter().any(|attempt| matches!(attempt.result, Tried::Unable(_))));
            }
            Fate::Refused { .. } => {
                prop_assert!(!tie.forbids() && kinds.iter().all(|kind| matches!(kind, Kind::TurnsAway(_))));
            }
            Fate::Deferred(_) => prop_assert!(!able && !kinds.iter().all(|kind| kind.proves_unable(tie, level))),
        }
    }
    prop_assert_eq!(lock(&seen).messages.len(), usize::from(able), "once and only once");
    let count = if able { &crossed.whole } else { &crossed.none };
    count.set(count.get() + 1);
    Ok(())
}

#[test]
fn the_secret_is_found_in_every_form() {
    for shift in 0..80 {
        let coded = base64::engine::general_purpose::STANDARD.encode(format!("{}{SECRET} and", "#".repeat(shift)));
        let lines: Vec<&str> = coded.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
        assert!(says_secret(&lines.join("\r\n")), "{coded}");
    }
    assert!(says_secret(SECRET) && !says_secret("MAIL FROM:<a@b.example>"));
}
