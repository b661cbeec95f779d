//! Parcels that leave the queue because their message is recalled, and journal
//! rows about another message than the transition's own.

use store::{JournalNew, ParcelState, Room, StoreError, Transition, Write};

use crate::engines::{for_each_engine, runtime};
use crate::make::*;

fn stop(number: u16) -> Write {
    Write::Stop { parcel: parcel_id(number), state: ParcelState::Recalled }
}

fn note(message: u16, entry: &str) -> Write {
    Write::Journal(JournalNew { message: Some(message_id(message)), at: at(8), entry: entry.as_bytes().to_vec() })
}

async fn state(store: &dyn store::Store, org: mail::OrgId, message: u16) -> ParcelState {
    store.parcels(org, message_id(message)).await.unwrap().remove(0).state
}

#[test]
fn a_stopped_parcel_is_never_leased_and_stops_once() {
    for_each_engine(async |mut bench| {
        for number in 1..=3 {
            accept_and_queue(&*bench.store, CLINIC, number, at(1)).await;
        }
        commit(&*bench.store, CLINIC, vec![stop(1), stop(2)]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        assert_eq!(state(store, CLINIC, 1).await, ParcelState::Recalled);
        let leased = store.lease("here", at(9), at(99), Room::any(9)).await.unwrap();
        assert_eq!(leased.iter().map(|one| one.parcel).collect::<Vec<_>>(), [parcel_id(3)]);
        conflict(commit(store, CLINIC, vec![stop(1)]).await);
        // One that can't stop keeps the others of its transition in the queue.
        conflict(commit(store, CLINIC, vec![stop(3), stop(2)]).await);
        assert_eq!(state(store, CLINIC, 3).await, ParcelState::Waiting);
    });
}

#[test]
fn a_parcel_of_another_organisation_is_not_stopped() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, OTHER, 1, at(1)).await;
        conflict(commit(store, CLINIC, vec![stop(1)]).await);
        assert_eq!(state(store, OTHER, 1).await, ParcelState::Waiting);
        assert_eq!(store.queue(OTHER).await.unwrap().waiting, 1);
    });
}

#[test]
fn a_parcel_under_way_is_stopped_and_whoever_sends_it_can_not_finish_it() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        assert_eq!(store.lease("here", at(1), at(99), Room::any(9)).await.unwrap().len(), 1);
        commit(store, CLINIC, vec![stop(1)]).await.unwrap();
        let finish = Write::Finish { parcel: parcel_id(1), state: ParcelState::Delivered };
        conflict(commit(store, CLINIC, vec![finish]).await);
        conflict(commit(store, CLINIC, vec![Write::Retry { parcel: parcel_id(1), due: at(2) }]).await);
        assert_eq!(state(store, CLINIC, 1).await, ParcelState::Recalled);
        assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 0);
        assert_eq!(store.lease("here", at(200), at(300), Room::any(9)).await.unwrap().len(), 0);
    });
}

#[test]
fn a_stop_reaches_a_parcel_that_another_node_has_leased() {
    let url = testkit::postgres::Postgres::shared().database();
    runtime().block_on(async {
        let open = async || store::open_postgres(&url, store::PostgresOptions::default()).await.unwrap();
        let (one, other) = (open().await, open().await);
        accept_and_queue(&*one, CLINIC, 1, at(1)).await;
        assert_eq!(one.lease("one", at(1), at(99), Room::any(9)).await.unwrap().len(), 1);
        commit(&*other, CLINIC, vec![stop(1)]).await.unwrap();
        let finish = Write::Finish { parcel: parcel_id(1), state: ParcelState::Delivered };
        conflict(commit(&*one, CLINIC, vec![finish]).await);
        assert_eq!(one.renew(vec![parcel_id(1)], at(200)).await.unwrap(), 0, "there is nothing to hold on to");
        assert_eq!(state(&*one, CLINIC, 1).await, ParcelState::Recalled);
    });
}

#[test]
fn of_a_stop_and_a_delivery_at_once_one_is_recorded() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for number in 1..=20 {
            accept_and_queue(store, CLINIC, number, at(1)).await;
        }
        assert_eq!(store.lease("here", at(1), at(99), Room::any(20)).await.unwrap().len(), 20);
        let finish = |number| Write::Finish { parcel: parcel_id(number), state: ParcelState::Delivered };
        let both: Vec<_> = (1..=20).flat_map(|number| [vec![finish(number)], vec![stop(number)]]).collect();
        let transitions = both.into_iter().map(|writes| transition(CLINIC, writes)).collect();
        let outcomes = store.commit(transitions).await.unwrap();
        for (number, pair) in (1..=20).zip(outcomes.chunks(2)) {
            let done = pair.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(done, 1, "{number}: {pair:?}");
            assert!(pair.iter().any(|outcome| matches!(outcome, Err(StoreError::Conflict))), "{number}: {pair:?}");
            assert_ne!(state(store, CLINIC, number).await, ParcelState::Waiting);
        }
    });
}

#[test]
fn rows_about_other_messages_stand_in_their_journals_and_in_the_ledger() {
    for_each_engine(async |mut bench| {
        let writes = vec![note(2, "replied"), note(3, "replied too")];
        let both = Transition { org: CLINIC, writes, journal: journal(Some(1), "accepted") };
        commit_one(&*bench.store, both).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        for (message, entry) in [(1, "accepted"), (2, "replied"), (3, "replied too")] {
            let rows = store.journal(CLINIC, message_id(message)).await.unwrap();
            assert_eq!(rows.iter().map(|row| row.entry.as_slice()).collect::<Vec<_>>(), [entry.as_bytes()]);
            assert_eq!(rows[0].message, Some(message_id(message)));
        }
        assert_eq!(store.unsequenced(CLINIC, 9).await.unwrap().len(), 3);
        assert_eq!(store.journal(OTHER, message_id(2)).await.unwrap(), []);
    });
}

#[test]
fn rows_about_other_messages_go_with_a_transition_that_fails() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        let before = store.unsequenced(CLINIC, 9).await.unwrap().len();
        conflict(commit(store, CLINIC, vec![note(2, "replied"), stop(7)]).await);
        assert_eq!(store.journal(CLINIC, message_id(2)).await.unwrap(), []);
        assert_eq!(store.unsequenced(CLINIC, 9).await.unwrap().len(), before);
    });
}
