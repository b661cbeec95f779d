//! `sealpost doctor`: the checks of [`crate::doctor`], told as they are made.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum as _;
use identity::{Action, Principal, Resource, authorize};
use serde_json::json;

use super::{loaded, operator, print};
use crate::cli::{Cli, DoctorArgs};
use crate::doctor::{Area, Doctor, Finding, Outcome, ask_server};
use crate::installation::Seams;

/// The width of the longest area.
const COLUMN: usize = 13;

/// Runs it: well where nothing failed, and with `--strict` nothing was warned of.
pub async fn run(cli: &Cli, wanted: &DoctorArgs) -> Result<ExitCode> {
    authorize(&Principal::Host { account: operator() }, Action::ManageOrganisations, &Resource::Deployment)?;
    if wanted.ready {
        return ready(cli).await;
    }
    let doctor = Doctor::new(&cli.config, Seams::default()).await;
    let areas = if wanted.only.is_empty() { Area::value_variants() } else { &wanted.only };
    let is_coloured = std::io::stdout().is_terminal() && !cli.no_color && std::env::var_os("NO_COLOR").is_none();
    let mut all = Vec::new();
    for area in areas {
        let findings = doctor.look_at(*area).await;
        if !cli.json {
            findings.iter().try_for_each(|finding| print(&told(finding, is_coloured)))?;
        }
        all.extend(findings);
    }
    let count = |outcome| all.iter().filter(|finding| finding.outcome == outcome).count();
    let (failed, warned) = (count(Outcome::Failed), count(Outcome::Warning));
    match cli.json {
        true => print(&json!({ "checks": all, "failed": failed, "warnings": warned }).to_string())?,
        false => print(&format!("\n{} checks: {failed} failed, {warned} to be seen to", all.len()))?,
    }
    let is_well = failed == 0 && (warned == 0 || !wanted.strict);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the server that runs can take mail: what a container's health check asks.
async fn ready(cli: &Cli) -> Result<ExitCode> {
    let config = loaded(cli)?.config;
    let asked = ask_server(&config).await;
    if cli.json {
        let because = asked.as_ref().err().map(|error| format!("{error:#}"));
        print(&json!({ "ready": asked.is_ok(), "because": because }).to_string())?;
    }
    match asked {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(_) if cli.json => Ok(ExitCode::FAILURE),
        Err(error) => Err(error),
    }
}

fn told(finding: &Finding, is_coloured: bool) -> String {
    let (mark, colour) = match finding.outcome {
        Outcome::Ok => ("✓", "32"),
        Outcome::Skipped => ("-", "2"),
        Outcome::Warning => ("!", "33"),
        Outcome::Failed => ("✗", "31"),
    };
    let mark = if is_coloured { format!("\u{1b}[{colour}m{mark}\u{1b}[0m") } else { mark.to_owned() };
    let area = finding.area.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let line = format!("{mark} {area:<COLUMN$}  {}", finding.message);
    match &finding.fix {
        Some(fix) => format!("{line}\n  {:<COLUMN$}  → {fix}", ""),
        None => line,
    }
}
