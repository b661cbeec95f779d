//! What may happen once within a time.

use store::{CredentialRow, StoreError, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn once(mark: u8, value: u8, now: i64, until: i64) -> Write {
    Write::Once { mark: [mark; 32], value: vec![value], now: at(now), until: at(until) }
}

#[test]
fn a_mark_is_set_once_until_its_time_is_over() {
    for_each_engine(async |mut bench| {
        commit(&*bench.store, CLINIC, vec![once(1, 10, 0, 100)]).await.unwrap();
        let again = commit(&*bench.store, CLINIC, vec![once(1, 11, 50, 150)]).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        bench.reopen().await;
        let store = &*bench.store;
        assert_eq!(store.once(CLINIC, [1; 32]).await.unwrap(), Some(vec![10]));
        assert_eq!(store.once(OTHER, [1; 32]).await.unwrap(), None);
        commit(store, OTHER, vec![once(1, 12, 0, 100)]).await.unwrap();
        commit(store, CLINIC, vec![once(1, 13, 101, 200)]).await.unwrap();
        assert_eq!(store.once(CLINIC, [1; 32]).await.unwrap(), Some(vec![13]));
        commit(store, CLINIC, vec![once(2, 14, 0, 300), Write::ForgetMarks { before: at(250) }]).await.unwrap();
        assert_eq!(store.once(CLINIC, [1; 32]).await.unwrap(), None);
        assert_eq!(store.once(CLINIC, [2; 32]).await.unwrap(), Some(vec![14]));
    });
}

#[test]
fn what_comes_with_a_mark_that_is_set_does_not_happen() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let row = |login: u8| CredentialRow { login: [login; 32], sealed: vec![login], revoked: false };
        commit(store, CLINIC, vec![once(1, 10, 0, 100), Write::Credential(row(1))]).await.unwrap();
        let again = commit(store, CLINIC, vec![Write::Credential(row(2)), once(1, 10, 1, 100)]).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        let kept: Vec<[u8; 32]> = store.credentials(CLINIC).await.unwrap().iter().map(|row| row.login).collect();
        assert_eq!(kept, [[1; 32]]);
        assert_eq!(store.credentials(OTHER).await.unwrap().len(), 0);
    });
}
