//! The nouns about keys: `key`, `recipient`.

use std::path::PathBuf;

use clap::Subcommand;
use mail::{Address, Need, RecipientKeyId};

use super::Organisation;

/// `sealpost key …`.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Add a recipient's OpenPGP key or S/MIME certificate, which you vouch for
    Add {
        /// Armored or binary OpenPGP, PEM or DER; - is stdin
        file: PathBuf,
        /// Only for this address, even where the key does not name it
        #[arg(long)]
        address: Option<Address>,
        /// How you know that it is theirs, for the record
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Add many: the files of a folder, a key ring, or a CSV file with the columns address and file
    Import {
        /// The folder or file
        path: PathBuf,
        /// How you know that they are theirs, for the record
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// The keys that are known
    List {
        /// Only those that wait for a person: held back, or wanted no more by their holders
        #[arg(long)]
        held: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// All about one key
    Show {
        /// The key: rky_…
        id: RecipientKeyId,
        /// Print the key itself, armored or as PEM
        #[arg(long)]
        export: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Let a key be used that is held back; compare its fingerprint with its owner first
    #[command(visible_alias = "trust")]
    Accept {
        /// The key: rky_…
        id: RecipientKeyId,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Forbid a key for good, wherever it is found again
    #[command(visible_alias = "revoke")]
    Reject {
        /// The key: rky_…
        id: RecipientKeyId,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Look in the web key directory of the address's domain now, and ask the issuers of its certificates
    Find {
        /// The recipient
        address: Address,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Publish one of the organisation's own keys, as `sealpost orgkey publish` does
    Publish {
        /// The own key: oky_…; recipients' keys are published by nobody but themselves
        id: String,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Forget a key
    Remove {
        /// The key: rky_…
        id: RecipientKeyId,
        #[command(flatten)]
        organisation: Organisation,
    },
}

/// `sealpost recipient …`.
#[derive(Debug, Subcommand)]
pub enum RecipientVerb {
    /// Everything known of a recipient, and which method a message would get and why
    Show {
        /// The recipient
        address: Address,
        /// What the message would need; the policy's default where none is given
        #[arg(long, value_parser = need)]
        need: Option<Need>,
        #[command(flatten)]
        organisation: Organisation,
    },
}

fn need(word: &str) -> Result<Need, String> {
    let known = || Need::ALL.map(Need::word).join(", ");
    Need::from_word(word).ok_or_else(|| format!("there are {}", known()))
}
