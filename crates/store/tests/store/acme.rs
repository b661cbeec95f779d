//! What ACME keeps is the same for every node, and outlives them.

use store::{AcmeRow, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn row(name: &str, until: i64, sealed: u8) -> Write {
    Write::Acme(AcmeRow { name: name.to_owned(), until: at(until), sealed: vec![sealed] })
}

#[test]
fn the_last_row_of_a_name_is_kept_until_it_is_forgotten_by_age() {
    for_each_engine(async |mut bench| {
        commit(&*bench.store, CLINIC, vec![row("certificate", 900, 1), row("answer/http/x", 100, 2)]).await.unwrap();
        commit(&*bench.store, CLINIC, vec![row("certificate", 950, 3)]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        let kept = async |name: &str| store.acme(CLINIC, name).await.unwrap().map(|row| row.sealed);
        assert_eq!(kept("certificate").await, Some(vec![3]));
        assert_eq!((kept("answer/http/x").await, kept("answer/http/X").await), (Some(vec![2]), None));
        assert_eq!(store.acme(OTHER, "certificate").await.unwrap(), None);
        commit(store, OTHER, vec![Write::ForgetAcme { before: at(999) }]).await.unwrap();
        commit(store, CLINIC, vec![Write::ForgetAcme { before: at(100) }]).await.unwrap();
        assert!(kept("answer/http/x").await.is_some(), "its time is not over");
        commit(store, CLINIC, vec![Write::ForgetAcme { before: at(101) }]).await.unwrap();
        assert_eq!((kept("certificate").await, kept("answer/http/x").await), (Some(vec![3]), None));
    });
}

#[test]
fn who_lost_the_claim_keeps_no_certificate() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let claim = |holder: u8, now: i64, until: i64| Write::Claim {
            name: "acme",
            holder: [holder; 16],
            now: at(now),
            until: at(until),
        };
        commit(store, CLINIC, vec![claim(1, 0, 100)]).await.unwrap();
        commit(store, CLINIC, vec![claim(2, 100, 200)]).await.unwrap();
        conflict(commit(store, CLINIC, vec![claim(1, 150, 150), row("certificate", 900, 1)]).await);
        assert_eq!(store.acme(CLINIC, "certificate").await.unwrap(), None);
        commit(store, CLINIC, vec![claim(2, 150, 150), row("certificate", 900, 2)]).await.unwrap();
        assert_eq!(store.acme(CLINIC, "certificate").await.unwrap().unwrap().sealed, [2]);
    });
}
