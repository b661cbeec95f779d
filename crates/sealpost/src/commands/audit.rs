//! `sealpost audit …`: the ledger.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use identity::{Action, Resource};
use ledger::{Checkpoint, Report, VerifierKey, audit, outside_checkpoint};

use super::{Opened, print, say};
use crate::cli::{AuditVerb, Cli};
use crate::installation::{checkpoint_dir, origin};

/// Runs it.
pub async fn run(cli: &Cli, verb: &AuditVerb) -> Result<ExitCode> {
    let organisation = match verb {
        AuditVerb::Verify { organisation, .. }
        | AuditVerb::Checkpoint { organisation }
        | AuditVerb::Key { organisation, .. } => organisation,
    };
    let opened = Opened::new(cli, organisation).await?;
    opened.may(Action::ReadLedger, &Resource::Ledger(opened.organisation.org))?;
    let origin = origin(&opened.loaded.config, &opened.organisation.profile.slug);
    let verifier = opened.organisation.signing_key.verifier(&origin);
    match verb {
        AuditVerb::Verify { checkpoint, .. } => verify(cli, &opened, &verifier, checkpoint.as_deref()).await,
        AuditVerb::Checkpoint { .. } => {
            let last = opened.installation.journey.store.last_run(opened.organisation.org).await?;
            print(last.context("the ledger is empty")?.checkpoint.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        AuditVerb::Key { vkey: true, .. } => {
            print(&verifier.to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        AuditVerb::Key { vkey: false, .. } => {
            print(&opened.organisation.signing_key.jwk().to_json())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn verify(cli: &Cli, opened: &Opened, verifier: &VerifierKey, earlier: Option<&Path>) -> Result<ExitCode> {
    // What stands outside is read before the tree, so that it is never ahead of it.
    let outside = outside_checkpoint(&checkpoint_dir(&opened.loaded.config), opened.organisation.org, verifier)
        .context("the checkpoint outside the database can't be used")?;
    let given = earlier.map(|path| checkpoint(path, verifier)).transpose()?;
    let earlier: Vec<Checkpoint> = outside.into_iter().chain(given).collect();
    let store = opened.installation.journey.store.as_ref();
    let report = audit(store, opened.organisation.org, verifier, &earlier).await?;
    if cli.json {
        print(&serde_json::to_string(&report)?)?;
    } else {
        tell(&report)?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn checkpoint(path: &Path, verifier: &VerifierKey) -> Result<Checkpoint> {
    let note = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    Checkpoint::verify(&note, verifier).with_context(|| format!("{} is no checkpoint of this ledger", path.display()))
}

fn tell(report: &Report) -> Result<()> {
    for finding in &report.findings {
        print(&format!("✗ {finding}"))?;
    }
    if report.findings_left_out > 0 {
        print(&format!("✗ and {} more", report.findings_left_out))?;
    }
    if report.is_clean() {
        print(&format!("✓ {} entries in {} runs: whole, in order, signed", report.size, report.runs))?;
    }
    if report.waiting > 0 {
        say(&format!(
            "entries without a position yet: {}; a running server gives them one within a second",
            report.waiting
        ));
    }
    Ok(())
}
