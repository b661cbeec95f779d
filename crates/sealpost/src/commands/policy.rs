//! `sealpost policy …`: works without a server, and `explain` without a
//! configuration.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::keys::{self, Outlook};
use identity::{Action, Resource};
use mail::Address;
use mail::reading::{self, Limits};
use policy::{Direction, Facts, Policy, explain};

use super::{Opened, loaded, print, recipient, say};
use crate::cli::{Cli, Organisation, PolicyVerb};
use crate::config::StoreUrl;

/// Runs it.
pub async fn run(cli: &Cli, verb: &PolicyVerb) -> Result<ExitCode> {
    match verb {
        PolicyVerb::Check => {
            let loaded = loaded(cli)?;
            let policy = Policy::from_table(&loaded.config.policy)?;
            say("✓ the policy can be read");
            if cli.json {
                print(&serde_json::json!({ "hash": hex(&policy.hash()) }).to_string())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        PolicyVerb::Explain { file, to, from, policy } => {
            let is_of_file = policy.is_some();
            let (policy, organisation) = effective(cli, policy.as_deref())?;
            let message = message(file)?;
            let verdict = judge(&policy, &organisation, &message, from.clone(), to);
            let outlooks = if is_of_file { Vec::new() } else { outlooks(cli, &verdict).await };
            tell(cli, &verdict, &outlooks)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints what was decided, and which method each copy would get.
pub(super) fn tell(cli: &Cli, verdict: &policy::Verdict, outlooks: &[(Address, Outlook)]) -> Result<()> {
    if cli.json {
        return print(&to_json(verdict, outlooks)?.to_string());
    }
    print(explain::text(verdict).trim_end())?;
    for (address, outlook) in outlooks {
        print(&format!("{address} would get {}", recipient::line(outlook)))?;
    }
    Ok(())
}

/// Which method each recipient's copy would get, where the installation can be
/// looked at: that takes its keys, which not everybody may read.
async fn outlooks(cli: &Cli, verdict: &policy::Verdict) -> Vec<(Address, Outlook)> {
    if !cli.config.exists() || !is_installed(cli) {
        return Vec::new();
    }
    match look(cli, verdict).await {
        Ok(outlooks) => outlooks,
        Err(error) => {
            say(&format!("the keys of recipients were not looked at: {error:#}"));
            Vec::new()
        }
    }
}

/// Explaining makes nothing: no database where there is none yet.
fn is_installed(cli: &Cli) -> bool {
    loaded(cli).is_ok_and(|loaded| match loaded.config.store.url {
        StoreUrl::Sqlite => loaded.config.server.data_dir.join("sealpost.db").exists(),
        StoreUrl::Postgres(_) => true,
    })
}

async fn look(cli: &Cli, verdict: &policy::Verdict) -> Result<Vec<(Address, Outlook)>> {
    let opened = Opened::new(cli, &Organisation { organisation: None }).await?;
    look_in(&opened, verdict).await
}

/// Which method each copy would get, by what this installation knows.
pub(super) async fn look_in(opened: &Opened, verdict: &policy::Verdict) -> Result<Vec<(Address, Outlook)>> {
    opened.may(Action::ReadKeys, &Resource::Organisation(opened.organisation.org))?;
    let mut outlooks = Vec::new();
    for (address, decision) in &verdict.recipients {
        if let policy::Action::Deliver { needs } = decision.action {
            let outlook = keys::outlook(&opened.installation.journey, &opened.organisation, address, needs).await?;
            outlooks.push((address.clone(), outlook));
        }
    }
    Ok(outlooks)
}

/// The JSON form, with `method`, `method_because` and `key` where they are known.
fn to_json(verdict: &policy::Verdict, outlooks: &[(Address, Outlook)]) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(explain::explain(verdict))?;
    let recipients = value["recipients"].as_array_mut().into_iter().flatten();
    for (one, (address, _)) in recipients.zip(&verdict.recipients) {
        if let Some((_, outlook)) = outlooks.iter().find(|(known, _)| known == address) {
            one["method"] = serde_json::json!(outlook.method);
            one["method_because"] = serde_json::json!(outlook.because);
            one["key"] = serde_json::json!(outlook.key);
        }
    }
    Ok(value)
}

/// The rules of a file, of the configuration where there is one, or those that
/// are built in.
fn effective(cli: &Cli, file: Option<&Path>) -> Result<(Policy, String)> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        return Ok((Policy::from_toml(&text)?, String::new()));
    }
    if !cli.config.exists() {
        return Ok((Policy::default(), String::new()));
    }
    let loaded = loaded(cli)?;
    let name = loaded.config.organisation.first().map(|one| one.name.clone()).unwrap_or_default();
    Ok((Policy::from_table(&loaded.config.policy)?, name))
}

/// The message with the line ends of the wire, as a client would send it.
fn message(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    }
    Ok(wire_form(bytes))
}

/// With CRLF line ends.
pub(super) fn wire_form(bytes: Vec<u8>) -> Vec<u8> {
    let mut wire = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    let mut before = 0;
    for byte in bytes {
        if byte == b'\n' && before != b'\r' {
            wire.push(b'\r');
        }
        wire.push(byte);
        before = byte;
    }
    wire
}

pub(super) fn judge(
    policy: &Policy,
    organisation: &str,
    message: &[u8],
    from: Option<Address>,
    to: &[Address],
) -> policy::Verdict {
    let read = reading::read(message, &Limits::default());
    let author = read.as_ref().ok().and_then(|reading| {
        let text = reading.from.rsplit('<').next()?.trim_end_matches('>').trim();
        Address::parse(text).ok()
    });
    let sender = from.or(author);
    let facts = Facts {
        direction: Direction::Outbound,
        sender: sender.as_ref(),
        requiretls: false,
        header: reading::header_block(message),
        reading: read.as_ref(),
        body_bytes: message.len() as u64,
        organisation,
    };
    policy::decide(policy, &facts, to)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
