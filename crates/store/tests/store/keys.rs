//! Message keys: rewrapped when keys rotate, really gone when erased.

use std::path::Path;

use store::{MessageState, Write};

use crate::engines::{for_each_engine, for_each_sqlite};
use crate::make::*;

#[test]
fn keys_are_rewrapped_in_pages_and_a_changed_one_is_left_alone() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for number in [2, 1, 3] {
            accept(store, CLINIC, number).await;
        }
        accept(store, OTHER, 4).await;
        let first = store.keys(CLINIC, None, 2).await.unwrap();
        assert_eq!(first, [(message_id(1), key(1)), (message_id(2), key(2))]);
        assert_eq!(store.keys(CLINIC, Some(message_id(2)), 2).await.unwrap(), [(message_id(3), key(3))]);
        let rewrapped = vec![
            (message_id(1), key(1), key(101)),
            (message_id(2), key(9), key(102)),
            (message_id(4), key(4), key(104)),
        ];
        assert_eq!(store.rewrap_keys(CLINIC, rewrapped).await.unwrap(), 1);
        let keys = store.keys(CLINIC, None, 9).await.unwrap();
        assert_eq!(keys, [(message_id(1), key(101)), (message_id(2), key(2)), (message_id(3), key(3))]);
        assert_eq!(store.keys(OTHER, None, 9).await.unwrap(), [(message_id(4), key(4))]);
    });
}

#[test]
fn an_erased_message_has_no_key() {
    for_each_engine(async |mut bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        accept(store, CLINIC, 2).await;
        let erase = || vec![Write::EraseKey { message: message_id(1) }];
        conflict(commit(store, OTHER, erase()).await);
        conflict(commit(store, CLINIC, vec![Write::EraseKey { message: message_id(9) }]).await);
        commit(store, CLINIC, erase()).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        let row = store.message(CLINIC, message_id(1)).await.unwrap().unwrap();
        assert_eq!((row.state, row.wrapped_key), (MessageState::Erased, None));
        assert_eq!(store.lease("here", at(1), at(2), store::Room::any(9)).await.unwrap()[0].wrapped_key, None);
        assert_eq!(store.keys(CLINIC, None, 9).await.unwrap(), [(message_id(2), key(2))]);
        assert_eq!(store.rewrap_keys(CLINIC, vec![(message_id(1), key(1), key(9))]).await.unwrap(), 0);
        commit(store, CLINIC, erase()).await.unwrap();
    });
}

/// Whether any file of the data directory holds these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> bool {
    let files = ["sealpost.db", "sealpost.db-wal", "sealpost.db-shm"].map(|name| dir.join(name));
    files.iter().any(|file| {
        let content = std::fs::read(file).unwrap_or_default();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn an_erased_key_is_in_no_file() {
    for_each_sqlite(async |bench| {
        let (store, dir) = (&*bench.store, bench.dir().unwrap());
        // Enough for several pages, so that the table has been rebalanced.
        for number in 0..300 {
            accept(store, CLINIC, number).await;
            if number % 50 == 0 {
                store.rewrap_keys(CLINIC, vec![(message_id(number), key(number), key(number + 1000))]).await.unwrap();
            }
        }
        let erased = [0, 1, 49, 50, 150, 298, 299];
        let now = |number: u16| if number.is_multiple_of(50) { key(number + 1000) } else { key(number) };
        assert!(erased.iter().all(|number| holds(&dir, &now(*number))));
        let writes = erased.iter().map(|number| Write::EraseKey { message: message_id(*number) }).collect();
        commit(store, CLINIC, writes).await.unwrap();
        for number in erased {
            assert!(!holds(&dir, &key(number)) && !holds(&dir, &now(number)), "{number}");
        }
        assert!(holds(&dir, &key(2)), "the search finds what is there");
    });
}
