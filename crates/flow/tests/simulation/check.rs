//! What must hold after a run, whatever has failed in it.

use std::sync::Arc;

use flow::{Journey, Timeline, timeline};
use ledger::{Event, Ledger, Receipt, Sequencer, audit};
use mail::Clock;
use store::ParcelState;

use crate::clinic::{Acknowledged, Clinic, MARKER, ORG};
use crate::mx::Taken;
use crate::seams::SimulatedClock;

pub async fn all(clinic: &Clinic, acknowledged: &[Acknowledged], lives: usize) {
    let journey = clinic.journey(clinic.store());
    for message in acknowledged {
        let timeline = timeline_of(&journey, message).await;
        ended(clinic, message, &timeline, lives);
        receipts(clinic, &timeline);
        for parcel in journey.store.parcels(ORG, message.message).await.unwrap() {
            assert_ne!(parcel.state, ParcelState::Waiting, "{} still waits", message.message);
        }
    }
    nothing_in_clear(clinic);
    nothing_unknown(clinic, acknowledged);
    ledger_is_whole(clinic, &journey).await;
}

/// What happened to a message that was acknowledged.
pub async fn timeline_of(journey: &Journey, message: &Acknowledged) -> Timeline {
    timeline(journey, ORG, message.message).await.expect("what was acknowledged is there")
}

/// The copies of a content that a recipient's host took.
pub fn copies(clinic: &Clinic, token: &str, recipient: &str) -> Vec<Taken> {
    let is_one = |taken: &Taken| taken.content.contains(token) && taken.to.iter().any(|to| to == recipient);
    taken(clinic).into_iter().filter(is_one).collect()
}

/// What the sender's own host was told about a message.
pub fn words_to_sender(clinic: &Clinic, message: &Acknowledged) -> Vec<String> {
    let id = message.message.to_string();
    let words = taken(clinic).into_iter().filter(|taken| taken.to.contains(&"nurse@clinic.example".to_owned()));
    words.map(|taken| taken.content).filter(|content| content.contains(&id)).collect()
}

/// What happened to a message.
pub async fn events(clinic: &Clinic, message: &Acknowledged) -> Vec<serde_json::Value> {
    let journey = clinic.journey(clinic.store());
    let timeline = timeline(&journey, ORG, message.message).await.unwrap();
    timeline.events.iter().map(|(_, event)| serde_json::to_value(event).unwrap()).collect()
}

/// Each recipient's copy came to one end, and arrived twice only where the
/// host's promise could be lost.
fn ended(clinic: &Clinic, message: &Acknowledged, timeline: &Timeline, lives: usize) {
    for recipient in &message.recipients {
        let ends = timeline.events.iter().filter(|(_, event)| is_end(event, recipient)).count();
        assert!(ends > 0, "{} to {recipient} came to no end:\n{timeline:#?}", message.message);
        let copies = copies(clinic, &message.token, recipient);
        let known = copies.iter().filter(|copy| copy.replied).count();
        let delivered = timeline
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::Delivered { recipient: to, .. } if to.to_string() == *recipient));
        assert!(!delivered || !copies.is_empty(), "{} to {recipient} was recorded and never sent", message.message);
        // The record may be lost with the process, once for each of its lives.
        assert!(known <= lives, "{} to {recipient} arrived {known} times with a known reply", message.message);
    }
}

fn is_end(event: &Event, recipient: &str) -> bool {
    match event {
        Event::Delivered { recipient: to, .. }
        | Event::Notified { recipient: to, .. }
        | Event::Bounced { recipient: to, .. }
        | Event::Suppressed { recipient: to, .. } => to.to_string() == recipient,
        _ => false,
    }
}

fn receipts(clinic: &Clinic, timeline: &Timeline) {
    assert!(!timeline.receipts.is_empty());
    for jws in &timeline.receipts {
        Receipt::verify(jws, clinic.signing_key().jwk()).expect("every receipt verifies");
    }
}

/// What all hosts took.
pub fn taken(clinic: &Clinic) -> Vec<Taken> {
    clinic.world.hosts.values().flat_map(|host| host.taken()).collect()
}

pub fn nothing_in_clear(clinic: &Clinic) {
    for host in clinic.world.hosts.values() {
        assert!(!host.in_clear().contains(MARKER), "content crossed in clear");
    }
}

/// What was never acknowledged may arrive only if the acknowledgement itself
/// was what got lost; here it never is.
fn nothing_unknown(clinic: &Clinic, acknowledged: &[Acknowledged]) {
    for copy in taken(clinic).iter().filter(|copy| copy.content.contains(MARKER)) {
        let known = acknowledged.iter().any(|message| copy.content.contains(&message.token));
        assert!(known, "a message arrived that was never acknowledged");
        assert!(copy.tls);
    }
}

async fn ledger_is_whole(clinic: &Clinic, journey: &Arc<Journey>) {
    let checkpoints = clinic.dir.path().join("checkpoints");
    std::fs::create_dir_all(&checkpoints).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock(tokio::time::Instant::now()));
    let key = clinic.signing_key();
    let ledger = Ledger { org: ORG, origin: "simulated/org/clinic", key: &key };
    Sequencer::new(journey.store.clone(), clock, checkpoints).catch_up(&ledger).await.unwrap();
    let report = audit(journey.store.as_ref(), ORG, &ledger.verifier(), &[]).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
