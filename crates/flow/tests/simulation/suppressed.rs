//! Who is suppressed is sent nothing, and everybody else is; what may stop what
//! is the table of `mail::suppression`.

use std::time::Duration;

use flow::suppression::{Added, NewSuppression, Origin, remove, suppress};
use mail::Address;
use mail::suppression::Reason;
use serde_json::Value;

use crate::check;
use crate::clinic::{Acknowledged, Clinic, MARKER, ORG, Running};
use crate::seams::Dice;

const PATIENT: &str = "patient1@good.example";
const OTHER: &str = "patient2@good.example";

fn run(test: impl AsyncFnOnce(Clinic, Dice)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let clinic = Clinic::new(9);
    clinic.world.heal();
    runtime.block_on(test(clinic, Dice::new(9)));
}

fn start(clinic: &Clinic) -> Running {
    let running = clinic.start();
    crate::clinic::futures_now(flow::suppression::refresh(&running.journey)).unwrap();
    running
}

async fn hand_in(running: &Running, stream: &str, to: &[&str], dice: &mut Dice) -> Acknowledged {
    let to: Vec<String> = to.iter().map(ToString::to_string).collect();
    let content = format!("From: nurse@clinic.example\r\nX-Sealpost-Stream: {stream}\r\n\r\n{MARKER} token-9\r\n");
    loop {
        if let Some(sent) = running.submit_content(&content, "token-9", to.clone(), dice).await {
            return sent;
        }
    }
}

async fn enter(running: &Running, address: &str, stream: Option<&str>, reason: Reason) -> Added {
    let address = Address::parse(address).unwrap();
    let origin = Origin::Staff { by: "operator:ada".to_owned() };
    suppress(&running.journey, ORG, NewSuppression { address: &address, stream, reason, origin }).await.unwrap()
}

fn of<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn nothing_is_sent_to_who_is_suppressed_and_the_sender_is_told() {
    run(async |clinic, mut dice| {
        let running = start(&clinic);
        let added = enter(&running, "Patient1@GOOD.example", None, Reason::Manual).await;
        assert_eq!(enter(&running, PATIENT, None, Reason::Manual).await, Added::Before(added.id()));
        let sent = hand_in(&running, "transactional", &[PATIENT, OTHER], &mut dice).await;
        running.run_for(Duration::from_secs(600)).await;
        let events = check::events(&clinic, &sent).await;
        let suppressed = of(&events, "suppressed");
        assert_eq!(suppressed.len(), 1, "{events:#?}");
        assert_eq!((&suppressed[0]["recipient"], &suppressed[0]["reason"]), (&PATIENT.into(), &"manual".into()));
        let delivered = of(&events, "delivered");
        assert_eq!((delivered.len(), &delivered[0]["recipient"]), (1, &OTHER.into()));
        let told = check::taken(&clinic).into_iter().filter(|copy| copy.to == ["nurse@clinic.example"]);
        let told: Vec<_> = told.map(|copy| copy.content).collect();
        assert!(told.len() == 1 && told[0].contains("this address is suppressed since"), "{told:?}");
    });
}

#[test]
fn a_complaint_ends_marketing_and_no_result() {
    run(async |clinic, mut dice| {
        let running = start(&clinic);
        enter(&running, PATIENT, None, Reason::Complaint).await;
        enter(&running, PATIENT, Some("default"), Reason::Unsubscribe).await;
        let mut sent = Vec::new();
        for stream in ["transactional", "default", "marketing"] {
            sent.push(hand_in(&running, stream, &[PATIENT], &mut dice).await);
        }
        running.run_for(Duration::from_secs(600)).await;
        for (sent, reason) in sent.iter().zip([None, Some("unsubscribe"), Some("complaint")]) {
            let events = check::events(&clinic, sent).await;
            let stopped = of(&events, "suppressed").first().map(|event| event["reason"].as_str().unwrap().to_owned());
            assert_eq!(stopped.as_deref(), reason, "{events:#?}");
            assert_eq!(of(&events, "delivered").is_empty(), reason.is_some());
        }
        let told = check::taken(&clinic).into_iter().filter(|copy| copy.to == ["nurse@clinic.example"]).count();
        assert_eq!(told, 1, "of what is marketing nobody is told by mail");
    });
}

#[test]
fn who_opts_out_while_a_copy_waits_is_not_sent_it() {
    run(async |clinic, mut dice| {
        let running = start(&clinic);
        let sent = hand_in(&running, "marketing", &[PATIENT, OTHER], &mut dice).await;
        let added = enter(&running, PATIENT, Some("marketing"), Reason::Unsubscribe).await;
        running.run_for(Duration::from_secs(600)).await;
        let events = check::events(&clinic, &sent).await;
        assert_eq!(of(&events, "suppressed")[0]["suppression"], added.id().to_string());
        assert_eq!(of(&events, "delivered").len(), 1, "{events:#?}");
        assert!(check::taken(&clinic).iter().all(|copy| copy.to == [OTHER]));
    });
}

#[test]
fn a_mailbox_that_its_server_does_not_know_is_suppressed_until_a_person_takes_it_back() {
    run(async |clinic, mut dice| {
        let running = start(&clinic);
        let gone = "nobody@good.example";
        let first = hand_in(&running, "default", &[gone, OTHER], &mut dice).await;
        running.run_for(Duration::from_secs(600)).await;
        let events = check::events(&clinic, &first).await;
        let added = of(&events, "suppression_added");
        assert_eq!((added.len(), &added[0]["reason"]), (1, &"hard_bounce".into()), "{events:#?}");
        let id = added[0]["suppression"].as_str().unwrap().parse().unwrap();

        let running = start(&clinic);
        let second = hand_in(&running, "transactional", &[gone], &mut dice).await;
        remove(&running.journey, ORG, id, "operator:ada", "the practice called").await.unwrap();
        remove(&running.journey, ORG, id, "operator:ada", "once more").await.unwrap_err();
        let third = hand_in(&running, "transactional", &[gone], &mut dice).await;
        running.run_for(Duration::from_secs(600)).await;
        let events = check::events(&clinic, &second).await;
        assert_eq!((of(&events, "suppressed").len(), of(&events, "bounced").len()), (1, 0), "{events:#?}");
        let events = check::events(&clinic, &third).await;
        assert_eq!((of(&events, "suppressed").len(), of(&events, "bounced").len()), (0, 1), "{events:#?}");
    });
}
