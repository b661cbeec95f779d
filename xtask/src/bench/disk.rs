//! What a sync takes on the disk that the servers write to.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::probe::p99_ms;

/// How often.
const SYNCS: usize = 1_000;

/// Appends 4 KiB and syncs it, again and again; what 99 of 100 syncs stay under, in milliseconds.
pub fn sync_p99_ms(folder: &Path) -> Result<f64> {
    let path = folder.join("sync");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).context("a file to sync")?;
    let block = [0x5a; 4096];
    let mut times: Vec<Duration> = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&block)?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(p99_ms(times))
}
