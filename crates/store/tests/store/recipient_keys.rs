//! Recipients' keys, lookups, and the organisation's own keys.

use mail::{OrgKeyId, RecipientKeyId};
use store::{DiscoveryRow, OrgKeyRow, RecipientKeyRow, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn key_id(number: u8) -> RecipientKeyId {
    RecipientKeyId::from_bytes([number; 16])
}

fn key(number: u8, address: u8) -> RecipientKeyRow {
    RecipientKeyRow {
        key: key_id(number),
        address: [address; 16],
        fingerprint: [number; 16],
        format: number % 2,
        state: 0,
        source: 2,
        version: 1,
        first_seen: at(1),
        last_seen: at(2),
        changed_at: at(i64::from(number)),
        expires_at: (number > 1).then(|| at(500)),
        sealed: vec![number; 300],
    }
}

fn new(row: &RecipientKeyRow) -> Write {
    Write::RecipientKey(Box::new(row.clone()))
}

fn changed(row: &RecipientKeyRow, expected_version: i64) -> Write {
    Write::RecipientKeyChanged { expected_version, row: Box::new(row.clone()) }
}

#[test]
fn keys_are_found_by_address_and_listed_by_id() {
    for_each_engine(async |mut bench| {
        let rows = [key(1, 7), key(2, 7), key(3, 8)];
        commit(&*bench.store, CLINIC, rows.iter().map(new).collect()).await.unwrap();
        commit(&*bench.store, OTHER, vec![new(&key(1, 7))]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        assert_eq!(store.recipient_keys_of(CLINIC, vec![[7; 16]]).await.unwrap(), rows[..2]);
        assert_eq!(store.recipient_keys_of(CLINIC, vec![[9; 16], [8; 16], [7; 16]]).await.unwrap().len(), 3);
        assert_eq!(store.recipient_keys_of(CLINIC, vec![]).await.unwrap(), []);
        assert_eq!(store.recipient_keys_of(OTHER, vec![[8; 16]]).await.unwrap(), []);
        assert_eq!(store.recipient_key(CLINIC, key_id(3)).await.unwrap().as_ref(), Some(&rows[2]));
        assert_eq!(store.recipient_key(OTHER, key_id(3)).await.unwrap(), None);
        assert_eq!(store.recipient_keys(CLINIC, None, 2).await.unwrap(), rows[..2]);
        assert_eq!(store.recipient_keys(CLINIC, Some(key_id(2)), 2).await.unwrap(), rows[2..]);
    });
}

#[test]
fn an_address_has_a_fingerprint_once() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        commit(store, CLINIC, vec![new(&key(1, 7))]).await.unwrap();
        let again = RecipientKeyRow { key: key_id(5), ..key(1, 7) };
        conflict(commit(store, CLINIC, vec![new(&again)]).await);
        conflict(commit(store, CLINIC, vec![new(&key(1, 7))]).await);
        commit(store, CLINIC, vec![new(&RecipientKeyRow { address: [9; 16], ..again })]).await.unwrap();
        assert_eq!(store.recipient_keys_of(CLINIC, vec![[7; 16]]).await.unwrap().len(), 1);
    });
}

#[test]
fn of_two_who_change_a_key_at_once_one_is_refused() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        commit(store, CLINIC, vec![new(&key(2, 7))]).await.unwrap();
        let next = RecipientKeyRow { state: 2, source: 0, expires_at: None, sealed: vec![9], ..key(2, 7) };
        let (one, other) = tokio::join!(
            commit(store, CLINIC, vec![changed(&next, 1)]),
            commit(store, CLINIC, vec![changed(&next, 1)])
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        conflict(commit(store, OTHER, vec![changed(&next, 2)]).await);
        let found = store.recipient_key(CLINIC, key_id(2)).await.unwrap();
        assert_eq!(found, Some(RecipientKeyRow { version: 2, ..next }));
        commit(store, CLINIC, vec![Write::RecipientKeyRemoved { key: key_id(2) }]).await.unwrap();
        conflict(commit(store, CLINIC, vec![Write::RecipientKeyRemoved { key: key_id(2) }]).await);
        assert_eq!(store.recipient_keys_of(CLINIC, vec![[7; 16]]).await.unwrap(), []);
    });
}

#[test]
fn the_addresses_whose_keys_changed_are_told() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        commit(store, CLINIC, vec![new(&key(1, 7)), new(&key(2, 7)), new(&key(3, 8))]).await.unwrap();
        let mut all = store.recipient_key_changes(CLINIC, at(0)).await.unwrap();
        all.sort_unstable();
        assert_eq!(all, [[7; 16], [8; 16]]);
        assert_eq!(store.recipient_key_changes(CLINIC, at(3)).await.unwrap(), [[8; 16]]);
        let next = RecipientKeyRow { changed_at: at(9), ..key(1, 7) };
        commit(store, CLINIC, vec![changed(&next, 1)]).await.unwrap();
        assert_eq!(store.recipient_key_changes(CLINIC, at(9)).await.unwrap(), [[7; 16]]);
        assert_eq!(store.recipient_key_changes(OTHER, at(0)).await.unwrap(), Vec::<[u8; 16]>::new());
    });
}

#[test]
fn a_lookup_is_remembered_until_it_is_forgotten() {
    for_each_engine(async |mut bench| {
        let row = |found, until| DiscoveryRow { subject: [4; 16], found, at: at(1), until: at(until) };
        commit(&*bench.store, CLINIC, vec![Write::Discovery(row(0, 10))]).await.unwrap();
        commit(&*bench.store, CLINIC, vec![Write::Discovery(row(1, 20))]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        assert_eq!(store.discovery(CLINIC, [4; 16]).await.unwrap(), Some(row(1, 20)));
        assert_eq!(store.discovery(OTHER, [4; 16]).await.unwrap(), None);
        let forget = |before| vec![Write::ForgetDiscoveries { before: at(before) }];
        commit(store, CLINIC, forget(20)).await.unwrap();
        assert!(store.discovery(CLINIC, [4; 16]).await.unwrap().is_some());
        commit(store, CLINIC, forget(21)).await.unwrap();
        assert_eq!(store.discovery(CLINIC, [4; 16]).await.unwrap(), None);
    });
}

#[test]
fn the_organisations_own_keys_are_kept_and_changed() {
    for_each_engine(async |mut bench| {
        let row = OrgKeyRow {
            key: OrgKeyId::from_bytes([1; 16]),
            format: 1,
            state: 0,
            version: 1,
            created_at: at(1),
            changed_at: at(1),
            expires_at: Some(at(900)),
            sealed: vec![1; 50],
        };
        let new = || vec![Write::OrgKey(Box::new(row.clone()))];
        commit(&*bench.store, CLINIC, new()).await.unwrap();
        conflict(commit(&*bench.store, CLINIC, new()).await);
        let next = OrgKeyRow { state: 2, changed_at: at(5), expires_at: None, sealed: vec![2], ..row.clone() };
        let change = |version| vec![Write::OrgKeyChanged { expected_version: version, row: Box::new(next.clone()) }];
        conflict(commit(&*bench.store, CLINIC, change(2)).await);
        commit(&*bench.store, CLINIC, change(1)).await.unwrap();
        bench.reopen().await;
        assert_eq!(bench.store.org_keys(CLINIC).await.unwrap(), [OrgKeyRow { version: 2, ..next.clone() }]);
        assert_eq!(bench.store.org_keys(OTHER).await.unwrap(), []);
    });
}
