//! The commands, one file a noun. Each asks [`identity::authorize`] before it
//! touches anything.

pub mod acme;
pub mod apikey;
pub mod audit;
pub mod config;
mod confirm;
pub mod credential;
pub mod dkim;
pub mod doctor;
pub mod domain;
pub mod gateway;
pub mod init;
pub mod inspect;
pub mod key;
mod key_file;
mod key_list;
pub mod message;
pub mod open;
pub mod orgkey;
mod passphrase;
pub mod policy;
pub mod probe;
pub mod queue;
pub mod receipt;
pub mod recipient;
pub mod report;
pub mod seal;
pub mod send;
pub mod serve;
pub mod shell;
pub mod suppression;
mod suppression_list;
pub mod vault;
pub mod watch;

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use identity::{Action, Principal, Resource, authorize};

use crate::cli::{Cli, Organisation};
use crate::config::{Inputs, Loaded, load};
use crate::installation::{Installation, Seams};

/// What a command works with: the configuration, opened.
pub struct Opened {
    /// The configuration.
    pub loaded: Loaded,
    /// What it leads to.
    pub installation: Installation,
    /// The organisation that is meant.
    pub organisation: Arc<flow::Organisation>,
    /// Who runs the command.
    pub principal: Principal,
}

impl Opened {
    /// Opens the installation beside a server that may be running.
    pub async fn new(cli: &Cli, which: &Organisation) -> Result<Self> {
        let loaded = loaded(cli)?;
        let installation = Installation::beside(&loaded.config, &Seams::default()).await?;
        let organisation = installation.organisation(which.organisation.as_deref())?.clone();
        let principal = Principal::Operator { org: organisation.org, account: operator() };
        Ok(Self { loaded, installation, organisation, principal })
    }

    /// Refuses what the operator may not do.
    pub fn may(&self, action: Action, resource: &Resource) -> Result<()> {
        authorize(&self.principal, action, resource).context("not allowed")
    }
}

/// The configuration of this process.
pub fn loaded(cli: &Cli) -> Result<Loaded> {
    load(&Inputs::of_process(&cli.config)).map_err(anyhow::Error::from)
}

/// Who runs the command, for the ledger.
pub fn operator() -> String {
    std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "root".to_owned())
}

/// Prints data. A reader that has gone away is no failure.
pub fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(format!("{text}\n").as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says something to people.
pub fn say(text: &str) {
    // Nobody is left to be told if stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A line from stdin, without its line end: a secret is never an argument,
/// which every user of the machine could read.
pub fn line_from_stdin(what: &str) -> Result<zeroize::Zeroizing<String>> {
    let mut line = zeroize::Zeroizing::new(String::new());
    std::io::stdin().read_line(&mut line).with_context(|| format!("no {what} on stdin"))?;
    let trimmed = zeroize::Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
    anyhow::ensure!(!trimmed.is_empty(), "no {what} on stdin");
    Ok(trimmed)
}
