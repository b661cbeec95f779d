//! `sealpost recipient …`: what is known of one recipient.

use std::process::ExitCode;

use anyhow::Result;
use flow::keys::{self, Outlook};
use identity::{Action, Resource};
use mail::{Address, Need};
use serde_json::{Value, json};

use super::{Opened, key, print};
use crate::cli::{Cli, Organisation, RecipientVerb};

/// Runs it.
pub async fn run(cli: &Cli, verb: &RecipientVerb) -> Result<ExitCode> {
    let RecipientVerb::Show { address, need, organisation } = verb;
    show(cli, address, *need, organisation).await
}

async fn show(cli: &Cli, address: &Address, need: Option<Need>, organisation: &Organisation) -> Result<ExitCode> {
    let opened = Opened::new(cli, organisation).await?;
    opened.may(Action::ReadKeys, &Resource::Organisation(opened.organisation.org))?;
    let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
    let now = journey.clock.now();
    let known = keys::of(journey, organisation, address).await?;
    let posture = keys::shown(journey, organisation, address).await?;
    let looked_up = keys::looked_up(journey, organisation, address).await?;
    let needs = need.map_or_else(|| vec![organisation.policy.default, Need::EndToEnd], |need| vec![need]);
    let mut outlooks = Vec::new();
    for need in needs {
        outlooks.push(keys::outlook(journey, organisation, address, need).await?);
    }
    if cli.json {
        let keys: Vec<Value> = known.iter().map(|kept| key::with_judgement(&kept.known, now)).collect();
        let posture = posture.map(|(best, last)| json!({ "best": best, "last": last }));
        let methods: Vec<Value> = outlooks.iter().map(to_json).collect();
        let directory =
            looked_up.map(|last| json!({ "asked_at": last.at, "again_at": last.until, "found": last.sought.words() }));
        let known = json!({
            "address": address, "keys": keys, "posture": posture, "directory": directory, "methods": methods,
        });
        print(&known.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    for outlook in &outlooks {
        print(&format!("needs {}: {}", outlook.need, line(outlook)))?;
    }
    match posture {
        Some((best, last)) => print(&format!("mail hosts of {}: best {best}, last {last}", address.domain()))?,
        None => print(&format!("mail hosts of {}: nothing was sent there yet", address.domain()))?,
    }
    if let Some(last) = looked_up {
        print(&format!("{} ({:.0}; asked again after {:.0})", last.sought.words(), last.at, last.until))?;
    }
    if known.is_empty() {
        print("no key is known")?;
    }
    known.iter().try_for_each(|kept| print(&key::describe(&kept.known, now)))?;
    Ok(ExitCode::SUCCESS)
}

/// What a copy would get, on one line.
pub fn line(outlook: &Outlook) -> String {
    let key = outlook.key.as_ref().map_or_else(String::new, |key| format!(", {} {}", key.id, key.fingerprint));
    format!("{}{key}, because {}", outlook.method, outlook.because)
}

/// What a copy would get, as JSON.
pub fn to_json(outlook: &Outlook) -> Value {
    json!({ "needs": outlook.need, "method": outlook.method, "because": outlook.because, "key": outlook.key })
}
