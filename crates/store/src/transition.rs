//! What changes: a transition is the unit that happens whole or not at all.

use jiff::Timestamp;
use mail::{MessageId, OrgId, ParcelId, RecipientKeyId, SuppressionId};

use crate::body::SpooledBody;
use crate::lane::Lane;
use crate::row::{
    AcmeRow, CredentialRow, Dimensions, DiscoveryRow, MessageState, OrgKeyRow, ParcelState, RecipientKeyRow, ReportRow,
    StsPolicyRow, SuppressionRow, TlsSessionRow, WatchRoundRow,
};

/// Writes of one organisation and the journal row that tells of them, all in
/// one transaction.
#[derive(Debug)]
pub struct Transition {
    /// The organisation.
    pub org: OrgId,
    /// What changes.
    pub writes: Vec<Write>,
    /// What the journal says of it.
    pub journal: Option<JournalNew>,
}

/// A journal row to be appended.
#[derive(Debug, Clone)]
pub struct JournalNew {
    /// The message that it is about, if it is about one.
    pub message: Option<MessageId>,
    /// When it happened.
    pub at: Timestamp,
    /// Bytes of `ledger`, opaque here.
    pub entry: Vec<u8>,
}

/// One change. Where a guard is named and fails, the whole transition fails
/// with [`StoreError::Conflict`](crate::StoreError::Conflict).
#[derive(Debug)]
pub enum Write {
    /// A new message. Guard: its id is new.
    Accept(Box<Acceptance>),
    /// A message leaves `Accepted` or `Held`. Guard: it is where it was read, so that what two
    /// read and judged is done once.
    Decided {
        /// The message.
        message: MessageId,
        /// Where it stood when it was read.
        from: MessageState,
        /// Where it stands now.
        state: MessageState,
    },
    /// A new parcel in the queue. Guard: its id is new, its message is there.
    Enqueue(NewParcel),
    /// A parcel leaves the queue, and its lease ends. Guard: it is waiting, or
    /// was paused while it was under way, and no other node has leased it.
    Finish {
        /// The parcel.
        parcel: ParcelId,
        /// Where it stands now.
        state: ParcelState,
    },
    /// A person takes a parcel out of the queue, whoever has leased it: what
    /// that node is sending may still arrive, and what came of it is told.
    /// Guard: it is waiting or paused.
    Stop {
        /// The parcel.
        parcel: ParcelId,
        /// `Recalled`, `Dropped` or `Paused`.
        state: ParcelState,
    },
    /// A paused parcel waits again. Guard: it is paused.
    Resume {
        /// The parcel.
        parcel: ParcelId,
        /// When it is to be tried.
        due: Timestamp,
    },
    /// A parcel's turn comes at another time; it was not tried, and its lease
    /// ends. Guard: it is waiting, and no other node has leased it.
    PutOff {
        /// The parcel.
        parcel: ParcelId,
        /// When its turn comes.
        due: Timestamp,
        /// Why it has to wait: a number of `flow`; 0 where nothing keeps it.
        wait: u8,
    },
    /// A parcel is tried again later, its attempts rise by one, and its lease
    /// ends; one that was paused meanwhile stays so. Guard: it is waiting or
    /// paused, and no other node has leased it.
    Retry {
        /// The parcel.
        parcel: ParcelId,
        /// When it is to be tried.
        due: Timestamp,
    },
    /// A new portal link. Guard: its hash is new, its message is there.
    Link(NewLink),
    /// A portal link changes. Guard: it has the version named, which rises.
    LinkState {
        /// Keyed hash of the link's id.
        hash: [u8; 32],
        /// The version that the change was worked out from.
        expected_version: i64,
        /// Its new sealed state.
        sealed: Vec<u8>,
        /// Its new end.
        expires_at: Timestamp,
    },
    /// A domain's mail host showed a level. The best one is kept.
    Posture {
        /// Keyed index of the domain.
        domain: [u8; 16],
        /// The level shown.
        level: u8,
        /// When.
        at: Timestamp,
    },
    /// A login is made or replaced.
    Credential(CredentialRow),
    /// A recipient's key is new. Guard: its id is, and so is its fingerprint
    /// for this address.
    RecipientKey(Box<RecipientKeyRow>),
    /// A recipient's key changes: all but its id, address and fingerprint.
    /// Guard: it has the version named, which rises.
    RecipientKeyChanged {
        /// The version that the change was worked out from.
        expected_version: i64,
        /// How it stands now.
        row: Box<RecipientKeyRow>,
    },
    /// A recipient's key is removed. Guard: it is there.
    RecipientKeyRemoved {
        /// The key.
        key: RecipientKeyId,
    },
    /// Something was looked up; what was known of it before is replaced.
    Discovery(DiscoveryRow),
    /// Lookups that ended before a time are forgotten.
    ForgetDiscoveries {
        /// The time.
        before: Timestamp,
    },
    /// A key of the organisation's own is new. Guard: its id is.
    OrgKey(Box<OrgKeyRow>),
    /// A key of the organisation's own changes: all but its id, format and the
    /// time it was made. Guard: it has the version named, which rises.
    OrgKeyChanged {
        /// The version that the change was worked out from.
        expected_version: i64,
        /// How it stands now.
        row: Box<OrgKeyRow>,
    },
    /// Something happens that may happen once until a time. Guard: it has not
    /// happened, or its time is over.
    Once {
        /// Keyed hash of what it is.
        mark: [u8; 32],
        /// What came of it, for whoever asks again; nothing clear.
        value: Vec<u8>,
        /// The present time.
        now: Timestamp,
        /// Until when it may not happen again.
        until: Timestamp,
    },
    /// Marks whose time was over before this are forgotten.
    ForgetMarks {
        /// The time.
        before: Timestamp,
    },
    /// Work that one node does at a time is taken, kept or given back. Guard:
    /// nobody else has it now.
    Claim {
        /// The work.
        name: &'static str,
        /// Who takes it.
        holder: [u8; 16],
        /// The present time.
        now: Timestamp,
        /// Until when nobody else may take it; the present time gives it back.
        until: Timestamp,
    },
    /// A round of the watch list is over. Guard: the domain has none of that time.
    WatchRound(WatchRoundRow),
    /// Rounds before a time are forgotten.
    ForgetWatchRounds {
        /// The time.
        before: Timestamp,
    },
    /// A journal row about another message than the transition's own.
    Journal(JournalNew),
    /// An MTA-STS policy was had; it takes the place of an earlier one.
    StsPolicy(StsPolicyRow),
    /// MTA-STS policies whose time was over before this are forgotten.
    ForgetStsPolicies {
        /// The time.
        before: Timestamp,
    },
    /// So many more TLS sessions of a day, a domain and a kind of outcome.
    TlsSession(TlsSessionRow),
    /// The sessions of a day with a domain are reported, or too old to be.
    /// Guard: there were some, so that nobody else has reported them.
    TlsReported {
        /// Days since 1970, in UTC.
        day: i64,
        /// Keyed index of the domain.
        domain: [u8; 16],
    },
    /// A report came in. One that came before stays as it is.
    Report(ReportRow),
    /// Reports that came before this are forgotten.
    ForgetReports {
        /// The time.
        before: Timestamp,
    },
    /// Something that ACME keeps; it takes the place of what had its name.
    Acme(AcmeRow),
    /// What ACME kept until a time before this is forgotten.
    ForgetAcme {
        /// The time.
        before: Timestamp,
    },
    /// A mailbox gets nothing more. Guard, where it is to be `new`: it was not
    /// suppressed for that stream and reason; else what was before stays.
    Suppress {
        /// The suppression.
        row: Box<SuppressionRow>,
        /// Whether it fails where it is there already.
        new: bool,
    },
    /// A suppression is taken back. Guard: it is there.
    Unsuppress {
        /// The suppression.
        suppression: SuppressionId,
    },
    /// The message's key is destroyed and the message is
    /// [`Erased`](MessageState::Erased). Guard: the message is there.
    EraseKey {
        /// The message.
        message: MessageId,
    },
}

/// A message that the door took.
#[derive(Debug)]
pub struct Acceptance {
    /// Its id.
    pub message: MessageId,
    /// When it was received.
    pub received_at: Timestamp,
    /// `Accepted`, or what was decided already: `Decided`, `Held` or `Refused`.
    pub state: MessageState,
    /// Its sealed body, from [`Store::new_body`](crate::Store::new_body).
    pub body: SpooledBody,
    /// Its key, wrapped by the organisation's.
    pub wrapped_key: Vec<u8>,
    /// Its sealed envelope.
    pub envelope: Vec<u8>,
    /// What reports split it by.
    pub dimensions: Dimensions,
}

/// A parcel to be queued.
#[derive(Debug, Clone)]
pub struct NewParcel {
    /// Its id.
    pub parcel: ParcelId,
    /// Its message.
    pub message: MessageId,
    /// Its kind, a number of `seal`.
    pub kind: u8,
    /// When it is to be tried.
    pub due: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// The sealed parcel.
    pub sealed: Vec<u8>,
    /// The lane of the queue that it waits in.
    pub lane: Lane,
    /// Keyed index of the domain that it goes to.
    pub destination: Option<[u8; 16]>,
}

/// A portal link to be made.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// Keyed hash of its id.
    pub hash: [u8; 32],
    /// The message that it opens.
    pub message: MessageId,
    /// Which recipient of the message it is for.
    pub recipient: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops opening anything.
    pub expires_at: Timestamp,
    /// Its sealed state.
    pub sealed: Vec<u8>,
}
