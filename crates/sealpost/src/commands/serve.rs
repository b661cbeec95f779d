//! `sealpost serve`.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use identity::{Action, Principal, Resource, authorize};
use rustix::process::{DumpableBehavior, Resource as RlimitResource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::{loaded, operator, print};
use crate::cli::{Cli, Serve};
use crate::config::Config;
use crate::engine::Engine;
use crate::installation::{Installation, Seams};
use crate::logs::{self, Logs};

/// A crash must not write clear messages and keys into a core file, nor hand
/// them to whatever program collects those; nobody but root may look inside.
fn keep_memory_off_disks() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(RlimitResource::Core, none).context("core files can't be turned off")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("the process can't be made undumpable")
}

/// Serves until SIGTERM or SIGINT, then stops in order. SIGHUP reads the
/// configuration again.
pub async fn run(cli: &Cli, wanted: &Serve) -> Result<ExitCode> {
    authorize(&Principal::Host { account: operator() }, Action::ManageOrganisations, &Resource::Deployment)?;
    let loaded = loaded(cli)?;
    let logs = logs::begin(&loaded.config.log)?;
    keep_memory_off_disks()?;
    let seams = Seams::default();
    let installation = Installation::open(&loaded.config, &seams).await?;
    let engine = Engine::start(&loaded.config, &seams, installation).await?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be handled")?;
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP can't be handled")?;
    if wanted.announce {
        print(&engine.announcement().to_string())?;
    }
    tracing::info!(addresses = ?engine.addresses, "ready");
    let mut running = Running { engine, config: loaded.config, seams, logs, retiring: JoinSet::new() };
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => running.reload(cli).await,
            Some(_) = running.retiring.join_next() => {}
        }
    }
    tracing::info!("stopping: what is under way is ended first");
    running.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The server under the configuration that holds now.
struct Running {
    engine: Engine,
    config: Config,
    seams: Seams,
    logs: Logs,
    /// Servers under earlier configurations, ending what was under way.
    retiring: JoinSet<()>,
}

impl Running {
    /// Goes on under the configuration as it is written now, or under the one
    /// that held until now if that has a fault.
    async fn reload(&mut self, cli: &Cli) {
        match self.try_reload(cli).await {
            Ok(()) => tracing::info!(addresses = ?self.engine.addresses, "reloaded: the new configuration holds"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "not reloaded: the old configuration holds"),
        }
    }

    async fn try_reload(&mut self, cli: &Cli) -> Result<()> {
        let config = loaded(cli)?.config;
        if let Some(key) = self.config.immovable(&config) {
            bail!("{key} can't change while the server runs: restart it");
        }
        let next = self.engine.succeeding(&config, &self.seams).await?;
        self.logs.change(&config.log)?;
        let before = std::mem::replace(&mut self.engine, next);
        before.close_doors();
        self.config = config;
        self.retiring.spawn(before.retire());
        Ok(())
    }

    async fn stop(mut self) -> Result<()> {
        self.engine.close_doors();
        while self.retiring.join_next().await.is_some() {}
        self.engine.stop().await
    }
}
