//! `cargo xtask test`: every test of the workspace, and one line that counts them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{cargo, packages};

/// Where tests write what they could not run: `testkit::suites` does.
const NOT_RUN: &str = "SEALPOST_NOT_RUN";

/// Which database the machines of the end-to-end tests have: `testkit::sealpost` reads it.
const STORE: &str = "SEALPOST_TEST_STORE";

/// End-to-end tests of what only SQLite has: files of its own to alter, to fill the disk with, to fail to sync. They
/// have no second run on PostgreSQL.
const OF_SQLITE_ALONE: [&str; 5] = [
    "cli::the_audit_sees_a_flipped_byte_and_a_cut_tail",
    "doctor::a_ledger_that_was_cut_back_is_found",
    "faults::a_failed_sync_ends_the_process_and_loses_nothing",
    "faults::a_full_disk_is_452_and_is_taken_again_once_there_is_room",
    "faults::a_full_disk_is_507_to_an_application_and_it_is_taken_again_once_there_is_room",
];

/// Runs every test of the workspace with these further arguments, then the end-to-end tests once more on PostgreSQL.
pub fn run(arguments: &[String]) -> Result<()> {
    packages::ensure_present()?;
    let folder = cargo::root().join("target/xtask");
    fs::create_dir_all(&folder)?;
    let not_run = folder.join("not-run");
    let every = ["--workspace", "--no-fail-fast"].into_iter().chain(arguments.iter().map(String::as_str));
    let (mut counts, mut success) = cargo_test(&every.collect::<Vec<_>>(), &not_run, "sqlite")?;
    if arguments.is_empty() {
        let skipped = OF_SQLITE_ALONE.iter().flat_map(|name| ["--skip", *name]);
        // Of the whole workspace, so that nothing is built anew with other features.
        let again = ["--workspace", "--test", "e2e", "--"].into_iter().chain(skipped);
        let (more, is_fine) = cargo_test(&again.collect::<Vec<_>>(), &not_run, "postgres")?;
        counts = counts.and(&more);
        success &= is_fine;
    }
    eprintln!();
    // The last line of a run: whoever reads it needs nothing else.
    report(&format!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped));
    ensure!(success && counts.failed == 0, "cargo test failed");
    ensure!(counts.passed > 0, "no test ran");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the count is what this program is run for")]
fn report(line: &str) {
    println!("{line}");
}

/// `cargo test`, as root: Postfix and PostgreSQL change users. Who is not root is it in a user namespace of their own,
/// with the range of users that Debian gives every account (`/etc/subuid`).
fn command() -> Result<Command> {
    let cargo = cargo::command(&["test", "--locked"]);
    if packages::is_root() {
        return Ok(cargo);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--map-auto", "--"]).current_dir(cargo::root());
    let try_it = Command::new("unshare").args(["--user", "--map-root-user", "--map-auto", "--", "true"]).output();
    let works = try_it.as_ref().is_ok_and(|output| output.status.success());
    ensure!(works, "the tests want to be root, or a user with a range in /etc/subuid and user namespaces: {try_it:?}");
    command.arg(cargo.get_program()).args(cargo.get_args());
    Ok(command)
}

fn cargo_test(arguments: &[&str], not_run: &Path, store: &str) -> Result<(Counts, bool)> {
    fs::write(not_run, "")?;
    let mut command = command()?;
    command.args(arguments).env(NOT_RUN, not_run).env(STORE, store).stdout(Stdio::piped());
    eprintln!("$ {STORE}={store} cargo test --locked {}", arguments.join(" "));
    let mut child = command.spawn().context("cargo test")?;
    let output = child.stdout.take().context("the output of cargo test")?;
    let mut counts = Counts::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        report(&line);
        counts.add(&line);
    }
    let is_fine = child.wait()?.success();
    Ok((counts.without(&fs::read_to_string(not_run)?), is_fine))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    /// Adds what a line of libtest says: `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |word: &str| -> usize {
            let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
            part.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
        };
        self.passed += number("passed");
        self.failed += number("failed");
        self.skipped += number("ignored");
    }

    fn and(self, more: &Self) -> Self {
        Self {
            passed: self.passed + more.passed,
            failed: self.failed + more.failed,
            skipped: self.skipped + more.skipped,
        }
    }

    /// Tests that ended early because something was not there have passed for libtest, but not here.
    fn without(mut self, not_run: &str) -> Self {
        let mut lines: Vec<&str> = not_run.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        for line in &lines {
            eprintln!("not run: {line}");
        }
        self.passed = self.passed.saturating_sub(lines.len());
        self.skipped += lines.len();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_binaries_are_summed() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 1.28s",
            "test result: FAILED. 16 passed; 6 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.07s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 19, failed: 6, skipped: 1 });
        let counts = counts.without("a test: suite x\nanother: suite y\na test: suite x\n");
        assert_eq!(counts, Counts { passed: 17, failed: 6, skipped: 3 });
    }
}
