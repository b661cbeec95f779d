//! The words of `sealpost apikey`.

use clap::{Args, Subcommand};
use identity::Scope;
use mail::ApiKeyId;

use super::Organisation;

/// `sealpost apikey …`.
#[derive(Debug, Subcommand)]
pub enum ApiKeyVerb {
    /// Make a key; it is printed once
    Create {
        #[command(flatten)]
        wanted: NewKey,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// All keys, the oldest first
    List {
        #[command(flatten)]
        organisation: Organisation,
    },
    /// End a key at once
    Revoke {
        /// The key: key_…
        id: ApiKeyId,
        #[command(flatten)]
        organisation: Organisation,
    },
}

/// What a new API key is to be.
#[derive(Debug, Args)]
pub struct NewKey {
    /// What you call it
    pub name: String,
    /// What it may be used for: messages:send, messages:read, messages:judge, headers:inspect,
    /// suppressions:read, suppressions:write
    #[arg(long = "scope", num_args = 1.., default_values = ["messages:send", "messages:read"])]
    pub scopes: Vec<Scope>,
    /// An address that it may send as, or *@domain
    #[arg(long = "sender", num_args = 1..)]
    pub senders: Vec<String>,
    /// What it hands in never leaves the machine
    #[arg(long)]
    pub test: bool,
    /// It ends by itself after so many days
    #[arg(long, value_name = "DAYS")]
    pub days: Option<u32>,
}
