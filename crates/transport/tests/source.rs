//! What leaves from a source leaves from its address and under its name, and
//! from no other; what is known of a sender there is known of that one alone.

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::Timestamp;
use mail::{Domain, Need, Priority};
use support::peer::Behaviour;
use support::{Letter, World, parcel, words};
use testkit::ca::Ca;
use transport::{Anchors, Source, Transport};

fn source(ipv4: Option<[u8; 4]>, helo: &str) -> Source {
    let (name, helo) = (helo.to_owned(), Domain::parse(helo).unwrap());
    Source { name, ipv4: ipv4.map(Ipv4Addr::from), ipv6: None, helo, since: None }
}

fn from(transport: &Transport, ca: &Ca, source: Source) -> Transport {
    transport.leaving_from(source, Anchors::from_pem(ca.pem().as_bytes()).unwrap())
}

async fn deliver(transport: &Transport) -> Vec<String> {
    words(&transport.deliver(&parcel(Need::Verified), &Letter::default()).await)
}

#[tokio::test]
async fn each_leaves_from_its_address_under_its_name_and_shares_no_connection() {
    let mut world = World::new();
    let peer = world.host(|ca, name| Behaviour::tls(&ca.issue(&[name]))).await;
    world.route(&peer, "mx1.r.example");
    let (default, _, ca) = world.transport();
    let one = from(&default, &ca, source(Some([127, 0, 0, 81]), "one.out.example"));
    let other = from(&default, &ca, source(Some([127, 0, 0, 82]), "other.out.example"));
    for transport in [&default, &one, &other, &one, &default] {
        assert_eq!(deliver(transport).await, ["p delivered 250 anchored mx1.r.example"]);
    }
    let seen = peer.seen();
    let clients = [[127, 0, 0, 1], [127, 0, 0, 81], [127, 0, 0, 82]].map(IpAddr::from);
    assert_eq!(seen.clients, clients, "three connections, used again by those who opened them");
    let names = seen.lines.iter().filter(|line| line.starts_with("EHLO"));
    let expect = ["out", "one.out", "other.out"].map(|name| format!("EHLO {name}.example"));
    let expect: Vec<String> = expect.iter().flat_map(|line| [line.clone(), line.clone()]).collect();
    assert_eq!(names.cloned().collect::<Vec<_>>(), expect, "in clear and in TLS");
}

#[tokio::test]
async fn an_address_that_this_machine_has_not_is_waited_for() {
    for (wanted, missing) in [(source(Some([192, 0, 2, 1]), "out2.example"), 1), (source(None, "out2.example"), 0)] {
        let mut world = World::new();
        let peer = world.host(|ca, name| Behaviour::tls(&ca.issue(&[name]))).await;
        world.route(&peer, "mx1.r.example");
        let (default, _, ca) = world.transport();
        assert_eq!(wanted.missing().count(), missing);
        let transport = from(&default, &ca, wanted);
        assert_eq!(deliver(&transport).await, ["p deferred 4.4.1 Unreachable(AddrNotAvailable)"]);
        assert_eq!(peer.seen().connections, 0, "from no other address");
    }
}

/// A machine whose uplink is away says so of both families: that is no word about the host.
#[tokio::test]
async fn a_host_of_both_families_to_which_there_is_no_way_is_tried_again() {
    let mut world = World::new();
    world.dead_host(&[]);
    let addresses = ["8.0.0.1", "2a00::1"].map(|address| address.parse().unwrap());
    world.names.addresses.insert("mx1.r.example".to_owned(), Ok(addresses.into()));
    world.without_any_way();
    assert_eq!(
        words(&world.deliver(&parcel(Need::Verified)).await),
        ["p deferred 4.4.1 Unreachable(NetworkUnreachable)"]
    );
}

#[tokio::test]
async fn the_first_days_are_those_of_an_address() {
    let (default, _, ca) = World::new().transport();
    let since = Some(Timestamp::now());
    let old = from(&default, &ca, source(Some([127, 0, 0, 83]), "old.out.example"));
    let new = from(&default, &ca, Source { since, ..source(Some([127, 0, 0, 84]), "new.out.example") });
    for (transport, is_free_after) in [(&default, true), (&old, true), (&new, false)] {
        let shaper = transport.shaper();
        let destination = Arc::new(shaper.destination("mx1.hosting.example"));
        assert!(shaper.is_free(&destination, Priority::Marketing));
        for _ in 0..2 {
            drop(shaper.enter(&destination, Priority::Marketing).await);
        }
        assert_eq!(shaper.is_free(&destination, Priority::Marketing), is_free_after);
        assert_eq!(shaper.enter(&destination, Priority::Marketing).await.is_ok(), is_free_after);
    }
}
