//! A turn at a destination counts where the delivery is dialled: a host of
//! another provider, however it comes to stand among a domain's MX hosts, has
//! books of its own.

mod support;

use std::num::NonZeroU32;

use mail::{Domain, Level, Need, Priority};
use support::peer::Behaviour;
use support::{Letter, World, parcel, tried, words};
use testkit::ca::Ca;
use transport::{Delivery, Shape, Transport};

fn good(ca: &Ca, name: &str) -> Behaviour {
    Behaviour::tls(&ca.issue(&[name]))
}

/// The second host is another provider's, which takes one an hour.
fn other_provider(world: &mut World) {
    world.config.shapes.push(Shape {
        name: "other".to_owned(),
        mx: vec!["mx2.r.example".to_owned()],
        connections: None,
        messages_per_connection: None,
        per_minute: None,
        per_hour: NonZeroU32::new(1),
    });
}

async fn deliver(transport: &Transport) -> Delivery {
    let destination = transport.destination(&Domain::parse("r.example").unwrap()).await;
    let turn = transport.shaper().enter(&destination, Priority::Marketing).await.expect("a turn");
    let delivery = transport.deliver_at(&parcel(Need::Verified), &Letter::default(), Level::None, Some(&turn)).await;
    turn.note(&delivery);
    delivery
}

async fn is_open(transport: &Transport, host: &str) -> bool {
    let destination = std::sync::Arc::new(transport.shaper().destination(host));
    transport.shaper().enter(&destination, Priority::Operational).await.is_ok()
}

#[tokio::test]
async fn a_second_host_of_another_provider_is_sent_no_more_than_that_provider_takes() {
    let mut world = World::new();
    world.dead_host(&[[8, 0, 0, 1]]);
    let second = world.host(good).await;
    other_provider(&mut world);
    let (transport, _, _ca) = world.transport();
    // The rate's one, and one as the burst that there always is.
    for _ in 0..2 {
        assert_eq!(words(&deliver(&transport).await), ["p delivered 250 verified mx2.r.example"]);
    }
    let third = deliver(&transport).await;
    assert_eq!(words(&third), ["p deferred 4.4.1 Unreachable(ConnectionRefused)"]);
    assert_eq!(
        tried(&third),
        ["mx1.r.example failed Unreachable(ConnectionRefused)", "mx2.r.example failed Waits(Rate)"]
    );
    assert_eq!(second.seen().messages.len(), 2);
    transport.close().await;
}

#[tokio::test]
async fn what_a_second_host_says_is_the_word_of_its_own_provider() {
    let mut world = World::new();
    world.dead_host(&[[8, 0, 0, 1]]);
    let _second = world.host(|ca, name| good(ca, name).reply("MAIL", "421 4.4.5 too many connections")).await;
    other_provider(&mut world);
    let (transport, _, _ca) = world.transport();
    assert!(words(&deliver(&transport).await)[0].starts_with("p deferred"));
    assert!(is_open(&transport, "mx1.r.example").await);
    assert!(!is_open(&transport, "mx2.r.example").await);
    transport.close().await;
}

#[tokio::test]
async fn hosts_of_one_provider_need_one_turn() {
    let mut world = World::new();
    world.config.limits.connections_max = 1;
    world.dead_host(&[[8, 0, 0, 1]]);
    let _second = world.host(good).await;
    let (transport, _, _ca) = world.transport();
    assert_eq!(words(&deliver(&transport).await), ["p delivered 250 verified mx2.r.example"]);
    transport.close().await;
}
