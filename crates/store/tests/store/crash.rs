//! A process that dies: by kill -9, or by its own hand after a failed fsync.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use store::open_sqlite;

use crate::child;
use crate::engines::{inline, runtime};

const INSTALL: &str = "strace is not installed: apt-get install -y strace";

fn check(dir: &Path, acknowledged: &[u16]) {
    let store = open_sqlite(dir, inline()).unwrap();
    runtime().block_on(child::check(&*store, acknowledged));
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_afterwards() {
    for acknowledgements in [1, 7, 30, 100, 250] {
        let dir = tempfile::tempdir().unwrap();
        let mut running = child::command(None, dir.path(), u16::MAX).spawn().unwrap();
        let mut committed = child::committed(&mut running);
        let mut acknowledged: Vec<u16> = committed.by_ref().take(acknowledgements).collect();
        running.kill().unwrap();
        acknowledged.extend(committed);
        assert_eq!(running.wait().unwrap().signal(), Some(9));
        assert!(acknowledged.len() >= acknowledgements);
        check(dir.path(), &acknowledged);
    }
}

/// `strace` that fails the `when`th sync of a file.
fn failing(path: &Path, when: u32) -> Command {
    let mut strace = Command::new("strace");
    let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}+");
    strace.args(["-f", "-qq", "-e", "signal=none", "-e", "trace=fsync,fdatasync", "-e", &inject, "-P"]).arg(path);
    strace.arg("-o").arg("/dev/null");
    strace
}

#[test]
fn a_failed_fsync_ends_the_process_and_loses_nothing_acknowledged() {
    // The first sync of each file, and a later one: the segment, the WAL, the
    // database (at a checkpoint), the directory, a body's own file.
    let own_file = format!("bodies/{}.org_1", crate::make::message_id(9));
    let files = [
        ("bodies/segment-00000001", [1, 5]),
        ("sealpost.db-wal", [1, 6]),
        ("sealpost.db", [1, 3]),
        ("bodies", [1, 2]),
        (own_file.as_str(), [1, 1]),
    ];
    for (file, times) in files {
        for when in times {
            let dir = tempfile::tempdir().unwrap();
            let strace = failing(&dir.path().join(file), when);
            let mut running = child::command(Some(strace), dir.path(), 2_000).spawn().expect(INSTALL);
            let acknowledged: Vec<u16> = child::committed(&mut running).collect();
            let ended = running.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.signal(), Some(6), "{file} {when}: {:?} {said}", ended.status);
            assert!(said.contains("fsync failed"), "{said}");
            check(dir.path(), &acknowledged);
        }
    }
}

/// Where in the trace the last line is that holds all of `parts`.
fn last(trace: &[&str], parts: &[&str]) -> usize {
    let found = trace.iter().rposition(|line| parts.iter().all(|part| line.contains(part)));
    found.unwrap_or_else(|| panic!("{parts:?} is not in the trace:\n{}", trace.join("\n")))
}

/// What a child did to its files until it acknowledged a message.
fn trace(messages: u16, acknowledged: u16) -> String {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qq", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o"]).arg(&log);
    let mut running = child::command(Some(strace), &dir.path().join("data"), messages).spawn().expect(INSTALL);
    assert_eq!(child::committed(&mut running).count(), usize::from(messages));
    running.wait().unwrap();
    let trace = std::fs::read_to_string(log).unwrap();
    let said = trace.find(&format!("committed {acknowledged}.")).unwrap();
    trace[..said].to_owned()
}

#[test]
fn body_and_row_are_synced_before_the_acknowledgement() {
    let own_file = format!("bodies/{}.org_1>", crate::make::message_id(9));
    let (segment, wal) = ("bodies/segment-00000001>", "sealpost.db-wal>");
    let small = [["pwrite64(", segment], ["sync(", segment], ["pwrite64(", wal], ["sync(", wal]];
    let large = [["write(", &own_file], ["sync(", &own_file], ["sync(", "/bodies>"], ["sync(", wal]];
    for (messages, acknowledged, steps) in [(1, 0, small), (10, 9, large)] {
        let trace = trace(messages, acknowledged);
        let lines: Vec<&str> = trace.lines().collect();
        let order = steps.map(|parts| last(&lines, &parts));
        assert!(order.is_sorted(), "{order:?}\n{trace}");
    }
}
