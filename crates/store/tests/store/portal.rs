//! Portal links, and what domains have shown.

use store::{LinkRow, PostureRow, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn change(number: u8, expected_version: i64, sealed: &[u8]) -> Vec<Write> {
    vec![Write::LinkState { hash: [number; 32], expected_version, sealed: sealed.to_vec(), expires_at: at(200) }]
}

#[test]
fn a_link_is_found_by_its_hash_and_by_its_message() {
    for_each_engine(async |mut bench| {
        accept(&*bench.store, CLINIC, 1).await;
        let links = vec![Write::Link(link(2, 1)), Write::Link(link(1, 1))];
        commit(&*bench.store, CLINIC, links).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        let row = LinkRow {
            hash: [1; 32],
            message: message_id(1),
            recipient: 1,
            version: 1,
            created_at: at(1),
            expires_at: at(100),
            sealed: vec![1; 40],
        };
        assert_eq!(store.link(CLINIC, [1; 32]).await.unwrap(), Some(row.clone()));
        assert_eq!(store.link(OTHER, [1; 32]).await.unwrap(), None);
        assert_eq!(store.link(CLINIC, [3; 32]).await.unwrap(), None);
        let links = store.links(CLINIC, message_id(1)).await.unwrap();
        assert_eq!((links.len(), &links[0], links[1].recipient), (2, &row, 2));
        assert_eq!(store.links(OTHER, message_id(1)).await.unwrap(), []);
    });
}

#[test]
fn a_link_needs_a_message_of_its_organisation_and_a_hash_of_its_own() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept(store, CLINIC, 1).await;
        conflict(commit(store, OTHER, vec![Write::Link(link(1, 1))]).await);
        conflict(commit(store, CLINIC, vec![Write::Link(link(1, 2))]).await);
        commit(store, CLINIC, vec![Write::Link(link(1, 1))]).await.unwrap();
        conflict(commit(store, CLINIC, vec![Write::Link(link(1, 1))]).await);
    });
}

#[test]
fn of_two_who_change_a_link_at_once_one_is_refused() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept(store, CLINIC, 1).await;
        commit(store, CLINIC, vec![Write::Link(link(1, 1))]).await.unwrap();
        let (one, other) =
            tokio::join!(commit(store, CLINIC, change(1, 1, b"one")), commit(store, CLINIC, change(1, 1, b"other")));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        conflict(commit(store, OTHER, change(1, 2, b"foreign")).await);
        let row = store.link(CLINIC, [1; 32]).await.unwrap().unwrap();
        assert_eq!((row.version, row.expires_at), (2, at(200)));
        assert_eq!(row.sealed, if one.is_ok() { &b"one"[..] } else { b"other" });
        commit(store, CLINIC, change(1, 2, b"later")).await.unwrap();
    });
}

#[test]
fn the_best_level_of_a_domain_is_remembered() {
    for_each_engine(async |mut bench| {
        let domain = [5; 16];
        let show = |level, seconds| vec![Write::Posture { domain, level, at: at(seconds) }];
        for (level, seconds) in [(1, 10), (3, 20), (3, 30), (2, 40), (1, 35)] {
            commit(&*bench.store, CLINIC, show(level, seconds)).await.unwrap();
        }
        commit(&*bench.store, OTHER, show(1, 50)).await.unwrap();
        bench.reopen().await;
        let posture = PostureRow { best: 3, best_at: at(30), last: 2, last_at: at(40) };
        assert_eq!(bench.store.posture(CLINIC, domain).await.unwrap(), Some(posture));
        let other = PostureRow { best: 1, best_at: at(50), last: 1, last_at: at(50) };
        assert_eq!(bench.store.posture(OTHER, domain).await.unwrap(), Some(other));
        assert_eq!(bench.store.posture(CLINIC, [6; 16]).await.unwrap(), None);
    });
}

#[test]
fn a_domain_shown_twice_in_one_commit_keeps_the_better() {
    for_each_engine(async |bench| {
        let domain = [5; 16];
        let show = |level, seconds| Write::Posture { domain, level, at: at(seconds) };
        commit(&*bench.store, CLINIC, vec![show(1, 10), show(3, 20), show(2, 30)]).await.unwrap();
        let posture = PostureRow { best: 3, best_at: at(20), last: 2, last_at: at(30) };
        assert_eq!(bench.store.posture(CLINIC, domain).await.unwrap(), Some(posture));
    });
}
