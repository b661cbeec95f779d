//! `sealpost apikey …`: keys of the REST door.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::api_keys;
use identity::{Action, ApiKey, NewApiKey, Resource};
use jiff::Timestamp;
use mail::ApiKeyId;
use serde_json::json;

use super::confirm::confirm;
use super::credential::{own, patterns};
use super::{Opened, print, say};
use crate::cli::{ApiKeyVerb, Cli, NewKey, Organisation};

/// Runs it.
pub async fn run(cli: &Cli, verb: &ApiKeyVerb) -> Result<ExitCode> {
    match verb {
        ApiKeyVerb::Create { wanted, organisation } => create(cli, wanted, organisation).await?,
        ApiKeyVerb::List { organisation } => list(cli, organisation).await?,
        ApiKeyVerb::Revoke { id, organisation } => revoke(cli, *id, organisation).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn opened(cli: &Cli, organisation: &Organisation) -> Result<Opened> {
    let opened = Opened::new(cli, organisation).await?;
    opened.may(Action::ManageCredentials, &Resource::Organisation(opened.organisation.org))?;
    Ok(opened)
}

async fn create(cli: &Cli, new: &NewKey, organisation: &Organisation) -> Result<()> {
    let opened = opened(cli, organisation).await?;
    let journey = &opened.installation.journey;
    let now = journey.clock.now();
    let end = |days: u32| now.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(days)));
    let wanted = NewApiKey {
        name: new.name.clone(),
        scopes: new.scopes.clone(),
        senders: own(&opened.organisation, &patterns(&new.senders)?)?,
        test: new.test,
        expires: new.days.map(end).transpose()?,
    };
    let (key, text) = ApiKey::generate(opened.organisation.org, wanted, now, journey.entropy.as_ref())?;
    api_keys::keep(journey, &opened.organisation, &key, &opened.principal.to_string()).await?;
    match cli.json {
        true => print(&json!({ "id": key.id, "key": *text }).to_string())?,
        false => print(&text)?,
    }
    say(&format!("✓ {} is made. It is shown this once.", key.id));
    Ok(())
}

async fn list(cli: &Cli, organisation: &Organisation) -> Result<()> {
    let opened = opened(cli, organisation).await?;
    let journey = &opened.installation.journey;
    let now = journey.clock.now();
    for key in api_keys::list(journey, &opened.organisation).await? {
        print(&if cli.json { to_json(&key) } else { to_text(&key, now) })?;
    }
    Ok(())
}

fn to_json(key: &ApiKey) -> String {
    json!({
        "id": key.id, "name": key.name, "scopes": key.scopes, "senders": key.senders, "test": key.test,
        "created": key.created, "expires": key.expires, "revoked": key.revoked,
    })
    .to_string()
}

fn to_text(key: &ApiKey, now: Timestamp) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
    let state = match (key.revoked, key.expires) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "ended",
        (None, _) if key.test => "test",
        (None, _) => "live",
    };
    format!("{}  {state:<8}{}  {}", key.id, scopes.join(","), key.name)
}

async fn revoke(cli: &Cli, id: ApiKeyId, organisation: &Organisation) -> Result<()> {
    let opened = opened(cli, organisation).await?;
    let journey = &opened.installation.journey;
    let found = api_keys::find(journey, &opened.organisation, id).await?;
    let mut key = found.with_context(|| format!("there is no key {id}"))?;
    confirm(cli, &format!("end the API key {id}, {}", key.name))?;
    key.revoke(journey.clock.now());
    api_keys::keep(journey, &opened.organisation, &key, &opened.principal.to_string()).await?;
    say(&format!("✓ {id} is ended"));
    Ok(())
}
