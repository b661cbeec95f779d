//! A power cut: what was acknowledged is there afterwards, whatever became of
//! what was not synced. One process commits and says so; what it did to its
//! files is replayed up to many moments.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use store::open_sqlite;
use testkit::powercut::{PowerCut, Story, Unsynced};
use testkit::soak;

use crate::child;
use crate::engines::{inline, runtime};

/// How many moments are tried; a longer run sets `SEALPOST_CUTS`.
const CUTS: usize = 40;
/// Messages that the process commits: enough for some with a file of their own, and for checkpoints.
const MESSAGES: u16 = 80;

fn story() -> Story {
    let dir = tempfile::tempdir().unwrap();
    let power = PowerCut::over(dir.path());
    let mut running = power.watch(&mut child::command(None, dir.path(), MESSAGES)).spawn().unwrap();
    assert_eq!(child::committed(&mut running).count(), usize::from(MESSAGES));
    assert!(running.wait().unwrap().success());
    power.story()
}

/// What had been acknowledged by then, by what the process had said.
fn acknowledged(story: &Story, moment: usize) -> Vec<u16> {
    let said = story.said(moment);
    let number = |line: &str| line.strip_prefix("committed ")?.strip_suffix('.')?.parse().ok();
    said.lines().filter_map(number).collect()
}

/// The store opens on what is left, and has all that was acknowledged.
fn check(story: &Story, moment: usize, unsynced: Unsynced) {
    let dir = tempfile::tempdir_in(memory()).unwrap();
    story.leave(moment, unsynced, dir.path());
    let acknowledged = acknowledged(story, moment);
    let store = open_sqlite(dir.path(), inline()).unwrap_or_else(|error| panic!("{moment} {unsynced:?}: {error}"));
    runtime().block_on(child::check(&*store, &acknowledged));
}

fn memory() -> &'static Path {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared } else { Path::new("/tmp") }
}

#[test]
fn what_was_acknowledged_before_a_power_cut_is_there_afterwards() {
    let story = story();
    let cuts = soak::count("SEALPOST_CUTS", CUTS);
    let moments = story.moments();
    assert!(acknowledged(&story, moments).len() == usize::from(MESSAGES) && moments > 400, "{moments} moments");
    for cut in 0..cuts {
        // Spread over all of them, the last one among them.
        let moment = moments - 1 - cut * (moments - 1) / cuts;
        for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn(cut as u64), Unsynced::Torn(!(cut as u64))] {
            check(&story, moment, unsynced);
        }
    }
    soak::report(&format!("power: {} cuts at moments of {moments}, nothing lost", cuts * 4));
}

/// The layer would show it.
#[test]
fn a_disk_that_only_says_it_has_synced_is_found_out() {
    let story = story().on_a_disk_that_lies();
    let lost = |unsynced| catch_unwind(AssertUnwindSafe(|| check(&story, story.moments() - 1, unsynced))).is_err();
    assert!(lost(Unsynced::Lost) && lost(Unsynced::Torn(7)));
    assert!(!lost(Unsynced::Kept));
}
