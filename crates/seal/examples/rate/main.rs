//! What sealing and opening cost on one core, next to the raw operations of the
//! provider of cryptography. `cargo xtask bench seal` runs it beside GnuPG and
//! `openssl cms`.
//!
//!     cargo run --release -p seal --example rate -- rates SECONDS WORDS [NAME=OPENPGP-KEYFILE]…
//!     cargo run --release -p seal --example rate -- memory METHOD RECIPIENTS BYTES
//!
//! Only figures with WORDS in `NAME BYTES` are taken, all where they are empty:
//! a profiler that runs it sees that one operation.
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

use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// As in the product.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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

/// What is measured, and how long.
pub struct Run {
    /// The processor's time that each figure takes, at the least.
    at_least: Duration,
    /// Only figures with this in their names, which their bytes follow here.
    only: String,
}

impl Run {
    /// Runs `work` on this thread for its time, after a warm-up.
    pub fn rate(&self, name: &str, bytes: usize, mut work: impl FnMut() -> usize) -> Figure {
        self.rate_of(name, bytes, || (), |()| work())
    }

    /// The same, with something that is made afresh for each run and not measured.
    pub fn rate_of<T>(
        &self,
        name: &str,
        bytes: usize,
        mut make: impl FnMut() -> T,
        mut work: impl FnMut(T) -> usize,
    ) -> Figure {
        black_box(work(make()));
        let is_wanted = format!("{name} {bytes}").contains(&self.only);
        let (mut runs, mut spent) = (Vec::new(), Duration::ZERO);
        while is_wanted && (runs.len() < 5 || spent < self.at_least) {
            let made = make();
            let started = processor_time();
            black_box(work(made));
            let run = processor_time().saturating_sub(started);
            spent += run;
            runs.push(run);
        }
        runs.sort_unstable();
        let median = runs.get(runs.len() / 2).map_or(f64::INFINITY, Duration::as_secs_f64);
        Figure { name: name.to_owned(), bytes, per_s: 1.0 / median }
    }
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
        ["rates", seconds, only, key_files @ ..] => {
            let run = Run { at_least: Duration::from_secs_f64(seconds.parse()?), only: (*only).to_owned() };
            let mut figures = raw::figures(&run)?;
            figures.extend(whole::figures(key_files, &run)?);
            figures.retain(|figure| figure.per_s > 0.0);
            println!("{}", serde_json::to_string(&figures)?);
        }
        ["memory", method, recipients, bytes] => {
            println!("{}", memory::peak(method, recipients.parse()?, bytes.parse()?)?);
        }
        _ => return Err("rates SECONDS WORDS [NAME=KEYFILE]…, or memory METHOD RECIPIENTS BYTES".into()),
    }
    Ok(())
}
