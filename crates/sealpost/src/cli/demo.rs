//! `sealpost demo`.

use std::path::PathBuf;

use clap::Args;

/// `sealpost demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after the run; not well unless everything was as it should be
    #[arg(long)]
    pub once: bool,
    /// Keep the receipts (*.jws) and the public key (receipts.jwk) in this folder
    #[arg(long, value_name = "DIR")]
    pub receipts: Option<PathBuf>,
    /// Use this empty PostgreSQL database (postgres://user@host/name), which keeps the demo's rows
    #[arg(long, value_name = "URL", default_value = "sqlite", hide_default_value = true)]
    pub store: String,
}
