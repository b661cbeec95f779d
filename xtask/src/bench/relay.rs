//! The rounds: each server in turn, fresh each time, so that both see the same
//! machine in the same minutes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::load::{Figures, Load, Sink, measure};
use super::report::Report;
use super::{Options, disk, postfix, sealpost, signature};
use crate::cargo;

/// Messages that each session sends before anything is counted: processes are
/// started and sessions made that a server under load already has.
pub const WARM_UP: u32 = 10;

/// The name of the rounds in which Sealpost signs.
pub const SIGNED: &str = "sealpost, DKIM";

/// What every round uses.
pub struct Bench {
    /// Where the release builds are.
    pub release: PathBuf,
    /// Where mail goes.
    pub sink: Sink,
    anchors: TempDir,
}

/// Runs all rounds and prints what they came to.
pub fn run(options: &Options) -> Result<()> {
    let wants = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    postfix::ensure_present(wants("postfix"))?;
    let mut bench = Bench::new()?;
    let mut names: Vec<&str> = ["postfix", "sealpost"].into_iter().filter(|name| wants(name)).collect();
    names.extend((options.dkim && wants("sealpost")).then_some(SIGNED));
    let mut report = Report::default();
    for round in 1..=options.rounds {
        let folder = tempfile::tempdir()?;
        report.sync_p99_ms.push(disk::sync_p99_ms(folder.path())?);
        if options.dkim {
            report.signature_ms.push(signature::rsa_2048_ms()?);
        }
        for &name in &names {
            let figures = bench.round(name, options).with_context(|| format!("round {round} of {name}"))?;
            report.add(name, round, figures);
        }
    }
    report.finish(options)
}

impl Bench {
    /// Builds what is measured and starts the sink.
    pub fn new() -> Result<Self> {
        // The sink, too: a slow one would be what is measured.
        cargo::run(&["build", "--quiet", "--release", "--package", "sealpost", "--package", "xtask"])?;
        let release = release()?;
        let anchors = tempfile::tempdir()?;
        let sink = Sink::start(&release.join("xtask"), anchors.path())?;
        Ok(Self { release, sink, anchors })
    }

    fn round(&mut self, name: &str, options: &Options) -> Result<Figures> {
        let folder = tempfile::Builder::new().prefix("relay").tempdir()?;
        let (mut peer, door) = match name {
            "postfix" => postfix::start(folder.path(), self.sink.address)?,
            _ => {
                let setting = sealpost::Setting { dkim: name == SIGNED, ..self.setting(folder.path()) };
                setting.prepare()?;
                let running = setting.serve()?;
                (running.peer, running.door)
            }
        };
        let warm_up = Load::relayed(u64::from(options.sessions * WARM_UP), options.sessions);
        measure(&mut peer, door, &mut self.sink, warm_up)?;
        let load = Load::relayed(options.messages, options.sessions);
        let figures = measure(&mut peer, door, &mut self.sink, load)?;
        peer.stop()?;
        Ok(figures)
    }

    /// Sealpost in a folder.
    pub fn setting<'s>(&'s self, folder: &'s Path) -> sealpost::Setting<'s> {
        sealpost::Setting {
            folder,
            release: &self.release,
            anchors: self.anchors.path().join("anchors.pem"),
            sink: self.sink.address,
            dkim: false,
        }
    }
}

fn release() -> Result<PathBuf> {
    let metadata = cargo::metadata()?;
    let target = metadata["target_directory"].as_str().context("no target directory")?;
    Ok(Path::new(target).join("release"))
}
