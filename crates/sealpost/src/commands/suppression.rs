//! `sealpost suppression …`: who gets nothing more, and what staff does about it.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::suppression::{self, Added, NewSuppression, Origin, Suppression};
use identity::{Action, Resource};
use mail::suppression::Reason;
use mail::{Address, SuppressionId};
use serde_json::{Value, json};

use super::suppression_list::{export, import};
use super::{Opened, print, say};
use crate::cli::{Cli, Organisation, SuppressionAdd, SuppressionVerb};
use crate::wake;

/// Runs it.
pub async fn run(cli: &Cli, verb: &SuppressionVerb) -> Result<ExitCode> {
    match verb {
        SuppressionVerb::List { reason, stream, after, limit, organisation } => {
            list(cli, (*reason, stream.as_deref()), *after, *limit, organisation).await
        }
        SuppressionVerb::Show { which, organisation } => show(cli, which, organisation).await,
        SuppressionVerb::Add(new) => add(cli, new).await,
        SuppressionVerb::Remove { id, reason, organisation } => remove(cli, *id, reason, organisation).await,
        SuppressionVerb::Import { file, reason, dry_run, organisation } => {
            import(cli, file, *reason, *dry_run, organisation).await
        }
        SuppressionVerb::Export { organisation } => export(cli, organisation).await,
    }
}

/// Opens the installation for who may do this.
pub(super) async fn opened(cli: &Cli, which: &Organisation, action: Action) -> Result<Opened> {
    let opened = Opened::new(cli, which).await?;
    opened.may(action, &Resource::Organisation(opened.organisation.org))?;
    Ok(opened)
}

async fn list(
    cli: &Cli,
    wanted: (Option<Reason>, Option<&str>),
    after: Option<SuppressionId>,
    limit: usize,
    which: &Organisation,
) -> Result<ExitCode> {
    let opened = opened(cli, which, Action::ReadSuppressions).await?;
    let found = suppression::list(&opened.installation.journey, &opened.organisation, wanted, after, limit).await?;
    found.iter().try_for_each(|one| shown(cli, one))?;
    if let Some(last) = found.last().filter(|_| found.len() == limit) {
        say(&format!("there may be more: --after {}", last.id));
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(cli: &Cli, which: &str, organisation: &Organisation) -> Result<ExitCode> {
    let opened = opened(cli, organisation, Action::ReadSuppressions).await?;
    let journey = &opened.installation.journey;
    let found = match which.parse::<SuppressionId>() {
        Ok(id) => suppression::find(journey, &opened.organisation, id).await?.into_iter().collect(),
        Err(_) => {
            let address = Address::parse(which).context("neither an address nor sup_…")?;
            suppression::of_address(journey, &opened.organisation, &address).await?
        }
    };
    found.iter().try_for_each(|one| shown(cli, one))?;
    if found.is_empty() {
        say("nothing is suppressed there");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(cli: &Cli, new: &SuppressionAdd) -> Result<ExitCode> {
    let opened = opened(cli, &new.organisation, Action::ManageSuppressions).await?;
    let journey = &opened.installation.journey;
    if let Some(stream) = &new.stream {
        suppression::known_stream(journey, stream)?;
    }
    let origin = Origin::Staff { by: opened.principal.to_string() };
    let wanted = NewSuppression { address: &new.address, stream: new.stream.as_deref(), reason: new.reason, origin };
    let added = suppression::suppress(journey, opened.organisation.org, wanted).await?;
    wake::ring(&opened.loaded.config);
    if let Some(one) = suppression::find(journey, &opened.organisation, added.id()).await? {
        shown(cli, &one)?;
    }
    match added {
        Added::New(id) => say(&format!("✓ {id} is suppressed")),
        Added::Before(id) => say(&format!("it was suppressed already, by {id}")),
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(cli: &Cli, id: SuppressionId, because: &str, which: &Organisation) -> Result<ExitCode> {
    let opened = opened(cli, which, Action::ManageSuppressions).await?;
    let (journey, org, by) = (&opened.installation.journey, opened.organisation.org, opened.principal.to_string());
    let one = suppression::remove(journey, org, id, &by, because).await?;
    wake::ring(&opened.loaded.config);
    if cli.json {
        print(&to_json(&one).to_string())?;
    }
    say(&format!("✓ {id} is taken back: mail goes to {} again", one.address));
    let left = suppression::of_address(journey, &opened.organisation, &one.address).await?;
    if !left.is_empty() {
        let left: Vec<String> = left.iter().map(|one| format!("{} ({})", one.id, one.reason)).collect();
        say(&format!("but other entries stay: {}", left.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(cli: &Cli, one: &Suppression) -> Result<()> {
    print(&if cli.json { to_json(one).to_string() } else { to_line(one) })
}

fn to_json(one: &Suppression) -> Value {
    json!({
        "id": one.id, "address": one.address, "stream": one.stream, "reason": one.reason,
        "origin": one.origin.to_string(), "since": one.at,
    })
}

fn to_line(one: &Suppression) -> String {
    let stream = one.stream.as_deref().unwrap_or("every stream");
    let since = one.at.strftime("%Y-%m-%d");
    format!("{}  {since}  {:<11}  {stream:<12}  {}: {}", one.id, one.reason.word(), one.address, one.origin)
}
