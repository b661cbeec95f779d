//! `sealpost credential …`: logins of submission.

use std::process::ExitCode;

use anyhow::{Result, bail};
use flow::{Journey, Organisation};
use identity::SenderPattern;

use crate::cli::{Cli, CredentialVerb};

/// Runs it.
pub async fn run(_cli: &Cli, _verb: &CredentialVerb) -> Result<ExitCode> {
    bail!("not yet")
}

/// Makes a login with a generated secret, which is given and never kept.
pub async fn generate(
    _journey: &Journey,
    _organisation: &Organisation,
    _login: &str,
    _senders: &[SenderPattern],
) -> Result<String> {
    bail!("not yet")
}
