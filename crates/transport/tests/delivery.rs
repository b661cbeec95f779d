//! Hosts in order, recipients apart: what becomes of a parcel when some of it
//! goes wrong.

mod support;

use std::net::IpAddr;

use mail::Need;
use support::peer::{Behaviour, Peer, Tls};
use support::{Letter, World, parcel, parcel_to, tried, words};
use testkit::ca::Ca;
use transport::{ResolveError, WireError};

fn good(ca: &Ca, name: &str) -> Behaviour {
    Behaviour::tls(&ca.issue(&[name]))
}

fn clear(_: &Ca, _: &str) -> Behaviour {
    Behaviour::clear()
}

fn greets(greeting: &'static str) -> impl FnOnce(&Ca, &str) -> Behaviour {
    move |ca, name| Behaviour { greeting: greeting.to_owned(), ..good(ca, name) }
}

fn replies(to: &'static str, reply: &'static str) -> impl FnOnce(&Ca, &str) -> Behaviour {
    move |ca, name| good(ca, name).reply(to, reply)
}

#[tokio::test]
async fn the_message_arrives_whole_and_once() {
    let mut world = World::new();
    let peer = world.host(good).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p delivered 250 verified mx1.r.example"]);
    let seen = peer.seen();
    let content = format!("Subject: result\r\n\r\n{}\r\n..\r\nend\r\n", support::SECRET);
    assert_eq!(seen.messages, [(vec!["RCPT TO:<p@r.example>".to_owned()], content)]);
    assert_eq!(seen.lines.last().unwrap(), "QUIT");
}

#[tokio::test]
async fn recipients_have_their_own_fates() {
    let mut world = World::new();
    let behave = |ca: &Ca, name: &str| {
        good(ca, name).reply("RCPT TO:<b@", "550 5.1.1 no such user").reply("RCPT TO:<c@", "451 4.2.1 later")
    };
    let _peer = world.host(behave).await;
    let delivery = world.deliver(&parcel_to(&["a", "b", "c"], Need::Verified)).await;
    let expect =
        ["a delivered 250 verified mx1.r.example", "b refused 5.1.1 Recipient 550", "c deferred 4.2.1 Recipient 451"];
    assert_eq!(words(&delivery), expect);
}

#[tokio::test]
async fn the_next_host_takes_whom_the_first_put_off() {
    let mut world = World::new();
    let first = world.host(replies("RCPT TO:<b@", "450 greylisted")).await;
    let second = world.host(good).await;
    let delivery = world.deliver(&parcel_to(&["a", "b"], Need::Verified)).await;
    let expect = ["a delivered 250 verified mx1.r.example", "b delivered 250 verified mx2.r.example"];
    assert_eq!(words(&delivery), expect);
    assert_eq!(first.seen().messages[0].0.len(), 1);
    assert_eq!(second.seen().messages[0].0, ["RCPT TO:<b@r.example>"]);
}

#[tokio::test]
async fn a_host_that_turns_away_is_passed_over() {
    for greeting in ["421 busy", "554 no service", "451 greylisted"] {
        let mut world = World::new();
        let _first = world.host(greets(greeting)).await;
        let _second = world.host(good).await;
        let delivery = world.deliver(&parcel(Need::Verified)).await;
        assert_eq!(words(&delivery), ["p delivered 250 verified mx2.r.example"], "{greeting}");
    }
}

#[tokio::test]
async fn when_all_turn_away_their_word_counts() {
    for (greeting, expect) in [
        ("421 busy", "p deferred 4.0.0 Greeting 421"),
        ("554 5.3.2 no service", "p refused 5.3.2 Greeting 554"),
        ("221 bye", "p deferred 4.5.0 Broken(Greeting, WrongCode(221))"),
    ] {
        let mut world = World::new();
        let _peer = world.host(greets(greeting)).await;
        assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), [expect], "{greeting}");
    }
}

#[tokio::test]
async fn only_when_every_host_is_unable_can_the_need_not_be_met() {
    let mut world = World::new();
    let _first = world.host(clear).await;
    let _second = world.host(|ca, name| Behaviour::tls(&ca.self_signed(&[name]))).await;
    let delivery = world.deliver(&parcel(Need::Verified)).await;
    assert_eq!(words(&delivery), ["p cannot meet"]);
    let expect = ["mx1.r.example unable NotOffered", "mx2.r.example unable Certificate(UnknownIssuer)"];
    assert_eq!(tried(&delivery), expect);
}

#[tokio::test]
async fn an_able_host_behind_an_unable_one_is_found() {
    let mut world = World::new();
    let first = world.host(clear).await;
    let _second = world.host(good).await;
    let delivery = world.deliver(&parcel(Need::Verified)).await;
    assert_eq!(words(&delivery), ["p delivered 250 verified mx2.r.example"]);
    assert!(first.saw_no_secret() && first.seen().messages.is_empty());
}

#[tokio::test]
async fn one_host_that_may_yet_be_able_defers() {
    let not_now = |_: &Ca, _: &str| Behaviour::with_tls(Tls::Reply("454 not now".to_owned()));
    let mut world = World::new();
    let _first = world.host(clear).await;
    let _second = world.host(not_now).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p deferred 4.0.0 Tls 454"]);

    let mut world = World::new();
    let _first = world.host(clear).await;
    world.dead_host(&[[8, 9, 9, 9]]);
    let expect = ["p deferred 4.4.1 Unreachable(ConnectionRefused)"];
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), expect);
}

#[tokio::test]
async fn a_host_that_takes_no_mail_does_not_keep_an_unable_one_from_counting() {
    let mut world = World::new();
    let _first = world.host(greets("554 no service")).await;
    let _second = world.host(clear).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p cannot meet"]);
}

#[tokio::test]
async fn every_address_of_a_host_is_tried() {
    let mut world = World::new();
    let identity = world.ca.issue(&["mx1.r.example"]);
    world.dead_host(&[[8, 9, 9, 1], [8, 9, 9, 2]]);
    let peer = Peer::start(Behaviour::tls(&identity)).await;
    world.lead([8, 9, 9, 2], &peer);
    let delivery = world.deliver(&parcel(Need::Verified)).await;
    assert_eq!(words(&delivery), ["p delivered 250 verified mx1.r.example"]);
    let expect = ["mx1.r.example failed Unreachable(ConnectionRefused)", "mx1.r.example sent"];
    assert_eq!(tried(&delivery), expect);
}

#[tokio::test]
async fn a_stranger_can_not_lead_us_to_our_neighbours() {
    for address in [[127, 0, 0, 1], [10, 0, 0, 1], [169, 254, 169, 254]] {
        let mut world = World::new();
        let peer = Peer::start(Behaviour::clear()).await;
        world.dead_host(&[address]);
        world.lead(address, &peer);
        assert_eq!(words(&world.deliver(&parcel(Need::None)).await), ["p refused 5.4.4 NoRoute"]);
        assert_eq!(peer.seen().connections, 0);
    }
    let mut world = World::new();
    let peer = Peer::start(Behaviour::clear()).await;
    world.config.allow_private = true;
    world.dead_host(&[[127, 0, 0, 1]]);
    world.lead([127, 0, 0, 1], &peer);
    assert_eq!(words(&world.deliver(&parcel(Need::None)).await), ["p delivered 250 none mx1.r.example"]);
}

#[tokio::test]
async fn domains_that_take_no_mail_are_told_apart() {
    for (error, expect) in [
        (ResolveError::NoSuchName, "p refused 5.1.2 NoSuchDomain"),
        (ResolveError::NullMx, "p refused 5.1.10 NullMx"),
        (ResolveError::NoAddress, "p refused 5.4.4 NoRoute"),
        (ResolveError::Failed, "p deferred 4.4.3 DnsFailed"),
    ] {
        let mut world = World::new();
        world.names.exchanges.insert("r.example".to_owned(), Err(error));
        assert_eq!(words(&world.deliver(&parcel(Need::None)).await), [expect]);
    }
}

#[tokio::test]
async fn an_mx_whose_address_is_not_known_defers() {
    let mut world = World::new();
    world.dead_host(&[]);
    world.names.addresses.insert("mx1.r.example".to_owned(), Err(ResolveError::Failed));
    let _second = world.host(clear).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p deferred 4.4.3 DnsFailed"]);
}

#[tokio::test]
async fn mail_does_not_go_in_circles() {
    let mut world = World::new();
    let _peer = world.host(good).await;
    world.config.own_names.push(mail::Domain::parse("mx1.r.example").unwrap());
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p refused 5.4.6 Loop"]);
}

#[tokio::test]
async fn more_hosts_than_are_tried_prove_nothing() {
    let mut world = World::new();
    world.config.limits.hosts_max = 1;
    let _first = world.host(clear).await;
    let _second = world.host(clear).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p deferred 4.4.4 TooManyHosts"]);
}

#[tokio::test]
async fn a_reply_that_is_lost_is_told_apart_and_no_other_host_is_tried() {
    let mut world = World::new();
    let first = world.host(|ca, name| Behaviour { end: None, ..good(ca, name) }).await;
    let second = world.host(good).await;
    let delivery = world.deliver(&parcel(Need::Verified)).await;
    assert_eq!(words(&delivery), ["p deferred 4.4.2 ReplyLost"]);
    assert_eq!((first.seen().connections, second.seen().connections), (1, 0));
}

#[tokio::test]
async fn a_connection_that_ends_before_the_content_leads_to_the_next_host() {
    let mut world = World::new();
    let _first = world.host(replies("DATA", "421 going down")).await;
    let _second = world.host(good).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p delivered 250 verified mx2.r.example"]);
}

#[tokio::test]
async fn refusals_of_sender_and_content_are_final() {
    for (to, reply, expect) in [
        ("MAIL", "550 5.7.1 blocked", "p refused 5.7.1 Sender 550"),
        ("DATA", "554 5.5.1 no", "p refused 5.5.1 Content 554"),
    ] {
        let mut world = World::new();
        let _first = world.host(replies(to, reply)).await;
        let second = world.host(good).await;
        assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), [expect]);
        assert_eq!(second.seen().connections, 0);
    }
    let mut world = World::new();
    let _peer = world.host(|ca, name| Behaviour { end: Some("554 5.6.0 spam"), ..good(ca, name) }).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p refused 5.6.0 End 554"]);
}

#[tokio::test]
async fn too_many_recipients_go_in_further_transactions() {
    let mut world = World::new();
    let peer = world.host(|ca, name| Behaviour { recipients_max: 2, ..good(ca, name) }).await;
    let delivery = world.deliver(&parcel_to(&["a", "b", "c", "d", "e"], Need::Verified)).await;
    assert!(words(&delivery).iter().all(|word| word.contains("delivered")), "{:?}", words(&delivery));
    let seen = peer.seen();
    assert_eq!(seen.messages.iter().map(|(to, _)| to.len()).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(seen.connections, 1);
}

#[tokio::test]
async fn a_host_that_takes_nobody_is_not_asked_for_ever() {
    let mut world = World::new();
    let peer = world.host(|ca, name| Behaviour { recipients_max: 0, ..good(ca, name) }).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p deferred 4.5.3 Recipient 452"]);
    assert_eq!(peer.seen().lines.iter().filter(|line| line.starts_with("RCPT")).count(), 1);
}

#[tokio::test]
async fn large_parcels_are_split_into_transactions() {
    let mut world = World::new();
    world.config.limits.recipients_max = 2;
    let peer = world.host(good).await;
    let delivery = world.deliver(&parcel_to(&["a", "b", "c"], Need::Verified)).await;
    assert!(words(&delivery).iter().all(|word| word.contains("delivered")));
    let seen = peer.seen();
    assert_eq!((seen.messages.len(), seen.connections), (2, 1));
}

#[tokio::test]
async fn what_a_host_can_not_take_another_may() {
    for (error, expect) in [
        (WireError::NeedsSmtputf8, "p refused 5.6.7 NeedsSmtputf8"),
        (WireError::Unavailable, "p deferred 4.3.0 Unavailable"),
        (WireError::Unsendable, "p refused 5.6.0 Unsendable"),
    ] {
        let mut world = World::new();
        let _peer = world.host(good).await;
        let (transport, _, _) = world.transport();
        let letter = Letter { bytes: Err(error), ..Letter::default() };
        assert_eq!(words(&transport.deliver(&parcel(Need::Verified), &letter).await), [expect]);
    }
    let mut world = World::new();
    let _first = world.host(|ca, name| Behaviour { offers: vec!["SIZE 10"], ..good(ca, name) }).await;
    let _second = world.host(good).await;
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p delivered 250 verified mx2.r.example"]);
}

#[tokio::test]
async fn an_address_beyond_ascii_needs_smtputf8() {
    let mut world = World::new();
    let _peer = world.host(good).await;
    let delivery = world.deliver(&parcel_to(&["jörg"], Need::Verified)).await;
    assert_eq!(words(&delivery), ["jörg refused 5.6.7 NeedsSmtputf8"]);
}

#[tokio::test]
async fn a_bare_line_feed_never_leaves() {
    let mut world = World::new();
    let peer = world.host(good).await;
    let (transport, _, _) = world.transport();
    let letter = Letter { bytes: Ok(b"A: 1\r\n\r\nx\n.\r\nMAIL FROM:<>\r\n".to_vec()), ..Letter::default() };
    let delivery = transport.deliver(&parcel(Need::Verified), &letter).await;
    assert_eq!(words(&delivery), ["p refused 5.6.0 Unsendable"]);
    assert!(!peer.seen().lines.iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn a_domain_without_any_host_is_no_route() {
    let mut world = World::new();
    world.dead_host(&[]);
    world.names.addresses.insert("mx1.r.example".to_owned(), Ok(Vec::<IpAddr>::new()));
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), ["p refused 5.4.4 NoRoute"]);
}

#[tokio::test]
async fn a_family_of_addresses_that_this_machine_lacks_says_nothing_of_the_host() {
    let mut world = World::new();
    let peer = Peer::start(Behaviour::clear()).await;
    world.dead_host(&[[8, 9, 9, 9]]);
    world.lead([8, 9, 9, 9], &peer);
    let both = vec![IpAddr::from([8, 9, 9, 9]), "2a00::1".parse().unwrap()];
    world.names.addresses.insert("mx1.r.example".to_owned(), Ok(both));
    world.without_ipv6();
    let delivery = world.deliver(&parcel(Need::Verified)).await;
    assert_eq!(words(&delivery), ["p cannot meet"]);
    let expect = ["mx1.r.example unable NotOffered", "mx1.r.example failed Unreachable(NetworkUnreachable)"];
    assert_eq!(tried(&delivery), expect);

    let mut world = World::new();
    world.dead_host(&[]);
    world.names.addresses.insert("mx1.r.example".to_owned(), Ok(vec!["2a00::1".parse().unwrap()]));
    world.without_ipv6();
    let expect = ["p deferred 4.4.1 Unreachable(NetworkUnreachable)"];
    assert_eq!(words(&world.deliver(&parcel(Need::Verified)).await), expect);
}

#[tokio::test]
async fn a_server_that_insists_on_the_tls_that_failed_is_tried_again() {
    let mut world = World::new();
    let behave = |_: &Ca, _: &str| Behaviour::with_tls(Tls::Cut).reply("MAIL", "530 5.7.0 STARTTLS first");
    let _peer = world.host(behave).await;
    assert_eq!(words(&world.deliver(&support::notice()).await), ["p deferred 4.7.0 Sender 530"]);
}
