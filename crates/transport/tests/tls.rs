//! Each thing that TLS can do, against a host that does it: what it proves,
//! and that content never crosses in clear where it must not.

mod support;

use mail::{Level, MxLookup, Need};
use support::peer::{Behaviour, Tls};
use support::{World, notice, parcel, tried, words};
use testkit::ca::{Ca, Identity};
use transport::{Fate, Judgement};

/// A fatal alert of this description, as a record of TLS 1.2.
fn alert(description: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, description]
}

/// Delivers to one host and says what came of it. Beyond that, no content that
/// needs TLS may be seen in clear.
async fn outcome(need: Need, behave: impl FnOnce(&Ca, &str) -> Behaviour) -> String {
    let mut world = World::new();
    let peer = world.host(behave).await;
    let delivery = world.deliver(&parcel(need)).await;
    assert!(need == Need::None || peer.saw_no_secret());
    let fate = words(&delivery).join("; ");
    let tried = tried(&delivery).join("; ");
    format!("{} | {}", fate.strip_prefix("p ").unwrap(), tried.strip_prefix("mx1.r.example ").unwrap())
}

async fn check(need: Need, behave: impl FnOnce(&Ca, &str) -> Behaviour, expect: &str) {
    assert_eq!(outcome(need, behave).await, expect);
}

fn with(identity: impl FnOnce(&Ca, &[&str]) -> Identity) -> impl FnOnce(&Ca, &str) -> Behaviour {
    move |ca, name| Behaviour::tls(&identity(ca, &[name]))
}

fn tls(tls: Tls) -> impl FnOnce(&Ca, &str) -> Behaviour {
    move |_, _| Behaviour::with_tls(tls)
}

#[tokio::test]
async fn a_valid_certificate_meets_verified() {
    check(Need::Verified, with(Ca::issue), "delivered 250 verified mx1.r.example | sent").await;
    check(Need::Encrypted, with(Ca::issue), "delivered 250 verified mx1.r.example | sent").await;
    check(Need::None, with(Ca::issue), "delivered 250 verified mx1.r.example | sent").await;
}

#[tokio::test]
async fn nothing_but_what_binds_the_host_reaches_anchored() {
    check(Need::Anchored, with(Ca::issue), "cannot meet | unable NotBound").await;
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_meets_encrypted_only() {
    check(Need::Verified, with(Ca::self_signed), "cannot meet | unable Certificate(UnknownIssuer)").await;
    check(Need::Verified, with(Ca::expired), "cannot meet | unable Certificate(Expired)").await;
    let wrong = |ca: &Ca, _: &[&str]| ca.issue(&["other.example"]);
    check(Need::Verified, with(wrong), "cannot meet | unable Certificate(WrongName)").await;
    check(Need::Encrypted, with(Ca::self_signed), "delivered 250 encrypted mx1.r.example | sent").await;
    check(Need::Encrypted, with(Ca::expired), "delivered 250 encrypted mx1.r.example | sent").await;
    check(Need::None, with(wrong), "delivered 250 encrypted mx1.r.example | sent").await;
}

#[tokio::test]
async fn without_starttls_only_what_needs_none_goes() {
    check(Need::Verified, tls(Tls::Absent), "cannot meet | unable NotOffered").await;
    check(Need::Encrypted, tls(Tls::Absent), "cannot meet | unable NotOffered").await;
    check(Need::None, tls(Tls::Absent), "delivered 250 none mx1.r.example | sent").await;
}

#[tokio::test]
async fn a_server_without_ehlo_offers_no_tls() {
    let helo = |_: &Ca, _: &str| Behaviour::clear().reply("EHLO", "502 what");
    check(Need::Verified, helo, "cannot meet | unable NotOffered").await;
    check(Need::None, helo, "delivered 250 none mx1.r.example | sent").await;
}

#[tokio::test]
async fn starttls_refused_for_now_defers_and_for_good_is_inability() {
    let now = || tls(Tls::Reply("454 4.7.0 not now".to_owned()));
    let never = || tls(Tls::Reply("502 5.5.1 never".to_owned()));
    check(Need::Verified, now(), "deferred 4.7.0 Tls 454 | failed Tls 454").await;
    check(Need::Verified, never(), "cannot meet | unable Refused 502").await;
    check(Need::None, now(), "delivered 250 none mx1.r.example | sent").await;
    check(Need::None, never(), "delivered 250 none mx1.r.example | sent").await;
}

#[tokio::test]
async fn an_odd_answer_to_starttls_defers() {
    let odd = tls(Tls::Reply("221 bye".to_owned()));
    check(Need::Verified, odd, "deferred 4.5.0 Broken(Tls, WrongCode(221)) | failed Broken(Tls, WrongCode(221))").await;
}

#[tokio::test]
async fn clear_bytes_behind_the_220_defer_and_are_never_read_as_protected() {
    let injected = || tls(Tls::SameSegment(b"250-mx\r\n250 SIZE 1\r\n".to_vec()));
    let expect = "deferred 4.5.0 Broken(Tls, Injected) | failed Broken(Tls, Injected)";
    check(Need::Verified, injected(), expect).await;
    check(Need::Encrypted, injected(), expect).await;
    let later = tls(Tls::Bytes(b"250-mx\r\n250 SIZE 1\r\n".to_vec()));
    check(Need::Verified, later, "deferred 4.7.5 TlsFailed | failed TlsFailed").await;
}

#[tokio::test]
async fn an_alert_is_inability_but_for_accidents() {
    const PROTOCOL_VERSION: u8 = 70;
    const HANDSHAKE_FAILURE: u8 = 40;
    const INTERNAL_ERROR: u8 = 80;
    for description in [PROTOCOL_VERSION, HANDSHAKE_FAILURE] {
        check(Need::Encrypted, tls(Tls::Bytes(alert(description))), "cannot meet | unable Handshake").await;
    }
    let accident = tls(Tls::Bytes(alert(INTERNAL_ERROR)));
    check(Need::Encrypted, accident, "deferred 4.7.5 TlsFailed | failed TlsFailed").await;
}

#[tokio::test]
async fn a_server_that_knows_tls_1_0_only_is_unable() {
    // A ServerHello that chooses TLS 1.0 with an RSA suite, as old servers do
    // whatever they are offered.
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 47, 0]);
    let mut record = vec![22, 3, 1, 0, hello.len() as u8 + 4, 2, 0, 0, hello.len() as u8];
    record.extend(hello);
    check(Need::Encrypted, tls(Tls::Bytes(record)), "cannot meet | unable Handshake").await;
}

#[tokio::test]
async fn a_handshake_that_is_garbage_or_cut_or_silent_proves_nothing() {
    let expect = "deferred 4.7.5 TlsFailed | failed TlsFailed";
    check(Need::Verified, tls(Tls::Bytes(vec![b'x'; 64 * 1024])), expect).await;
    check(Need::Verified, tls(Tls::Cut), expect).await;
}

#[tokio::test]
async fn silence_in_the_handshake_is_bounded() {
    let mut world = World::new();
    let _peer = world.host(tls(Tls::Silence)).await;
    world.config.timeouts.handshake = std::time::Duration::from_millis(50);
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p deferred 4.4.2 TimedOut(Tls)"]);
}

#[tokio::test]
async fn a_notice_crosses_in_clear_on_a_new_connection_where_tls_fails() {
    for failing in [Tls::Bytes(alert(40)), Tls::Cut, Tls::Bytes(b"nonsense".to_vec()), Tls::SameSegment(b"x".to_vec())]
    {
        let mut world = World::new();
        let peer = world.host(tls(failing)).await;
        let delivery = world.deliver(&notice()).await;
        assert_eq!(words(&delivery), ["p delivered 250 none mx1.r.example"]);
        assert_eq!(delivery.attempts.len(), 2, "what failed is kept as evidence");
        assert_eq!(peer.seen().connections, 2, "never on the connection where TLS failed");
    }
}

#[tokio::test]
async fn nothing_but_a_need_of_none_ever_tries_a_second_connection_without_tls() {
    for failing in [Tls::Bytes(alert(40)), Tls::Cut, Tls::Reply("454 later".to_owned())] {
        let mut world = World::new();
        let peer = world.host(tls(failing)).await;
        world.deliver(&parcel(Need::Encrypted)).await;
        assert_eq!(peer.seen().connections, 1);
        assert!(!peer.seen().lines.iter().any(|line| line.starts_with("MAIL")));
    }
}

#[tokio::test]
async fn the_proof_says_what_was_seen() {
    let mut world = World::new();
    let identity = world.ca.issue(&["mx1.r.example"]);
    let shown = identity.clone();
    let _peer = world.host(move |_, _| Behaviour::tls(&shown)).await;
    let mut delivery = world.deliver(&parcel(Need::Verified)).await;
    let (_, Fate::Delivered { proof, .. }) = delivery.recipients.remove(0) else { panic!("not delivered") };
    assert_eq!(
        (proof.level, proof.mx.as_str(), proof.mx_lookup),
        (Level::Verified, "mx1.r.example", MxLookup::Insecure)
    );
    assert_eq!(proof.address.to_string(), "8.0.0.1");
    let tls = proof.tls.unwrap();
    assert_eq!((tls.version.as_str(), tls.cipher.as_str()), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
    assert_eq!(
        tls.certificate_sha256.as_slice(),
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &identity.der).as_ref()
    );
    assert_eq!(tls.judgement, Judgement::Verified { name: "mx1.r.example".to_owned() });
    assert_eq!(tls.verified(), "chain and name mx1.r.example");
}

#[tokio::test]
async fn what_did_not_verify_is_kept_as_evidence() {
    let mut world = World::new();
    let _peer = world.host(with(Ca::self_signed)).await;
    let delivery = world.deliver(&parcel(Need::Verified)).await;
    let proof = delivery.attempts[0].proof.clone().unwrap();
    assert_eq!(proof.level, Level::Encrypted);
    assert_eq!(proof.tls.unwrap().verified(), "not verified for mx1.r.example: unknown issuer");
}

#[tokio::test]
async fn a_route_is_held_to_its_tls_name() {
    for (tls_name, expect) in [
        ("relay.partner.example", "p delivered 250 anchored relay.partner.example"),
        ("other.partner.example", "p cannot meet"),
    ] {
        let mut world = World::new();
        let identity = world.ca.issue(&["relay.partner.example"]);
        let peer = support::peer::Peer::start(Behaviour::tls(&identity)).await;
        world.route(&peer, tls_name);
        let delivery = world.deliver(&parcel(Need::Verified)).await;
        assert_eq!(words(&delivery), [expect]);
        assert_eq!(delivery.attempts[0].proof.clone().unwrap().mx_lookup, MxLookup::Pinned);
    }
}
