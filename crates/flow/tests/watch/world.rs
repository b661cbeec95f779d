//! Names, a clock, and nodes that keep a watch list.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use discovery::fetch::{FetchConfig, Fetcher};
use discovery::probe::{ProbeConfig, Prober, Seams};
use discovery::sts::HttpsPolicies;
use discovery::watch::{Change, Round};
use flow::watch::{Watch, WatchList, history};
use flow::{Journey, Organisation, Organisations, Profile, Settings};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::SigningKey;
use mail::{Clock, Domain, Entropy, OrgId};
use policy::Policy;
use seal::TagKey;
use store::{OrgRow, PostgresOptions, SqliteOptions, Store};
use tempfile::TempDir;
use testkit::ca::Ca;
use testkit::signed_zone::{SignedDns, Signing};
use transport::{Anchors, DnssecAnchors, HickoryResolver, TokioNetwork};
use vault::RootKey;

pub const DAY: SignedDuration = SignedDuration::from_hours(24);
pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const ORG: OrgId = OrgId(1);

/// Begins now, for signatures of names are made now, and passes when told.
pub struct HandClock(Mutex<Timestamp>);

impl HandClock {
    pub fn pass(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

pub struct World {
    pub clock: Arc<HandClock>,
    dns: SignedDns,
    anchors: Anchors,
    mx_port: u16,
    domains: Vec<Domain>,
    root: RootKey,
    wrapped: Vec<u8>,
    dirs: Mutex<Vec<TempDir>>,
}

/// Where a node keeps its rows.
pub enum Disk {
    Sqlite(PathBuf),
    Postgres(String),
}

impl World {
    /// Signed zones with these records, all of them watched, their hosts at this port.
    pub fn new(ca: &Ca, mx_port: u16, zones: &[(&str, &str)]) -> Self {
        let mut dns = SignedDns::zones().zone("test", Signing::Secure, "");
        // A host may be named below the zone of another domain.
        let hosts: String = zones.iter().map(|(_, records)| *records).collect();
        let is_shared = zones.len() > 1;
        for (origin, records) in zones {
            let own = |line: &&str| line.starts_with(origin) || !is_shared;
            let records: String = records.lines().filter(own).map(|line| format!("{line}\n")).collect();
            dns = dns.zone(origin, Signing::Secure, &records);
        }
        if is_shared {
            let rest = hosts.lines().filter(|line| line.starts_with("mx.safe.test"));
            dns = dns.zone("safe.test", Signing::Secure, &rest.map(|line| format!("{line}\n")).collect::<String>());
        }
        let root = RootKey::ephemeral(&SystemEntropy);
        let (_, wrapped) = root.new_org(ORG, &SystemEntropy);
        Self {
            clock: Arc::new(HandClock(Mutex::new(Timestamp::now()))),
            dns: dns.start(),
            anchors: Anchors::from_pem(ca.pem().as_bytes()).unwrap(),
            mx_port,
            domains: zones.iter().map(|(origin, _)| Domain::parse(origin).unwrap()).collect(),
            root,
            wrapped,
            dirs: Mutex::default(),
        }
    }

    pub fn sqlite(&self) -> Disk {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        self.dirs.lock().unwrap().push(dir);
        Disk::Sqlite(path)
    }

    pub async fn node(&self, disk: &Disk) -> Node {
        let store = match disk {
            Disk::Sqlite(path) => store::open_sqlite(path, SqliteOptions::default()).unwrap(),
            Disk::Postgres(url) => store::open_postgres(url, PostgresOptions::default()).await.unwrap(),
        };
        let row = OrgRow { org: ORG, slug: "clinic".into(), wrapped_key: self.wrapped.clone() };
        store.ensure_org(row).await.unwrap();
        let journey = self.journey(store);
        let list = WatchList {
            org: ORG,
            domains: self.domains.clone(),
            interval: Duration::from_secs(86_400),
            keep: Duration::from_secs(10 * 86_400),
        };
        Node { watch: Watch::new(journey.clone(), list, self.prober()), journey }
    }

    fn journey(&self, store: Arc<dyn Store>) -> Arc<Journey> {
        let policy = Policy::default();
        let vault = Arc::new(self.root.open_org(ORG, &self.wrapped).unwrap());
        let organisation = Organisation {
            org: ORG,
            profile: profile(),
            tag_key: TagKey::new(&vault.tag_key()),
            signing_key: SigningKey::from_seed(&[7; 32]),
            policy_hash: policy.hash(),
            policy,
            dkim: HashMap::new(),
            trust: Arc::default(),
            vault,
        };
        let settings = Settings::new("secure.clinic.example");
        let organisations = Organisations::new([organisation]);
        Journey::new(store, self.clock.clone(), Arc::new(SystemEntropy), organisations, settings)
    }

    fn prober(&self) -> Prober {
        let dnssec = DnssecAnchors::parse(self.dns.anchors()).unwrap();
        let resolver = Arc::new(HickoryResolver::asking(&[self.dns.address()]).unwrap().validating(&dnssec));
        let network = Arc::new(TokioNetwork);
        let fetch = FetchConfig { allow_private: true, ..FetchConfig::default() };
        let clock = self.clock.clone();
        let fetcher = Fetcher::new(fetch, &self.anchors, network.clone(), resolver.clone(), clock.clone()).unwrap();
        let seams = Seams {
            network,
            resolver: resolver.clone(),
            dns: resolver,
            policies: Arc::new(HttpsPolicies(fetcher)),
            clock,
            entropy: Arc::new(SystemEntropy),
        };
        let mut config = ProbeConfig::new(Domain::parse("probe.clinic.example").unwrap());
        (config.allow_private, config.mx_port, config.scans) = (true, self.mx_port, false);
        Prober::new(config, self.anchors.clone(), seams)
    }
}

fn profile() -> Profile {
    Profile {
        slug: "clinic".into(),
        name: "Clinic".into(),
        phone: String::new(),
        time_zone: TimeZone::UTC,
        portal_url: "https://secure.clinic.example".into(),
        language: "en".into(),
        domains: vec![Domain::parse("clinic.example").unwrap()],
        replies: None,
    }
}

/// A process that keeps the watch list.
pub struct Node {
    watch: Watch,
    journey: Arc<Journey>,
}

impl Node {
    /// How many rounds a look makes.
    pub async fn look(&self) -> usize {
        self.watch.look().await.unwrap()
    }

    pub async fn stop(self) {
        self.journey.store.close().await.unwrap();
    }

    /// The rounds of a domain, newest first.
    pub async fn rounds(&self, domain: &str) -> Vec<Round> {
        let organisation = self.journey.organisations.find(ORG).unwrap();
        history(&self.journey, organisation, &Domain::parse(domain).unwrap(), 99).await.unwrap()
    }

    pub async fn changes(&self, domain: &str) -> Vec<Option<Change>> {
        self.rounds(domain).await.into_iter().map(|round| round.change).collect()
    }

    /// The first that was told of the fall that lasts.
    pub async fn fallen(&self, domain: &str) -> Option<String> {
        self.rounds(domain).await.first()?.fall.as_ref().map(|fall| fall.because[0].clone())
    }

    /// How often the ledger tells of such an event.
    pub async fn told(&self, kind: &str) -> usize {
        let rows = self.journey.store.unsequenced(ORG, 99).await.unwrap();
        rows.iter().filter(|row| row.entry.windows(kind.len()).any(|window| window == kind.as_bytes())).count()
    }
}
