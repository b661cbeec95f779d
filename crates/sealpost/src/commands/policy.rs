//! `sealpost policy …`: works without a server, and `explain` without a
//! configuration.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use mail::Address;
use mail::reading::{self, Limits};
use policy::{Direction, Facts, Policy, explain};

use super::{loaded, print, say};
use crate::cli::{Cli, PolicyVerb};

/// Runs it.
pub fn run(cli: &Cli, verb: &PolicyVerb) -> Result<ExitCode> {
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
            let (policy, organisation) = effective(cli, policy.as_deref())?;
            let message = message(file)?;
            let verdict = judge(&policy, &organisation, &message, from.clone(), to);
            match cli.json {
                true => print(&serde_json::to_string(&explain::explain(&verdict))?)?,
                false => print(explain::text(&verdict).trim_end())?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
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
    let mut wire = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    let mut before = 0;
    for byte in bytes {
        if byte == b'\n' && before != b'\r' {
            wire.push(b'\r');
        }
        wire.push(byte);
        before = byte;
    }
    Ok(wire)
}

fn judge(
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
