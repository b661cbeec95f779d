//! Messages and their bodies.

use mail::MessageId;
use store::{MessageState, StoreError, Write};

use crate::engines::{for_each_engine, for_each_sqlite};
use crate::make::*;

#[test]
fn an_accepted_message_is_there_whole_after_a_restart() {
    for_each_engine(async |mut bench| {
        accept(&*bench.store, CLINIC, 5).await;
        bench.reopen().await;
        let row = bench.store.message(CLINIC, message_id(5)).await.unwrap().unwrap();
        assert_eq!(row.message, message_id(5));
        assert_eq!(row.received_at, at(5));
        assert_eq!(row.state, MessageState::Accepted);
        assert_eq!(row.envelope, b"sealed envelope 5 of org_1");
        assert_eq!(row.wrapped_key, Some(key(5)));
        assert_eq!(row.dimensions, dimensions(5));
        assert_eq!(row.body.len(), body(5).len() as u64);
        assert_eq!(bench.store.read_body(CLINIC, row.message, &row.body).await.unwrap(), body(5));
    });
}

/// Many clients that have all but ended their messages.
#[test]
fn what_waits_for_its_commit_takes_bounded_memory_and_comes_back_whole() {
    for_each_engine(async |bench| {
        let (store, numbers) = (&*bench.store, 1..300_u16);
        let body = |number: u16| vec![number as u8; 250_000];
        let mut waiting = Vec::new();
        for number in numbers.clone() {
            waiting.push(acceptance(store, CLINIC, number, MessageState::Accepted, &body(number)).await.unwrap());
        }
        if let Some(dir) = bench.dir() {
            let own = std::fs::read_dir(dir.join("bodies")).unwrap().flatten();
            let own = own.filter(|entry| entry.file_name().to_string_lossy().starts_with("msg_")).count();
            assert!((30..60).contains(&own), "{own} have a file of their own");
        }
        commit(store, CLINIC, waiting).await.unwrap();
        for number in numbers {
            let row = store.message(CLINIC, message_id(number)).await.unwrap().unwrap();
            assert!(store.read_body(CLINIC, row.message, &row.body).await.unwrap() == body(number), "{number}");
        }
    });
}

#[test]
fn a_body_of_any_size_comes_back_as_it_went_in() {
    for_each_engine(async |mut bench| {
        let sizes = [0, 1, 4096, 256 * 1024, 256 * 1024 + 1, 3_000_000];
        let body = |size: usize| (0..size).map(|byte| (byte * 7 + byte / 251) as u8).collect::<Vec<_>>();
        for (number, size) in (1..).zip(sizes) {
            let write = acceptance(&*bench.store, CLINIC, number, MessageState::Accepted, &body(size)).await.unwrap();
            commit(&*bench.store, CLINIC, vec![write]).await.unwrap();
        }
        bench.reopen().await;
        for (number, size) in (1..).zip(sizes) {
            let row = bench.store.message(CLINIC, message_id(number)).await.unwrap().unwrap();
            assert_eq!(row.body.len(), size as u64);
            assert_eq!(row.body.is_empty(), size == 0);
            assert!(bench.store.read_body(CLINIC, row.message, &row.body).await.unwrap() == body(size), "{size}");
        }
    });
}

#[test]
fn the_wrong_organisation_finds_nothing() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        let row = store.message(CLINIC, message_id(1)).await.unwrap().unwrap();
        assert_eq!(store.message(OTHER, message_id(1)).await.unwrap(), None);
        assert_eq!(store.messages(OTHER, None, 10).await.unwrap(), []);
        assert_eq!(store.parcels(OTHER, message_id(1)).await.unwrap(), []);
        assert_eq!(store.journal(OTHER, message_id(1)).await.unwrap(), []);
        assert_eq!(store.keys(OTHER, None, 10).await.unwrap(), []);
        assert_eq!(store.undecided(OTHER, None, 10).await.unwrap(), []);
        assert!(matches!(store.read_body(OTHER, message_id(1), &row.body).await, Err(StoreError::Corrupt { .. })));
        assert!(matches!(store.read_body(CLINIC, message_id(2), &row.body).await, Err(StoreError::Corrupt { .. })));
    });
}

#[test]
fn two_organisations_may_have_the_same_id_and_keep_apart() {
    for_each_engine(async |bench| {
        accept(&*bench.store, CLINIC, 1).await;
        accept(&*bench.store, OTHER, 1).await;
        for org in [CLINIC, OTHER] {
            let row = bench.store.message(org, message_id(1)).await.unwrap().unwrap();
            assert_eq!(row.envelope, format!("sealed envelope 1 of {org}").into_bytes());
            assert_eq!(bench.store.read_body(org, row.message, &row.body).await.unwrap(), body(1));
        }
    });
}

#[test]
fn a_message_is_accepted_once() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept(store, CLINIC, 1).await;
        let again = acceptance(store, CLINIC, 1, MessageState::Held, b"another body").await.unwrap();
        conflict(commit(store, CLINIC, vec![again]).await);
        let row = store.message(CLINIC, message_id(1)).await.unwrap().unwrap();
        assert_eq!(row.state, MessageState::Accepted);
        assert_eq!(store.read_body(CLINIC, row.message, &row.body).await.unwrap(), body(1));
    });
}

#[test]
fn what_is_undecided_or_held_is_listed_oldest_first() {
    for_each_engine(async |mut bench| {
        for number in [3, 1, 2] {
            accept(&*bench.store, CLINIC, number).await;
        }
        accept_as(&*bench.store, CLINIC, 4, MessageState::Held).await;
        accept_as(&*bench.store, OTHER, 5, MessageState::Decided).await;
        bench.reopen().await;
        let store = &*bench.store;
        assert_eq!(store.undecided(CLINIC, None, 2).await.unwrap(), [message_id(1), message_id(2)]);
        assert_eq!(store.undecided(CLINIC, Some(message_id(2)), 2).await.unwrap(), [message_id(3)]);
        assert_eq!(store.held(CLINIC, 9).await.unwrap(), [message_id(4)]);
        let decide = |(number, from, state)| Write::Decided { message: message_id(number), from, state };
        let writes = [
            (1, MessageState::Accepted, MessageState::Held),
            (2, MessageState::Accepted, MessageState::Decided),
            (4, MessageState::Held, MessageState::Refused),
        ]
        .map(decide);
        commit(store, CLINIC, writes.into()).await.unwrap();
        assert_eq!(store.undecided(CLINIC, None, 9).await.unwrap(), [message_id(3)]);
        assert_eq!(store.held(CLINIC, 9).await.unwrap(), [message_id(1)]);
        assert_eq!(store.held(OTHER, 9).await.unwrap(), Vec::<MessageId>::new());
    });
}

#[test]
fn a_message_is_decided_once() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept(store, CLINIC, 1).await;
        let decide = |from, state| vec![Write::Decided { message: message_id(1), from, state }];
        let (accepted, held, decided) = (MessageState::Accepted, MessageState::Held, MessageState::Decided);
        conflict(commit(store, OTHER, decide(accepted, decided)).await);
        conflict(commit(store, CLINIC, decide(held, decided)).await);
        commit(store, CLINIC, decide(accepted, held)).await.unwrap();
        // Whoever judged it as it was accepted is too late, whatever came of the judging.
        conflict(commit(store, CLINIC, decide(accepted, held)).await);
        conflict(commit(store, CLINIC, decide(accepted, decided)).await);
        // A release of some copies leaves the others held; what goes is marked by who lets it go.
        commit(store, CLINIC, decide(held, held)).await.unwrap();
        commit(store, CLINIC, decide(held, decided)).await.unwrap();
        conflict(commit(store, CLINIC, decide(held, held)).await);
        conflict(commit(store, CLINIC, decide(decided, decided)).await);
    });
}

#[test]
fn messages_are_paged_newest_first() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for number in [1, 4, 2, 3] {
            accept(store, CLINIC, number).await;
        }
        accept(store, OTHER, 9).await;
        let ids = async |before| {
            let rows = store.messages(CLINIC, before, 2).await.unwrap();
            rows.into_iter().map(|row| row.message).collect::<Vec<_>>()
        };
        assert_eq!(ids(None).await, [message_id(4), message_id(3)]);
        assert_eq!(ids(Some(message_id(3))).await, [message_id(2), message_id(1)]);
        assert_eq!(ids(Some(message_id(1))).await, []);
    });
}

#[test]
fn a_body_that_is_not_committed_leaves_nothing_behind() {
    for_each_sqlite(async |mut bench| {
        let large = vec![7; 600_000];
        let store = &*bench.store;
        let mut unfinished = store.new_body(CLINIC, message_id(1));
        unfinished.push(large.clone()).await.unwrap();
        drop(unfinished);
        drop(acceptance(store, CLINIC, 2, MessageState::Accepted, &large).await.unwrap());
        let kept = acceptance(store, CLINIC, 3, MessageState::Accepted, &large).await.unwrap();
        commit(store, CLINIC, vec![kept]).await.unwrap();
        let fails = acceptance(store, CLINIC, 4, MessageState::Accepted, &large).await.unwrap();
        conflict(commit(store, CLINIC, vec![fails, parcel(1, 77, at(0))]).await);
        bench.reopen().await;
        let bodies = bench.dir().unwrap().join("bodies");
        let names: Vec<_> = std::fs::read_dir(&bodies).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [format!("{}.org_1", message_id(3)).as_str()]);
    });
}

#[test]
fn a_body_left_over_by_a_crash_is_removed_at_the_next_start() {
    for_each_sqlite(async |mut bench| {
        accept(&*bench.store, CLINIC, 1).await;
        let bodies = bench.dir().unwrap().join("bodies");
        let names = [format!("{}.org_1", message_id(1)), format!("{}.org_2", message_id(1))];
        for name in &names {
            std::fs::write(bodies.join(name), b"never committed").unwrap();
        }
        std::fs::write(bodies.join("README"), b"not ours").unwrap();
        bench.reopen().await;
        assert!(names.iter().all(|name| !bodies.join(name).exists()));
        assert!(bodies.join("README").exists());
        let row = bench.store.message(CLINIC, message_id(1)).await.unwrap().unwrap();
        assert_eq!(bench.store.read_body(CLINIC, row.message, &row.body).await.unwrap(), body(1));
    });
}
