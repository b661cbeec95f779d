//! `sealpost config …`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use policy::Policy;

use super::{loaded, print, say};
use crate::cli::{Cli, ConfigVerb};

/// Runs it.
pub fn run(cli: &Cli, verb: &ConfigVerb) -> Result<ExitCode> {
    let loaded = loaded(cli)?;
    match verb {
        ConfigVerb::Show { origin } => match cli.json {
            true => print(&loaded.show_json().to_string())?,
            false => print(loaded.show(*origin).trim_end())?,
        },
        ConfigVerb::Check => {
            Policy::from_table(&loaded.config.policy).context("the policy can't be read")?;
            let problems = loaded.unreadable_files();
            for problem in &problems {
                say(&format!("✗ {problem}"));
            }
            if !problems.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
            say("✓ the configuration is fine");
        }
    }
    Ok(ExitCode::SUCCESS)
}
