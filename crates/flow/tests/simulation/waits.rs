//! What waits without being tried: for its turn at a destination, for memory,
//! for a clock that was wrong. It is told of when it is late, and comes to an end.

use std::num::NonZeroU32;
use std::time::Duration;

use flow::queue;
use store::{Transition, Write};
use transport::Shape;

use crate::check;
use crate::clinic::{Acknowledged, Clinic, ORG, Running};
use crate::seams::Dice;

const HOUR: Duration = Duration::from_secs(3_600);

fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test());
}

/// A clinic in a world where all goes well, and one of its hosts takes one message an hour.
fn slow_clinic(settings: fn(&mut flow::Settings)) -> Clinic {
    let mut clinic = Clinic::new(21);
    clinic.world.heal();
    clinic.settings = settings;
    clinic.shapes.push(Shape {
        name: "slow".into(),
        mx: vec!["good.example".into()],
        connections: None,
        messages_per_connection: None,
        per_minute: None,
        per_hour: NonZeroU32::new(1),
    });
    clinic
}

async fn send(running: &Running, dice: &mut Dice) -> Acknowledged {
    loop {
        if let Some(sent) = running.submit_about("Hello", vec!["patient1@good.example".to_owned()], dice).await {
            return sent;
        }
    }
}

fn count(events: &[serde_json::Value], kind: &str) -> usize {
    events.iter().filter(|event| event["event"] == kind).count()
}

#[test]
fn what_waits_for_its_rate_is_told_of_once_and_ends_when_its_time_is_over() {
    run(async || {
        let clinic = slow_clinic(|settings| settings.expire_after = 8 * HOUR);
        let (running, mut dice) = (clinic.start(), Dice::new(21));
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(send(&running, &mut dice).await);
        }
        running.run_to_the_end(20 * HOUR).await;
        let (mut delivered, mut ended) = (0, 0);
        for sent in &all {
            let events = check::events(&clinic, sent).await;
            let words = check::words_to_sender(&clinic, sent);
            let of = |subject: &str| words.iter().filter(|word| word.contains(subject)).count();
            assert!(of("Delayed:") <= 1, "{words:#?}");
            match count(&events, "delivered") {
                1 => delivered += 1,
                _ => {
                    assert_eq!((of("Delayed:"), of("Not delivered:")), (1, 1), "{events:#?}");
                    assert_eq!((count(&events, "expired"), count(&events, "bounced")), (1, 1), "{events:#?}");
                    assert_eq!(count(&events, "attempted"), 2, "the words to the sender were");
                    let why = events.iter().find(|event| event["event"] == "expired").unwrap()["because"].clone();
                    assert!(why.as_str().unwrap().starts_with("Its turn did not come"), "{why}");
                    ended += 1;
                }
            }
        }
        assert!((9..=11).contains(&delivered) && delivered + ended == 20, "{delivered} {ended}");
    });
}

/// As after an outage of days: nobody ever tried it.
#[test]
fn what_finds_its_time_over_has_one_more_turn() {
    run(async || {
        let clinic = slow_clinic(|settings| settings.expire_after = 3 * HOUR);
        let (running, mut dice) = (clinic.start(), Dice::new(22));
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(send(&running, &mut dice).await);
        }
        tokio::time::sleep(100 * HOUR).await;
        running.run_to_the_end(20 * HOUR).await;
        for sent in &all {
            let events = check::events(&clinic, sent).await;
            assert_eq!((count(&events, "bounced"), count(&events, "expired")), (0, 0), "{events:#?}");
        }
    });
}

#[test]
fn a_late_parcel_says_what_it_waits_for() {
    run(async || {
        let clinic = slow_clinic(|_| {});
        let (running, mut dice) = (clinic.start(), Dice::new(23));
        let mut all = Vec::new();
        for _ in 0..12 {
            all.push(send(&running, &mut dice).await);
        }
        running.run_for(4 * HOUR + HOUR / 3).await;
        let journey = clinic.journey(clinic.store());
        let mut said = Vec::new();
        for sent in &all {
            said.extend(queue::of_message(&journey, ORG, sent.message).await.unwrap().parcels);
        }
        assert!(!said.is_empty());
        for waiting in &said {
            assert!(waiting.why.contains("is sent as much as it may be"), "{}", waiting.why);
            assert_eq!(waiting.attempts, 0);
        }
    });
}

#[test]
fn what_a_clock_that_was_a_year_ahead_put_off_does_not_wait_a_year() {
    run(async || {
        let clinic = Clinic::new(24);
        clinic.world.heal();
        let (running, mut dice) = (clinic.start(), Dice::new(24));
        let sent = send(&running, &mut dice).await;
        let store = running.journey.store.clone();
        let parcel = store.parcels(ORG, sent.message).await.unwrap()[0].parcel;
        let due = clinic.now() + Duration::from_secs(365 * 24 * 3_600);
        let transition = Transition { org: ORG, writes: vec![Write::PutOff { parcel, due, wait: 1 }], journal: None };
        store.commit(vec![transition]).await.unwrap().remove(0).unwrap();
        drop(store);
        running.run_for(HOUR).await;
        let events = check::events(&clinic, &sent).await;
        assert_eq!(count(&events, "delivered"), 1, "{events:#?}");
    });
}
