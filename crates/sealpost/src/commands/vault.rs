//! `sealpost vault …`: rotation of keys at rest.
//!
//! The server must be stopped: it would hold keys that are being replaced. A
//! rotation that was interrupted is resumed by running it again.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use identity::{Action, Principal, Resource, authorize};
use mail::{MessageId, OrgId};
use store::Store;
use vault::{OrgVault, RootKey};

use super::{loaded, operator, say};
use crate::cli::{Cli, VaultVerb};
use crate::installation::{Installation, Seams};

const BATCH: usize = 1_000;

/// Runs it.
pub async fn run(cli: &Cli, verb: &VaultVerb) -> Result<ExitCode> {
    let VaultVerb::Rotate { root } = verb;
    authorize(&Principal::Host { account: operator() }, Action::RotateKeys, &Resource::Deployment)?;
    let loaded = loaded(cli)?;
    let seams = Seams::default();
    let installation = Installation::open(&loaded.config, &seams).await?;
    let store = installation.journey.store.as_ref();
    match root {
        Some(path) => {
            let new = new_root(path, &loaded.config.server.data_dir, &seams)?;
            for row in store.orgs().await? {
                let wrapped = new.rewrap_org(&installation.root, row.org, &row.wrapped_key)?;
                store.rewrap_org(row.org, row.wrapped_key, wrapped).await?;
            }
            say(&format!("✓ the root key is now {}: set vault.root_key_file to it", path.display()));
        }
        None => {
            for organisation in installation.journey.organisations.iter() {
                let moved = rotate(&installation, organisation.org, &seams).await?;
                say(&format!("✓ a new key for {}; {moved} message keys rewrapped", organisation.profile.slug));
            }
        }
    }
    store.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// A new key for an organisation, unless an earlier rotation is not done yet.
async fn rotate(installation: &Installation, org: OrgId, seams: &Seams) -> Result<usize> {
    let store = installation.journey.store.as_ref();
    let row = store.orgs().await?.into_iter().find(|row| row.org == org).context("the organisation has no row")?;
    let current = installation.root.open_org(org, &row.wrapped_key)?;
    let unfinished = rewrap(store, &current).await?;
    if unfinished > 0 {
        say("an earlier rotation was interrupted: it is finished now");
        return Ok(unfinished);
    }
    let (rotated, wrapped) = installation.root.rotate_org(org, &row.wrapped_key, seams.entropy.as_ref())?;
    // Durable before anything uses it: else what it wraps could never be opened.
    store.rewrap_org(org, row.wrapped_key, wrapped).await?;
    rewrap(store, &rotated).await
}

fn new_root(path: &Path, data_dir: &Path, seams: &Seams) -> Result<RootKey> {
    let made = match path.exists() {
        true => RootKey::read_file(path, data_dir),
        false => RootKey::generate_file(path, data_dir, seams.entropy.as_ref()),
    };
    made.with_context(|| format!("the new root key {} can't be used", path.display()))
}

/// Rewraps every message key that an earlier key still wraps.
async fn rewrap(store: &dyn Store, vault: &OrgVault) -> Result<usize> {
    let mut after: Option<MessageId> = None;
    let mut moved = 0;
    loop {
        let page = store.keys(vault.org(), after, BATCH).await?;
        let Some((last, _)) = page.last() else {
            return Ok(moved);
        };
        after = Some(*last);
        let mut batch = Vec::new();
        for (message, wrapped) in page {
            if let Some(new) = vault.rewrap_message_key(message, &wrapped)? {
                batch.push((message, wrapped, new));
            }
        }
        moved += store.rewrap_keys(vault.org(), batch).await?;
    }
}
