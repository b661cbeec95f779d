//! Deliveries held to what binds an MX host to its domain: real Postfix hosts,
//! signed zones, each case of DANE and MTA-STS.

mod support;

use std::sync::Arc;

use jiff::SignedDuration;
use mail::{Clock, Domain, Level, MxLookup, Need};
use support::bonds::{Bonds, HandClock, Shelf, bindings, policy};
use support::{Counting, Letter, parcel_to, tried, words};
use testkit::ca::Ca;
use testkit::postfix::{Postfix, Tls};
use testkit::signed_zone::{SignedDns, Signing};
use transport::mta_sts::StsCache;
use transport::{
    Anchors, Bindings, Delivery, DnssecAnchors, Fate, HickoryResolver, Proof, TokioNetwork, Transport, TransportConfig,
};

/// A domain `r.example` whose one host is a Postfix.
struct Scene {
    ca: Ca,
    host: Postfix,
    clock: Arc<HandClock>,
}

impl Scene {
    fn new(tls: fn(&Ca) -> Tls<'_>) -> Self {
        let ca = Ca::new();
        let host = Postfix::named("mx.r.example").tls(&tls(&ca)).start();
        Self { ca, host, clock: HandClock::now() }
    }

    fn zone(&self, tlsa: &str) -> String {
        let record = match tlsa {
            "" => String::new(),
            data => format!("_{}._tcp.mx.r.example TLSA {data}\n", self.host.address().port()),
        };
        format!("{}{record}", self.host.mx_of("r.example"))
    }

    fn dns(&self, signing: Signing, tlsa: &str) -> SignedDns {
        let zones = SignedDns::zones().zone("example", Signing::Secure, "");
        zones.zone("r.example", signing, &self.zone(tlsa)).start()
    }

    /// MTA-STS by the record and the policy of `bonds`; hosts and DANE by the DNS.
    fn transport(&self, dns: &SignedDns, bonds: &Arc<Bonds>) -> Transport {
        let anchors = DnssecAnchors::parse(dns.anchors()).unwrap();
        let resolver = Arc::new(HickoryResolver::asking(&[dns.address()]).unwrap().validating(&anchors));
        let clock: Arc<dyn Clock> = self.clock.clone();
        let policies = StsCache::new(bonds.clone(), bonds.clone(), Arc::<Shelf>::default(), clock.clone());
        let mut config = TransportConfig::new(Domain::parse("out.example").unwrap());
        (config.mx_port, config.allow_private) = (self.host.address().port(), true);
        let anchors = Anchors::from_pem(self.ca.pem().as_bytes()).unwrap();
        let bound = Bindings::new(resolver.clone(), policies, clock.clone());
        let network = Arc::new(TokioNetwork);
        Transport::new(config, anchors, network, resolver, clock, Arc::<Counting>::default()).bound(bound)
    }
}

fn valid(ca: &Ca) -> Tls<'_> {
    Tls::Valid(ca)
}

fn self_signed(ca: &Ca) -> Tls<'_> {
    Tls::SelfSigned(ca)
}

fn expired(ca: &Ca) -> Tls<'_> {
    Tls::Expired(ca)
}

fn wrong_name(ca: &Ca) -> Tls<'_> {
    Tls::WrongName(ca)
}

fn without(_: &Ca) -> Tls<'_> {
    Tls::None
}

async fn deliver(transport: &Transport, need: Need) -> Delivery {
    transport.deliver(&parcel_to(&["inbox"], need), &Letter::default()).await
}

fn proof(delivery: &Delivery) -> &Proof {
    match &delivery.recipients[0].1 {
        Fate::Delivered { proof, .. } => proof,
        other => panic!("{other:?} {:?}", tried(delivery)),
    }
}

/// What comes of a parcel of each need, the least first.
async fn fates(transport: &Transport) -> Vec<String> {
    let mut fates = Vec::new();
    for need in [Need::None, Need::Encrypted, Need::Verified, Need::Anchored] {
        let delivery = deliver(transport, need).await;
        fates.push(words(&delivery).remove(0).trim_start_matches("inbox ").to_owned());
    }
    fates
}

const UNBOUND: &str = "deferred 4.7.5 Unbound";
const CANNOT: &str = "cannot meet";

#[tokio::test(flavor = "multi_thread")]
async fn a_tlsa_record_that_matches_anchors_a_certificate_that_nobody_signed() {
    let scene = Scene::new(self_signed);
    let dns = scene.dns(Signing::Secure, &scene.host.identity().unwrap().tlsa(3, 1, 1));
    let delivery = deliver(&scene.transport(&dns, &Arc::default()), Need::Anchored).await;
    let proof = proof(&delivery);
    assert_eq!((proof.level, proof.mx_lookup), (Level::Anchored, MxLookup::Dnssec));
    assert_eq!(proof.tls.as_ref().unwrap().verified(), "DANE 3 1 1 for mx.r.example");
    scene.host.wait_for(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tlsa_record_that_does_not_match_lets_nothing_through() {
    let scene = Scene::new(valid);
    let other = scene.ca.issue(&["mx.r.example"]);
    let dns = scene.dns(Signing::Secure, &other.tlsa(3, 1, 1));
    let transport = scene.transport(&dns, &Arc::default());
    assert_eq!(fates(&transport).await, [UNBOUND, UNBOUND, CANNOT, CANNOT]);
    let delivery = deliver(&transport, Need::Verified).await;
    assert_eq!(tried(&delivery), ["mx.r.example unable Certificate(NotInTlsa)"]);
    assert!(scene.host.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dane_asks_for_tls_of_a_host_that_has_none() {
    let scene = Scene::new(without);
    let dns = scene.dns(Signing::Secure, &scene.ca.tlsa(2, 0, 1));
    assert_eq!(fates(&scene.transport(&dns, &Arc::default())).await, [UNBOUND, CANNOT, CANNOT, CANNOT]);
    assert!(scene.host.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tlsa_records_that_can_not_be_proven_put_off_whatever_a_parcel_needs() {
    let scene = Scene::new(valid);
    let (port, identity) = (scene.host.address().port(), scene.host.identity().unwrap());
    let below = format!("_{port}._tcp.mx.r.example TLSA {}\n", identity.tlsa(3, 1, 1));
    let zones = SignedDns::zones().zone("example", Signing::Secure, "");
    let zones = zones.zone("r.example", Signing::Secure, &scene.zone(""));
    let dns = zones.zone("_tcp.mx.r.example", Signing::Bogus, &below).start();
    let put_off = "deferred 4.7.5 DaneFailed";
    assert_eq!(fates(&scene.transport(&dns, &Arc::default())).await, [put_off; 4]);
    assert!(scene.host.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_do_not_count_ask_for_less() {
    let scene = Scene::new(self_signed);
    let identity = scene.host.identity().unwrap();
    // Usage 1 is none that SMTP can use: TLS is mandatory and judged as ever.
    let dns = scene.dns(Signing::Secure, &identity.tlsa(1, 1, 1));
    let encrypted = "delivered 250 encrypted mx.r.example";
    assert_eq!(fates(&scene.transport(&dns, &Arc::default())).await, [encrypted, encrypted, CANNOT, CANNOT]);
    // In a zone that nobody signed there is no DANE.
    let dns = scene.dns(Signing::Insecure, &scene.ca.issue(&["other"]).tlsa(3, 1, 1));
    assert_eq!(fates(&scene.transport(&dns, &Arc::default())).await, [encrypted, encrypted, CANNOT, CANNOT]);
}

fn bonds(mode: &str, mx: &str) -> Arc<Bonds> {
    let bonds = Bonds::default();
    *bonds.id.lock().unwrap() = Some("1".to_owned());
    *bonds.policy.lock().unwrap() = Some(policy(mode, mx, 604_800));
    Arc::new(bonds)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_policy_anchors_the_host_that_it_names() {
    let scene = Scene::new(valid);
    let dns = scene.dns(Signing::Insecure, "");
    let delivery = deliver(&scene.transport(&dns, &bonds("enforce", "*.r.example")), Need::Anchored).await;
    assert_eq!((proof(&delivery).level, proof(&delivery).mx_lookup), (Level::Anchored, MxLookup::MtaSts));
    assert_eq!(proof(&delivery).tls.as_ref().unwrap().verified(), "chain and name mx.r.example");
    let not_named = "deferred 4.7.5 NotNamed";
    assert_eq!(fates(&scene.transport(&dns, &bonds("enforce", "mx.other.example"))).await, [not_named; 4]);
    for mode in ["testing", "none"] {
        let delivery = deliver(&scene.transport(&dns, &bonds(mode, "mx.other.example")), Need::Verified).await;
        assert_eq!((proof(&delivery).level, proof(&delivery).mx_lookup), (Level::Verified, MxLookup::Insecure));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_policy_wants_a_certificate_that_verifies() {
    for tls in [expired as fn(&Ca) -> Tls<'_>, wrong_name, self_signed] {
        let scene = Scene::new(tls);
        let dns = scene.dns(Signing::Insecure, "");
        let transport = scene.transport(&dns, &bonds("enforce", "mx.r.example"));
        assert_eq!(fates(&transport).await, [UNBOUND, UNBOUND, CANNOT, CANNOT]);
        assert!(scene.host.letters().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dane_overrides_a_policy() {
    let scene = Scene::new(self_signed);
    let dns = scene.dns(Signing::Secure, &scene.host.identity().unwrap().tlsa(3, 1, 1));
    let delivery = deliver(&scene.transport(&dns, &bonds("enforce", "mx.other.example")), Need::Anchored).await;
    assert_eq!(proof(&delivery).mx_lookup, MxLookup::Dnssec);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_not_used_again_under_another_binding() {
    let scene = Scene::new(valid);
    let dns = scene.dns(Signing::Secure, "");
    let transport = scene.transport(&dns, &Arc::default());
    assert_eq!(proof(&deliver(&transport, Need::Verified).await).level, Level::Verified);
    dns.replace("r.example", &scene.zone(&scene.ca.issue(&["other"]).tlsa(3, 1, 1)));
    scene.clock.pass(SignedDuration::from_secs(11));
    assert_eq!(words(&deliver(&transport, Need::Verified).await), ["inbox cannot meet"]);
    dns.replace("r.example", &scene.zone(&scene.host.identity().unwrap().tlsa(3, 1, 1)));
    scene.clock.pass(SignedDuration::from_secs(11));
    assert_eq!(proof(&deliver(&transport, Need::Anchored).await).level, Level::Anchored);
}

#[tokio::test]
async fn what_binds_a_host_is_not_asked_again_for_each_message() {
    use std::sync::atomic::Ordering;
    let (bonds, clock) = (Arc::new(Bonds::default()), HandClock::now());
    let clock: Arc<dyn Clock> = clock;
    let mut world = support::World::new();
    let _peer = world.host(|ca, name| support::peer::Behaviour::tls(&ca.issue(&[name]))).await;
    world.lookup = MxLookup::Dnssec;
    let (transport, ..) = world.transport();
    let transport = transport.bound(bindings(&bonds, &Arc::default(), &clock));
    for _ in 0..50 {
        let delivery = transport.deliver(&support::parcel(Need::Verified), &Letter::default()).await;
        assert_eq!(proof(&delivery).mx_lookup, MxLookup::Dnssec);
    }
    // A and AAAA of the host, its TLSA, the domain's record.
    assert_eq!(bonds.questions.load(Ordering::SeqCst), 4);
}
