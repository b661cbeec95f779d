//! Claims on work that one node does at a time, and the watch list's history.

use store::{WatchRoundRow, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn claim(holder: u8, now: i64, until: i64) -> Write {
    Write::Claim { name: "watch", holder: [holder; 16], now: at(now), until: at(until) }
}

fn round(domain: u8, seconds: i64, sealed: u8) -> Write {
    Write::WatchRound(WatchRoundRow { domain: [domain; 16], at: at(seconds), sealed: vec![sealed] })
}

#[test]
fn work_is_had_by_one_until_its_time_is_over_or_it_is_given_back() {
    for_each_engine(async |mut bench| {
        commit(&*bench.store, CLINIC, vec![claim(1, 0, 100)]).await.unwrap();
        conflict(commit(&*bench.store, CLINIC, vec![claim(2, 50, 150)]).await);
        commit(&*bench.store, OTHER, vec![claim(2, 50, 150)]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        conflict(commit(store, CLINIC, vec![claim(2, 99, 150)]).await);
        commit(store, CLINIC, vec![claim(1, 60, 120)]).await.unwrap();
        conflict(commit(store, CLINIC, vec![claim(2, 110, 150)]).await);
        commit(store, CLINIC, vec![claim(2, 120, 200)]).await.unwrap();
        conflict(commit(store, CLINIC, vec![claim(1, 121, 300)]).await);
        commit(store, CLINIC, vec![claim(2, 130, 130)]).await.unwrap();
        commit(store, CLINIC, vec![claim(1, 130, 300)]).await.unwrap();
    });
}

#[test]
fn who_lost_its_claim_records_nothing() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        commit(store, CLINIC, vec![claim(1, 0, 100)]).await.unwrap();
        commit(store, CLINIC, vec![claim(2, 100, 200)]).await.unwrap();
        conflict(commit(store, CLINIC, vec![claim(1, 150, 150), round(7, 150, 1)]).await);
        assert_eq!(store.watch_rounds(CLINIC, [7; 16], 9).await.unwrap(), []);
        commit(store, CLINIC, vec![claim(2, 150, 150), round(7, 150, 2)]).await.unwrap();
        assert_eq!(store.watch_rounds(CLINIC, [7; 16], 9).await.unwrap().len(), 1);
    });
}

#[test]
fn rounds_are_kept_newest_first_and_forgotten_by_age() {
    for_each_engine(async |mut bench| {
        commit(&*bench.store, CLINIC, vec![round(1, 10, 1), round(1, 30, 3), round(2, 20, 9)]).await.unwrap();
        commit(&*bench.store, CLINIC, vec![round(1, 20, 2)]).await.unwrap();
        conflict(commit(&*bench.store, CLINIC, vec![round(1, 20, 4)]).await);
        bench.reopen().await;
        let store = &*bench.store;
        let kept = async |domain: u8, limit| -> Vec<u8> {
            let rows = store.watch_rounds(CLINIC, [domain; 16], limit).await.unwrap();
            rows.into_iter().flat_map(|row| row.sealed).collect()
        };
        assert_eq!(kept(1, 9).await, [3, 2, 1]);
        assert_eq!(kept(1, 2).await, [3, 2]);
        assert_eq!(store.watch_rounds(OTHER, [1; 16], 9).await.unwrap(), []);
        commit(store, OTHER, vec![Write::ForgetWatchRounds { before: at(99) }]).await.unwrap();
        commit(store, CLINIC, vec![Write::ForgetWatchRounds { before: at(20) }]).await.unwrap();
        assert_eq!((kept(1, 9).await, kept(2, 9).await), (vec![3, 2], vec![9]));
    });
}
