//! `sealpost message …`.

use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use flow::holds::{self, Held, Judge};
use flow::listing::{self, Filter};
use flow::portal::Passphrase;
use flow::{Timeline, mend, queue, recall, timeline};
use identity::{Action, Resource};
use ledger::{Event, TracedHop, Transit, Verdict};
use mail::{Address, Level, MessageId, Method, Need};
use serde_json::json;

use super::confirm::confirm;
use super::{Opened, line_from_stdin, print, say};
use crate::cli::{Cli, MessageList, MessageVerb, Organisation};
use crate::wake;
use trace::shown;

/// Runs it.
pub async fn run(cli: &Cli, verb: &MessageVerb) -> Result<ExitCode> {
    match verb {
        MessageVerb::List(wanted) => list(cli, wanted).await,
        MessageVerb::Show { id, organisation } => show(cli, *id, organisation).await,
        MessageVerb::Passphrase { id, to, hint, organisation } => {
            passphrase(cli, *id, to.as_ref(), hint.as_deref(), organisation).await
        }
        MessageVerb::Held { limit, organisation } => held(cli, *limit, organisation).await,
        MessageVerb::Release { id, reason, organisation } => release(cli, *id, reason, organisation).await,
        MessageVerb::Reject { id, reason, organisation } => reject(cli, *id, reason, organisation).await,
        MessageVerb::Recall { id, reason, organisation } => recalled(cli, *id, reason, organisation).await,
        MessageVerb::Erase { id, reason, organisation } => erase(cli, *id, reason, organisation).await,
    }
}

async fn list(cli: &Cli, wanted: &MessageList) -> Result<ExitCode> {
    let opened = Opened::new(cli, &wanted.organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ReadQueue, &Resource::Organisation(org))?;
    let filter = Filter {
        state: wanted.state,
        stream: wanted.stream.clone(),
        campaign: wanted.campaign.clone(),
        tag: wanted.tag.clone(),
        test: None,
    };
    let page =
        listing::list(&opened.installation.journey, org, &filter, wanted.before, (wanted.limit, usize::MAX)).await?;
    for row in page.rows {
        let (state, dimensions) = (row.state.word(), &row.dimensions);
        print(&match cli.json {
            true => json!({
                "id": row.message, "state": state, "received_at": row.received_at, "stream": dimensions.stream,
                "campaign": dimensions.campaign, "tags": dimensions.tags, "bytes": dimensions.body_bytes,
            })
            .to_string(),
            false => format!("{}  {}  {state:<8}  {}", row.message, row.received_at, dimensions.stream),
        })?;
    }
    if let Some(next) = page.next {
        say(&format!("there are more: --before {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(cli: &Cli, id: MessageId, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ReadTimeline, &Resource::Message(org, id))?;
    let journey = &opened.installation.journey;
    let timeline = timeline(journey, org, id).await?;
    let waiting = queue::of_message(journey, org, id).await?;
    if cli.json {
        print(&super::queue::told(&waiting, to_json(&timeline)?).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&describe(&timeline))?;
    for why in waiting.message.iter().chain(waiting.parcels.iter().map(|one| &one.why)) {
        print(&format!("waits: {why}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(timeline: &Timeline) -> Result<serde_json::Value> {
    let mut events = Vec::new();
    for (at, event) in &timeline.events {
        let mut one = serde_json::to_value(event)?;
        one["at"] = json!(at);
        events.push(one);
    }
    Ok(json!({
        "id": timeline.message,
        "state": format!("{:?}", timeline.state).to_lowercase(),
        "received_at": timeline.received_at,
        "events": events,
    }))
}

/// A timeline for people: a line an event.
pub fn describe(timeline: &Timeline) -> String {
    let mut lines = vec![format!("{}  {:?}", timeline.message, timeline.state)];
    for (at, event) in &timeline.events {
        let time = at.strftime("%Y-%m-%d %H:%M:%S");
        lines.push(format!("{time}  {:<18}  {}", event.kind().word(), details(event)));
    }
    lines.join("\n")
}

#[expect(clippy::too_many_lines, reason = "one arm an event, so that a new one is not forgotten")]
fn details(event: &Event) -> String {
    match event {
        Event::Accepted { submitter, peer, sender, recipients, body_bytes, stream, .. } => {
            let to = recipients.len();
            let stream = told(", stream ", stream.as_ref());
            format!("from <{sender}> to {to} recipients, {body_bytes} bytes, by {submitter} at {peer}{stream}")
        }
        Event::Traced { verdict, because, hops, hops_left_out } => traced(*verdict, because, hops, *hops_left_out),
        Event::Authenticated { results, warnings, .. } => format!("{results}{}", after(warnings)),
        Event::Decided { recipient, decision, needs, because, .. } => decided(recipient, *decision, *needs, because),
        Event::TlsRequiredNo { heeded, because } => heard(*heeded, because),
        Event::Sealed { recipient, method, because, key } => sealed_so(recipient, *method, because, key.as_ref()),
        Event::Queued { kind, recipients, .. } => format!("{kind} for {}", list_of(recipients)),
        Event::Attempted { mx, ip, level, tls, result, .. } => tried(mx, *ip, *level, tls.as_ref(), result),
        Event::Delivered { recipient, reply, sealing, signing, .. } => {
            format!("{recipient}: {reply}{}", protected(sealing.as_ref(), signing.as_ref()))
        }
        Event::DsnSent { recipient, reply, .. } => format!("{recipient}: {reply}"),
        Event::Deferred { recipient, because, until, .. } => format!("{recipient}: {because}; again at {until}"),
        Event::Rerouted { recipient, from, to, because, .. } => rerouted(recipient, *from, *to, because),
        Event::Refused { recipient, because }
        | Event::Held { recipient, because }
        | Event::Expired { recipient, because } => format!("{}: {because}", whom(recipient.as_ref())),
        Event::Suppressed { recipient, suppression, reason, since, .. } => {
            format!("{recipient}: {reason} since {since} ({suppression})")
        }
        Event::SuppressionAdded { recipient, suppression, reason, stream, origin } => {
            format!("{recipient}: {reason}{}, by {origin} ({suppression})", told(" of stream ", stream.as_ref()))
        }
        Event::SuppressionRemoved { recipient, suppression, reason, by, because, .. } => {
            format!("{recipient}: {reason} ({suppression}), by {by}: {because}")
        }
        Event::Complained { recipient, feedback, by, report, .. } => {
            format!("{recipient}: {feedback}, {by} said; in {report}")
        }
        Event::Released { recipient, by, reason } => released(recipient.as_ref(), by, reason.as_deref()),
        Event::Rejected { recipient, by, reason } => format!("{recipient}, by {by}: {reason}"),
        Event::Bounced { recipient, because, .. }
        | Event::CodeWithheld { recipient, because }
        | Event::PassphraseMissing { recipient, because }
        | Event::DsnFailed { recipient, because, .. }
        | Event::KeySought { recipient, found: because } => format!("{recipient}: {because}"),
        Event::Notified { recipient, level } => format!("{recipient}: the notice's transit proved {level}"),
        Event::CodeSent { recipient, needs } => format!("{recipient}: it needs {needs}"),
        Event::CodeWrong { recipient, .. }
        | Event::CodeAccepted { recipient, .. }
        | Event::PassphraseWrong { recipient, .. }
        | Event::KeyProofWrong { recipient, .. }
        | Event::ResendAsked { recipient } => recipient.to_string(),
        Event::PostureFell { domain, because, .. } => format!("{domain}: {}", because.join("; ")),
        Event::PostureRecovered { domain, because, .. } => format!("{domain}: {}", because.join("; ")),
        Event::CertificateIssued { names, issuer, .. } => format!("{}: by {issuer}", list_of(names)),
        Event::CertificateFailed { names, because } => format!("{}: {because}", list_of(names)),
        Event::Replied { recipient, reply, to, topic, .. } => replied(recipient, *reply, to, topic.as_deref()),
        Event::QueueChanged { recipients, deed, by, reason, .. } => {
            format!("{}: {deed}, by {by}: {reason}", list_of(recipients))
        }
        Event::Recalled { recipient, outcome, by, reason } => format!("{recipient}: {outcome}, by {by}: {reason}"),
        Event::ApiKeyMade { key, by, .. } | Event::ApiKeyRevoked { key, by } => format!("{key}, by {by}"),
        Event::Opened { recipient, met, .. } => format!("{recipient}: met {}", met.join(" and ")),
        Event::Erased { because } => because.clone(),
        Event::DsnReceived { recipient, action, status, class, because, by, dsn, .. } => {
            format!("{recipient}: {action}{} ({class}), {by} said: {because}; in {dsn}", told(" ", status.as_ref()))
        }
        Event::ConnectorSecret { connector, what, by } => format!("{connector}: {what}, by {by}"),
        Event::Looped { recipient, submitter, peer } => format!("{recipient}: brought back by {submitter} [{peer}]"),
        Event::CredentialMade { login, by, .. } | Event::CredentialRevoked { login, by } => format!("{login}, by {by}"),
        Event::KeyLearned { recipient, key, by }
        | Event::KeyUpdated { recipient, key, by }
        | Event::KeyAccepted { recipient, key, by }
        | Event::KeyRejected { recipient, key, by }
        | Event::KeyWithdrawn { recipient, key, by }
        | Event::KeyUnwanted { recipient, key, by }
        | Event::KeyRemoved { recipient, key, by } => format!("{recipient}: {}, by {by}", named(key)),
        Event::KeyHeld { recipient, key, by, because } => format!("{recipient}: {}, by {by}: {because}", named(key)),
        Event::KeyOffered { recipient, fingerprint, .. } => format!("{recipient}: {fingerprint}"),
        Event::KeyProven { recipient, fingerprint, .. } => format!("{recipient}: {fingerprint}"),
        Event::KeyReplaced { recipient, key, with } => format!("{recipient}: {}, by {with}", named(key)),
        Event::OrgKeyMade { key, fingerprint, how, by, .. } => format!("{key} {fingerprint} {how}, by {by}"),
        Event::Proven { opened, line } => format!("{}{line}", if *opened { "opened; " } else { "" }),
        Event::OrgKeyRetired { key, fingerprint, by }
        | Event::OrgKeyPublished { key, fingerprint, by }
        | Event::OrgKeyWithdrawn { key, fingerprint, by } => format!("{key} {fingerprint}, by {by}"),
        Event::OrgKeyExpiring { key, fingerprint, ends_at } => format!("{key} {fingerprint} ends at {ends_at}"),
        Event::OrgKeyRevoked { key, fingerprint, because, by } => format!("{key} {fingerprint}: {because}, by {by}"),
    }
}

fn decided(recipient: &Address, decision: Verdict, needs: Option<Need>, because: &[String]) -> String {
    format!("{recipient}: {decision}{}, because {}", told(", needs ", needs.as_ref()), because.join(", "))
}

/// What is known, after some words; nothing where it is not.
fn told(before: &str, known: Option<&impl std::fmt::Display>) -> String {
    known.map_or_else(String::new, |known| format!("{before}{known}"))
}

/// An attempt: where, what came of it, what it proved.
fn tried(mx: &str, ip: Option<IpAddr>, level: Option<Level>, tls: Option<&ledger::Tls>, result: &str) -> String {
    let at = ip.map_or_else(String::new, |ip| format!(" [{ip}]"));
    format!("{mx}{at}: {result}{}{}", told(", proved ", level.as_ref()), over(tls))
}

fn whom(recipient: Option<&Address>) -> String {
    recipient.map_or_else(|| "all".to_owned(), ToString::to_string)
}

fn released(recipient: Option<&Address>, by: &str, reason: Option<&str>) -> String {
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{}, by {by}{reason}", whom(recipient))
}

fn heard(heeded: bool, because: &str) -> String {
    format!("{}: {because}", if heeded { "heeded" } else { "ignored" })
}

fn replied(recipient: &Address, reply: MessageId, to: &Address, topic: Option<&str>) -> String {
    let topic = topic.map_or_else(String::new, |topic| format!(", about {topic}"));
    format!("{recipient} to {to}, as {reply}{topic}")
}

fn sealed_so(recipient: &Address, method: Method, because: &str, key: Option<&ledger::KeyNamed>) -> String {
    format!("{recipient}: {method}, {because}{}", told("; ", key.map(named).as_ref()))
}

fn rerouted(recipient: &Address, from: Method, to: Method, because: &str) -> String {
    format!("{recipient}: {from} → {to}, because {because}")
}

/// How a copy was sealed and signed.
fn protected(sealing: Option<&ledger::Sealing>, signing: Option<&ledger::Signing>) -> String {
    let both = sealing.map(sealed).into_iter().chain(signing.map(signed));
    both.map(|what| format!("; {what}")).collect()
}

fn signed(signing: &ledger::Signing) -> String {
    match signing {
        ledger::Signing::Signed { key, format, fingerprint } => format!("signed ({format}) by {key} {fingerprint}"),
        ledger::Signing::Unsigned { because } => format!("not signed: {because}"),
    }
}

fn after(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("; {warning}")).collect()
}

fn over(tls: Option<&ledger::Tls>) -> String {
    tls.map_or_else(String::new, |tls| format!(", {} {}, {}", tls.version, tls.cipher, tls.verified))
}

fn sealed(sealing: &ledger::Sealing) -> String {
    let signed = sealing.signed_by.as_ref().map_or("", |_| ", signed");
    format!("sealed with {} ({}) and {}{signed}", sealing.cipher, sealing.integrity.word(), sealing.algorithm)
}

/// A key for people.
fn named(key: &ledger::KeyNamed) -> String {
    format!("{} key {} ({}, {})", key.format, key.id, key.fingerprint, key.source)
}

/// The way that a message took to come here, a line a hop in the order of travel.
fn traced(verdict: Transit, because: &str, hops: &[TracedHop], left_out: u32) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "–".to_owned());
    let mut lines = vec![format!("{}: {because}", verdict.words())];
    if left_out > 0 {
        lines.push(format!("{left_out} older hops"));
    }
    for hop in hops.iter().rev() {
        let tls = hop.tls.as_ref().map_or_else(String::new, |(version, cipher)| format!(", {version} {cipher}"));
        let told = if hop.trusted { "" } else { " (another server's word)" };
        let line = format!("{} → {}: {}{}{told}", name(&hop.from), name(&hop.by), hop.verdict.words(), tls.trim_end());
        lines.push(line);
    }
    lines.iter().map(|line| shown(line)).collect::<Vec<_>>().join(&format!("\n{:41}", ""))
}

fn list_of(all: &[impl std::fmt::Display]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn passphrase(
    cli: &Cli,
    id: MessageId,
    to: Option<&Address>,
    hint: Option<&str>,
    organisation: &Organisation,
) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::JudgeHeld, &Resource::Message(org, id))?;
    let text = line_from_stdin("passphrase")?;
    let journey = &opened.installation.journey;
    let entropy = Arc::clone(&journey.entropy);
    let passphrase = Passphrase::new(&text, hint, entropy.as_ref())?;
    let by = opened.principal.to_string();
    let given = mend::give_passphrase(journey, org, id, to, &passphrase, &by).await?;
    anyhow::ensure!(!given.is_empty(), "this message has no portal copy for which a passphrase could be given");
    wake::ring(&opened.loaded.config);
    for recipient in &given {
        say(&format!("✓ {} can open it with a code and the passphrase", recipient));
    }
    Ok(ExitCode::SUCCESS)
}

async fn held(cli: &Cli, limit: usize, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ReadQueue, &Resource::Organisation(org))?;
    for one in holds::held(&opened.installation.journey, org, limit).await? {
        print(&if cli.json { held_json(&one).to_string() } else { held_text(&one) })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn held_json(one: &Held) -> serde_json::Value {
    let recipient = |(address, because): &(Address, String)| json!({"recipient": address, "because": because});
    json!({
        "id": one.message,
        "received_at": one.received_at,
        "expires_at": one.expires_at,
        "sender": one.sender,
        "recipients": one.recipients.iter().map(recipient).collect::<Vec<_>>(),
    })
}

fn held_text(one: &Held) -> String {
    let sender = one.sender.as_ref().map_or_else(|| "<>".to_owned(), ToString::to_string);
    let until = one.expires_at.strftime("%Y-%m-%d");
    let mut lines = vec![format!("{}  {}  from {sender}, expires {until}", one.message, one.received_at)];
    lines.extend(one.recipients.iter().map(|(address, because)| format!("    {address}: {because}")));
    lines.join("\n")
}

async fn release(cli: &Cli, id: MessageId, reason: &str, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::JudgeHeld, &Resource::Message(org, id))?;
    let by = opened.principal.to_string();
    let stays = holds::release(&opened.installation.journey, org, id, Judge::Staff(&by), Some(reason)).await?;
    wake::ring(&opened.loaded.config);
    say(&format!("✓ {id} goes on, under all that policy asks of it"));
    for holds::Stays { recipient, rules } in stays {
        say(&format!("! the copy for {recipient} stays held: policy refuses it now ({rules})"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn reject(cli: &Cli, id: MessageId, reason: &str, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::JudgeHeld, &Resource::Message(org, id))?;
    let by = opened.principal.to_string();
    holds::reject(&opened.installation.journey, org, id, &by, reason).await?;
    wake::ring(&opened.loaded.config);
    say(&format!("✓ {id} will not be sent; its sender is told"));
    Ok(ExitCode::SUCCESS)
}

async fn recalled(cli: &Cli, id: MessageId, reason: &str, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::JudgeHeld, &Resource::Message(org, id))?;
    let by = opened.principal.to_string();
    for one in recall::recall(&opened.installation.journey, org, id, &by, reason).await? {
        print(&match cli.json {
            true => json!({
                "recipient": one.recipient, "outcome": one.outcome.word(), "delivered_at": one.delivered_at,
            })
            .to_string(),
            false => format!("{}: {}", one.recipient, one.outcome.sentence()),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn erase(cli: &Cli, id: MessageId, reason: &str, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::EraseMessage, &Resource::Message(org, id))?;
    confirm(cli, &format!("destroy the key of {id}, and with it all of its content"))?;
    mend::erase(&opened.installation.journey, org, id, reason).await.context("not erased")?;
    say(&format!("✓ {id} is erased: its key is destroyed"));
    Ok(ExitCode::SUCCESS)
}
