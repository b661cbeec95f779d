//! `sealpost watch …`.

use clap::Subcommand;
use mail::Domain;

/// `sealpost watch …`.
#[derive(Debug, Subcommand)]
pub enum WatchVerb {
    /// What is watched and how it stands
    List,
    /// The rounds of a domain, the newest first
    History {
        /// The domain
        domain: Domain,
        /// How many
        #[arg(long, default_value_t = 30)]
        limit: usize,
    },
}
