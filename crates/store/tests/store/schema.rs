//! Migrations: from each earlier schema, with rows in it, to the newest.
//!
//! `testdata/schema/NNNN.sql` holds rows as schema N kept them. A new schema
//! comes with such a file; this test finds it by itself.

use std::path::{Path, PathBuf};

use store::{JournalNew, Lane, Room, Store, Transition, open_postgres, open_sqlite};
use testkit::postgres::Postgres;

use crate::engines::{inline, runtime};
use crate::make::*;

/// The migrations of an engine, in order.
fn migrations(engine: &str) -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (number, file) in (1..).zip(&files) {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with(&format!("{number:04}-")), "{name} breaks the numbering");
    }
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// The rows of a schema; schema 0 is an empty database.
fn rows(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/schema").join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn both_engines_have_the_same_number_of_migrations() {
    assert_eq!(migrations("sqlite").len(), migrations("postgres").len());
}

#[test]
fn sqlite_is_migrated_from_each_earlier_schema() {
    let all = migrations("sqlite");
    for version in 0..=all.len() {
        let dir = tempfile::tempdir().unwrap();
        let database = rusqlite::Connection::open(dir.path().join("sealpost.db")).unwrap();
        for migration in &all[..version] {
            database.execute_batch(migration).unwrap();
        }
        if version > 0 {
            database.execute_batch(&rows(&format!("{version:04}.sql"))).unwrap();
        }
        database.pragma_update(None, "user_version", version as u32).unwrap();
        drop(database);
        let store = open_sqlite(dir.path(), inline()).unwrap();
        runtime().block_on(check(&*store, version));
    }
}

#[test]
fn postgresql_is_migrated_from_each_earlier_schema() {
    let (all, cluster) = (migrations("postgres"), Postgres::shared());
    for version in 0..=all.len() {
        let url = cluster.database();
        let database = url.rsplit('/').next().unwrap();
        cluster.query(database, "CREATE TABLE schema_version (version BIGINT NOT NULL)");
        for (number, migration) in (1..).zip(&all[..version]) {
            cluster.query(database, migration);
            cluster.query(database, &format!("INSERT INTO schema_version VALUES ({number})"));
        }
        if version > 0 {
            cluster.query(database, &rows(&format!("{version:04}.sql")).replace("X'", "'\\x"));
            cluster.query(database, &rows(&format!("{version:04}-postgres.sql")));
        }
        runtime().block_on(async {
            let store = open_postgres(&url, store::PostgresOptions::default()).await.unwrap();
            check(&*store, version).await;
        });
    }
}

#[test]
fn postgresql_refuses_a_newer_schema() {
    let cluster = Postgres::shared();
    let url = cluster.database();
    let database = url.rsplit('/').next().unwrap();
    cluster.query(database, "CREATE TABLE schema_version (version BIGINT NOT NULL)");
    cluster.query(database, "INSERT INTO schema_version VALUES (1000)");
    runtime().block_on(async {
        let Err(error) = open_postgres(&url, store::PostgresOptions::default()).await else { panic!("opened") };
        assert!(matches!(error, store::StoreError::NewerSchema { found: 1000, known } if known < 1000), "{error}");
    });
}

/// What was kept is there, and more can be kept.
async fn check(store: &dyn Store, version: usize) {
    if version > 0 {
        check_kept(store).await;
    }
    if version > 1 {
        check_keys_kept(store).await;
    }
    if version > 2 {
        assert_eq!(store.once(CLINIC, [25; 32]).await.unwrap(), Some(vec![26]));
    }
    if version > 3 {
        let round = store.watch_rounds(CLINIC, [0x1c; 16], 9).await.unwrap().remove(0);
        assert_eq!((round.at, round.sealed), (at(1), vec![0x1d]));
    }
    if version > 4 {
        assert_eq!(store.sts_policy(CLINIC, [0x1e; 16]).await.unwrap().unwrap().sealed, [0x1f]);
    }
    if version > 5 {
        assert_eq!(store.tls_sessions(CLINIC, 20_001, 9).await.unwrap()[0].sessions, 3);
        assert_eq!(store.reports(CLINIC, 9).await.unwrap()[0].sealed, [0x24]);
    }
    if version > 0 {
        // What an older schema kept is operational.
        let parcel = store.parcels(CLINIC, message_id(1)).await.unwrap().remove(0);
        let (lane, destination) = if version > 6 { (daily(CLINIC), Some([0x25; 16])) } else { (unnamed(), None) };
        assert_eq!((parcel.lane, parcel.destination), (lane, destination));
        assert_eq!(parcel.wait, if version > 9 { 3 } else { 0 });
    }
    if version > 7 {
        assert_eq!(store.acme(CLINIC, "certificate").await.unwrap().unwrap().sealed, [0x26]);
    }
    if version > 8 {
        assert_eq!(store.suppressions_of(CLINIC, vec![[0x28; 16]]).await.unwrap()[0].sealed, [0x29]);
    }
    accept_and_queue(store, CLINIC, 9, at(9)).await;
    let entry = JournalNew { message: None, at: at(9), entry: b"new".to_vec() };
    commit_one(store, Transition { org: CLINIC, writes: vec![], journal: Some(entry) }).await.unwrap();
    let waiting = store.unsequenced(CLINIC, 9).await.unwrap();
    assert_eq!(waiting.last().unwrap().entry, b"new");
    assert_eq!(waiting.len(), if version > 0 { 2 } else { 1 });
}

/// Where what waited before there were lanes waits now.
fn unnamed() -> Lane {
    Lane::from_number((1 << 60) | (1 << 28)).unwrap()
}

async fn check_kept(store: &dyn Store) {
    assert_eq!(store.orgs().await.unwrap().len(), 2);
    assert_eq!(store.secret(CLINIC, "ledger").await.unwrap(), Some(vec![3, 3]));
    assert!(!store.credential(CLINIC, [4; 32]).await.unwrap().unwrap().revoked);
    assert_eq!(store.policy(CLINIC, [6; 32]).await.unwrap().as_deref(), Some("default"));
    let first = store.message(CLINIC, message_id(1)).await.unwrap().unwrap();
    assert_eq!((first.received_at, first.wrapped_key), (at(1), Some(vec![10, 10])));
    assert_eq!((first.dimensions.recipient_domains.len(), first.dimensions.tags), (2, vec!["a".to_owned()]));
    assert_eq!(first.dimensions.fields["k"], "v");
    let second = store.message(OTHER, message_id(2)).await.unwrap().unwrap();
    assert_eq!((second.wrapped_key, second.dimensions.campaign.as_deref()), (None, Some("spring")));
    assert_eq!(store.undecided(OTHER, None, 9).await.unwrap(), [message_id(2)]);
    assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 1);
    let leased = store.lease("here", at(9), at(99), Room::any(9)).await.unwrap();
    assert_eq!((leased[0].attempts, leased[0].sealed.as_slice()), (2, &[0xcc][..]));
    assert_eq!(store.journal(CLINIC, message_id(1)).await.unwrap()[0].entry, [13]);
    assert_eq!(store.unsequenced(CLINIC, 9).await.unwrap()[0].id, 2);
    assert_eq!(store.link(CLINIC, [15; 32]).await.unwrap().unwrap().version, 4);
    assert_eq!(store.posture(CLINIC, [18; 16]).await.unwrap().unwrap().best, 2);
    let run = store.run_of(CLINIC, 1).await.unwrap().unwrap();
    assert_eq!((run.journal_ids, run.checkpoint.as_str()), (vec![1], "signed note"));
}

async fn check_keys_kept(store: &dyn Store) {
    let key = store.recipient_keys_of(CLINIC, vec![[0x14; 16]]).await.unwrap().remove(0);
    assert_eq!((key.version, key.expires_at, key.sealed), (3, None, vec![0x16]));
    assert_eq!(store.discovery(CLINIC, [0x17; 16]).await.unwrap().unwrap().until, at(100));
    let own = store.org_keys(CLINIC).await.unwrap().remove(0);
    assert_eq!((own.version, own.sealed), (2, vec![0x18]));
    assert!(own.expires_at.is_some());
}
