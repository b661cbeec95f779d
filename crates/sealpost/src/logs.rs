//! Logs: text on a terminal, JSON elsewhere, always on stderr. They hold ids,
//! keyed hashes and causes; never a subject, a body, an address or a secret.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::{EnvFilter, reload};

use crate::config::{Log, LogFormat};

/// The targets of the libraries that look names up.
const RESOLVER: [&str; 3] = ["hickory_resolver=warn", "hickory_net=warn", "hickory_proto=warn"];

/// The running log: what is written may change.
pub struct Logs(Change);

type Change = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

impl Logs {
    /// Goes on with another level. The format stays.
    pub fn change(&self, log: &Log) -> Result<()> {
        (self.0)(filter(log)?).context("the level of the log can't be changed")
    }
}

/// Begins to log.
pub fn begin(log: &Log) -> Result<Logs> {
    let filter = filter(log)?;
    let is_terminal = std::io::stderr().is_terminal();
    let is_text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => is_terminal,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let (begun, change): (_, Change) = if is_text {
        let is_coloured = is_terminal && std::env::var_os("NO_COLOR").is_none();
        let builder = builder.with_ansi(is_coloured).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| handle.reload(filter)))
    } else {
        let builder = builder.json().flatten_event(true).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| handle.reload(filter)))
    };
    begun.map_err(|error| anyhow::anyhow!("logs can't begin: {error}"))?;
    Ok(Logs(change))
}

fn filter(log: &Log) -> Result<EnvFilter> {
    let filter = EnvFilter::try_new(&log.level).with_context(|| format!("log.level: {:?}", log.level))?;
    // At other levels the resolver's libraries log the names that they ask for,
    // which are recipients' domains.
    let filter = RESOLVER.iter().try_fold(filter, |filter, target| Ok(filter.add_directive(target.parse()?)));
    filter.map_err(|error: ParseError| anyhow::anyhow!("log.level: {error}"))
}
