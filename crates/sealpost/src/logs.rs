//! Logs: text on a terminal, JSON elsewhere, always on stderr. They hold ids,
//! keyed hashes and causes; never a subject, a body, an address or a secret.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{Log, LogFormat};

/// The targets of the libraries that look names up.
const RESOLVER: [&str; 3] = ["hickory_resolver=warn", "hickory_net=warn", "hickory_proto=warn"];

/// Begins to log.
pub fn begin(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.level).with_context(|| format!("log.level: {:?}", log.level))?;
    // At other levels the resolver's libraries log the names that they ask for,
    // which are recipients' domains.
    let filter = RESOLVER.iter().try_fold(filter, |filter, target| Ok(filter.add_directive(target.parse()?)));
    let filter = filter.map_err(|error: ParseError| anyhow::anyhow!("log.level: {error}"))?;
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
