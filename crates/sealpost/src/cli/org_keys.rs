//! The noun about the organisation's own keys: `orgkey`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use keyring::org::Owner;
use mail::OrgKeyId;

use super::{Organisation, SealFormat};

/// `sealpost orgkey …`.
#[derive(Debug, Subcommand)]
pub enum OrgKeyVerb {
    /// Make a key: OpenPGP, or S/MIME with a request for an authority to sign
    Generate {
        #[command(flatten)]
        wanted: NewOrgKey,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Take in private keys, or the certificate that an authority signed for one that is here
    Import {
        /// OpenPGP, armored or binary; PEM or DER with key, certificate or both; PKCS#12
        file: PathBuf,
        /// For whom an address or domain; whom the key names, where it is not given
        #[arg(long = "owner", value_name = "ADDRESS|DOMAIN")]
        owners: Vec<Owner>,
        /// What unlocks it: the first line of this file; asked for on a terminal otherwise
        #[arg(long = "passphrase-file", value_name = "FILE")]
        passphrases: Vec<PathBuf>,
        /// It only opens what was sealed to it before, and never signs
        #[arg(long)]
        retired: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Print the request for a certificate of a key, as PEM
    Request {
        /// The key: oky_…
        id: OrgKeyId,
        /// Whom the certificate is to name; the organisation where it is not given
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// All own keys, the oldest first; tells which end soon
    List {
        #[command(flatten)]
        organisation: Organisation,
    },
    /// All about one key
    Show {
        /// The key: oky_…
        id: OrgKeyId,
        /// Print its public part, armored or as PEM
        #[arg(long)]
        export: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// OpenPGP: valid for longer. S/MIME: a new key with its request
    Renew {
        /// The key: oky_…
        id: OrgKeyId,
        /// For how long from now
        #[arg(long, value_name = "DAYS", default_value = "730", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
        /// OpenPGP: what is sealed to it from now on opens with a new subkey
        #[arg(long)]
        subkey: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Let a key sign no more; it still opens
    Retire {
        /// The key: oky_…
        id: OrgKeyId,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Revoke a key: it never signs again, and everybody may know; it still opens
    Revoke {
        /// The key: oky_…
        id: OrgKeyId,
        /// Why
        #[arg(long, value_enum)]
        reason: RevokeReason,
        /// More of why; published with the revocation
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Publish the public part: in the web key directory and on the portal's page of keys
    Publish {
        /// The key: oky_…
        id: OrgKeyId,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Publish it no longer
    Withdraw {
        /// The key: oky_…
        id: OrgKeyId,
        #[command(flatten)]
        organisation: Organisation,
    },
}

/// A key that is to be made.
#[derive(Debug, Args)]
pub struct NewOrgKey {
    /// For whom: senders and domains; the key names the first, of a domain its postmaster
    #[arg(required = true, value_name = "ADDRESS|DOMAIN")]
    pub owners: Vec<Owner>,
    /// The format
    #[arg(long, value_enum, default_value = "pgp")]
    pub format: SealFormat,
    /// OpenPGP: version 6 of RFC 9580, which GnuPG 2.2 and 2.4 can't read
    #[arg(long)]
    pub v6: bool,
    /// S/MIME: the kind of private key
    #[arg(long, value_enum, default_value = "rsa3072")]
    pub algorithm: PrivateKeyKind,
    /// S/MIME: no request; a certificate that nobody vouches for, to try things out
    #[arg(long)]
    pub self_signed: bool,
    /// The name that the key shows; the organisation's where it is not given
    #[arg(long)]
    pub name: Option<String>,
    /// For how long it is valid
    #[arg(long, value_name = "DAYS", default_value = "730", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
}

/// A kind of private key for S/MIME.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrivateKeyKind {
    /// RSA with 2048 bits
    Rsa2048,
    /// RSA with 3072 bits, which every mail program can use
    Rsa3072,
    /// RSA with 4096 bits
    Rsa4096,
    /// NIST P-256
    P256,
    /// NIST P-384
    P384,
}

/// Why a key is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RevokeReason {
    /// Somebody else may have it
    Compromised,
    /// Another one takes its place
    Superseded,
    /// It is no longer used
    Retired,
}
