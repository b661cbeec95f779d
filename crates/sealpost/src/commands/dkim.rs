//! `sealpost dkim …`.

use std::process::ExitCode;

use anyhow::Result;
use identity::{Action, Resource};
use serde_json::json;

use super::{Opened, print};
use crate::cli::{Cli, DkimVerb};

/// Runs it.
pub async fn run(cli: &Cli, verb: &DkimVerb) -> Result<ExitCode> {
    let DkimVerb::Show { organisation } = verb;
    let opened = Opened::new(cli, organisation).await?;
    opened.may(Action::ReadPolicy, &Resource::Organisation(opened.organisation.org))?;
    for key in opened.organisation.dkim.values() {
        print(&match cli.json {
            true => json!({ "name": key.record_name(), "type": "TXT", "value": key.record() }).to_string(),
            false => format!("{} TXT \"{}\"", key.record_name(), key.record()),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}
