//! Runs that CI makes short and `cargo xtask soak` long: how often, and what
//! came of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::str::FromStr;

/// How often: what the variable says, or `otherwise` where it is not set.
///
/// # Panics
///
/// When it is set to anything but a number.
pub fn count<N: FromStr>(variable: &str, otherwise: N) -> N {
    let Ok(text) = std::env::var(variable) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{variable}={text}: a number is wanted"))
}

/// Tells what came of a run, for the report of `cargo xtask soak`: `SEALPOST_SOAK_REPORT` names the file where it
/// looks for that.
pub fn report(line: &str) {
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("SEALPOST_SOAK_REPORT") {
        // One write a line, so that tests at the same time do not mix.
        let file = OpenOptions::new().append(true).create(true).open(path);
        drop(file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())));
    }
}
