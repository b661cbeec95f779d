//! Transactions: whole or not at all, shared by many callers.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use store::{MessageState, ParcelState, SqliteOptions, StoreError, Transition, Write};

use crate::engines::{Bench, for_each_engine, inline, runtime};
use crate::make::*;

#[test]
fn a_transition_that_fails_leaves_nothing_and_the_others_happen() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        let finish = |number| Write::Finish { parcel: parcel_id(number), state: ParcelState::Delivered };
        let good = acceptance(store, CLINIC, 2, MessageState::Accepted, b"body").await.unwrap();
        let bad = acceptance(store, CLINIC, 3, MessageState::Accepted, b"body").await.unwrap();
        let transitions = vec![
            Transition { org: CLINIC, writes: vec![good], journal: journal(Some(2), "good") },
            Transition { org: CLINIC, writes: vec![bad, finish(9)], journal: journal(Some(3), "bad") },
            // Depends on the one that failed.
            Transition { org: CLINIC, writes: vec![parcel(3, 3, at(1))], journal: None },
            Transition {
                org: CLINIC,
                writes: vec![finish(1), parcel(2, 2, at(1))],
                journal: journal(None, "good too"),
            },
        ];
        let outcomes = store.commit(transitions).await.unwrap();
        assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, true]);
        assert!(store.message(CLINIC, message_id(2)).await.unwrap().is_some());
        assert_eq!(store.message(CLINIC, message_id(3)).await.unwrap(), None);
        assert_eq!(store.journal(CLINIC, message_id(3)).await.unwrap(), []);
        assert_eq!(store.unsequenced(CLINIC, 9).await.unwrap().len(), 2);
        assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 1);
        assert_eq!(store.lease("here", at(1), at(2), store::Room::any(9)).await.unwrap()[0].parcel, parcel_id(2));
    });
}

#[test]
fn a_message_goes_its_whole_way_in_one_transition() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let writes = vec![
            acceptance(store, CLINIC, 1, MessageState::Accepted, b"body").await.unwrap(),
            Write::Decided { message: message_id(1), from: MessageState::Accepted, state: MessageState::Decided },
            parcel(1, 1, at(1)),
            Write::Link(link(1, 1)),
        ];
        commit(store, CLINIC, writes).await.unwrap();
        assert_eq!(store.undecided(CLINIC, None, 9).await.unwrap(), []);
        assert_eq!(store.parcels(CLINIC, message_id(1)).await.unwrap().len(), 1);
        assert_eq!(store.links(CLINIC, message_id(1)).await.unwrap().len(), 1);
    });
}

#[test]
fn many_callers_at_once_each_get_their_own_outcome() {
    for_each_engine(async |bench| {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200u16 {
            let store = Arc::clone(&bench.store);
            tasks.spawn(async move {
                // Each message is tried twice; every seventh caller also has a guard that fails.
                let message = number / 2;
                let mut writes =
                    vec![acceptance(&*store, CLINIC, message, MessageState::Decided, &body(message)).await.unwrap()];
                if message % 7 == 0 {
                    writes.push(parcel(message, 999, at(1)));
                }
                (message, commit(&*store, CLINIC, writes).await)
            });
        }
        let mut accepted = [0; 100];
        for (message, outcome) in tasks.join_all().await {
            match outcome {
                Ok(()) => accepted[usize::from(message)] += 1,
                Err(error) => assert!(matches!(error, StoreError::Conflict), "{error}"),
            }
        }
        for (number, times) in (0u16..).zip(accepted) {
            assert_eq!(times, i32::from(number % 7 != 0), "{number}");
            let row = bench.store.message(CLINIC, message_id(number)).await.unwrap();
            assert_eq!(row.is_some(), times == 1);
            if let Some(row) = row {
                assert_eq!(bench.store.read_body(CLINIC, row.message, &row.body).await.unwrap(), body(number));
            }
        }
    });
}

#[test]
fn an_empty_commit_is_nothing() {
    for_each_engine(async |bench| {
        assert!(bench.store.commit(vec![]).await.unwrap().is_empty());
        commit(&*bench.store, CLINIC, vec![]).await.unwrap();
    });
}

#[test]
fn the_health_check_makes_a_round_trip() {
    for_each_engine(async |bench| {
        bench.store.ready().await.unwrap();
        bench.store.ready().await.unwrap();
    });
}

#[test]
fn a_closed_store_says_so() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept(store, CLINIC, 1).await;
        store.close().await.unwrap();
        store.close().await.unwrap();
        assert!(matches!(store.ready().await, Err(StoreError::Closed)));
        assert!(matches!(store.message(CLINIC, message_id(1)).await, Err(StoreError::Closed)));
        let commit = store.commit(vec![transition(CLINIC, vec![])]).await;
        assert!(matches!(commit, Err(StoreError::Closed)));
    });
}

#[test]
fn what_was_handed_over_before_closing_is_durable() {
    runtime().block_on(async {
        let window = std::time::Duration::from_secs(600);
        let mut bench = Bench::sqlite(SqliteOptions { window, ..SqliteOptions::default() });
        let store = Arc::clone(&bench.store);
        let write = acceptance(&*store, CLINIC, 1, MessageState::Accepted, b"body").await.unwrap();
        // A body that stays open makes the writer wait for its window.
        let open = store.new_body(CLINIC, message_id(9));
        let mut committed = pin!(commit(&*store, CLINIC, vec![write]));
        assert!(committed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        bench.reopen().await;
        committed.await.unwrap();
        assert!(bench.store.message(CLINIC, message_id(1)).await.unwrap().is_some());
        drop(open);
    });
}

#[test]
fn inline_everything_happens_within_the_first_poll() {
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("it waits for something"),
        }
    }
    let bench = Bench::sqlite(inline());
    let store = &*bench.store;
    let large = vec![1; 1_000_000];
    let write = now(acceptance(store, CLINIC, 1, MessageState::Decided, &large)).unwrap();
    now(commit(store, CLINIC, vec![write, parcel(1, 1, at(1))])).unwrap();
    let leased = now(store.lease("here", at(1), at(2), store::Room::any(9))).unwrap().remove(0);
    assert_eq!(now(store.read_body(CLINIC, leased.message, &leased.body)).unwrap(), large);
    assert_eq!(now(store.next_due()).unwrap(), Some(at(2)));
    now(store.ready()).unwrap();
    now(store.close()).unwrap();
}
