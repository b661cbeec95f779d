//! Connections are used again, and only where that claims nothing that was not
//! proven.

mod support;

use std::sync::atomic::Ordering;

use mail::Need;
use support::peer::Behaviour;
use support::{Letter, World, parcel, words};
use testkit::ca::Ca;
use transport::{Anchors, Transport};

const DELIVERED: &str = "p delivered 250 verified mx1.r.example";

fn good(ca: &Ca, name: &str) -> Behaviour {
    Behaviour::tls(&ca.issue(&[name]))
}

async fn deliver(transport: &Transport, need: Need) -> String {
    words(&transport.deliver(&parcel(need), &Letter::default()).await).join("; ")
}

#[tokio::test]
async fn parcels_share_a_connection() {
    let mut world = World::new();
    let peer = world.host(good).await;
    let (transport, _, _) = world.transport();
    for _ in 0..3 {
        assert_eq!(deliver(&transport, Need::Verified).await, DELIVERED);
    }
    transport.close().await;
    let seen = peer.seen();
    assert_eq!((seen.messages.len(), seen.connections), (3, 1));
    assert_eq!(seen.lines.iter().filter(|line| line.starts_with("EHLO")).count(), 2, "one in clear, one in TLS");
    assert_eq!(seen.lines.last().unwrap(), "QUIT");
}

#[tokio::test]
async fn a_connection_that_ended_meanwhile_is_replaced() {
    for behave in
        [(|ca, name| Behaviour { hangs_up: true, ..good(ca, name) }) as fn(&Ca, &str) -> Behaviour, |ca, name| {
            Behaviour { transactions_max: 1, ..good(ca, name) }
        }]
    {
        let mut world = World::new();
        let peer = world.host(behave).await;
        let (transport, _, _) = world.transport();
        for _ in 0..3 {
            assert_eq!(deliver(&transport, Need::Verified).await, DELIVERED);
        }
        let seen = peer.seen();
        assert_eq!((seen.messages.len(), seen.connections), (3, 3));
    }
}

#[tokio::test]
async fn a_connection_carries_only_so_many_transactions() {
    let mut world = World::new();
    world.config.limits.transactions_max = 2;
    let peer = world.host(good).await;
    let (transport, _, _) = world.transport();
    for _ in 0..5 {
        assert_eq!(deliver(&transport, Need::Verified).await, DELIVERED);
    }
    assert_eq!(peer.seen().connections, 3);
}

#[tokio::test]
async fn a_host_has_only_so_many_connections_at_a_time() {
    let mut world = World::new();
    world.config.limits.connections_max = 2;
    let peer = world.host(good).await;
    let (transport, _, _) = world.transport();
    let all = futures::future::join_all((0..10).map(|_| deliver(&transport, Need::Verified))).await;
    assert!(all.iter().all(|found| found == DELIVERED));
    let seen = peer.seen();
    assert_eq!(seen.messages.len(), 10);
    assert!(seen.open_max <= 2, "{} were open", seen.open_max);
}

#[tokio::test]
async fn a_connection_that_proved_less_is_not_taken_for_more() {
    let mut world = World::new();
    let peer = world.host(|ca, name| Behaviour::tls(&ca.self_signed(&[name]))).await;
    let (transport, switchboard, _) = world.transport();
    assert_eq!(deliver(&transport, Need::Encrypted).await, "p delivered 250 encrypted mx1.r.example");
    assert_eq!(deliver(&transport, Need::Verified).await, "p cannot meet");
    assert_eq!(switchboard.connections.load(Ordering::SeqCst), 2, "the inability is proven anew");
    assert_eq!(deliver(&transport, Need::Encrypted).await, "p delivered 250 encrypted mx1.r.example");
    assert_eq!(peer.seen().connections, 2);
}

#[tokio::test]
async fn a_clear_connection_is_not_kept() {
    let mut world = World::new();
    let peer = world.host(|_, _| Behaviour::clear()).await;
    let (transport, _, _) = world.transport();
    for _ in 0..2 {
        assert_eq!(deliver(&transport, Need::None).await, "p delivered 250 none mx1.r.example");
    }
    assert_eq!(peer.seen().connections, 2);
}

#[tokio::test]
async fn other_anchors_judge_anew() {
    let mut world = World::new();
    let peer = world.host(good).await;
    let (transport, _, ca) = world.transport();
    assert_eq!(deliver(&transport, Need::Verified).await, DELIVERED);
    transport.set_anchors(Anchors::from_pem(Ca::new().pem().as_bytes()).unwrap());
    assert_eq!(deliver(&transport, Need::Verified).await, "p cannot meet");
    transport.set_anchors(Anchors::from_pem(ca.pem().as_bytes()).unwrap());
    assert_eq!(deliver(&transport, Need::Verified).await, DELIVERED);
    assert_eq!(peer.seen().connections, 3);
}

#[tokio::test]
async fn after_close_nothing_is_kept() {
    let mut world = World::new();
    let peer = world.host(good).await;
    let (transport, _, _) = world.transport();
    transport.close().await;
    for _ in 0..2 {
        assert_eq!(deliver(&transport, Need::Verified).await, DELIVERED);
    }
    assert_eq!(peer.seen().connections, 2);
}
