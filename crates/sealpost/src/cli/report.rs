//! `sealpost report …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Organisation;

/// `sealpost report …`.
#[derive(Debug, Subcommand)]
pub enum ReportVerb {
    /// Reports on TLS that came in (RFC 8460), with the failures in words
    Tls(ReportsShown),
    /// Aggregate reports of DMARC that came in, with the sources that fail
    Dmarc {
        #[command(flatten)]
        shown: ReportsShown,
        /// All sources, also those that pass
        #[arg(long)]
        all: bool,
    },
    /// What came as a report and could not be read
    Unread(ReportsShown),
    /// Read reports from files: a message, XML, JSON, gzip or ZIP; needs no server
    Read {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// All sources, also those that pass
        #[arg(long)]
        all: bool,
    },
}

/// Which reports.
#[derive(Debug, Args)]
pub struct ReportsShown {
    /// Whose
    #[command(flatten)]
    pub organisation: Organisation,
    /// How many, the newest first
    #[arg(long, default_value_t = 30)]
    pub limit: usize,
}
