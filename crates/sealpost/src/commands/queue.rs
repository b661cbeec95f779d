//! `sealpost queue …`: what waits, and what an operator does about it.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use flow::queue::{self, Deed, Waiting, Wanted};
use identity::{Action, Resource};
use mail::MessageId;
use serde_json::{Value, json};

use super::{Opened, print, say};
use crate::cli::{Cli, Organisation, QueueDeed, QueueVerb, Which};
use crate::wake;

/// Runs it.
pub async fn run(cli: &Cli, verb: &QueueVerb) -> Result<ExitCode> {
    match verb {
        QueueVerb::List { which, limit } => list(cli, which, *limit).await,
        QueueVerb::Show { id, organisation } => show(cli, *id, organisation).await,
        QueueVerb::Hold(deed) => act(cli, deed, Deed::Hold, "held back").await,
        QueueVerb::Release(deed) => act(cli, deed, Deed::Release, "let go").await,
        QueueVerb::Retry(deed) => act(cli, deed, Deed::Retry, "tried now").await,
        QueueVerb::Drop { deed, silent, yes } => {
            ensure!(*yes || deed.dry_run, "this can't be undone: look with --dry-run, then say --yes");
            act(cli, deed, Deed::Drop { tells: !silent }, "dropped").await
        }
    }
}

fn wanted(which: &Which) -> Wanted {
    Wanted {
        message: which.message,
        domain: which.domain.clone(),
        stream: which.stream.clone(),
        older_than: which.older_than.map(|span| span.0),
    }
}

async fn list(cli: &Cli, which: &Which, limit: usize) -> Result<ExitCode> {
    let opened = Opened::new(cli, &which.organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ReadQueue, &Resource::Organisation(org))?;
    let journey = &opened.installation.journey;
    for waiting in queue::list(journey, org, &wanted(which), limit).await? {
        print(&if cli.json { to_json(&waiting).to_string() } else { to_line(&waiting) })?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(cli: &Cli, id: MessageId, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ReadTimeline, &Resource::Message(org, id))?;
    let waiting = queue::of_message(&opened.installation.journey, org, id).await?;
    match cli.json {
        true => print(&json!({ "id": id, "waiting": waiting.iter().map(to_json).collect::<Vec<_>>() }).to_string())?,
        false if waiting.is_empty() => say(&format!("nothing of {id} waits: sealpost message show {id}")),
        false => waiting.iter().try_for_each(|waiting| print(&to_line(waiting)))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn act(cli: &Cli, asked: &QueueDeed, deed: Deed, done: &str) -> Result<ExitCode> {
    let which = &asked.which;
    let is_named =
        which.message.is_some() || which.domain.is_some() || which.stream.is_some() || which.older_than.is_some();
    ensure!(is_named || asked.all, "say which: --message, --domain, --stream, --older-than, or --all");
    let opened = Opened::new(cli, &which.organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ManageQueue, &Resource::Organisation(org))?;
    let (journey, by) = (&opened.installation.journey, opened.principal.to_string());
    let count = queue::act(journey, org, &wanted(which), deed, (&by, &asked.reason), asked.dry_run).await?;
    if !asked.dry_run {
        wake::ring(&opened.loaded.config);
    }
    if cli.json {
        print(&json!({ "parcels": count, "dry_run": asked.dry_run }).to_string())?;
    }
    match asked.dry_run {
        true => say(&format!("{count} parcels would be {done}")),
        false => say(&format!("✓ {count} parcels are {done}")),
    }
    Ok(ExitCode::SUCCESS)
}

/// A parcel that waits, for programs.
pub fn to_json(waiting: &Waiting) -> Value {
    json!({
        "parcel": waiting.parcel, "message": waiting.message, "kind": waiting.kind, "stream": waiting.stream,
        "priority": waiting.priority, "recipients": waiting.recipients, "created_at": waiting.created_at,
        "due": waiting.due, "attempts": waiting.attempts, "held": waiting.is_held, "why": waiting.why,
    })
}

/// The same for people, in one line.
pub fn to_line(waiting: &Waiting) -> String {
    let recipients: Vec<String> = waiting.recipients.iter().map(ToString::to_string).collect();
    format!(
        "{}  {:<7}  {:<12}  {}: {}",
        waiting.message,
        waiting.kind,
        waiting.stream,
        recipients.join(", "),
        waiting.why
    )
}
