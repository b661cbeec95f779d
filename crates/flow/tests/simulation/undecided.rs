//! What was accepted and not judged: it is decided soon, whatever waits for memory.

use std::sync::Arc;
use std::time::Duration;

use flow::listener::Desk;
use flow::{Journey, SubmissionDesk};
use mail::{MessageId, OrgId};
use tokio::sync::watch;

use crate::clinic::{Clinic, MARKER, ORG, OTHER, submission};

/// More than is judged at once, and large for the budget of memory.
const LARGE: usize = 600 * 1024;
/// The largest content that takes memory of the small ones.
const SMALL_MOST: u64 = 256 * 1024 * 1024 / 256 / 3;

async fn hand_in(journey: &Arc<Journey>, org: OrgId, bytes: usize) -> MessageId {
    let mut submission = submission(&["patient1@good.example".to_owned()]);
    submission.sender.org = org;
    let mut intake = SubmissionDesk::new(journey.clone()).begin(submission).await.ok().unwrap();
    let line = format!("{}\r\n", "x".repeat(70));
    let content =
        format!("From: nurse@clinic.example\r\nSubject: Hello\r\n\r\n{MARKER}\r\n{}", line.repeat(bytes / line.len()));
    for part in content.as_bytes().chunks(8_192) {
        intake.push(part).await.ok().unwrap();
    }
    let reply = intake.finish().await;
    // Ids are in the order of time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    reply.text.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}

async fn decide_for(journey: &Arc<Journey>, span: Duration) {
    let (_stop, stopped) = watch::channel(false);
    tokio::select! {
        () = flow::resume::run(journey.clone(), None, stopped) => {}
        () = tokio::time::sleep(span) => {}
    }
}

#[test]
fn a_large_message_that_finds_no_memory_holds_up_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clinic = Clinic::new(31);
        let journey = clinic.journey_of_two(clinic.store());
        let door = flow::application::Applications::new(journey.clone());
        let mut crowd = Vec::new();
        for _ in 0..64 {
            crowd.push(door.room(SMALL_MOST).await);
        }
        let large = hand_in(&journey, ORG, LARGE).await;
        let mut small = Vec::new();
        for _ in 0..20 {
            small.push(hand_in(&journey, ORG, 100).await);
        }
        let other = hand_in(&journey, OTHER, 100).await;
        small.insert(0, large);
        let undecided = async |org| journey.store.undecided(org, None, 100).await.unwrap();
        assert_eq!((undecided(ORG).await, undecided(OTHER).await), (small, vec![other]));

        // Slow deliveries have all that large ones may have.
        let slow = door.room(u64::MAX).await;
        crowd.clear();
        decide_for(&journey, Duration::from_secs(2)).await;
        assert_eq!((undecided(ORG).await, undecided(OTHER).await), (vec![large], Vec::new()));
        decide_for(&journey, Duration::from_secs(100)).await;
        assert_eq!(undecided(ORG).await, [large]);

        // It comes again by itself.
        let deciding = decide_for(&journey, Duration::from_secs(200));
        let freed = async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            drop(slow);
        };
        tokio::join!(deciding, freed);
        assert_eq!(undecided(ORG).await, Vec::<MessageId>::new());
    });
}
