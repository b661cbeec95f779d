//! `sealpost domain …` and `sealpost dkim …`.

use clap::{Subcommand, ValueEnum};
use mail::Domain;

use super::Organisation;

/// `sealpost domain …`.
#[derive(Debug, Subcommand)]
pub enum DomainVerb {
    /// Make the DKIM key of a new domain, and print the records to publish
    Add {
        /// The domain
        domain: Domain,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// The own domains
    List {
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Each DNS record of own domains: what should be there, what is, and the fix
    Check {
        /// Which; all of them where none is named
        domains: Vec<Domain>,
        /// Exit 1 also where something is to be seen to
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
}

/// `sealpost dkim …`.
#[derive(Debug, Subcommand)]
pub enum DkimVerb {
    /// The TXT records to publish
    Show {
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Make the key of another selector, which signs nothing before dkim.selectors names it
    Next {
        /// The domain
        domain: Domain,
        /// The selector
        selector: String,
        /// Of which kind; many receivers don't verify ed25519
        #[arg(long, value_enum, default_value_t = DkimKind::Rsa)]
        kind: DkimKind,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Whether the record of a selector is published
    Check {
        /// The domain
        domain: Domain,
        /// The selector
        selector: String,
        #[command(flatten)]
        organisation: Organisation,
    },
}

/// The kind of a DKIM key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DkimKind {
    /// RSA with 2048 bits, which every receiver verifies
    Rsa,
    /// Ed25519 (RFC 8463)
    Ed25519,
}
