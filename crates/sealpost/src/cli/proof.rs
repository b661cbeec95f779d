//! The nouns about proof: `receipt`, `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mail::{Address, MessageId};

use super::Organisation;

/// `sealpost receipt …`.
#[derive(Debug, Subcommand)]
pub enum ReceiptVerb {
    /// The receipts of a message
    Show {
        /// The message: msg_…
        id: MessageId,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Write the receipts of a message, its salt and the public key into a folder
    Export {
        /// The message: msg_…
        id: MessageId,
        /// Where; made if missing
        #[arg(long, default_value = ".")]
        out: PathBuf,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Verify a receipt offline; exit 0 verified, 1 not
    Verify(Verify),
}

/// `sealpost receipt verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The receipt: a compact JWS
    pub file: PathBuf,
    /// The public key of the organisation (JWK), had by another way than the receipt
    #[arg(long, value_name = "JWK")]
    pub key: PathBuf,
    /// The salt that was exported with it
    #[arg(long)]
    pub salt: Option<PathBuf>,
    /// The stored message, to show that the receipt is about it
    #[arg(long, requires = "salt", requires = "recipient")]
    pub message: Option<PathBuf>,
    /// The recipient, to show that the receipt is about it
    #[arg(long, requires = "salt", requires = "message")]
    pub recipient: Option<Address>,
    /// The fingerprint of the recipient's key, to show that the copy was sealed to it
    #[arg(long, requires = "salt")]
    pub fingerprint: Option<String>,
}

/// `sealpost audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Check the whole ledger; exit 0 whole, 1 not
    Verify {
        /// An earlier checkpoint, kept elsewhere: shows a cut tail
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Print the newest signed checkpoint
    Checkpoint {
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Print the public key of receipts as JWK, or of checkpoints with --vkey
    Key {
        /// The key of checkpoints in the signed-note form
        #[arg(long)]
        vkey: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
}
