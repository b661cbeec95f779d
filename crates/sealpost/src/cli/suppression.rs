//! `sealpost suppression …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mail::suppression::Reason;
use mail::{Address, SuppressionId};

use super::Organisation;

/// `sealpost suppression …`.
#[derive(Debug, Subcommand)]
pub enum SuppressionVerb {
    /// Who is suppressed, and why, oldest first
    List {
        /// Only those of this reason: hard_bounce, complaint, unsubscribe, manual
        #[arg(long)]
        reason: Option<Reason>,
        /// Only those for this stream alone
        #[arg(long)]
        stream: Option<String>,
        /// After this one: sup_…
        #[arg(long)]
        after: Option<SuppressionId>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// What is suppressed for an address, or one entry by its id
    Show {
        /// The address, or sup_…
        which: String,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Send an address nothing more
    Add(SuppressionAdd),
    /// Take an entry back: mail goes to that address again
    Remove {
        /// The entry: sup_…
        id: SuppressionId,
        /// Why, for the ledger
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Add addresses from CSV: address, and if you like stream and reason; a line for each that is not taken
    Import {
        /// The file; - for stdin
        file: PathBuf,
        /// The reason where a line names none
        #[arg(long, default_value = "manual")]
        reason: Reason,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Print all of it as CSV
    Export {
        #[command(flatten)]
        organisation: Organisation,
    },
}

/// Who is suppressed, and why.
#[derive(Debug, Args)]
pub struct SuppressionAdd {
    /// The address
    pub address: Address,
    /// For this stream alone
    #[arg(long)]
    pub stream: Option<String>,
    /// Why: hard_bounce, complaint, unsubscribe, manual
    #[arg(long, default_value = "manual")]
    pub reason: Reason,
    #[command(flatten)]
    pub organisation: Organisation,
}
