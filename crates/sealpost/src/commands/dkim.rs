//! `sealpost dkim …`.

use std::process::ExitCode;

use anyhow::Result;
use identity::{Action, Resource};
use seal::DkimKey;
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
            false => zone_line(key),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A key's record as a line of a zone: a string of TXT has at most 255 bytes
/// (RFC 1035 §3.3.14), and receivers join them (RFC 6376 §3.6.2.2).
pub fn zone_line(key: &DkimKey) -> String {
    const STRING_BYTES_MAX: usize = 255;
    let record = key.record();
    let strings: Vec<String> = record
        .as_bytes()
        .chunks(STRING_BYTES_MAX)
        .map(|part| format!("\"{}\"", String::from_utf8_lossy(part)))
        .collect();
    format!("{}. TXT {}", key.record_name(), strings.join(" "))
}
