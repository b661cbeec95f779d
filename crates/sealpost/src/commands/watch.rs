//! `sealpost watch …`: the domains that are probed on a schedule.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use discovery::watch::{Round, Seen};
use flow::watch::{self, Standing};
use identity::{Action, Resource};
use mail::Domain;
use serde_json::{Value, json};

use super::{Opened, loaded, print, say};
use crate::cli::{Cli, Organisation, WatchVerb};

/// Runs it.
pub async fn run(cli: &Cli, verb: &WatchVerb) -> Result<ExitCode> {
    let wanted = loaded(cli)?.config.watch;
    let opened = Opened::new(cli, &Organisation { organisation: wanted.organisation }).await?;
    opened.may(Action::ReadWatch, &Resource::Organisation(opened.organisation.org))?;
    match verb {
        WatchVerb::List => list(cli, &opened, &wanted.domains).await?,
        WatchVerb::History { domain, limit } => history(cli, &opened, domain, *limit).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(cli: &Cli, opened: &Opened, domains: &[Domain]) -> Result<()> {
    if domains.is_empty() {
        say("nothing is watched: watch.domains is empty");
    }
    let width = domains.iter().map(|domain| domain.as_str().len()).max().unwrap_or(0);
    for standing in watch::standings(&opened.installation.journey, &opened.organisation, domains).await? {
        print(&match cli.json {
            true => standing_json(&standing).to_string(),
            false => format!("{:width$}  {}", standing.domain.as_str(), standing_text(&standing)),
        })?;
    }
    Ok(())
}

async fn history(cli: &Cli, opened: &Opened, domain: &Domain, limit: usize) -> Result<()> {
    let rounds = watch::history(&opened.installation.journey, &opened.organisation, domain, limit).await?;
    ensure!(!rounds.is_empty(), "there is no round of {domain}");
    for round in &rounds {
        print(&if cli.json { round_json(domain, round).to_string() } else { round_text(round) })?;
    }
    Ok(())
}

fn standing_text(standing: &Standing) -> String {
    let Some(round) = &standing.last else { return "not probed yet".to_owned() };
    let how = match &round.fall {
        Some(fall) => format!("fell {}: {}", fall.since.strftime("%F %R"), fall.because.join("; ")),
        None => "as it was".to_owned(),
    };
    format!("{}  {}  {how}", round.at.strftime("%F %R"), seen_text(round.seen.as_ref()))
}

fn standing_json(standing: &Standing) -> Value {
    let Some(round) = &standing.last else {
        return json!({ "domain": standing.domain, "at": null, "level": null, "grade": null,
            "certificate_ends": null, "fall": null });
    };
    let fall = round.fall.as_ref().map(|fall| json!({ "since": fall.since, "because": fall.because }));
    let mut told = json!({ "domain": standing.domain, "at": round.at, "fall": fall });
    add_seen(&mut told, round.seen.as_ref());
    told
}

fn round_text(round: &Round) -> String {
    let change = round.change.map_or_else(String::new, |change| format!("  {}", change.word()));
    let because = if round.because.is_empty() { String::new() } else { format!(": {}", round.because.join("; ")) };
    format!("{}  {}{change}{because}", round.at.strftime("%F %R"), seen_text(round.seen.as_ref()))
}

fn round_json(domain: &Domain, round: &Round) -> Value {
    let mut told = json!({ "domain": domain, "at": round.at, "change": round.change, "because": round.because,
        "findings": round.findings });
    add_seen(&mut told, round.seen.as_ref());
    told
}

fn seen_text(seen: Option<&Seen>) -> String {
    seen.map_or_else(
        || "not to be told     ".to_owned(),
        |seen| format!("{:<9} grade {}", seen.level.word(), seen.grade),
    )
}

fn add_seen(told: &mut Value, seen: Option<&Seen>) {
    told["level"] = json!(seen.map(|seen| seen.level));
    told["grade"] = json!(seen.map(|seen| seen.grade));
    told["certificate_ends"] = json!(seen.and_then(|seen| seen.certificate_ends));
}
