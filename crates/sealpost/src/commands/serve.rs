//! `sealpost serve`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use identity::{Action, Principal, Resource, authorize};
use tokio::signal::unix::{SignalKind, signal};

use super::{loaded, operator, print};
use crate::cli::{Cli, Serve};
use crate::engine::Engine;
use crate::installation::{Installation, Seams};
use crate::logs;

/// Serves until SIGTERM or SIGINT, then stops in order.
pub async fn run(cli: &Cli, wanted: &Serve) -> Result<ExitCode> {
    authorize(&Principal::Host { account: operator() }, Action::ManageOrganisations, &Resource::Deployment)?;
    let loaded = loaded(cli)?;
    logs::begin(&loaded.config.log)?;
    let seams = Seams::default();
    let installation = Installation::open(&loaded.config, &seams).await?;
    let engine = Engine::start(&loaded.config, &seams, installation).await?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be handled")?;
    if wanted.announce {
        print(&engine.announcement().to_string())?;
    }
    tracing::info!(addresses = ?engine.addresses, "ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: what is under way is ended first");
    engine.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
