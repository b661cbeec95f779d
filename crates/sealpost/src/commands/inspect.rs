//! `sealpost inspect`: needs no server and no configuration.

use std::io::{BufWriter, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trace::Trust;
use trace::evidence::dkim::Key;

use super::say;
use crate::cli::{Cli, Inspect};
use crate::inspect::judge::Judge;
use crate::inspect::pipeline::{self, Tally, Watch};
use crate::inspect::reading::ToCheck;
use crate::inspect::receipt::Given;
use crate::inspect::terminal::Look;
use crate::inspect::{lines, table};

/// Runs it.
pub fn run(cli: &Cli, wanted: &Inspect) -> Result<ExitCode> {
    let trust = trust(wanted.trust.as_deref())?;
    let keys = wanted.dkim_keys.iter().map(|argument| key(argument)).collect::<Result<Vec<_>>>()?;
    let to_check = ToCheck { keys, receipt: Given::read(wanted)? };
    let judge = Judge { trust: &trust, receipt: to_check.receipt.as_ref() };
    let table = table::Table {
        look: Look::of_stdout(cli.no_color),
        explains: wanted.explain,
        checks: wanted.receipt.is_some() || !wanted.dkim_keys.is_empty(),
        is_headed: wanted.paths.len() > 1 || wanted.paths.iter().any(|path| path.is_dir()),
    };
    let threads = wanted.jobs.map_or_else(processors, usize::from);
    let watcher = Watcher::new(&wanted.paths);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let tally = pipeline::run(
        &wanted.paths,
        &to_check,
        threads,
        &|batch, message, out| {
            judge.judge(batch, message, |block, trace, evidence| match cli.json {
                true => lines::write(&message.place, trace, evidence, out),
                false => table.write(&message.place, block, trace, evidence, out),
            })
        },
        &watcher,
        &mut out,
    );
    watcher.bar.finish_and_clear();
    Ok(told(tally.context("can't write")?))
}

/// Exit 0 only where every message was judged.
fn told(tally: Tally) -> ExitCode {
    if tally.failed > 0 && tally.judged > 0 {
        say(&format!("sealpost: {} judged, {} not", tally.judged, tally.failed));
    }
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn trust(path: Option<&Path>) -> Result<Trust> {
    let Some(path) = path else { return Ok(Trust::default()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    Trust::from_toml(&text).with_context(|| format!("{} is no file of trust", path.display()))
}

/// `FILE`, or `s1._domainkey.clinic.example=FILE`.
fn key(argument: &str) -> Result<Key> {
    let (name, path) = match argument.split_once('=') {
        Some((name, path)) if name.contains("._domainkey.") => (Some(name), path),
        _ => (None, argument),
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {path}"))?;
    Key::read(&text, name).with_context(|| format!("{path} is no DKIM key"))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The progress bar on a terminal, and failures on standard error.
struct Watcher {
    bar: ProgressBar,
}

impl Watcher {
    /// A bar where people look on and tables don't scroll by already. Files
    /// have a length; folders and pipes are counted as they come.
    fn new(paths: &[PathBuf]) -> Self {
        if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let length =
            |path: &PathBuf| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|one| one.len());
        let total: Option<u64> = paths.iter().map(length).sum();
        let (bar, template) = match total {
            Some(total) => (
                ProgressBar::new(total),
                "{bar:32} {bytes}/{total_bytes} at {bytes_per_sec}, {eta} left, {msg} messages",
            ),
            None => (ProgressBar::no_length(), "{spinner} {bytes} at {bytes_per_sec}, {msg} messages"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message("0");
        Self { bar }
    }
}

impl Watch for Watcher {
    fn read(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn judged(&self, messages: u64) {
        if !self.bar.is_hidden() {
            let so_far = self.bar.message().parse::<u64>().unwrap_or_default();
            self.bar.set_message((so_far + messages).to_string());
        }
    }

    fn failed(&self, why: &str) {
        self.bar.suspend(|| say(&format!("sealpost: {}", trace::shown(why))));
    }
}
