//! The public test suites that may stand beside a checkout.
//!
//! They are never part of the project. `SEALPOST_SUITES` names their folder;
//! where it is not set, a test says so on its output and ends.

use std::path::PathBuf;

/// The folder of a suite: `suite("smtp-smuggling")`. None, with a line that says so, where there is none.
///
/// # Panics
///
/// When `SEALPOST_SUITES` is set and the suite is not there: that is a mistake, and no reason to test less.
pub fn suite(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("SEALPOST_SUITES") else {
        // The runner counts these lines.
        eprintln!("NOT RUN: suite {name} (SEALPOST_SUITES is not set)");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_dir(), "SEALPOST_SUITES is set, but there is no {}", path.display());
    Some(path)
}
