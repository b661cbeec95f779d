//! Logs: text on a terminal, JSON elsewhere, always on stderr. They hold ids,
//! keyed hashes and causes; never a subject, a body, an address or a secret.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Begins to log.
pub fn begin(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.level).with_context(|| format!("log.level: {:?}", log.level))?;
    let is_terminal = std::io::stderr().is_terminal();
    let is_text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => is_terminal,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match is_text {
        true => builder.with_ansi(is_terminal && std::env::var_os("NO_COLOR").is_none()).try_init(),
        false => builder.json().flatten_event(true).try_init(),
    };
    begun.map_err(|error| anyhow::anyhow!("logs can't begin: {error}"))
}
