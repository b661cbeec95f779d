//! The queue and its leases.

use jiff::Timestamp;
use mail::ParcelId;
use store::{MessageState, ParcelState, QueueSummary, Room, Store, Write};

use crate::engines::for_each_engine;
use crate::make::*;

async fn lease(store: &dyn Store, now: Timestamp, until: Timestamp, limit: usize) -> Vec<ParcelId> {
    let leased = store.lease("here", now, until, Room::any(limit)).await.unwrap();
    leased.into_iter().map(|leased| leased.parcel).collect()
}

fn finish(number: u16) -> Vec<Write> {
    vec![Write::Finish { parcel: parcel_id(number), state: ParcelState::Delivered }]
}

fn retry(number: u16, due: Timestamp) -> Vec<Write> {
    vec![Write::Retry { parcel: parcel_id(number), due }]
}

#[test]
fn what_is_due_is_leased_once_the_longest_due_first() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(30)).await;
        accept_and_queue(store, OTHER, 2, at(10)).await;
        accept_and_queue(store, CLINIC, 3, at(20)).await;
        accept_and_queue(store, CLINIC, 4, at(99)).await;
        assert_eq!(lease(store, at(9), at(100), 9).await, []);
        assert_eq!(lease(store, at(30), at(100), 2).await, [parcel_id(2), parcel_id(3)]);
        assert_eq!(lease(store, at(30), at(100), 2).await, [parcel_id(1)]);
        assert_eq!(lease(store, at(30), at(100), 2).await, []);
    });
}

#[test]
fn a_lease_brings_all_that_delivery_needs() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, OTHER, 1, at(1)).await;
        let leased = store.lease("here", at(1), at(2), Room::any(9)).await.unwrap().remove(0);
        let row = store.message(OTHER, message_id(1)).await.unwrap().unwrap();
        assert_eq!((leased.org, leased.parcel, leased.message), (OTHER, parcel_id(1), message_id(1)));
        assert_eq!((leased.kind, leased.attempts, leased.due, leased.created_at), (3, 0, at(1), at(0)));
        assert_eq!(leased.sealed, b"sealed parcel 1");
        assert_eq!((leased.envelope, leased.wrapped_key), (row.envelope, row.wrapped_key));
        assert_eq!((leased.body, leased.received_at), (row.body, row.received_at));
        assert_eq!((leased.lane, leased.destination), (daily(OTHER), Some([1; 16])));
    });
}

#[test]
fn a_finished_parcel_is_never_leased_again() {
    for_each_engine(async |mut bench| {
        accept_and_queue(&*bench.store, CLINIC, 1, at(1)).await;
        assert_eq!(lease(&*bench.store, at(1), at(2), 9).await, [parcel_id(1)]);
        commit(&*bench.store, CLINIC, finish(1)).await.unwrap();
        bench.reopen().await;
        assert_eq!(lease(&*bench.store, at(1000), at(2000), 9).await, []);
        let row = bench.store.parcels(CLINIC, message_id(1)).await.unwrap().remove(0);
        assert_eq!((row.state, row.attempts), (ParcelState::Delivered, 0));
    });
}

#[test]
fn a_deferred_parcel_comes_back_when_it_is_due() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        assert_eq!(lease(store, at(1), at(500), 9).await, [parcel_id(1)]);
        commit(store, CLINIC, retry(1, at(60))).await.unwrap();
        assert_eq!(lease(store, at(59), at(500), 9).await, []);
        let again = store.lease("here", at(60), at(500), Room::any(9)).await.unwrap();
        assert_eq!(
            again.iter().map(|leased| (leased.parcel, leased.attempts)).collect::<Vec<_>>(),
            [(parcel_id(1), 1)]
        );
    });
}

#[test]
fn a_parcel_due_before_what_was_passed_is_not_passed_over() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(50)).await;
        accept_and_queue(store, CLINIC, 2, at(50)).await;
        assert_eq!(lease(store, at(60), at(500), 1).await, [parcel_id(1)]);
        accept_and_queue(store, CLINIC, 3, at(10)).await;
        commit(store, CLINIC, retry(1, at(5))).await.unwrap();
        assert_eq!(lease(store, at(60), at(500), 9).await, [parcel_id(1), parcel_id(3), parcel_id(2)]);
    });
}

#[test]
fn a_lease_ends_by_itself() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        accept_and_queue(store, CLINIC, 2, at(2)).await;
        assert_eq!(lease(store, at(5), at(100), 9).await.len(), 2);
        assert_eq!(lease(store, at(99), at(200), 9).await, []);
        assert_eq!(lease(store, at(100), at(200), 9).await, [parcel_id(1), parcel_id(2)]);
    });
}

#[test]
fn a_renewed_lease_lasts_and_one_that_ended_is_not_renewed() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        accept_and_queue(store, CLINIC, 2, at(2)).await;
        assert_eq!(store.renew(vec![parcel_id(1)], at(900)).await.unwrap(), 0, "nobody has leased it");
        assert_eq!(lease(store, at(5), at(100), 9).await.len(), 2);
        commit(store, CLINIC, finish(2)).await.unwrap();
        assert_eq!(store.renew(vec![parcel_id(1), parcel_id(2)], at(200)).await.unwrap(), 1);
        assert_eq!(lease(store, at(100), at(300), 9).await, []);
        assert_eq!(lease(store, at(200), at(300), 9).await, [parcel_id(1)]);
    });
}

#[test]
fn what_was_leased_at_a_crash_is_leased_again() {
    for_each_engine(async |mut bench| {
        accept_and_queue(&*bench.store, CLINIC, 1, at(1)).await;
        assert_eq!(lease(&*bench.store, at(1), at(100), 9).await, [parcel_id(1)]);
        bench.reopen().await;
        // In memory a lease is gone with its process; elsewhere it runs out.
        let now = if bench.dir().is_some() { at(2) } else { at(100) };
        assert_eq!(lease(&*bench.store, now, at(200), 9).await, [parcel_id(1)]);
    });
}

#[test]
fn a_parcel_is_finished_once_and_by_its_organisation() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        conflict(commit(store, OTHER, finish(1)).await);
        conflict(commit(store, OTHER, retry(1, at(9))).await);
        conflict(commit(store, CLINIC, finish(2)).await);
        commit(store, CLINIC, finish(1)).await.unwrap();
        conflict(commit(store, CLINIC, finish(1)).await);
        conflict(commit(store, CLINIC, retry(1, at(9))).await);
    });
}

#[test]
fn a_parcel_needs_a_message_of_its_organisation() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept(store, CLINIC, 1).await;
        conflict(commit(store, CLINIC, vec![parcel(1, 2, at(1))]).await);
        conflict(commit(store, OTHER, vec![parcel(1, 1, at(1))]).await);
        commit(store, CLINIC, vec![parcel(1, 1, at(1))]).await.unwrap();
        conflict(commit(store, CLINIC, vec![parcel(1, 1, at(1))]).await);
        assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 1);
    });
}

#[test]
fn the_parcels_of_a_message_are_listed() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept(store, CLINIC, 1).await;
        accept_and_queue(store, CLINIC, 9, at(1)).await;
        commit(store, CLINIC, vec![parcel(2, 1, at(8)), parcel(1, 1, at(9))]).await.unwrap();
        let rows = store.parcels(CLINIC, message_id(1)).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.parcel).collect::<Vec<_>>(), [parcel_id(1), parcel_id(2)]);
        let first = &rows[0];
        assert_eq!((first.message, first.kind, first.state), (message_id(1), 3, ParcelState::Waiting));
        assert_eq!((first.due, first.created_at, first.sealed.as_slice()), (at(9), at(0), &b"sealed parcel 1"[..]));
    });
}

#[test]
fn the_next_due_time_passes_over_what_is_leased() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        assert_eq!(store.next_due().await.unwrap(), None);
        accept_and_queue(store, CLINIC, 1, at(10)).await;
        accept_and_queue(store, OTHER, 2, at(40)).await;
        assert_eq!(store.next_due().await.unwrap(), Some(at(10)));
        assert_eq!(lease(store, at(10), at(100), 9).await, [parcel_id(1)]);
        assert_eq!(store.next_due().await.unwrap(), Some(at(40)));
        assert_eq!(lease(store, at(40), at(90), 9).await, [parcel_id(2)]);
        assert_eq!(store.next_due().await.unwrap(), Some(at(90)), "the end of a lease");
        commit(store, OTHER, finish(2)).await.unwrap();
        commit(store, CLINIC, retry(1, at(70))).await.unwrap();
        assert_eq!(store.next_due().await.unwrap(), Some(at(70)));
    });
}

#[test]
fn the_queue_is_summed_up_by_organisation() {
    for_each_engine(async |mut bench| {
        let store = &*bench.store;
        assert_eq!(store.queue(CLINIC).await.unwrap(), QueueSummary::default());
        for number in 1..=3 {
            accept_and_queue(store, CLINIC, number, at(i64::from(number))).await;
        }
        accept_and_queue(store, OTHER, 4, at(0)).await;
        accept_as(store, CLINIC, 5, MessageState::Held).await;
        commit(store, CLINIC, finish(1)).await.unwrap();
        conflict(commit(store, CLINIC, finish(1)).await);
        let clinic = QueueSummary { waiting: 2, oldest_due: Some(at(2)), held: 1, ..QueueSummary::default() };
        let other = QueueSummary { waiting: 1, oldest_due: Some(at(0)), held: 0, ..QueueSummary::default() };
        assert_eq!(store.queue(CLINIC).await.unwrap(), clinic);
        bench.reopen().await;
        assert_eq!(bench.store.queue(CLINIC).await.unwrap(), clinic);
        assert_eq!(bench.store.queue(OTHER).await.unwrap(), other);
    });
}

async fn lease_all(store: &dyn Store) -> Vec<ParcelId> {
    let mut got = Vec::new();
    loop {
        let leased = lease(store, at(1), at(100), 7).await;
        if leased.is_empty() {
            return got;
        }
        got.extend(leased);
    }
}

#[test]
fn many_leases_at_once_never_give_a_parcel_twice() {
    for_each_engine(async |bench| {
        let store = &bench.store;
        for number in 1..=200 {
            accept_and_queue(&**store, if number % 2 == 0 { CLINIC } else { OTHER }, number, at(0)).await;
        }
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            tasks.spawn(async move { lease_all(&*store).await });
        }
        let mut got = tasks.join_all().await.concat();
        got.sort();
        assert_eq!(got, (1..=200).map(parcel_id).collect::<Vec<_>>());
    });
}

#[test]
fn another_node_that_took_an_expired_lease_over_is_the_one_to_finish() {
    for_each_engine(async |bench| {
        if bench.dir().is_some() {
            return; // One process has the directory: there is no other node.
        }
        let (here, there) = (&bench.store, bench.another().await);
        accept_and_queue(&**here, CLINIC, 1, at(1)).await;
        assert_eq!(lease(&**here, at(1), at(10), 9).await, [parcel_id(1)]);
        assert_eq!(lease(&*there, at(5), at(20), 9).await, []);
        conflict(commit(&*there, CLINIC, finish(1)).await);
        assert_eq!(lease(&*there, at(10), at(20), 9).await, [parcel_id(1)]);
        conflict(commit(&**here, CLINIC, finish(1)).await);
        conflict(commit(&**here, CLINIC, retry(1, at(30))).await);
        commit(&*there, CLINIC, retry(1, at(30))).await.unwrap();
        assert_eq!(lease(&**here, at(30), at(40), 9).await, [parcel_id(1)]);
        commit(&**here, CLINIC, finish(1)).await.unwrap();
    });
}
