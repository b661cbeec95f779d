//! Organisations, secrets, logins and policies.

use store::{CredentialRow, OrgRow};

use crate::engines::for_each_engine;
use crate::make::*;

fn org(number: u32, slug: &str, key: &[u8]) -> OrgRow {
    OrgRow { org: mail::OrgId(number), slug: slug.to_owned(), wrapped_key: key.to_vec() }
}

#[test]
fn an_organisation_is_made_once() {
    for_each_engine(async |mut bench| {
        let first = org(1, "clinic", b"first");
        assert_eq!(bench.store.ensure_org(first.clone()).await.unwrap(), first);
        assert_eq!(bench.store.ensure_org(org(1, "clinic", b"second")).await.unwrap(), first);
        conflict(bench.store.ensure_org(org(2, "clinic", b"third")).await);
        bench.store.ensure_org(org(2, "other", b"other")).await.unwrap();
        bench.reopen().await;
        assert_eq!(bench.store.orgs().await.unwrap(), [first, org(2, "other", b"other")]);
    });
}

#[test]
fn an_organisations_key_is_rewrapped() {
    for_each_engine(async |bench| {
        bench.store.ensure_org(org(1, "clinic", b"old")).await.unwrap();
        bench.store.ensure_org(org(2, "other", b"other")).await.unwrap();
        bench.store.rewrap_org(CLINIC, b"old".to_vec(), b"new".to_vec()).await.unwrap();
        conflict(bench.store.rewrap_org(CLINIC, b"old".to_vec(), b"newer".to_vec()).await);
        conflict(bench.store.rewrap_org(mail::OrgId(3), b"old".to_vec(), b"new".to_vec()).await);
        assert_eq!(bench.store.orgs().await.unwrap(), [org(1, "clinic", b"new"), org(2, "other", b"other")]);
    });
}

#[test]
fn the_first_secret_of_a_name_stays() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        assert_eq!(store.secret(CLINIC, "ledger").await.unwrap(), None);
        let (one, two) =
            tokio::join!(store.put_secret(CLINIC, "ledger", vec![1]), store.put_secret(CLINIC, "ledger", vec![2]));
        assert!(one.is_ok() && two.is_ok());
        let stayed = store.secret(CLINIC, "ledger").await.unwrap().unwrap();
        store.put_secret(CLINIC, "ledger", vec![3]).await.unwrap();
        assert_eq!(store.secret(CLINIC, "ledger").await.unwrap(), Some(stayed));
        assert_eq!(store.secret(OTHER, "ledger").await.unwrap(), None);
        assert_eq!(store.secret(CLINIC, "dkim").await.unwrap(), None);
    });
}

#[test]
fn a_login_is_replaced_and_revoked() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let mut row = CredentialRow { login: [7; 32], sealed: vec![1, 2], revoked: false };
        assert_eq!(store.credential(CLINIC, [7; 32]).await.unwrap(), None);
        commit(store, CLINIC, vec![store::Write::Credential(row.clone())]).await.unwrap();
        assert_eq!(store.credential(CLINIC, [7; 32]).await.unwrap(), Some(row.clone()));
        assert_eq!(store.credential(OTHER, [7; 32]).await.unwrap(), None);
        (row.sealed, row.revoked) = (vec![3], true);
        commit(store, CLINIC, vec![store::Write::Credential(row.clone())]).await.unwrap();
        assert_eq!(store.credential(CLINIC, [7; 32]).await.unwrap(), Some(row));
    });
}

#[test]
fn a_policy_is_kept_under_its_hash() {
    for_each_engine(async |mut bench| {
        for _ in 0..2 {
            bench.store.keep_policy(CLINIC, [1; 32], "[[rule]]\nname = \"é\"").await.unwrap();
        }
        bench.reopen().await;
        let kept = bench.store.policy(CLINIC, [1; 32]).await.unwrap();
        assert_eq!(kept.as_deref(), Some("[[rule]]\nname = \"é\""));
        assert_eq!(bench.store.policy(OTHER, [1; 32]).await.unwrap(), None);
        assert_eq!(bench.store.policy(CLINIC, [2; 32]).await.unwrap(), None);
    });
}
