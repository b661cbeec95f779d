//! What sealing and opening cost on one core, next to the raw operations of the
//! provider of cryptography. `cargo xtask bench seal` runs it beside GnuPG and
//! `openssl cms`.
//!
//!     cargo run --release -p seal --example rate -- rates SECONDS [NAME=OPENPGP-KEYFILE]…
//!     cargo run --release -p seal --example rate -- memory METHOD RECIPIENTS BYTES
//!
//! Keys in files, GnuPG's, are for version 1 of encryption: what we make
//! ourselves reads version 2. Prints JSON: a list of figures, medians of the
//! processor's time, or the peak of memory.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod keys;
mod memory;
mod raw;
mod whole;

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// What one operation came to.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The content, in bytes; 0 where there is none.
    pub bytes: usize,
    /// How often a second.
    pub per_s: f64,
}

/// Runs `work` on this thread until `at_least` is over, after a warm-up.
pub fn rate(name: &str, bytes: usize, at_least: Duration, mut work: impl FnMut() -> usize) -> Figure {
    rate_of(name, bytes, at_least, || (), |()| work())
}

/// The same, with something that is made afresh for each run and not measured.
pub fn rate_of<T>(
    name: &str,
    bytes: usize,
    at_least: Duration,
    mut make: impl FnMut() -> T,
    mut work: impl FnMut(T) -> usize,
) -> Figure {
    black_box(work(make()));
    let (mut runs, mut spent) = (Vec::new(), Duration::ZERO);
    while runs.len() < 5 || spent < at_least {
        let made = make();
        let started = processor_time();
        black_box(work(made));
        let run = processor_time().saturating_sub(started);
        spent += run;
        runs.push(run);
    }
    runs.sort_unstable();
    let median = runs.get(runs.len() / 2).copied().unwrap_or_default();
    Figure { name: name.to_owned(), bytes, per_s: 1.0 / median.as_secs_f64() }
}

/// What this thread has used of the processor: what else the machine does is not in it.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["rates", seconds, key_files @ ..] => {
            let at_least = Duration::from_secs_f64(seconds.parse()?);
            let mut figures = raw::figures(at_least)?;
            figures.extend(whole::figures(key_files, at_least)?);
            println!("{}", serde_json::to_string(&figures)?);
        }
        ["memory", method, recipients, bytes] => {
            println!("{}", memory::peak(method, recipients.parse()?, bytes.parse()?)?);
        }
        _ => return Err("rates SECONDS [NAME=KEYFILE]…, or memory METHOD RECIPIENTS BYTES".into()),
    }
    Ok(())
}
