//! Damage: a clear error, never a panic, never a wrong answer.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use store::{MessageState, SqliteOptions, Store, StoreError, open_sqlite};

use crate::engines::{Bench, for_each_sqlite, inline, runtime};
use crate::make::*;

const SEGMENT: &str = "bodies/segment-00000001";

async fn read(store: &dyn Store, number: u16) -> Result<Vec<u8>, StoreError> {
    let row = store.message(CLINIC, message_id(number)).await?.expect("the message");
    store.read_body(CLINIC, row.message, &row.body).await
}

#[track_caller]
fn corrupt<T: std::fmt::Debug>(outcome: Result<T, StoreError>, names: &str) {
    let Err(StoreError::Corrupt { what }) = &outcome else { panic!("{outcome:?}") };
    assert!(what.contains(names), "{what}");
}

async fn accept_large(store: &dyn Store, number: u16) -> Vec<u8> {
    let large = vec![number as u8; 400_000];
    let write = acceptance(store, CLINIC, number, MessageState::Accepted, &large).await.unwrap();
    commit(store, CLINIC, vec![write]).await.unwrap();
    large
}

#[test]
fn a_torn_tail_of_a_segment_is_passed_over() {
    for_each_sqlite(async |mut bench| {
        accept(&*bench.store, CLINIC, 1).await;
        let segment = bench.dir().unwrap().join(SEGMENT);
        OpenOptions::new().append(true).open(&segment).unwrap().write_all(&[0xee; 777]).unwrap();
        bench.reopen().await;
        accept(&*bench.store, CLINIC, 2).await;
        bench.reopen().await;
        for number in [1, 2] {
            assert_eq!(read(&*bench.store, number).await.unwrap(), body(number));
        }
    });
}

#[test]
fn a_body_that_is_cut_or_changed_is_told() {
    for_each_sqlite(async |bench| {
        let store = &*bench.store;
        for number in 1..=3 {
            accept(store, CLINIC, number).await;
        }
        accept_large(store, 4).await;
        let dir = bench.dir().unwrap();
        let segment = OpenOptions::new().write(true).open(dir.join(SEGMENT)).unwrap();
        let length = body(1).len() as u64;
        segment.write_all_at(b"?", length + 9).unwrap();
        segment.set_len(length * 3 - 1).unwrap();
        let own = dir.join(format!("bodies/{}.org_1", message_id(4)));
        OpenOptions::new().write(true).open(own).unwrap().write_all_at(b"?", 399_999).unwrap();
        assert_eq!(read(store, 1).await.unwrap(), body(1));
        corrupt(read(store, 2).await, "not what was written");
        corrupt(read(store, 3).await, "cut short");
        corrupt(read(store, 4).await, "not what was written");
    });
}

#[test]
fn a_missing_body_is_told_and_the_rest_goes_on() {
    for_each_sqlite(async |mut bench| {
        accept(&*bench.store, CLINIC, 1).await;
        let large = accept_large(&*bench.store, 2).await;
        accept_large(&*bench.store, 3).await;
        bench.store.close().await.unwrap();
        let dir = bench.dir().unwrap();
        std::fs::remove_file(dir.join(SEGMENT)).unwrap();
        std::fs::remove_file(dir.join(format!("bodies/{}.org_1", message_id(3)))).unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        corrupt(read(store, 1).await, "bodies/segment-00000001 is missing");
        corrupt(read(store, 3).await, "is missing; restore it from the backup");
        assert_eq!(read(store, 2).await.unwrap(), large);
        // What is new never takes the place of what is to be restored.
        accept(store, CLINIC, 5).await;
        assert_eq!(read(store, 5).await.unwrap(), body(5));
        assert!(!dir.join(SEGMENT).exists());
    });
}

#[test]
fn a_missing_database_beside_bodies_is_no_new_one() {
    for_each_sqlite(async |bench| {
        let large = accept_large(&*bench.store, 1).await;
        bench.store.close().await.unwrap();
        let dir = bench.dir().unwrap();
        let database = dir.join("sealpost.db");
        for empty in [true, false] {
            std::fs::write(&database, b"").unwrap();
            if !empty {
                std::fs::remove_file(&database).unwrap();
            }
            corrupt(open_sqlite(&dir, inline()).map(drop), "the database is missing");
        }
        let own = dir.join(format!("bodies/{}.org_1", message_id(1)));
        assert_eq!(std::fs::read(own).unwrap(), large, "nothing was taken for left over");
    });
}

#[test]
fn what_is_no_database_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sealpost.db"), "dear diary ".repeat(1000)).unwrap();
    corrupt(open_sqlite(dir.path(), SqliteOptions::default()).map(drop), "sealpost.db");
}

/// Asks everything, and gives the first error. A right answer may still come
/// where the damage doesn't matter to it.
async fn ask_everything(store: &dyn Store, numbers: std::ops::Range<u16>) -> Result<(), StoreError> {
    for number in numbers.clone() {
        let row = store.message(CLINIC, message_id(number)).await?;
        let Some(row) = row else { panic!("message {number} is silently gone") };
        assert_eq!((row.wrapped_key, row.dimensions), (Some(key(number)), dimensions(number)));
        let parcels = store.parcels(CLINIC, message_id(number)).await?;
        assert_eq!(parcels.iter().map(|parcel| parcel.parcel).collect::<Vec<_>>(), [parcel_id(number)]);
        assert_eq!(store.journal(CLINIC, message_id(number)).await?.len(), 1);
    }
    assert_eq!(store.messages(CLINIC, None, 1000).await?.len(), numbers.len());
    assert_eq!(store.keys(CLINIC, None, 1000).await?.len(), numbers.len());
    assert_eq!(store.unsequenced(CLINIC, 1000).await?.len(), numbers.len());
    accept_again(store).await?;
    assert_eq!(store.lease("here", at(1), at(2), store::Room::any(1000)).await?.len(), numbers.len());
    Ok(())
}

async fn accept_again(store: &dyn Store) -> Result<(), StoreError> {
    let write = acceptance(store, OTHER, 1, MessageState::Accepted, b"body").await?;
    commit(store, OTHER, vec![write]).await
}

#[test]
fn a_garbled_page_of_the_database_is_told() {
    const PAGE: usize = 4096;
    let bench = Bench::sqlite(inline());
    let numbers = 0..40;
    runtime().block_on(async {
        for number in numbers.clone() {
            let accept = acceptance(&*bench.store, CLINIC, number, MessageState::Decided, &body(number)).await.unwrap();
            let writes = vec![accept, parcel(number, number, at(0))];
            let transition = store::Transition { org: CLINIC, writes, journal: journal(Some(number), "entry") };
            commit_one(&*bench.store, transition).await.unwrap();
        }
        bench.store.close().await.unwrap();
    });
    let database = bench.dir().unwrap().join("sealpost.db");
    let good = std::fs::read(&database).unwrap();
    let mut told = 0;
    for page in 0..good.len() / PAGE {
        for filler in [0x00, 0xff] {
            let mut bad = good.clone();
            bad[page * PAGE..(page + 1) * PAGE].fill(filler);
            std::fs::write(&database, bad).unwrap();
            let asked = open_sqlite(&bench.dir().unwrap(), inline())
                .and_then(|store| runtime().block_on(ask_everything(&*store, numbers.clone())));
            match asked {
                Ok(()) => {}
                Err(StoreError::Corrupt { what }) => {
                    assert!(what.contains("restore"), "{what}");
                    told += 1;
                }
                Err(error) => panic!("page {page}: {error}"),
            }
        }
    }
    assert!(told >= 20, "{told} of {} pages mattered", good.len() / PAGE);
}

/// A file system of a set size, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(dir: &Path, size: &str) -> Self {
        let options = format!("size={size},mode=700");
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir).status().unwrap();
        assert!(mounted.success(), "mount: {mounted}");
        Self(dir.to_owned())
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut filler = OpenOptions::new().append(true).create(true).open(self.filler()).unwrap();
        for chunk in [1 << 20, 1 << 12] {
            while filler.write_all(&vec![0; chunk]).is_ok() {}
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_recovers_alone() {
    if !testkit::process::is_root() {
        eprintln!("not run: mounting a small file system needs root");
        return;
    }
    for options in [SqliteOptions::default(), inline()] {
        let dir = tempfile::tempdir().unwrap();
        let disk = SmallDisk::mount(dir.path(), "8m");
        let store = open_sqlite(dir.path(), options).unwrap();
        runtime().block_on(async {
            accept_and_queue(&*store, CLINIC, 1, at(0)).await;
            disk.fill();
            let accepted = accept_until_full(&*store).await;
            // Still full, for small and large, and for what frees a parcel.
            assert!(matches!(try_accept(&*store, 5000, &vec![1; 900_000]).await, Err(StoreError::DiskFull)));
            assert!(matches!(try_accept(&*store, 5001, &vec![1; 9_000]).await, Err(StoreError::DiskFull)));
            for number in 2..accepted {
                assert_eq!(read(&*store, number).await.unwrap(), vec![number as u8; 9_000], "{number}");
            }
            assert_eq!(store.lease("here", at(0), at(9), store::Room::any(99)).await.unwrap().len(), 1);
            disk.empty();
            try_accept(&*store, 5000, &vec![1; 900_000]).await.unwrap();
            try_accept(&*store, 5001, &vec![1; 9_000]).await.unwrap();
            store.ready().await.unwrap();
            assert_eq!(read(&*store, 1).await.unwrap(), body(1));
            store.close().await.unwrap();
        });
    }
}

async fn try_accept(store: &dyn Store, number: u16, body: &[u8]) -> Result<(), StoreError> {
    let write = acceptance(store, CLINIC, number, MessageState::Accepted, body).await?;
    commit(store, CLINIC, vec![write]).await
}

/// Accepts messages from 2 on until the disk is full; gives the first that was
/// refused.
async fn accept_until_full(store: &dyn Store) -> u16 {
    for number in 2..4000 {
        match try_accept(store, number, &vec![number as u8; 9_000]).await {
            Ok(()) => {}
            Err(StoreError::DiskFull) => return number,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the disk never got full")
}
