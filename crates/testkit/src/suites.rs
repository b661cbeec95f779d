//! The public test suites that may stand beside a checkout.
//!
//! They are never part of the project. `SEALPOST_SUITES` names their folder;
//! where it is not set, a test says so and ends, and `cargo xtask test` counts
//! it as skipped: `SEALPOST_NOT_RUN` names the file where it looks for that.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// The folder of a suite: `suite("smtp-smuggling")`. None where there is none, and then the test is reported as not
/// run.
///
/// # Panics
///
/// When `SEALPOST_SUITES` is set and the suite is not there: that is a mistake, and no reason to test less.
pub fn suite(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("SEALPOST_SUITES") else {
        not_run(&format!("suite {name}: SEALPOST_SUITES is not set"));
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_dir(), "SEALPOST_SUITES is set, but there is no {}", path.display());
    Some(path)
}

/// Reports the running test as not run.
pub fn not_run(reason: &str) {
    let thread = std::thread::current();
    let line = format!("{} ({reason})\n", thread.name().unwrap_or("a test"));
    eprint!("NOT RUN: {line}");
    if let Some(path) = std::env::var_os("SEALPOST_NOT_RUN") {
        // One write a line, so that tests at the same time do not mix.
        let file = OpenOptions::new().append(true).create(true).open(path);
        drop(file.and_then(|mut file| file.write_all(line.as_bytes())));
    }
}
