//! What the store gives back: rows as plain values.
//!
//! Bytes called `sealed`, `envelope`, `entry` or `wrapped_key` are opaque here:
//! `vault` sealed them, and this crate has no key to open them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mail::{MessageId, OrgId, OrgKeyId, ParcelId, RecipientKeyId, SuppressionId};

use crate::body::BodyRef;
use crate::lane::Lane;

macro_rules! state {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant = $code,)* }

        impl $name {
            /// The number that the database keeps.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The state with this number.
            pub const fn from_code(code: i64) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

state! {
    /// Where a message stands.
    MessageState {
        /// Durable, and not yet decided: it resumes after a crash.
        Accepted = 0,
        /// Decided; its parcels tell the rest.
        Decided = 1,
        /// Kept back until somebody decides.
        Held = 2,
        /// Policy refused it.
        Refused = 3,
        /// Its key is destroyed.
        Erased = 4,
    }
}

state! {
    /// Where a parcel stands.
    ParcelState {
        /// In the queue.
        Waiting = 0,
        /// The peer took it.
        Delivered = 1,
        /// Replaced by a parcel of another method.
        Rerouted = 2,
        /// The peer refused it for good.
        Refused = 3,
        /// Kept back until somebody decides.
        Held = 4,
        /// Not delivered within its time.
        Expired = 5,
        /// Replaced by several parcels of the same recipients.
        Split = 6,
        /// Its message was recalled before it was sent.
        Recalled = 7,
        /// An operator keeps it back in the queue.
        Paused = 8,
        /// An operator took it out of the queue.
        Dropped = 9,
    }
}

impl MessageState {
    /// Every state.
    pub const ALL: [MessageState; 5] = [
        MessageState::Accepted,
        MessageState::Decided,
        MessageState::Held,
        MessageState::Refused,
        MessageState::Erased,
    ];

    /// The word for it: `accepted`, `decided`, `held`, `refused`, `erased`.
    pub const fn word(self) -> &'static str {
        match self {
            MessageState::Accepted => "accepted",
            MessageState::Decided => "decided",
            MessageState::Held => "held",
            MessageState::Refused => "refused",
            MessageState::Erased => "erased",
        }
    }
}

/// What reports split messages by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dimensions {
    /// The stream that the message belongs to.
    pub stream: String,
    /// The campaign, if any.
    pub campaign: Option<String>,
    /// Tags from the sender.
    pub tags: Vec<String>,
    /// Custom fields from the sender.
    pub fields: BTreeMap<String, String>,
    /// Keyed index of the subject.
    pub subject_index: [u8; 16],
    /// Keyed index of each recipient's domain.
    pub recipient_domains: Vec<[u8; 16]>,
    /// Size of the message as it was received.
    pub body_bytes: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Its id.
    pub message: MessageId,
    /// When it was received.
    pub received_at: Timestamp,
    /// Where it stands.
    pub state: MessageState,
    /// The sealed envelope.
    pub envelope: Vec<u8>,
    /// The message's key, wrapped; nothing once it is erased.
    pub wrapped_key: Option<Vec<u8>>,
    /// Where the sealed body lies.
    pub body: BodyRef,
    /// What reports split it by.
    pub dimensions: Dimensions,
}

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParcelRow {
    /// Its id.
    pub parcel: ParcelId,
    /// Its message.
    pub message: MessageId,
    /// Its kind, a number of `seal`.
    pub kind: u8,
    /// Where it stands.
    pub state: ParcelState,
    /// When it is to be tried next (or was last, once it is finished).
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The sealed parcel.
    pub sealed: Vec<u8>,
    /// The lane of the queue that it waits in.
    pub lane: Lane,
    /// Keyed index of the domain that it goes to.
    pub destination: Option<[u8; 16]>,
    /// Why it was put off last: a number of `flow`; 0 where it was not.
    pub wait: u8,
}

/// Which parcels of the queue are asked for: those that fit whatever is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sieve {
    /// To this domain, by its keyed index.
    pub destination: Option<[u8; 16]>,
    /// Made then or before.
    pub until: Option<Timestamp>,
}

impl Sieve {
    /// Whether it lets a parcel through.
    pub fn admits(&self, row: &ParcelRow) -> bool {
        self.destination.is_none_or(|index| row.destination == Some(index))
            && self.until.is_none_or(|until| row.created_at <= until)
    }
}

/// A parcel that the caller holds a lease on, with all that delivery needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The organisation.
    pub org: OrgId,
    /// The parcel.
    pub parcel: ParcelId,
    /// Its message.
    pub message: MessageId,
    /// Its kind, a number of `seal`.
    pub kind: u8,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it was due.
    pub due: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// The sealed parcel.
    pub sealed: Vec<u8>,
    /// The message's sealed envelope.
    pub envelope: Vec<u8>,
    /// The message's key, wrapped; nothing once it is erased.
    pub wrapped_key: Option<Vec<u8>>,
    /// Where the message's sealed body lies.
    pub body: BodyRef,
    /// When the message was received.
    pub received_at: Timestamp,
    /// The lane of the queue that it came from.
    pub lane: Lane,
    /// Keyed index of the domain that it goes to.
    pub destination: Option<[u8; 16]>,
}

/// One row of the journal: what a transition left for the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its number, ever rising.
    pub id: i64,
    /// The message that it is about, if it is about one.
    pub message: Option<MessageId>,
    /// When it happened.
    pub at: Timestamp,
    /// Bytes of `ledger`.
    pub entry: Vec<u8>,
}

/// A portal link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Keyed hash of the link's id; the id itself is never stored.
    pub hash: [u8; 32],
    /// The message that it opens.
    pub message: MessageId,
    /// Which recipient of the message it is for.
    pub recipient: u32,
    /// Rises with each change; the next change names it.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops opening anything.
    pub expires_at: Timestamp,
    /// Its sealed state: codes, tries, passphrase.
    pub sealed: Vec<u8>,
}

/// What a domain's mail hosts have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostureRow {
    /// The best level ever seen.
    pub best: u8,
    /// When the best level was last seen.
    pub best_at: Timestamp,
    /// The level seen last.
    pub last: u8,
    /// When that was.
    pub last_at: Timestamp,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgRow {
    /// Its number.
    pub org: OrgId,
    /// Its short name.
    pub slug: String,
    /// Its key, wrapped by the root key.
    pub wrapped_key: Vec<u8>,
}

/// A login for submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Keyed index of the login name.
    pub login: [u8; 32],
    /// What proves it and what it may do, sealed.
    pub sealed: Vec<u8>,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

/// A recipient's key or certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientKeyRow {
    /// Its id.
    pub key: RecipientKeyId,
    /// Keyed index of the folded address.
    pub address: [u8; 16],
    /// Keyed index of format and fingerprint; an address has each once.
    pub fingerprint: [u8; 16],
    /// Its format, a number of `mail`.
    pub format: u8,
    /// Whether it may be used, a number of `mail`.
    pub state: u8,
    /// Where it came from, a number of `mail`.
    pub source: u8,
    /// Rises with each change; the next change names it.
    pub version: i64,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// When anything of this row last changed.
    pub changed_at: Timestamp,
    /// When it stops being usable, if it says so.
    pub expires_at: Option<Timestamp>,
    /// The certificate, the address and where it came from, sealed.
    pub sealed: Vec<u8>,
}

/// What came of looking something up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscoveryRow {
    /// Keyed index of the address or domain.
    pub subject: [u8; 16],
    /// What was found, a number of `flow`.
    pub found: u8,
    /// When it was looked up.
    pub at: Timestamp,
    /// Until when it is not looked up again.
    pub until: Timestamp,
}

/// A key or certificate of the organisation's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgKeyRow {
    /// Its id.
    pub key: OrgKeyId,
    /// Its format, a number of `mail`.
    pub format: u8,
    /// Whether it may be used, a number of `flow`.
    pub state: u8,
    /// Rises with each change; the next change names it.
    pub version: i64,
    /// When it was made or imported.
    pub created_at: Timestamp,
    /// When anything of this row last changed.
    pub changed_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// Private key, certificate and whom they are for, sealed.
    pub sealed: Vec<u8>,
}

/// What a round of the watch list found of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRoundRow {
    /// Keyed index of the domain.
    pub domain: [u8; 16],
    /// When it was probed.
    pub at: Timestamp,
    /// What was found, sealed.
    pub sealed: Vec<u8>,
}

/// An MTA-STS policy that was had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsPolicyRow {
    /// Keyed index of the domain.
    pub domain: [u8; 16],
    /// Until when it holds.
    pub until: Timestamp,
    /// The domain's policy and the id of its record, sealed.
    pub sealed: Vec<u8>,
}

/// TLS sessions of one day, domain and kind of outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSessionRow {
    /// Days since 1970, in UTC.
    pub day: i64,
    /// Keyed index of the domain.
    pub domain: [u8; 16],
    /// Keyed hash of what the sealed part says.
    pub kind: [u8; 32],
    /// How many; in a write, how many more.
    pub sessions: i64,
    /// Domain, policy and outcome, sealed.
    pub sealed: Vec<u8>,
}

/// A report that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Keyed hash of who reports what.
    pub mark: [u8; 32],
    /// When it came.
    pub at: Timestamp,
    /// The report, sealed.
    pub sealed: Vec<u8>,
}

/// Something that ACME keeps: an account, a certificate, an answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeRow {
    /// What it is. Names hosts of the configuration, nobody's address.
    pub name: String,
    /// When it may be forgotten.
    pub until: Timestamp,
    /// What is kept, private keys included, sealed.
    pub sealed: Vec<u8>,
}

/// A mailbox that gets nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionRow {
    /// Its id.
    pub suppression: SuppressionId,
    /// Keyed index of the mailbox.
    pub mailbox: [u8; 16],
    /// The stream that it is for; empty for every one.
    pub stream: String,
    /// Why, a number of `mail::suppression::Reason`.
    pub reason: u8,
    /// Since when.
    pub at: Timestamp,
    /// The address and where this came from, sealed.
    pub sealed: Vec<u8>,
}

/// Which suppressions are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SuppressionFilter<'a> {
    /// Those for this stream alone; the empty one are those for every stream.
    pub stream: Option<&'a str>,
    /// Those of this reason.
    pub reason: Option<u8>,
}

/// A run of journal rows that got their positions in the tree together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The position of the first of them.
    pub first_position: u64,
    /// The journal rows in the order of their positions.
    pub journal_ids: Vec<i64>,
    /// The compact range of the tree after them.
    pub frontier: Vec<u8>,
    /// The signed note for the tree's size after them.
    pub checkpoint: String,
    /// When they got their positions.
    pub at: Timestamp,
}

impl RunRow {
    /// The size of the tree after this run.
    pub fn size_after(&self) -> u64 {
        self.first_position.saturating_add(self.journal_ids.len() as u64)
    }
}

/// How the queue stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueSummary {
    /// Parcels that wait.
    pub waiting: u64,
    /// The earliest time at which one of them is, or was, due.
    pub oldest_due: Option<Timestamp>,
    /// Messages that are held.
    pub held: u64,
    /// Parcels that operators hold back. None of them is among those that wait.
    pub paused: u64,
    /// When the oldest of those was made.
    pub oldest_paused: Option<Timestamp>,
}
