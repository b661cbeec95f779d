//! The rounds: each server in turn, fresh each time, so that both see the same
//! machine in the same minutes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::Options;
use super::load::{Figures, Sink, measure};
use super::report::Report;
use super::{postfix, sealpost};
use crate::cargo;

/// Messages that each session sends before anything is counted: processes are
/// started and sessions made that a server under load already has.
const WARM_UP: u32 = 10;

/// What every round uses.
struct Bench<'a> {
    options: &'a Options,
    release: PathBuf,
    anchors: TempDir,
    sink: Sink,
}

/// Runs all rounds and prints what they came to.
pub fn run(options: &Options) -> Result<()> {
    let wants = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    postfix::ensure_present(wants("postfix"))?;
    // The sink, too: a slow one would be what is measured.
    cargo::run(&["build", "--quiet", "--release", "--package", "sealpost", "--package", "xtask"])?;
    let release = release()?;
    let anchors = tempfile::tempdir()?;
    let sink = Sink::start(&release.join("xtask"), anchors.path())?;
    let mut bench = Bench { options, release, anchors, sink };
    let mut report = Report::default();
    for round in 1..=options.rounds {
        for name in ["postfix", "sealpost"].into_iter().filter(|name| wants(name)) {
            let figures = bench.round(name).with_context(|| format!("round {round} of {name}"))?;
            report.add(name, round, figures);
        }
    }
    report.finish(options)
}

impl Bench<'_> {
    fn round(&mut self, name: &str) -> Result<Figures> {
        let folder = tempfile::Builder::new().prefix("relay").tempdir()?;
        let (mut peer, door) = match name {
            "postfix" => postfix::start(folder.path(), self.sink.address)?,
            _ => sealpost::start(&self.setting(folder.path()))?,
        };
        let (messages, sessions) = (self.options.messages, self.options.sessions);
        measure(&mut peer, door, &mut self.sink, u64::from(sessions * WARM_UP), sessions)?;
        let figures = measure(&mut peer, door, &mut self.sink, messages, sessions)?;
        peer.stop()?;
        Ok(figures)
    }

    fn setting<'s>(&'s self, folder: &'s Path) -> sealpost::Setting<'s> {
        sealpost::Setting {
            folder,
            release: &self.release,
            anchors: self.anchors.path().join("anchors.pem"),
            sink: self.sink.address,
            dkim: self.options.dkim,
        }
    }
}

fn release() -> Result<PathBuf> {
    let metadata = cargo::metadata()?;
    let target = metadata["target_directory"].as_str().context("no target directory")?;
    Ok(Path::new(target).join("release"))
}
