//! The command line: noun, then verb. Data goes to stdout and all else to
//! stderr; exit 0 is well, 1 failed, 2 usage.

mod acme;
mod apikey;
mod demo;
mod domain;
mod gateway;
mod keys;
mod listing;
mod org_keys;
mod proof;
mod queue;
mod report;
mod send;
mod suppression;
mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use mail::{Address, Domain, MessageId};

use crate::doctor::Area;

pub use acme::AcmeVerb;
pub use apikey::{ApiKeyVerb, NewKey};
pub use demo::Demo;
pub use domain::{DkimKind, DkimVerb, DomainVerb};
pub use gateway::{GatewayVerb, MailSystem, SecretVerb, Setup};
pub use keys::{KeyVerb, RecipientVerb};
pub use listing::MessageList;
pub use org_keys::{NewOrgKey, OrgKeyVerb, PrivateKeyKind, RevokeReason};
pub use proof::{AuditVerb, ReceiptVerb, Verify};
pub use queue::{QueueDeed, QueueVerb, Which};
pub use report::{ReportVerb, ReportsShown};
pub use send::{Mailbox, Parts, Send};
pub use suppression::{SuppressionAdd, SuppressionVerb};
pub use watch::WatchVerb;

/// Secure email for healthcare: judged, sealed, delivered, proven.
#[derive(Debug, Parser)]
#[command(name = "sealpost", version, about, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    /// The configuration file; conf.d beside it is read too
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/sealpost/sealpost.toml",
        env = "SEALPOST_CONFIG"
    )]
    pub config: PathBuf,
    /// Print JSON on stdout and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// Do what can't be undone without being asked
    #[arg(long, global = true)]
    pub yes: bool,
    /// Never ask anything: what would need an answer fails
    #[arg(long, global = true)]
    pub no_input: bool,
    /// No colours, as with NO_COLOR
    #[arg(long, global = true)]
    pub no_color: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration, keys and a database; safe to run again
    Init(Init),
    /// Take, judge, seal and deliver mail
    Serve(Serve),
    /// Watch the whole journey with a made-up clinic on this machine; nothing is left behind
    Demo(Demo),
    /// Was a message encrypted on its way? Hop by hop, from its header block, offline
    Inspect(Inspect),
    /// Hand in a message, from flags, a file or stdin
    Send(Box<Send>),
    /// Messages: list, timeline, passphrase
    #[command(subcommand)]
    Message(MessageVerb),
    /// What waits to be delivered: list, show, hold, release, retry, drop
    #[command(subcommand)]
    Queue(QueueVerb),
    /// Addresses that get nothing more: list, show, add, remove, import, export
    #[command(subcommand)]
    Suppression(SuppressionVerb),
    /// Receipts: show, export, verify offline
    #[command(subcommand)]
    Receipt(ReceiptVerb),
    /// The audit ledger: verify, checkpoint, public key
    #[command(subcommand)]
    Audit(AuditVerb),
    /// Policy: explain a decision, check the rules
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Keys at rest: rotate
    #[command(subcommand)]
    Vault(VaultVerb),
    /// The configuration: show, check
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Logins of submission: add, revoke
    #[command(subcommand)]
    Credential(CredentialVerb),
    /// Keys of the REST door: create, list, revoke
    #[command(subcommand)]
    Apikey(ApiKeyVerb),
    /// Recipients' keys for end-to-end protection: add, import, list, show, accept, reject, publish, remove
    #[command(subcommand)]
    Key(KeyVerb),
    /// The organisation's own keys: generate, import, request, list, show, renew, retire, revoke, publish, withdraw
    #[command(subcommand)]
    Orgkey(OrgKeyVerb),
    /// What is known of a recipient, and which method a message would get
    #[command(subcommand)]
    Recipient(RecipientVerb),
    /// What is wrong with this installation, and the fix for each
    Doctor(DoctorArgs),
    /// What a domain's mail servers can do today, and what is to be mended; never sends a message
    Probe(Probe),
    /// Domains that are probed on a schedule: list, history
    #[command(subcommand)]
    Watch(WatchVerb),
    /// What other systems report of the organisation's mail: TLS, DMARC; read a report's file
    #[command(subcommand)]
    Report(ReportVerb),
    /// Port 25 beside a mail system: setup, secret, check
    #[command(subcommand)]
    Gateway(GatewayVerb),
    /// The listeners' certificate, had from an authority: status, renew
    #[command(subcommand)]
    Acme(AcmeVerb),
    /// Own domains: add, list, check each DNS record
    #[command(subcommand)]
    Domain(DomainVerb),
    /// DKIM: the DNS records that publish the keys, the next key, whether it is published
    #[command(subcommand)]
    Dkim(DkimVerb),
    /// Seal a message file for the holders of keys; needs no server and no configuration
    Seal(Seal),
    /// Open a sealed or signed message file and say what is proven; needs no server and no configuration
    Open(Open),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write a man page for each command into a folder
    Manual {
        /// Where; made if missing
        folder: PathBuf,
    },
}

/// `sealpost seal`.
#[derive(Debug, Args)]
#[command(override_usage = "sealpost seal MESSAGE --key KEYFILE... [--format pgp|smime] [--sign KEYFILE]")]
pub struct Seal {
    /// The message and the recipients' keys
    #[command(flatten)]
    pub files: Files,
    /// The format; what the keys are for, where it is not given
    #[arg(long, value_enum)]
    pub format: Option<SealFormat>,
    /// Sign with the private key in this file; without --key the message is only signed
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
    /// What stands in the Subject outside; the message's own goes inside
    #[arg(long, value_name = "TEXT", default_value = "[...]")]
    pub outer_subject: String,
    /// Begin the text with the protected Subject, for readers that know nothing of protected fields
    #[arg(long)]
    pub legacy_display: bool,
    /// Use AES-256-GCM even where a certificate does not announce it (S/MIME)
    #[arg(long)]
    pub aead: bool,
    /// Write the message here instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `sealpost open`.
#[derive(Debug, Args)]
#[command(override_usage = "sealpost open MESSAGE --key KEYFILE... [--json]")]
pub struct Open {
    /// The message, our private keys, and the certificates of signers
    #[command(flatten)]
    pub files: Files,
}

/// A message file and key files.
#[derive(Debug, Args)]
pub struct Files {
    /// The message; - is stdin
    #[arg(value_name = "MESSAGE")]
    message: Option<PathBuf>,
    /// Keys: OpenPGP, armored or binary; PEM or DER with key, certificate or both; PKCS#12
    #[arg(long = "key", value_name = "KEYFILE", num_args = 1..)]
    keys: Vec<PathBuf>,
    /// What unlocks private keys: the first line of this file; asked for on a terminal otherwise
    #[arg(long = "passphrase-file", value_name = "FILE")]
    pub passphrases: Vec<PathBuf>,
}

impl Files {
    /// The message and the keys. `--key` takes as many words as follow it: the
    /// last of them is the message where none stands elsewhere.
    pub fn split(&self) -> Option<(&Path, &[PathBuf])> {
        match (&self.message, self.keys.split_last()) {
            (Some(message), _) => Some((message, &self.keys)),
            (None, Some((message, keys))) if !keys.is_empty() => Some((message, keys)),
            (None, _) => None,
        }
    }
}

/// A format of end-to-end protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SealFormat {
    /// PGP/MIME
    Pgp,
    /// S/MIME
    Smime,
}

/// `sealpost init`.
#[derive(Debug, Args)]
pub struct Init {
    /// This machine's public name, such as secure.clinic.example
    pub hostname: Domain,
    /// A domain that the organisation sends from; the first is the main one
    #[arg(long = "domain", required = true)]
    pub domains: Vec<Domain>,
    /// The organisation's name, as patients know it
    #[arg(long)]
    pub name: Option<String>,
    /// The number that notices give for questions
    #[arg(long)]
    pub phone: Option<String>,
    /// Where database and bodies will be
    #[arg(long, default_value = "/var/lib/sealpost")]
    pub data_dir: PathBuf,
}

/// `sealpost serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Print the addresses that are listened on as one JSON object
    #[arg(long)]
    pub announce: bool,
}

/// `sealpost inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A message, a header block, an mbox, a Maildir, or a folder of them; - is stdin
    #[arg(required = true, value_name = "FILE|DIR|-")]
    pub paths: Vec<PathBuf>,
    /// Own servers and networks, and facts about others (TOML)
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
    /// Quote the evidence under each hop
    #[arg(long)]
    pub explain: bool,
    /// Check DKIM signatures and ARC seals with this public key: a DNS record or PEM
    #[arg(long = "dkim-key", value_name = "[SELECTOR._domainkey.DOMAIN=]FILE")]
    pub dkim_keys: Vec<String>,
    /// A receipt of Sealpost for the message: what it proves is added
    #[arg(long, value_name = "JWS", requires = "receipt_key")]
    pub receipt: Option<PathBuf>,
    /// The public key of the organisation that sent it (JWK), had by another way than the receipt
    #[arg(long, value_name = "JWK", requires = "receipt")]
    pub receipt_key: Option<PathBuf>,
    /// The salt that was exported with the receipt, to show that it is about this message
    #[arg(long, value_name = "FILE", requires = "receipt")]
    pub receipt_salt: Option<PathBuf>,
    /// Threads that judge; as many as there are processors where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
}

/// `sealpost doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Only these areas
    #[arg(long, value_enum, value_delimiter = ',', num_args = 1.., value_name = "AREA")]
    pub only: Vec<Area>,
    /// Not well (exit 1) where anything is to be seen to either
    #[arg(long)]
    pub strict: bool,
    /// Only ask the server that runs here whether it can take mail (exit 0) or not (exit 1)
    #[arg(long, conflicts_with_all = ["only", "strict"])]
    pub ready: bool,
}

/// `sealpost probe`.
#[derive(Debug, Args)]
pub struct Probe {
    /// Domains, or addresses in them
    #[arg(required = true, value_name = "DOMAIN|ADDRESS")]
    pub targets: Vec<String>,
    /// Look for a DKIM key under this selector too
    #[arg(long = "selector", value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// One connection an address: no old versions, no weak ciphers
    #[arg(long)]
    pub quick: bool,
    /// The name for EHLO; without it that of the configuration, or this machine's
    #[arg(long, value_name = "NAME")]
    pub helo: Option<Domain>,
}

/// Which organisation, where there are several.
#[derive(Clone, Debug, Args)]
pub struct Organisation {
    /// The organisation's slug; the first one where none is named
    #[arg(long, value_name = "SLUG")]
    pub organisation: Option<String>,
}

/// `sealpost message …`.
#[derive(Debug, Subcommand)]
pub enum MessageVerb {
    /// The newest messages
    List(MessageList),
    /// What happened to a message
    Show {
        /// The message: msg_…
        id: MessageId,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Give the passphrase that a message in the portal waits for; it is read from stdin
    Passphrase {
        /// The message: msg_…
        id: MessageId,
        /// Only for this recipient
        #[arg(long)]
        to: Option<Address>,
        /// What reminds the recipient of the passphrase
        #[arg(long)]
        hint: Option<String>,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Messages that wait for a person, the oldest first
    Held {
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Let a held message go, under all else that policy asks of it
    Release {
        /// The message: msg_…
        id: MessageId,
        /// Why, for the ledger
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Never send a held message; its sender is told the reason
    Reject {
        /// The message: msg_…
        id: MessageId,
        /// Why, for the sender and the ledger
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Recall a message: withdraw it from the portal, stop what waits, and say what became of each copy
    Recall {
        /// The message: msg_…
        id: MessageId,
        /// Why, for the ledger
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// Destroy a message's key, and with it all of its content for good
    Erase {
        /// The message: msg_…
        id: MessageId,
        /// Why, for the ledger
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        organisation: Organisation,
    },
}

/// `sealpost policy …`.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// What is decided for a message file, and why; needs no server and no configuration
    Explain {
        /// The message; - is stdin
        file: PathBuf,
        /// A recipient
        #[arg(long = "to", required = true, num_args = 1..)]
        to: Vec<Address>,
        /// The envelope sender; that of From where none is given
        #[arg(long)]
        from: Option<Address>,
        /// Rules from this file instead of those of the configuration
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Whether the rules of the configuration can be read
    Check,
}

/// `sealpost vault …`.
#[derive(Debug, Subcommand)]
pub enum VaultVerb {
    /// New organisation keys; every message key is rewrapped. An interrupted run is resumed by the next
    Rotate {
        /// Replace the root key by the one in this file instead; it is made if missing
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
}

/// `sealpost config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Every key and its value; secrets are masked
    Show {
        /// Where each was set
        #[arg(long)]
        origin: bool,
    },
    /// Whether it can be read and makes sense
    Check,
}

/// `sealpost credential …`.
#[derive(Debug, Subcommand)]
pub enum CredentialVerb {
    /// Make a login; its generated secret is printed once
    Add {
        /// Its name
        login: String,
        /// An address that it may send as, or *@domain
        #[arg(long = "sender", required = true, num_args = 1..)]
        senders: Vec<String>,
        /// Read a chosen password from stdin instead of generating a secret
        #[arg(long)]
        password: bool,
        #[command(flatten)]
        organisation: Organisation,
    },
    /// End a login at once
    Revoke {
        /// Its name
        login: String,
        #[command(flatten)]
        organisation: Organisation,
    },
}
