//! `sealpost queue …`.

use clap::{Args, Subcommand};
use mail::{Domain, MessageId};

use super::Organisation;

/// `sealpost queue …`.
#[derive(Debug, Subcommand)]
pub enum QueueVerb {
    /// What waits, and why, the most urgent first
    List {
        #[command(flatten)]
        which: Which,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Why a message waits, a line for each of its parcels
    Show {
        /// The message: msg_…
        id: MessageId,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Hold back what waits, until it is released
    Hold(QueueDeed),
    /// Let go what was held back
    Release(QueueDeed),
    /// Try now what would be tried later
    Retry(QueueDeed),
    /// Take out for good; senders get a bounce
    Drop {
        #[command(flatten)]
        deed: QueueDeed,
        /// Tell nobody: the timeline and the ledger have it all the same
        #[arg(long)]
        silent: bool,
    },
}

/// What is done, to what, and why.
#[derive(Debug, Args)]
pub struct QueueDeed {
    #[command(flatten)]
    pub which: Which,
    /// All that waits
    #[arg(long, conflicts_with_all = ["message", "domain", "stream", "older_than"])]
    pub all: bool,
    /// Why, for the ledger
    #[arg(long)]
    pub reason: String,
    /// Only say how many there are
    #[arg(long)]
    pub dry_run: bool,
}

/// Which parcels are meant: all that fit whatever is given.
#[derive(Debug, Args)]
pub struct Which {
    /// Of this message: msg_…
    #[arg(long)]
    pub message: Option<MessageId>,
    /// To this domain
    #[arg(long)]
    pub domain: Option<Domain>,
    /// Of this stream
    #[arg(long)]
    pub stream: Option<String>,
    /// Made longer ago than this: 30m, 2h, 3d
    #[arg(long)]
    pub older_than: Option<crate::config::Span>,
    #[command(flatten)]
    pub organisation: Organisation,
}
