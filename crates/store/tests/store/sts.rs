//! MTA-STS policies outlive the process that had them.

use store::{StsPolicyRow, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn policy(domain: u8, until: i64, sealed: u8) -> Write {
    Write::StsPolicy(StsPolicyRow { domain: [domain; 16], until: at(until), sealed: vec![sealed] })
}

#[test]
fn the_last_policy_is_kept_until_it_is_forgotten_by_age() {
    for_each_engine(async |mut bench| {
        commit(&*bench.store, CLINIC, vec![policy(1, 100, 1), policy(2, 200, 2)]).await.unwrap();
        commit(&*bench.store, CLINIC, vec![policy(1, 50, 3)]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        let kept = async |domain: u8| store.sts_policy(CLINIC, [domain; 16]).await.unwrap().map(|row| row.sealed);
        assert_eq!((kept(1).await, kept(2).await, kept(3).await), (Some(vec![3]), Some(vec![2]), None));
        assert_eq!(store.sts_policy(OTHER, [1; 16]).await.unwrap(), None);
        commit(store, CLINIC, vec![Write::ForgetStsPolicies { before: at(50) }]).await.unwrap();
        assert!(kept(1).await.is_some());
        commit(store, CLINIC, vec![Write::ForgetStsPolicies { before: at(51) }]).await.unwrap();
        assert_eq!((kept(1).await, kept(2).await), (None, Some(vec![2])));
    });
}
