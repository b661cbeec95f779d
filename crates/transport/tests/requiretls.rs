//! REQUIRETLS (RFC 8689) on the way out: which hosts get such a message, which
//! words it goes with, and what `TLS-Required: No` opens.

mod support;

use mail::{MxLookup, Need};
use seal::TlsAsked;
use support::peer::Behaviour;
use support::{World, notice, parcel, tried, words};

/// What comes of a parcel that asks this, at a host that offers `offers` and is
/// found by `lookup`; and the host's MAIL command, if it heard one.
async fn outcome(asked: TlsAsked, lookup: MxLookup, offers: &[&'static str]) -> (String, Option<String>) {
    let mut world = World::new();
    world.lookup = lookup;
    let peer = world.host(|ca, name| Behaviour { offers: offers.to_vec(), ..Behaviour::tls(&ca.issue(&[name])) }).await;
    let delivery = world.deliver(&parcel(Need::Verified).asking(asked)).await;
    let fate = format!("{} | {}", words(&delivery).join("; "), tried(&delivery).join("; "));
    let mail = peer.seen().lines.iter().find(|line| line.starts_with("MAIL")).cloned();
    (fate, mail)
}

const OFFERS: &[&str] = &["8BITMIME", "REQUIRETLS"];
const SENT: &str = "p delivered 250 verified mx1.r.example | mx1.r.example sent";

#[tokio::test]
async fn a_host_that_is_found_by_dnssec_and_promises_gets_it() {
    let (fate, mail) = outcome(TlsAsked::OnTheWholeWay, MxLookup::Dnssec, OFFERS).await;
    assert_eq!(fate, SENT);
    assert!(mail.unwrap().ends_with(" REQUIRETLS"));
}

#[tokio::test]
async fn a_host_that_promises_nothing_or_is_not_bound_never_hears_of_it() {
    let (fate, mail) = outcome(TlsAsked::OnTheWholeWay, MxLookup::Dnssec, &["8BITMIME"]).await;
    assert_eq!((fate.as_str(), mail), ("p cannot meet | mx1.r.example unable NoRequireTls", None));
    let (fate, mail) = outcome(TlsAsked::OnTheWholeWay, MxLookup::Insecure, OFFERS).await;
    assert_eq!((fate.as_str(), mail), ("p cannot meet | mx1.r.example unable NotBound", None));
}

#[tokio::test]
async fn a_word_about_such_a_message_asks_where_it_can_and_goes_all_the_same() {
    let (fate, mail) = outcome(TlsAsked::WhereOffered, MxLookup::Insecure, OFFERS).await;
    assert_eq!(fate, SENT);
    assert!(mail.unwrap().ends_with(" REQUIRETLS"));
    let (fate, mail) = outcome(TlsAsked::WhereOffered, MxLookup::Insecure, &[]).await;
    assert_eq!(fate, SENT);
    assert!(!mail.unwrap().contains("REQUIRETLS"));
}

#[tokio::test]
async fn what_was_not_asked_is_not_said() {
    let (_, mail) = outcome(TlsAsked::AsUsual, MxLookup::Dnssec, OFFERS).await;
    assert!(!mail.unwrap().contains("REQUIRETLS"));
}

#[tokio::test]
async fn a_promise_in_clear_counts_for_nothing() {
    let offering = |world: &mut World| {
        world.lookup = MxLookup::Dnssec;
    };
    let mut world = World::new();
    offering(&mut world);
    let peer = world.host(|_, _| Behaviour { offers: OFFERS.to_vec(), ..Behaviour::clear() }).await;
    let delivery = world.deliver(&parcel(Need::None).asking(TlsAsked::OnTheWholeWay)).await;
    assert_eq!(words(&delivery), ["p cannot meet"]);
    assert!(peer.saw_no_secret() && peer.seen().messages.is_empty());

    let mut world = World::new();
    offering(&mut world);
    let peer = world.host(|_, _| Behaviour { offers: OFFERS.to_vec(), ..Behaviour::clear() }).await;
    world.deliver(&notice().asking(TlsAsked::WhereOffered)).await;
    assert_eq!(peer.seen().messages.len(), 1);
    assert!(!peer.seen().lines.iter().any(|line| line.contains("REQUIRETLS")));
}
