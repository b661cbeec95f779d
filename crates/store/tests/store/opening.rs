//! Opening, locking, permissions and the schema.

use std::os::unix::fs::PermissionsExt;

use store::{SqliteOptions, StoreError, open_sqlite};

use crate::engines::{for_each_sqlite, inline};
use crate::make::*;

#[test]
fn two_processes_cannot_open_one_directory() {
    for_each_sqlite(async |bench| {
        let dir = bench.dir().unwrap();
        let Err(error) = open_sqlite(&dir, inline()) else { panic!("opened twice") };
        assert!(matches!(&error, StoreError::Locked { dir: named } if *named == dir));
        assert!(error.to_string().contains("another process has"), "{error}");
        bench.store.close().await.unwrap();
        open_sqlite(&dir, inline()).unwrap();
    });
}

#[test]
fn nobody_else_may_read_the_files() {
    for_each_sqlite(async |bench| {
        let dir = bench.dir().unwrap();
        accept(&*bench.store, CLINIC, 1).await;
        let large = vec![1; 300_000];
        let write = acceptance(&*bench.store, CLINIC, 2, store::MessageState::Accepted, &large).await.unwrap();
        commit(&*bench.store, CLINIC, vec![write]).await.unwrap();
        let mut seen = 0;
        for folder in [dir.clone(), dir.join("bodies")] {
            assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
            for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                assert!(mode == 0o600 || entry.path().is_dir(), "{:?} {mode:o}", entry.path());
                seen += 1;
            }
        }
        assert_eq!(seen, 7, "database, WAL, shared memory, lock, bodies, a segment, a file");
    });
}

#[test]
fn a_newer_schema_is_refused() {
    for_each_sqlite(async |bench| {
        bench.store.close().await.unwrap();
        let dir = bench.dir().unwrap();
        let database = rusqlite::Connection::open(dir.join("sealpost.db")).unwrap();
        database.pragma_update(None, "user_version", 1_000).unwrap();
        drop(database);
        let Err(error) = open_sqlite(&dir, SqliteOptions::default()) else { panic!("opened") };
        assert!(matches!(error, StoreError::NewerSchema { found: 1000, known } if known < 1000), "{error}");
    });
}

#[test]
fn the_directory_is_made_with_its_parents() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("var/lib/sealpost");
    open_sqlite(&inner, inline()).unwrap();
    assert!(inner.join("sealpost.db").exists());
}
