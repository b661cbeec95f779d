//! The clinic that is simulated: one organisation on a disk that outlives its
//! process, and hosts of three postures.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow::listener::{Desk, Submission};
use flow::{Courier, Journey, Organisation, Organisations, Profile, Settings, SubmissionDesk};
use identity::{Sender, Submitter};
use jiff::tz::TimeZone;
use ledger::SigningKey;
use mail::{Address, Clock, Domain, Entropy, Envelope, MessageId, OrgId, Recipient, Reply, ReversePath};
use policy::Policy;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use seal::TagKey;
use store::{OrgRow, SqliteOptions, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use transport::{Anchors, Shape, Transport, TransportConfig};
use vault::{OrgVault, RootKey};

use crate::mx::{Host, Posture};
use crate::seams::{Dice, SeededEntropy, SimulatedClock, SimulatedDns, SimulatedNetwork, World};

pub const ORG: OrgId = OrgId(1);
pub const OTHER: OrgId = OrgId(2);
/// What every message says, and no clear connection may.
pub const MARKER: &str = "Metformin";

pub struct Acknowledged {
    pub message: MessageId,
    pub recipients: Vec<String>,
    /// Stands in the content, so that copies are counted.
    pub token: String,
}

pub struct Clinic {
    pub world: Arc<World>,
    pub dir: TempDir,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    root: RootKey,
    wrapped: Vec<u8>,
    seed: [u8; 32],
    anchors: Anchors,
    /// How much destinations are sent.
    pub shapes: Vec<Shape>,
    /// What is set otherwise than it is by default.
    pub settings: fn(&mut Settings),
}

impl Clinic {
    pub fn new(seed: u64) -> Self {
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy(Mutex::new(Dice::new(seed ^ 0xe27))));
        let authority = authority();
        let hosts = vec![
            (
                domain("good.example"),
                Host::new(Posture::Tls(server(&authority, "mx.good.example", true)), Dice::new(seed ^ 1)),
            ),
            (
                domain("self.example"),
                Host::new(Posture::Tls(server(&authority, "mx.self.example", false)), Dice::new(seed ^ 2)),
            ),
            (domain("plain.example"), Host::new(Posture::Clear, Dice::new(seed ^ 3))),
            (
                domain("clinic.example"),
                Host::new(Posture::Tls(server(&authority, "mx.clinic.example", true)), Dice::new(seed ^ 4)),
            ),
        ];
        let root = RootKey::ephemeral(entropy.as_ref());
        let (_, wrapped) = root.new_org(ORG, entropy.as_ref());
        Self {
            world: Arc::new(World::new(seed, hosts)),
            dir: tempfile::tempdir_in(memory_dir()).unwrap(),
            clock: Arc::new(SimulatedClock(tokio::time::Instant::now())),
            seed: mail::seam::random(entropy.as_ref()),
            anchors: Anchors::from_pem(authority.pem().as_bytes()).unwrap(),
            entropy,
            root,
            wrapped,
            shapes: Vec::new(),
            settings: |_| {},
        }
    }

    pub fn vault(&self) -> OrgVault {
        self.root.open_org(ORG, &self.wrapped).unwrap()
    }

    pub fn signing_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.seed)
    }

    pub fn store(&self) -> Arc<dyn Store> {
        let options = SqliteOptions { inline: true, ..SqliteOptions::default() };
        store::open_sqlite(self.dir.path(), options).unwrap()
    }

    pub fn journey(&self, store: Arc<dyn Store>) -> Arc<Journey> {
        let organisation = self.organisation(ORG, self.vault());
        let mut settings = Settings::new("secure.clinic.example");
        (self.settings)(&mut settings);
        Journey::new(store, self.clock.clone(), self.entropy.clone(), Organisations::new([organisation]), settings)
    }

    /// The same with another organisation beside it.
    pub fn journey_of_two(&self, store: Arc<dyn Store>) -> Arc<Journey> {
        let both =
            [(ORG, "clinic", self.wrapped.clone()), (OTHER, "other", self.root.new_org(OTHER, self.entropy()).1)];
        let both = both.map(|(org, slug, wrapped_key)| {
            let vault = self.root.open_org(org, &wrapped_key).unwrap();
            futures_now(store.ensure_org(OrgRow { org, slug: slug.into(), wrapped_key })).unwrap();
            self.organisation(org, vault)
        });
        let first = self.journey(store);
        let settings = first.settings.clone();
        first.succeeding(Organisations::new(both), settings)
    }

    fn organisation(&self, org: OrgId, vault: OrgVault) -> Organisation {
        let (policy, vault) = (Policy::default(), Arc::new(vault));
        Organisation {
            org,
            profile: profile(),
            tag_key: TagKey::new(&vault.tag_key()),
            signing_key: self.signing_key(),
            policy_hash: policy.hash(),
            policy,
            dkim: HashMap::new(),
            trust: Arc::default(),
            vault,
        }
    }

    /// Starts the process on its disk.
    pub fn start(&self) -> Running {
        let store = self.store();
        let row = OrgRow { org: ORG, slug: "clinic".into(), wrapped_key: self.wrapped.clone() };
        // Inline, the work is done at the first poll.
        futures_now(store.ensure_org(row)).unwrap();
        let journey = self.journey(store);
        futures_now(flow::keys::refresh(&journey)).unwrap();
        self.know(&journey, &keyed(), KEYED);
        let mut config = TransportConfig::new(domain("secure.clinic.example"));
        config.allow_private = true;
        config.shapes = self.shapes.clone();
        let transport = Transport::new(
            config,
            self.anchors.clone(),
            Arc::new(SimulatedNetwork(self.world.clone())),
            Arc::new(SimulatedDns(self.world.clone())),
            self.clock.clone(),
            self.entropy.clone(),
        );
        Running { desk: SubmissionDesk::new(journey.clone()), transport: Arc::new(transport), journey }
    }
}

/// The files of a disk with their contents.
pub type Disk = Vec<(PathBuf, Vec<u8>)>;

impl Clinic {
    /// All that is on the disk.
    pub fn disk(&self) -> Disk {
        let bodies = self.dir.path().join("bodies");
        let files = [self.dir.path(), &bodies].into_iter().flat_map(std::fs::read_dir).flatten().flatten();
        let files = files.map(|entry| entry.path()).filter(|path| path.is_file());
        files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    /// Puts the disk back to what it was.
    pub fn put_back(&self, disk: &Disk) {
        self.disk().iter().for_each(|(path, _)| std::fs::remove_file(path).unwrap());
        disk.iter().for_each(|(path, content)| std::fs::write(path, content).unwrap());
    }

    /// Staff gives a recipient's key.
    pub fn know(&self, journey: &Journey, certificate: &openpgp::Certificate, address: &str) {
        self.know_material(journey, keyring::Material::OpenPgp(certificate.clone()), address);
    }

    /// The same of either format.
    pub fn know_material(&self, journey: &Journey, material: keyring::Material, address: &str) {
        let found = keyring::Found {
            address: Address::parse(address).unwrap(),
            material,
            source: mail::KeySource::Staff,
            detail: "the simulation".into(),
            is_bound_by_hand: false,
            vouched_by: Vec::new(),
            prefers_encryption: None,
            at: self.clock.now(),
        };
        let organisation = journey.organisations.find(ORG).unwrap();
        futures_now(flow::keys::learn(journey, organisation, found, "simulation")).unwrap();
    }

    /// A key that lives for that long.
    pub fn key(&self, address: &str, lives: Duration) -> openpgp::Certificate {
        self.own_key(address, lives).certificate().clone()
    }

    /// The same with its private half.
    pub fn own_key(&self, address: &str, lives: Duration) -> openpgp::SecretIdentity {
        let now = self.now();
        let (user_id, ends) = (format!("P <{address}>"), now.checked_add(lives).unwrap());
        let kind = openpgp::KeyKind::V4;
        openpgp::SecretIdentity::generate(&user_id, kind, Some(ends), now, self.entropy.as_ref()).unwrap()
    }

    /// The simulated time.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// The simulation's randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        self.entropy.as_ref()
    }
}

/// Who holds a key: a host without TLS takes what is sealed to it.
pub const KEYED: &str = "keyed@plain.example";

fn keyed() -> openpgp::Certificate {
    holder().certificate().clone()
}

/// The key with its private half, made once for all runs.
pub fn holder() -> openpgp::SecretIdentity {
    static KEY: std::sync::LazyLock<openpgp::SecretIdentity> = std::sync::LazyLock::new(|| {
        let entropy = SeededEntropy(Mutex::new(Dice::new(7)));
        let day = jiff::Timestamp::from_second(1_700_000_000).unwrap();
        let kind = openpgp::KeyKind::V4;
        openpgp::SecretIdentity::generate(&format!("K <{KEYED}>"), kind, None, day, &entropy).unwrap()
    });
    KEY.clone()
}

/// A process that lives until it is dropped in the middle of what it does.
pub struct Running {
    desk: SubmissionDesk,
    transport: Arc<Transport>,
    pub journey: Arc<Journey>,
}

impl Running {
    /// Hands in a message; gives it if it was acknowledged.
    pub async fn submit(&self, dice: &mut Dice) -> Option<Acknowledged> {
        let recipients = recipients(dice);
        self.submit_to(recipients, dice).await
    }

    /// The same to these recipients.
    pub async fn submit_to(&self, recipients: Vec<String>, dice: &mut Dice) -> Option<Acknowledged> {
        let is_secure = dice.one_in(4);
        self.submit_about(if is_secure { "[secure] Hello" } else { "Hello" }, recipients, dice).await
    }

    /// The same with this subject.
    pub async fn submit_about(&self, subject: &str, recipients: Vec<String>, dice: &mut Dice) -> Option<Acknowledged> {
        let token = format!("token-{:016x}", dice.next());
        let padding = "x".repeat(usize::try_from(dice.below(6_000)).unwrap());
        // Hashing one takes longer than all the rest of a run: some must do.
        let passphrase = if dice.one_in(12) { "X-Sealpost-Passphrase: blue heron\r\n" } else { "" };
        let content = format!(
            "From: nurse@clinic.example\r\nMessage-ID: <{token}@clinic.example>\r\nSubject: {subject}\r\n{passphrase}\r\n{MARKER} {token}\r\n{padding}\r\n"
        );
        self.submit_content(&content, &token, recipients, dice).await
    }

    /// The same with this content, in which the token stands.
    pub async fn submit_content(
        &self,
        content: &str,
        token: &str,
        recipients: Vec<String>,
        dice: &mut Dice,
    ) -> Option<Acknowledged> {
        let mut intake = self.desk.begin(submission(&recipients)).await.ok()?;
        for part in content.as_bytes().chunks(1 + usize::try_from(dice.below(900)).unwrap()) {
            intake.push(part).await.ok()?;
        }
        if dice.one_in(12) {
            // The client breaks off: nothing was promised.
            return None;
        }
        let reply = intake.finish().await;
        let id = reply.text.split_whitespace().find(|word| word.starts_with(MessageId::PREFIX));
        let message = id.filter(|_| reply.is_positive())?.parse().unwrap();
        Some(Acknowledged { message, recipients, token: token.to_owned() })
    }

    /// Brings a message of a stranger's to somebody of the clinic; gives the reply.
    pub async fn bring(&self, recipient: &str, content: &[u8]) -> Reply {
        let mut inbound = submission(&[recipient.to_owned()]);
        inbound.sender = Sender { org: ORG, by: Submitter::Stranger, senders: Vec::new() };
        inbound.envelope.sender = ReversePath(None);
        inbound.passage = flow::gateway::Passage::Inbound(ORG);
        let mut intake = match self.desk.begin(inbound).await {
            Ok(intake) => intake,
            Err(refused) => return refused,
        };
        for part in content.chunks(4_096) {
            if let Err(refused) = intake.push(part).await {
                return refused;
            }
        }
        intake.finish().await
    }

    /// Works until nothing waits any more, for that long at the most.
    pub async fn run_to_the_end(self, longest: Duration) {
        let journey = self.journey.clone();
        let settled = async move {
            loop {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                let waits = journey.store.next_due().await.unwrap().is_some();
                if !waits && journey.store.undecided(ORG, None, 1).await.unwrap().is_empty() {
                    return;
                }
            }
        };
        self.run_while(tokio::time::timeout(longest, settled)).await;
    }

    /// Works for that long and is then killed, wherever it is.
    pub async fn run_for(self, span: Duration) {
        self.run_while(tokio::time::sleep(span)).await;
    }

    async fn run_while<T>(self, until: impl Future<Output = T>) {
        let (_stop, stopped) = watch::channel(false);
        let courier = Courier::new(self.journey.clone(), self.transport.clone());
        let work = async {
            tokio::join!(courier.run(stopped.clone()), flow::resume::run(self.journey.clone(), None, stopped));
        };
        let store = Arc::downgrade(&self.journey.store);
        tokio::select! {
            () = work => {}
            _ = until => {}
        }
        // What was spawned is aborted, and dies at its next turn.
        drop(self);
        while store.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn recipients(dice: &mut Dice) -> Vec<String> {
    const DOMAINS: [&str; 3] = ["good.example", "self.example", "plain.example"];
    let count = 1 + dice.below(4);
    let one = |at: u64, dice: &mut Dice| {
        if dice.one_in(5) {
            return KEYED.to_owned();
        }
        let name = if dice.one_in(10) { "nobody" } else { "patient" };
        format!("{name}{at}@{}", DOMAINS[usize::try_from(dice.below(3)).unwrap()])
    };
    let mut all: Vec<String> = (0..count).map(|at| one(at, dice)).collect();
    all.sort();
    all.dedup();
    all
}

pub fn submission(recipients: &[String]) -> Submission {
    let nurse = Address::parse("nurse@clinic.example").unwrap();
    let list = recipients.iter().map(|text| Recipient::new(Address::parse(text).unwrap())).collect();
    Submission {
        sender: Sender {
            org: ORG,
            by: Submitter::Credential("ehr".into()),
            senders: vec!["*@clinic.example".parse().unwrap()],
        },
        envelope: Envelope {
            sender: ReversePath(Some(nurse)),
            recipients: list,
            envid: None,
            smtputf8: false,
            requiretls: false,
        },
        helo: "desk".into(),
        peer: [192, 0, 2, 99].into(),
        tls: None,
        with: "ESMTPA",
        body: smtp::server::BodyKind::default(),
        declared_bytes: None,
        passage: flow::gateway::Passage::Submitted,
    }
}

fn profile() -> Profile {
    Profile {
        slug: "clinic".into(),
        name: "Clinic".into(),
        phone: "555-0100".into(),
        time_zone: TimeZone::UTC,
        portal_url: "https://secure.clinic.example".into(),
        language: "en".into(),
        domains: vec![domain("clinic.example")],
        replies: None,
    }
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn server(authority: &CertifiedIssuer<'static, KeyPair>, name: &str, trusted: bool) -> Arc<rustls::ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    let certificate = if trusted { params.signed_by(&key, authority) } else { params.self_signed(&key) }.unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

/// A disk in memory where there is one: what is simulated is the order of
/// writes, not their speed.
fn memory_dir() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

/// The value of a future that is ready at its first poll.
pub fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the inline store made a future wait"),
    }
}
