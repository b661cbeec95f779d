//! A day of deliveries becomes a report that its domain gets once, by HTTPS and
//! by mail; nodes share a store and a clock that is handed in.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use discovery::fetch::Fetcher;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::SigningKey;
use mail::{Address, Clock, Domain, Entropy, Level, MxLookup, OrgId, Reply};
use policy::Policy;
use reports::{Found, TlsFailure, TlsReport};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use seal::{Content, TagKey};
use serde_json::Value;
use store::{OrgRow, SqliteOptions, Store, Transition};
use testkit::ca::Ca;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use transport::mta_sts::StsTrouble;
use transport::{
    Anchors, Answer, Attempt, Delivery, DnsName, DnsProof, Exchanges, Fate, Inability, Judgement, LookupError, Network,
    Pending, PolicyFound, Presence, Proof, Record, RecordKind, ResolveError, Resolver, SecureDns, Stream, TlsProof,
    TokioNetwork, Tried,
};
use vault::RootKey;

use super::sender::{Reporter, manifest_of_report};
use super::sessions::{self, Session};
use crate::case::Case;
use crate::enqueue::dequeue;
use crate::journey::Journey;
use crate::organisation::{Organisation, Organisations, Profile};
use crate::settings::Settings;

const ORG: OrgId = OrgId(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

struct HandClock(Mutex<Timestamp>);

impl HandClock {
    fn pass(&self, by: SignedDuration) {
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

/// One text at every name, or none; every host at one public address.
struct Names(Option<String>);

impl SecureDns for Names {
    fn lookup<'a>(&'a self, name: &'a DnsName, kind: RecordKind) -> Pending<'a, Result<Answer, LookupError>> {
        assert_eq!((name.as_str(), kind), ("_smtp._tls.r.example", RecordKind::Txt));
        let mut answer = Answer::none(name.clone(), Presence::NoData, DnsProof::Insecure);
        answer.records.extend(self.0.iter().map(|text| Record::Text(text.clone().into_bytes())));
        Box::pin(async move { Ok(answer) })
    }
}

impl Resolver for Names {
    fn exchanges<'a>(&'a self, _: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>> {
        Box::pin(async { Err(ResolveError::NoSuchName) })
    }

    fn addresses<'a>(&'a self, _: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async { Ok(vec![IpAddr::from([8, 0, 0, 1])]) })
    }
}

/// The public address leads to a listener on loopback.
struct Line(SocketAddr);

impl Network for Line {
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        assert_eq!(to, SocketAddr::from(([8, 0, 0, 1], 443)));
        Box::pin(TokioNetwork.connect(self.0))
    }
}

struct World {
    ca: Ca,
    clock: Arc<HandClock>,
    journey: Arc<Journey>,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(HandClock(Mutex::new("2026-03-01T12:00:00Z".parse().unwrap())));
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::ephemeral(&SystemEntropy);
        let (_, wrapped) = root.new_org(ORG, &SystemEntropy);
        let store = store::open_sqlite(dir.path(), SqliteOptions::default()).unwrap();
        store.ensure_org(OrgRow { org: ORG, slug: "clinic".into(), wrapped_key: wrapped.clone() }).await.unwrap();
        let vault = Arc::new(root.open_org(ORG, &wrapped).unwrap());
        let journey = journey(store, vault, clock.clone());
        Self { ca: Ca::new(), clock, journey, _dir: dir }
    }

    fn organisation(&self) -> &Arc<Organisation> {
        self.journey.organisations.find(ORG).unwrap()
    }

    /// Counts what a delivery to `r.example` showed.
    async fn count(&self, attempts: Vec<Attempt>) {
        self.count_with(attempts, None).await;
    }

    /// The same, where a policy that the domain announces was not had.
    async fn count_with(&self, attempts: Vec<Attempt>, sts_trouble: Option<StsTrouble>) {
        let organisation = self.organisation();
        let (from, to) = (address("n@clinic.example"), mail::Recipient::new(address("p@r.example")));
        let message = mail::MessageId::new(self.clock.now(), &SystemEntropy);
        let (key, _) = organisation.vault.new_message_key(message, &SystemEntropy);
        let manifest = manifest_of_report(&from, &to, "", &ledger::Salt::new(key.salt()));
        let now = self.clock.now();
        let journey = &*self.journey;
        let case = Case { journey, organisation, manifest: &manifest, message, key: &key, received_at: now, now };
        let fate = Fate::Delivered { reply: Reply::new(250, mail::EnhancedCode(2, 0, 0), "ok"), proof: proof(None) };
        let delivery = Delivery { recipients: vec![(to.address.clone(), fate)], attempts, sts_trouble };
        let writes = sessions::counted(&case, to.address.domain(), &delivery);
        self.journey.commit(Transition { org: ORG, writes, journal: None }).await.unwrap();
    }

    async fn counted(&self) -> Vec<(Option<String>, i64)> {
        let rows = self.journey.store.tls_sessions(ORG, i64::MAX, 99).await.unwrap();
        let told = |row: &store::TlsSessionRow| {
            let session = Session::open(self.organisation(), row).unwrap();
            (session.failure.map(|failure| failure.kind.word().to_owned()), row.sessions)
        };
        let mut told: Vec<_> = rows.iter().map(told).collect();
        told.sort();
        told
    }

    fn reporter(&self, record: Option<&str>, line: SocketAddr) -> Reporter {
        let names = Arc::new(Names(record.map(str::to_owned)));
        let anchors = Anchors::from_pem(self.ca.pem().as_bytes()).unwrap();
        let config = Reporter::places(false);
        // Certificates of the test are of today.
        let fetcher = Fetcher::new(config, &anchors, Arc::new(Line(line)), names.clone(), Arc::new(Today)).unwrap();
        Reporter::new(self.journey.clone(), names, fetcher)
    }

    /// The letters that wait in the queue.
    async fn letters(&self) -> Vec<(Address, String)> {
        let until = Timestamp::MAX;
        let leased = self.journey.store.lease("test", self.clock.now(), until, store::Room::any(99)).await.unwrap();
        let open = |leased: &store::Leased| {
            let (_, parcel) = dequeue(self.organisation(), leased).unwrap();
            assert_eq!((parcel.need(), parcel.tls_asked()), (mail::Need::None, seal::TlsAsked::NotInsisted));
            let Content::Template(text) = parcel.content() else { panic!("a report is a text") };
            (parcel.recipients()[0].address.clone(), text.clone())
        };
        leased.iter().map(open).collect()
    }
}

struct Today;

impl Clock for Today {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn journey(store: Arc<dyn Store>, vault: Arc<vault::OrgVault>, clock: Arc<HandClock>) -> Arc<Journey> {
    let policy = Policy::default();
    let profile = Profile {
        slug: "clinic".into(),
        name: "Clinic".into(),
        phone: String::new(),
        time_zone: TimeZone::UTC,
        portal_url: "https://secure.clinic.example".into(),
        language: "en".into(),
        domains: vec![Domain::parse("clinic.example").unwrap()],
        replies: None,
    };
    let organisation = Organisation {
        org: ORG,
        profile,
        tag_key: TagKey::new(&vault.tag_key()),
        signing_key: SigningKey::from_seed(&[7; 32]),
        policy_hash: policy.hash(),
        policy,
        dkim: HashMap::new(),
        trust: Arc::default(),
        vault,
    };
    let settings = Settings::new("secure.clinic.example");
    Journey::new(store, clock, Arc::new(SystemEntropy), Organisations::new([organisation]), settings)
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn proof(judgement: Option<Judgement>) -> Proof {
    let tls = judgement.map(|judgement| TlsProof {
        version: "TLSv1.3".into(),
        cipher: "x".into(),
        certificate_sha256: [0; 32],
        judgement,
        resumed: false,
    });
    let (address, mx_lookup) = (IpAddr::from([192, 0, 2, 1]), MxLookup::MtaSts);
    Proof { level: Level::None, mx: "mx.r.example".into(), address, mx_lookup, tls, requiretls: false }
}

fn attempt(policy: Option<PolicyFound>, result: Tried) -> Attempt {
    let verified = Judgement::Verified { name: "mx.r.example".into() };
    let address = Some(SocketAddr::from(([192, 0, 2, 1], 25)));
    Attempt { mx: "mx.r.example".into(), address, proof: Some(proof(Some(verified))), policy, result }
}

fn sent() -> Attempt {
    attempt(Some(PolicyFound::Sts), Tried::Sent)
}

fn expired() -> Attempt {
    attempt(Some(PolicyFound::Sts), Tried::Unable(Inability::Certificate(transport::Fault::Expired)))
}

/// A server of HTTPS that answers each request with a status, and keeps bodies.
async fn server(ca: &Ca, statuses: Vec<u16>) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let identity = ca.issue(&["reports.r.example"]);
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (at, bodies) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Vec<u8>>>>::default());
    let kept = bodies.clone();
    tokio::spawn(async move {
        for status in statuses {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let body = request(&mut stream).await;
            kept.lock().unwrap().push(body);
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (at, bodies)
}

/// The body of a request whose length is told.
async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let header = end.map(|end| String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase());
        if let (Some(end), Some(header)) = (end, header) {
            assert!(
                header.starts_with("post /v1 ") && header.contains("content-type: application/tlsrpt+gzip"),
                "{header}"
            );
            let length = header.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
            if bytes.len() >= end + 4 + length.trim().parse::<usize>().unwrap() {
                return bytes.split_off(end + 4);
            }
        }
        bytes.push(stream.read_u8().await.unwrap());
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

#[tokio::test]
async fn sessions_are_counted_where_they_are_new_and_came_as_far_as_tls() {
    let world = World::new().await;
    // One is a connection that was used again, or a route's.
    world.count(vec![expired(), sent(), attempt(None, Tried::Sent)]).await;
    world.count(vec![sent()]).await;
    assert_eq!(world.counted().await, [(None, 2), (Some("certificate-expired".to_owned()), 1)]);
}

#[tokio::test]
async fn the_report_of_a_day_is_mailed_once_when_the_day_is_over() {
    let world = World::new().await;
    world.count(vec![expired(), sent(), sent()]).await;
    let record = "v=TLSRPTv1; rua=mailto:tls@r.example";
    let (one, two) = (world.reporter(Some(record), NOWHERE), world.reporter(Some(record), NOWHERE));
    assert_eq!(one.look().await.unwrap(), 0, "the day is not over");
    world.clock.pass(DAY);
    world.count(vec![sent()]).await;
    assert_eq!((one.look().await.unwrap(), two.look().await.unwrap()), (1, 0));
    assert_eq!(world.counted().await, [(None, 1)], "today's are kept");
    let letters = world.letters().await;
    let [(to, text)] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(*to, address("tls@r.example"));
    assert!(
        text.starts_with("From: Clinic <postmaster@clinic.example>\r\n") && text.contains("\r\nTLS-Required: No\r\n")
    );
    let found = reports::find(text.as_bytes());
    let [Found::Tls(report)] = found.as_slice() else { panic!("{found:?}") };
    check(report);
}

fn check(report: &TlsReport) {
    assert_eq!(report.report_id, "2026-03-01_r.example@clinic.example");
    assert_eq!(report.date_range.start_datetime.to_string(), "2026-03-01T00:00:00Z");
    assert_eq!(report.date_range.end_datetime.to_string(), "2026-03-01T23:59:59Z");
    assert_eq!(report.counts(), (2, 1));
    let [of] = report.policies.as_slice() else { panic!("{report:?}") };
    assert_eq!((of.policy.policy_type.as_str(), of.policy.policy_domain.as_str()), ("sts", "r.example"));
    let [detail] = of.failure_details.as_slice() else { panic!("{of:?}") };
    assert_eq!((detail.result_type.as_str(), detail.failed_session_count), ("certificate-expired", 1));
    assert_eq!((detail.receiving_mx_hostname.as_str(), detail.receiving_ip.as_str()), ("mx.r.example", "192.0.2.1"));
}

#[tokio::test]
async fn a_place_that_takes_no_report_is_tried_again_before_it_is_mailed() {
    let world = World::new().await;
    world.count(vec![expired(), sent(), sent()]).await;
    let (at, bodies) = server(&world.ca, vec![503, 201]).await;
    let reporter = world.reporter(Some("v=TLSRPTv1; rua=https://reports.r.example/v1,mailto:tls@r.example"), at);
    world.clock.pass(DAY);
    assert_eq!(reporter.look().await.unwrap(), 0);
    assert_eq!((world.counted().await.len(), world.letters().await.len()), (2, 0));
    assert_eq!(reporter.look().await.unwrap(), 1);
    assert_eq!((world.counted().await.len(), world.letters().await.len()), (0, 1));
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies.len(), 2);
    let unpacked = reports::unpack(&bodies[1]).unwrap();
    check(&TlsReport::parse(&unpacked).unwrap());
    check_form(&serde_json::from_slice(&unpacked).unwrap());
}

/// RFC 8460 §4.4, member by member: a text, a number, or a list of texts.
fn check_form(report: &Value) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let texts = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(text));
    let address = |value: &Value| text(value) && value.as_str().unwrap().parse::<IpAddr>().is_ok();
    let time = |value: &Value| text(value) && value.as_str().unwrap().parse::<Timestamp>().is_ok();
    let any = |_: &Value| true;
    let members: &[Member<'_>] = &[
        ("organization-name", true, &text),
        ("date-range", true, &any),
        ("contact-info", true, &text),
        ("report-id", true, &text),
        ("policies", true, &any),
    ];
    check_members(report, members);
    check_members(&report["date-range"], &[("start-datetime", true, &time), ("end-datetime", true, &time)]);
    for of in report["policies"].as_array().unwrap() {
        check_members(of, &[("policy", true, &any), ("summary", true, &any), ("failure-details", false, &any)]);
        let of_policy: &[Member<'_>] = &[
            ("policy-type", true, &|value| ["tlsa", "sts", "no-policy-found"].iter().any(|word| value == word)),
            ("policy-string", false, &texts),
            ("policy-domain", true, &text),
            ("mx-host", false, &texts),
        ];
        check_members(&of["policy"], of_policy);
        let counts = ["total-successful-session-count", "total-failure-session-count"];
        check_members(&of["summary"], &counts.map(|name| (name, true, &Value::is_u64 as _)));
        let details = of["failure-details"].as_array().cloned().unwrap_or_default();
        for detail in &details {
            let of_detail: &[Member<'_>] = &[
                ("result-type", true, &|value| TlsFailure::from_word(value.as_str().unwrap_or_default()).is_some()),
                ("receiving-mx-hostname", false, &text),
                ("receiving-ip", false, &address),
                ("failed-session-count", true, &Value::is_u64),
                ("failure-reason-code", false, &text),
            ];
            check_members(detail, of_detail);
        }
        let failed: u64 = details.iter().map(|detail| detail["failed-session-count"].as_u64().unwrap()).sum();
        assert_eq!(of["summary"]["total-failure-session-count"], failed);
    }
}

/// Its name, whether it must be there, and its form.
type Member<'a> = (&'a str, bool, &'a dyn Fn(&Value) -> bool);

fn check_members(value: &Value, members: &[Member<'_>]) {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    for (name, value) in object {
        let form = members.iter().find(|(known, ..)| known == name).unwrap_or_else(|| panic!("{name} is unknown")).2;
        assert!(form(value), "{name} is {value}");
    }
    for (name, must, _) in members {
        assert!(!must || object.contains_key(*name), "{name} is missing");
    }
}

#[tokio::test]
async fn each_policy_and_failure_is_reported_in_the_form_and_the_words_of_the_standard() {
    let world = World::new().await;
    let neither = || attempt(Some(PolicyFound::Neither), Tried::Sent);
    let dane = |result| attempt(Some(PolicyFound::Tlsa(vec!["3 1 1 00ff".to_owned()])), result);
    world.count(vec![sent(), expired(), neither(), dane(Tried::Sent)]).await;
    world.count(vec![dane(Tried::Failed(transport::Cause::DaneFailed))]).await;
    for trouble in [StsTrouble::Fetch, StsTrouble::Invalid, StsTrouble::WebPki] {
        world.count_with(vec![neither(), expired()], Some(trouble)).await;
    }
    let (at, bodies) = server(&world.ca, vec![201]).await;
    let reporter = world.reporter(Some("v=TLSRPTv1; rua=https://reports.r.example/v1"), at);
    world.clock.pass(DAY);
    assert_eq!(reporter.look().await.unwrap(), 1);
    let report: Value = serde_json::from_slice(&reports::unpack(&bodies.lock().unwrap()[0]).unwrap()).unwrap();
    check_form(&report);
    let of = |kind: &str| {
        let mut all = report["policies"].as_array().unwrap().iter();
        all.find(|of| of["policy"]["policy-type"] == kind).unwrap_or_else(|| panic!("no {kind} in {report:#}"))
    };
    assert_eq!(of("tlsa")["policy"]["policy-string"], serde_json::json!(["3 1 1 00ff"]));
    assert_eq!(of("tlsa")["failure-details"][0]["result-type"], "dnssec-invalid");
    assert_eq!(of("no-policy-found")["summary"]["total-successful-session-count"], 1);
    let failures: Vec<(&str, u64)> = of("sts")["failure-details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| (detail["result-type"].as_str().unwrap(), detail["failed-session-count"].as_u64().unwrap()))
        .collect();
    for (word, count) in [
        ("certificate-expired", 4),
        ("sts-policy-fetch-error", 1),
        ("sts-policy-invalid", 1),
        ("sts-webpki-invalid", 1),
    ] {
        assert!(failures.contains(&(word, count)), "{word} in {failures:?}");
    }
}

#[tokio::test]
async fn who_asks_for_no_report_gets_none_and_what_is_old_is_dropped() {
    let world = World::new().await;
    world.count(vec![sent()]).await;
    world.clock.pass(DAY);
    assert_eq!(world.reporter(None, NOWHERE).look().await.unwrap(), 1);
    assert_eq!((world.counted().await.len(), world.letters().await.len()), (0, 0));
    world.count(vec![sent()]).await;
    world.clock.pass(DAY * 5);
    let reporter = world.reporter(Some("v=TLSRPTv1; rua=mailto:tls@r.example"), NOWHERE);
    assert_eq!(reporter.look().await.unwrap(), 1);
    assert_eq!((world.counted().await.len(), world.letters().await.len()), (0, 0));
}
