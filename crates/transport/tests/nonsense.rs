//! A host that answers nonsense at any point, and one that is asked for a
//! hundred thousand recipients: the first is an attempt that failed, never a
//! delivery and never a bounce; the second has each of them once.

mod support;

use std::collections::HashSet;
use std::time::Duration;

use mail::Need;
use support::peer::Behaviour;
use support::{World, parcel, parcel_to, words};
use transport::Fate;

/// What is no reply, or none to what was said.
const NONSENSE: [&str; 11] = [
    "",
    "2",
    "25O ok",
    "nonsense",
    "999 what?",
    "000 zero",
    "250ok",
    "-250 ok",
    "250-never ending\r\n251 another",
    "354 go on",
    "GET / HTTP/1.1\r\n\r\n",
];

async fn fate(behave: impl FnOnce(Behaviour) -> Behaviour) -> Fate {
    let mut world = World::new();
    world.config.timeouts.command = Duration::from_millis(500);
    world.config.timeouts.end = Duration::from_millis(500);
    world.config.timeouts.greeting = Duration::from_millis(500);
    let peer = world.host(|ca, name| behave(Behaviour::tls(&ca.issue(&[name])))).await;
    let delivery = world.deliver(&parcel(Need::Verified)).await;
    assert!(peer.saw_no_secret());
    delivery.recipients.into_iter().next().unwrap().1
}

#[tokio::test]
async fn nonsense_defers_at_every_point() {
    let long = "2".repeat(100_000);
    let endless = format!("{}250 ok", "250-more of it\r\n".repeat(50_000));
    for said in NONSENSE.into_iter().chain([long.as_str(), endless.as_str()]) {
        let shown = said.chars().take(20).collect::<String>();
        let greeting = fate(|host| Behaviour { greeting: said.to_owned(), ..host }).await;
        assert!(matches!(greeting, Fate::Deferred(_)), "greeting {shown:?}: {greeting:?}");
        for point in ["EHLO", "STARTTLS", "MAIL", "RCPT", "DATA"] {
            // To DATA it is the right word.
            if (point, said) == ("DATA", "354 go on") {
                continue;
            }
            let fate = fate(|host| host.reply(point, said)).await;
            assert!(matches!(fate, Fate::Deferred(_)), "{point} {shown:?}: {fate:?}");
        }
    }
}

#[tokio::test]
async fn nonsense_after_the_content_is_no_delivery() {
    for said in NONSENSE {
        let fate = fate(|host| Behaviour { end: Some(said), ..host }).await;
        assert!(matches!(fate, Fate::Deferred(_)), "{said:?}: {fate:?}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_recipients_have_it_once_each() {
    let mut world = World::new();
    world.config.limits.recipients_max = 1_000;
    let peer = world.host(|ca, name| Behaviour::tls(&ca.issue(&[name]))).await;
    let locals: Vec<String> = (0..100_000).map(|number| format!("p{number}")).collect();
    let locals: Vec<&str> = locals.iter().map(String::as_str).collect();
    let delivery = world.deliver(&parcel_to(&locals, Need::Verified)).await;
    let said = words(&delivery);
    assert!(
        said.iter().all(|word| word.contains("delivered 250")),
        "{:?}",
        said.iter().find(|word| !word.contains("250"))
    );
    let seen = peer.seen();
    assert_eq!(seen.messages.len(), 100);
    let told: Vec<&String> = seen.messages.iter().flat_map(|(to, _)| to).collect();
    let once: HashSet<&String> = told.iter().copied().collect();
    assert_eq!((told.len(), once.len()), (100_000, 100_000));
}
