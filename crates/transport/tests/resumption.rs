//! TLS sessions are resumed, and claim no more than was proven.

mod support;

use mail::Need;
use support::peer::{Behaviour, Tls, server_config};
use support::{Letter, World, parcel, tried, words};
use testkit::ca::Ca;
use transport::{Anchors, Delivery, Fate, TlsProof, Transport};

/// A world in which every parcel has a connection of its own.
fn world() -> World {
    let mut world = World::new();
    world.config.limits.transactions_max = 1;
    world
}

fn good(ca: &Ca, name: &str) -> Behaviour {
    Behaviour::tls(&ca.issue(&[name]))
}

async fn deliver(transport: &Transport, need: Need) -> Delivery {
    transport.deliver(&parcel(need), &Letter::default()).await
}

fn proof(delivery: &Delivery) -> &TlsProof {
    match &delivery.recipients[0].1 {
        Fate::Delivered { proof, .. } => proof.tls.as_ref().unwrap(),
        other => panic!("{other:?} {:?}", tried(delivery)),
    }
}

async fn is_resumed(transport: &Transport, need: Need) -> bool {
    proof(&deliver(transport, need).await).resumed
}

#[tokio::test]
async fn a_resumed_session_proves_what_the_first_one_did() {
    let mut world = world();
    let peer = world.host(good).await;
    let (transport, _, _) = world.transport();
    let (first, second) = (deliver(&transport, Need::Verified).await, deliver(&transport, Need::Verified).await);
    assert_eq!(words(&second), ["p delivered 250 verified mx1.r.example"]);
    assert_eq!(proof(&first).verified(), "chain and name mx1.r.example");
    assert_eq!(proof(&second).verified(), "chain and name mx1.r.example, in a resumed session");
    assert_eq!(proof(&first).certificate_sha256, proof(&second).certificate_sha256);
    assert!(is_resumed(&transport, Need::Verified).await, "each connection brings sessions for the next");
    assert_eq!(peer.seen().connections, 3);
}

#[tokio::test]
async fn what_other_anchors_would_not_verify_is_not_resumed() {
    let mut world = world();
    let _peer = world.host(good).await;
    let (transport, _, ca) = world.transport();
    assert!(!is_resumed(&transport, Need::Verified).await);
    transport.set_anchors(Anchors::from_pem(Ca::new().pem().as_bytes()).unwrap());
    assert_eq!(words(&deliver(&transport, Need::Verified).await), ["p cannot meet"]);
    transport.set_anchors(Anchors::from_pem(ca.pem().as_bytes()).unwrap());
    assert!(!is_resumed(&transport, Need::Verified).await);
    assert!(is_resumed(&transport, Need::Verified).await);
}

#[tokio::test]
async fn a_session_whose_certificate_does_not_verify_is_not_kept() {
    let mut world = world();
    let _peer = world.host(|ca, name| Behaviour::tls(&ca.self_signed(&[name]))).await;
    let (transport, _, _) = world.transport();
    for _ in 0..2 {
        assert!(!is_resumed(&transport, Need::Encrypted).await);
    }
}

#[tokio::test]
async fn a_certificate_is_shown_again_after_an_hour_however_often_it_was_resumed() {
    let mut world = world();
    let _peer = world.host(good).await;
    let clock = world.clock.clone();
    let (transport, _, _) = world.transport();
    for (minutes, expect) in [(0, false), (20, true), (50, true), (61, false), (62, true)] {
        clock.by_minutes(minutes);
        assert_eq!(is_resumed(&transport, Need::Verified).await, expect, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn a_peer_that_fails_at_a_session_has_not_shown_that_it_is_unable() {
    const HANDSHAKE_FAILURE: u8 = 40;
    let mut world = world();
    let alert = vec![21, 3, 3, 0, 2, 2, HANDSHAKE_FAILURE];
    let _peer = world.host(|ca, name| Behaviour::with_tls(Tls::Once(server_config(&ca.issue(&[name])), alert))).await;
    let (transport, _, _) = world.transport();
    assert!(!is_resumed(&transport, Need::Verified).await);
    assert_eq!(words(&deliver(&transport, Need::Verified).await), ["p deferred 4.7.5 TlsFailed"]);
    assert_eq!(words(&deliver(&transport, Need::Verified).await), ["p cannot meet"], "without a session it has");
}
