//! The noun `gateway`: port 25 and the mail system beside it.

use std::net::IpAddr;

use clap::{Args, Subcommand, ValueEnum};

/// `sealpost gateway …`.
#[derive(Debug, Subcommand)]
pub enum GatewayVerb {
    /// Print what to set up in the mail system: PowerShell for Microsoft 365, numbered steps for Google Workspace
    Setup(Setup),
    /// The secret by which the mail system proves that it is yours
    #[command(subcommand)]
    Secret(SecretVerb),
    /// Try each leg of the way, and a probe message through the mail system and back where one is configured
    Check {
        /// How long the probe message may take, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
        wait: u64,
    },
}

/// `sealpost gateway setup`.
#[derive(Debug, Args)]
pub struct Setup {
    /// Which mail system
    #[arg(value_enum)]
    pub system: MailSystem,
    /// The connector of the configuration; the only one of that kind where none is named
    #[arg(long, value_name = "NAME")]
    pub connector: Option<String>,
    /// An address that this machine sends from; those of server.hostname where none is given
    #[arg(long = "address", value_name = "IP")]
    pub addresses: Vec<IpAddr>,
    /// Print how all of it is undone instead
    #[arg(long)]
    pub rollback: bool,
    /// Put the secret into what is printed; a terminal may be recorded
    #[arg(long, conflicts_with = "rollback")]
    pub with_secret: bool,
}

/// A mail system that others share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MailSystem {
    /// Microsoft 365
    M365,
    /// Google Workspace
    Google,
}

/// `sealpost gateway secret …`.
#[derive(Debug, Subcommand)]
pub enum SecretVerb {
    /// Make a new secret beside the one that is good, which stays good until it is retired
    Rotate {
        /// The connector of the configuration; the only one with a secret where none is named
        #[arg(long, value_name = "NAME")]
        connector: Option<String>,
    },
    /// Make the older one of two secrets good for nothing
    Retire {
        /// The connector of the configuration; the only one with a secret where none is named
        #[arg(long, value_name = "NAME")]
        connector: Option<String>,
    },
    /// The secrets that are good, the newest first: where they are and since when
    Show {
        /// The connector of the configuration; the only one with a secret where none is named
        #[arg(long, value_name = "NAME")]
        connector: Option<String>,
        /// Print the newest secret itself; a terminal may be recorded
        #[arg(long)]
        reveal: bool,
    },
}
