//! `sealpost serve`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use identity::{Action, Principal, Resource, authorize};
use rustix::process::{DumpableBehavior, Resource as RlimitResource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::{loaded, operator, print};
use crate::cli::{Cli, Serve};
use crate::engine::Engine;
use crate::installation::{Installation, Seams};
use crate::logs;

/// A crash must not write clear messages and keys into a core file, nor hand
/// them to whatever program collects those; nobody but root may look inside.
fn keep_memory_off_disks() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(RlimitResource::Core, none).context("core files can't be turned off")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("the process can't be made undumpable")
}

/// Serves until SIGTERM or SIGINT, then stops in order.
pub async fn run(cli: &Cli, wanted: &Serve) -> Result<ExitCode> {
    authorize(&Principal::Host { account: operator() }, Action::ManageOrganisations, &Resource::Deployment)?;
    let loaded = loaded(cli)?;
    logs::begin(&loaded.config.log)?;
    keep_memory_off_disks()?;
    let seams = Seams::default();
    let installation = Installation::open(&loaded.config, &seams).await?;
    let engine = Engine::start(&loaded.config, &seams, installation).await?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be handled")?;
    if wanted.announce {
        print(&engine.announcement().to_string())?;
    }
    tracing::info!(addresses = ?engine.addresses, "ready");
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP can't be handled")?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                tracing::info!("certificates are read when their files change; any other change needs a restart");
            }
        }
    }
    tracing::info!("stopping: what is under way is ended first");
    engine.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
