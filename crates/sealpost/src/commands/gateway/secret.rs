//! `sealpost gateway secret …`: the secret that a transport rule shows. Two
//! are good at once, so that it changes without a moment at which none is.
//!
//! It is printed only where that is asked for: terminals are recorded.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use identity::{Action, GeneratedSecret, Resource};
use jiff::Timestamp;
use ledger::Event;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::{Cli, Organisation, SecretVerb};
use crate::commands::confirm::confirm;
use crate::commands::{Opened, loaded, print, say};
use crate::config::gateway::Connector;

/// Runs it.
pub async fn run(cli: &Cli, verb: &SecretVerb) -> Result<ExitCode> {
    let config = loaded(cli)?.config;
    let name = match verb {
        SecretVerb::Rotate { connector } | SecretVerb::Retire { connector } | SecretVerb::Show { connector, .. } => {
            connector.as_deref()
        }
    };
    let connector = super::connector(&config, name, "with secret_files", |one| !one.secret_files.is_empty())?;
    let owner = config.organisation_of(connector.organisation.as_deref()).map(|owner| owner.slug.clone());
    let opened = Opened::new(cli, &Organisation { organisation: owner }).await?;
    opened.may(Action::ManageCredentials, &Resource::Organisation(opened.organisation.org))?;
    match verb {
        SecretVerb::Rotate { .. } => rotate(&opened, connector).await?,
        SecretVerb::Retire { .. } => retire(cli, &opened, connector).await?,
        SecretVerb::Show { reveal: true, .. } => print(&newest(connector)?)?,
        SecretVerb::Show { reveal: false, .. } => show(cli, connector)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest secret that is good.
pub fn newest(connector: &Connector) -> Result<Zeroizing<String>> {
    let kept = kept(connector);
    let (path, _) = kept.first().with_context(|| missing(connector))?;
    let text = Zeroizing::new(std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?);
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn missing(connector: &Connector) -> String {
    format!("the connector {} has no secret yet: sealpost gateway secret rotate --connector {0}", connector.name)
}

/// The files that hold a secret, the newest first.
fn kept(connector: &Connector) -> Vec<(&Path, SystemTime)> {
    let stamp = |path: &PathBuf| std::fs::metadata(path).ok().filter(|file| file.len() > 0)?.modified().ok();
    let mut kept: Vec<(&Path, SystemTime)> =
        connector.secret_files.iter().filter_map(|path| Some((path.as_path(), stamp(path)?))).collect();
    kept.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    kept
}

async fn rotate(opened: &Opened, connector: &Connector) -> Result<()> {
    let kept = kept(connector);
    let free = connector.secret_files.iter().find(|path| !kept.iter().any(|(taken, _)| taken == path));
    let Some(path) = free else {
        match connector.secret_files.len() {
            1 => bail!("the connector {} has one file: name a second one in secret_files", connector.name),
            _ => bail!("two secrets are good already: put the newest into the mail system, then retire the older one"),
        }
    };
    let secret = GeneratedSecret::new(opened.installation.journey.entropy.as_ref());
    write(path, secret.expose()).with_context(|| format!("can't write {}", path.display()))?;
    record(opened, connector, "made").await?;
    say(&format!("✓ a new secret is in {}; a running server takes it within a second", path.display()));
    match kept.is_empty() {
        true => say("Next: sealpost gateway setup m365 | google"),
        false => {
            say("The one before is good still. Next:");
            say("  1. change the value in the mail system's rule: sealpost gateway secret show --reveal prints it");
            say("  2. when sealpost gateway check is well: sealpost gateway secret retire");
        }
    }
    Ok(())
}

async fn retire(cli: &Cli, opened: &Opened, connector: &Connector) -> Result<()> {
    let kept = kept(connector);
    ensure!(kept.len() == 2, "there is no second secret: rotate first, or no message would be taken");
    let (older, _) = kept.last().context("there are two")?;
    confirm(cli, &format!("end the secret in {}", older.display()))?;
    std::fs::remove_file(older).with_context(|| format!("can't remove {}", older.display()))?;
    record(opened, connector, "retired").await?;
    say(&format!("✓ the secret in {} is good for nothing any more", older.display()));
    Ok(())
}

fn show(cli: &Cli, connector: &Connector) -> Result<()> {
    let kept = kept(connector);
    ensure!(!kept.is_empty(), missing(connector));
    for (path, at) in kept {
        let since = Timestamp::try_from(at)?.round(jiff::Unit::Second)?;
        print(&match cli.json {
            true => json!({ "connector": connector.name, "file": path, "since": since }).to_string(),
            false => format!("{}  {}  since {since}", connector.name, path.display()),
        })?;
    }
    Ok(())
}

/// Written whole beside its place first: a server that looks meanwhile would
/// else read half of it.
fn write(path: &Path, secret: &str) -> Result<()> {
    let beside = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(format!("{secret}\n").as_bytes())?;
    file.sync_all()?;
    Ok(std::fs::rename(&beside, path)?)
}

async fn record(opened: &Opened, connector: &Connector, what: &str) -> Result<()> {
    let by = opened.principal.to_string();
    let event = Event::ConnectorSecret { connector: connector.name.clone(), what: what.to_owned(), by };
    let journey = &opened.installation.journey;
    flow::gateway::record(journey, &opened.organisation, event).await.context("the ledger can't be written")
}
