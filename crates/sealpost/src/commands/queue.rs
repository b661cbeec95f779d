//! `sealpost queue …`: what waits, and what an operator does about it.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use flow::queue::{self, Damaged, Deed, Done, Found, Looking, OfMessage, Waiting, Wanted};
use identity::{Action, Resource};
use mail::MessageId;
use serde_json::{Value, json};

use super::confirm::confirm;
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
        QueueVerb::Drop { deed, silent } => {
            if !deed.dry_run {
                confirm(cli, "take these parcels out of the queue for good (--dry-run tells how many)")?;
            }
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
    let wanted = wanted(which);
    let mut looking = Looking::new(&opened.installation.journey, org, &wanted)?;
    let (mut shown, mut damaged, mut has_more) = (0usize, 0usize, false);
    while let Some(found) = looking.next().await? {
        if shown == limit {
            has_more = true;
            break;
        }
        match &found {
            Found::Waiting(waiting) => {
                shown = shown.saturating_add(1);
                print(&if cli.json { to_json(waiting).to_string() } else { to_line(waiting) })?;
            }
            Found::Damaged(one) => {
                damaged = damaged.saturating_add(1);
                if cli.json {
                    print(&json!({ "parcel": one.parcel, "message": one.message, "damaged": one.why }).to_string())?;
                }
                say(&damage(one));
            }
        }
    }
    if has_more {
        say(&format!("there are more: --limit {}", limit.saturating_mul(10)));
    }
    if !is_named(which) {
        let summary = opened.installation.journey.store.queue(org).await?;
        say(&format!("{} wait, {} more are held back by operators", summary.waiting, summary.paused));
    }
    Ok(outcome(damaged))
}

/// What can't be read is told and passed over; that it is there is a failure.
fn outcome(damaged: usize) -> ExitCode {
    if damaged == 0 {
        return ExitCode::SUCCESS;
    }
    say(&format!("{damaged} parcels can't be read: restore the database, or ask for help with the ids above"));
    ExitCode::FAILURE
}

fn damage(one: &Damaged) -> String {
    format!("✗ {} (parcel {}) can't be read: {}", one.message, one.parcel, one.why)
}

fn is_named(which: &Which) -> bool {
    which.message.is_some() || which.domain.is_some() || which.stream.is_some() || which.older_than.is_some()
}

async fn show(cli: &Cli, id: MessageId, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ReadTimeline, &Resource::Message(org, id))?;
    let found = queue::of_message(&opened.installation.journey, org, id).await?;
    if cli.json {
        print(&told(&found, json!({ "id": id })).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    found.message.iter().try_for_each(|line| print(&format!("{id}  {line}")))?;
    found.parcels.iter().try_for_each(|waiting| print(&to_line(waiting)))?;
    match (found.parcels.len(), found.parcels.iter().filter(|one| one.is_held).count()) {
        (0, _) if found.message.is_empty() => say(&format!("nothing of {id} waits: sealpost message show {id}")),
        (0, _) => {}
        (all, held) => say(&format!("{all} parcels, {held} of them held back")),
    }
    Ok(ExitCode::SUCCESS)
}

/// A message with what waits of it, for programs.
pub fn told(found: &OfMessage, mut about: Value) -> Value {
    about["waits_because"] = json!(found.message);
    about["held"] = json!(found.parcels.iter().filter(|one| one.is_held).count());
    about["waiting"] = found.parcels.iter().map(to_json).collect();
    about
}

async fn act(cli: &Cli, asked: &QueueDeed, deed: Deed, done: &str) -> Result<ExitCode> {
    let which = &asked.which;
    ensure!(is_named(which) || asked.all, "say which: --message, --domain, --stream, --older-than, or --all");
    let opened = Opened::new(cli, &which.organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ManageQueue, &Resource::Organisation(org))?;
    let (journey, by) = (&opened.installation.journey, opened.principal.to_string());
    let reason = (by.as_str(), asked.reason.as_str());
    let Done { parcels, damaged } = queue::act(journey, org, &wanted(which), deed, reason, asked.dry_run).await?;
    if !asked.dry_run {
        wake::ring(&opened.loaded.config);
    }
    if cli.json {
        let ids: Vec<MessageId> = damaged.iter().map(|one| one.message).collect();
        print(&json!({ "parcels": parcels, "dry_run": asked.dry_run, "damaged": ids }).to_string())?;
    }
    match asked.dry_run {
        true => say(&format!("{parcels} parcels would be {done}")),
        false => say(&format!("✓ {parcels} parcels are {done}")),
    }
    damaged.iter().for_each(|one| say(&damage(one)));
    Ok(outcome(damaged.len()))
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
