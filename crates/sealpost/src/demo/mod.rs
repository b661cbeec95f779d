//! `sealpost demo`: the whole journey on this machine, with a made-up clinic,
//! real connections, and nothing left on disk.

mod check;
mod client;
mod clinic;
mod story;
mod visitor;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use flow::{Timeline, timeline};
use ledger::{Event, EventKind};
use mail::{MessageId, OrgId};

use crate::cli::Demo;
use crate::commands::{print, receipt, say};
use clinic::Clinic;
use story::{Fate, SCENES, Scene};
use tokio::signal::unix::{SignalKind, signal};
use visitor::Visitor;
use world::Received;

/// Everything must have happened within this.
const PATIENCE: Duration = Duration::from_secs(25);

/// Runs it. Whoever ends it early leaves nothing behind either: the clinic's
/// folder goes with the clinic.
pub async fn run(wanted: &Demo) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be handled")?;
    tokio::select! {
        ended = run_to_the_end(wanted) => ended,
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
    }
}

async fn run_to_the_end(wanted: &Demo) -> Result<ExitCode> {
    print("Sealpost demo: Lakeside Family Clinic and its patients, all on this machine.\n")?;
    let clinic = Clinic::open(&wanted.store).await?;
    let org = clinic.engine.journey.organisations.iter().next().context("the demo has a clinic")?.org;
    let played = tokio::time::timeout(PATIENCE, play(&clinic, org)).await;
    let failures = played.context("the demo took too long")??;
    if let Some(dir) = &wanted.receipts {
        keep_receipts(&clinic, org, dir).await?;
    }
    for failure in &failures {
        say(&format!("✗ {failure}"));
    }
    if !wanted.once {
        stay(&clinic).await?;
    }
    clinic.engine.stop().await?;
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the story and checks it; gives what was not as it should be.
async fn play(clinic: &Clinic, org: OrgId) -> Result<Vec<String>> {
    let mut failures = Vec::new();
    let mut played = Vec::new();
    for (number, scene) in SCENES.iter().enumerate() {
        print(&format!("{}. {}", number + 1, scene.title))?;
        let message = hand_in(clinic, scene, number).await?;
        let timeline = settled(clinic, org, message, scene).await?;
        for (recipient, fate) in scene.recipients {
            print(&told(&timeline, recipient, *fate))?;
        }
        print("")?;
        played.push((scene, message));
    }
    print("Picked up in the portal, as a patient's browser would:")?;
    for (scene, message) in &played {
        failures.extend(pick_up(clinic, scene, *message).await?);
    }
    print("")?;
    for (scene, message) in &played {
        let timeline = timeline(&clinic.engine.journey, org, *message).await?;
        failures.extend(check::scene(clinic, scene, &timeline));
    }
    failures.extend(check::wire(clinic));
    failures.extend(check::ledger(clinic, org).await?);
    Ok(failures)
}

async fn hand_in(clinic: &Clinic, scene: &Scene, number: usize) -> Result<MessageId> {
    let to: Vec<&str> = scene.recipients.iter().map(|(address, _)| *address).collect();
    let reply = clinic.account.send("desk@lakeside.example", &to, &scene.message(number)).await?;
    let id = reply.split_whitespace().find(|word| word.starts_with(MessageId::PREFIX));
    let id = id.with_context(|| format!("the server's reply names no message: {reply}"))?;
    Ok(id.parse()?)
}

/// The timeline once every recipient's copy, or its notice, has arrived.
async fn settled(clinic: &Clinic, org: OrgId, message: MessageId, scene: &Scene) -> Result<Timeline> {
    const LOOK_EVERY: Duration = Duration::from_millis(20);
    loop {
        let timeline = timeline(&clinic.engine.journey, org, message).await?;
        let arrived = |event: &&Event| matches!(event.kind(), EventKind::Delivered | EventKind::Notified);
        if timeline.events.iter().map(|(_, event)| event).filter(arrived).count() >= scene.recipients.len() {
            return Ok(timeline);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// One recipient's method and the reason for it, for the visitor.
fn told(timeline: &Timeline, recipient: &str, fate: Fate) -> String {
    let mut because = String::new();
    for (_, event) in &timeline.events {
        match event {
            Event::Sealed { recipient: to, because: why, .. } | Event::Rerouted { recipient: to, because: why, .. }
                if to.to_string() == recipient =>
            {
                because.clone_from(why);
            }
            Event::PassphraseMissing { recipient: to, because: why } if to.to_string() == recipient => {
                because = format!("{because}; held for a passphrase: {why}");
            }
            _ => {}
        }
    }
    let method = match fate {
        Fate::Tls => "verified TLS",
        Fate::Portal => "portal",
        Fate::PortalWithPassphrase => "portal, with a passphrase",
        Fate::Held => "portal, held",
    };
    format!("   {recipient:<24} {method:<26} {because}")
}

async fn pick_up(clinic: &Clinic, scene: &Scene, message: MessageId) -> Result<Vec<String>> {
    let mut failures = Vec::new();
    for (recipient, fate) in scene.recipients {
        if *fate == Fate::Tls {
            continue;
        }
        let visitor = Visitor::from_notice(clinic, recipient, scene).await?;
        let page = visitor.pick_up(scene.passphrase.filter(|_| *fate == Fate::PortalWithPassphrase)).await?;
        let is_open = page.shows(scene.text);
        print(&format!("   {recipient:<24} {}", visitor.url))?;
        print(&format!(
            "   {:<24} code {}{} → {}",
            "",
            page.code.as_deref().unwrap_or("(not sent)"),
            scene.passphrase.map_or_else(String::new, |passphrase| format!(", passphrase \"{passphrase}\"")),
            if is_open { "opened" } else { "not opened" }
        ))?;
        if is_open == (*fate == Fate::Held) {
            failures.push(format!("{message} to {recipient}: expected {fate:?}, and the portal did not do so"));
        }
    }
    Ok(failures)
}

async fn keep_receipts(clinic: &Clinic, org: OrgId, dir: &Path) -> Result<()> {
    let journey = &clinic.engine.journey;
    let organisation = journey.organisations.find(org).context("the demo has a clinic")?;
    let jwk = organisation.signing_key.jwk().to_json();
    for row in journey.store.messages(org, None, 100).await? {
        let timeline = timeline(journey, org, row.message).await?;
        receipt::export(&timeline, &jwk, dir)?;
    }
    print(&format!("Receipts: {}; the key that verifies them: {}", dir.display(), dir.join("receipts.jwk").display()))
}

/// Stays up for the visitor, and says each new code as it arrives.
async fn stay(clinic: &Clinic) -> Result<()> {
    let account = &clinic.account;
    print(&format!("\nThe portal stays up at {}: open one of the links above in a browser.", clinic.portal))?;
    print("Each code appears here. Send a message of your own, if swaks is installed:")?;
    print(&format!(
        "   swaks --server {} --tls --auth-user {} --auth-password {} --from desk@lakeside.example \\\n         --to ana@good.example,ben@selfsigned.example --h-Subject 'Hello'",
        account.server, account.login, account.secret
    ))?;
    print("End with Ctrl-C.")?;
    let mut seen = clinic.world.mailboxes.all().len();
    loop {
        let mails = clinic.world.mailboxes.wait_for_more(seen).await;
        for mail in mails.iter().skip(seen) {
            print(&arrived(clinic, mail))?;
        }
        seen = mails.len();
    }
}

/// What a patient's mail program would show of a new mail.
fn arrived(clinic: &Clinic, mail: &Received) -> String {
    let to = mail.to.join(", ");
    let way = if mail.tls { "over TLS" } else { "in clear" };
    match (visitor::code_in(mail), visitor::link_in(mail, &format!("{}/m/", clinic.portal))) {
        (Some(code), _) => format!("   {to}: code {code} ({way})"),
        (None, Some(link)) => format!("   {to}: notice {link} ({way})"),
        (None, None) => format!("   {to}: the message itself ({way})"),
    }
}
