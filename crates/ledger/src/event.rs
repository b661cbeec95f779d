//! What can happen to a message: a closed list, the words of the timeline.
//!
//! Events are sealed with the message's key, so they may name addresses and
//! hold what a peer said. Only their kinds stand open in the ledger.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use mail::{
    Address, ApiKeyId, Domain, EnhancedCode, Level, MessageId, Method, MxLookup, Need, OrgKeyId, ParcelId,
    RecipientKeyId, Reply, ReversePath,
};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fact::{Door, Tls, Verdict};
use crate::sealing::{KeyNamed, Sealing, Signing};
use crate::transit::{TracedHop, Transit};

macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident = $word:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        /// Something that happened, with what is known of it. Closed: match it
        /// without a wildcard.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Event {
            $($(#[$doc])* $kind { $($(#[$field_doc])* $field: $type,)* },)*
        }

        /// The kind of an event: its word, without what is known of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl Event {
            /// Its kind.
            pub const fn kind(&self) -> EventKind {
                match self {
                    $(Event::$kind { .. } => EventKind::$kind,)*
                }
            }
        }

        impl EventKind {
            /// Every kind, in the order of a message's life.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$kind,)*];

            /// The word for it in timelines, in JSON and in the ledger.
            pub const fn word(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $word,)*
                }
            }
        }
    };
}

events! {
    /// The door took the message and answered for it.
    Accepted = "accepted" {
        /// The door.
        door: Door,
        /// Who handed it in: the login, or the network's name.
        submitter: String,
        /// The client's address.
        peer: IpAddr,
        /// TLS version and cipher of the submission, where there was TLS.
        tls: Option<(String, String)>,
        /// The reverse path.
        sender: ReversePath,
        /// The recipients.
        recipients: Vec<Address>,
        /// Size of the message as it was received.
        body_bytes: u64,
        /// The stream that it is of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stream: Option<String>,
    }
    /// Its way here, as its trace fields tell it: it came from another mail
    /// system.
    Traced = "traced" {
        /// What can be said of its way between organisations.
        verdict: Transit,
        /// What that rests on.
        because: String,
        /// Its hops, the newest first.
        hops: Vec<TracedHop>,
        /// Older hops that are not kept.
        hops_left_out: u32,
    }
    /// Where an inbound message comes from was looked at.
    Authenticated = "authenticated" {
        /// The value of Authentication-Results (RFC 8601).
        results: String,
        /// Whom it pretends to come from.
        warnings: Vec<String>,
        /// Whether the sender's address is proven, so that failures are told.
        return_path: bool,
    }
    /// It came sealed or signed end to end, and was looked into.
    Proven = "proven" {
        /// Whether it was opened with a key of the organisation's own.
        opened: bool,
        /// What was proven: by whom signed, over what, or that nothing was.
        line: String,
    }
    /// Policy decided about one recipient's copy.
    Decided = "decided" {
        /// The recipient.
        recipient: Address,
        /// What it decided.
        decision: Verdict,
        /// The least protection that will do; none unless it is delivered.
        needs: Option<Need>,
        /// The rules that count.
        because: Vec<String>,
        /// The hash under which the policy is kept.
        policy: Digest,
    }
    /// Its sender asks by `TLS-Required: No` (RFC 8689 §4.1) that TLS not be
    /// insisted on.
    TlsRequiredNo = "tls_required_no" {
        /// Whether policy heeds it.
        heeded: bool,
        /// What that means, for people.
        because: String,
    }
    /// A recipient's copy got its method.
    Sealed = "sealed" {
        /// The recipient.
        recipient: Address,
        /// The method.
        method: Method,
        /// Why this one.
        because: String,
        /// The key that it will be sealed to, where it is end to end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyNamed>,
    }
    /// A recipient's key was looked for before the message was decided.
    KeySought = "key_sought" {
        /// The recipient.
        recipient: Address,
        /// What came of it.
        found: String,
    }
    /// A parcel went into the queue.
    Queued = "queued" {
        /// The parcel.
        parcel: ParcelId,
        /// What the parcel is for: `content`, `notice`, `code`, `dsn`.
        kind: String,
        /// Who will get it.
        recipients: Vec<Address>,
    }
    /// One address of one MX host was tried.
    Attempted = "attempted" {
        /// The parcel.
        parcel: ParcelId,
        /// The name of the MX host.
        mx: String,
        /// The address; none where the host's addresses were not found.
        ip: Option<IpAddr>,
        /// How the MX host was known.
        mx_lookup: Option<MxLookup>,
        /// What the connection proved, where there was one.
        level: Option<Level>,
        /// What TLS proved, where there was TLS.
        tls: Option<Tls>,
        /// The peer's last reply, where it matters.
        reply: Option<Reply>,
        /// How it went, for people.
        result: String,
    }
    /// The peer took responsibility for a recipient's copy.
    Delivered = "delivered" {
        /// The parcel.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// The peer's reply.
        reply: Reply,
        /// How it was sealed, where it is end to end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealing: Option<Sealing>,
        /// Who signed it, or why nobody did; none where policy wants no signature.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signing: Option<Signing>,
    }
    /// Not now: it is tried again.
    Deferred = "deferred" {
        /// The parcel.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// Why.
        because: String,
        /// The peer's reply, where it said so.
        reply: Option<Reply>,
        /// When it is tried again.
        until: Timestamp,
    }
    /// The promise could not be kept; the copy takes the next method.
    Rerouted = "rerouted" {
        /// The parcel that was given up.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// The method that could not.
        from: Method,
        /// The method that will.
        to: Method,
        /// Why.
        because: String,
    }
    /// Policy refused a recipient's copy, or the whole message.
    Refused = "refused" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// Why.
        because: String,
    }
    /// A recipient's copy, or the whole message, waits for a person.
    Held = "held" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// Why.
        because: String,
    }
    /// A person let it go on.
    Released = "released" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// Who.
        by: String,
        /// Why, where a reason was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    }
    /// A person decided that a held copy is never delivered.
    Rejected = "rejected" {
        /// The recipient.
        recipient: Address,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    }
    /// A recipient's copy will never arrive.
    Bounced = "bounced" {
        /// The parcel.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// Why.
        because: String,
        /// The peer's reply, where it said so.
        reply: Option<Reply>,
        /// The class of the cause: `bad_address`, `full`, `blocked`, `policy`,
        /// `content`, `greylisted`, `unknown`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<String>,
    }
    /// The portal's notice was taken by the recipient's server.
    Notified = "notified" {
        /// The recipient.
        recipient: Address,
        /// What its transit proved.
        level: Level,
    }
    /// A one-time code was asked for and sent.
    CodeSent = "code_sent" {
        /// The recipient.
        recipient: Address,
        /// The least level that its transit must prove.
        needs: Level,
    }
    /// A one-time code was asked for and not sent.
    CodeWithheld = "code_withheld" {
        /// The recipient.
        recipient: Address,
        /// Why.
        because: String,
    }
    /// A wrong code was given.
    CodeWrong = "code_wrong" {
        /// The recipient.
        recipient: Address,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// A right code was given, and a passphrase is asked next.
    CodeAccepted = "code_accepted" {
        /// The recipient.
        recipient: Address,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// A wrong passphrase was given.
    PassphraseWrong = "passphrase_wrong" {
        /// The recipient.
        recipient: Address,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// A passphrase is needed and the sender gave none.
    PassphraseMissing = "passphrase_missing" {
        /// The recipient.
        recipient: Address,
        /// Why it is needed.
        because: String,
    }
    /// An operator did something to a parcel in the queue.
    QueueChanged = "queue_changed" {
        /// The parcel.
        parcel: ParcelId,
        /// Whom it is for.
        recipients: Vec<Address>,
        /// What was done: `hold`, `release`, `retry`, `drop`.
        deed: String,
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
    }
    /// The recipient read the message in the portal.
    Opened = "opened" {
        /// The recipient.
        recipient: Address,
        /// What was asked and met: `code`, `passphrase`.
        met: Vec<String>,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// The recipient replied in the portal: a message of its own.
    Replied = "replied" {
        /// The recipient, who replied.
        recipient: Address,
        /// The reply's own message.
        reply: MessageId,
        /// Where it goes.
        to: Address,
        /// What the recipient says that it is about: `billing`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// The message was recalled; what that did to one recipient's copy.
    Recalled = "recalled" {
        /// The recipient.
        recipient: Address,
        /// What became of the copy: `withdrawn`, `stopped`.
        outcome: String,
        /// Who recalled it.
        by: String,
        /// Why.
        reason: String,
    }
    /// The recipient asked for it to be sent again.
    ResendAsked = "resend_asked" {
        /// The recipient.
        recipient: Address,
    }
    /// It came back to whom it had been sent to already, and was not taken again.
    Looped = "looped" {
        /// The recipient.
        recipient: Address,
        /// Who brought it back, in the ledger's words.
        submitter: String,
        /// From where.
        peer: IpAddr,
    }
    /// Its time ended: in the queue, or in the portal.
    Expired = "expired" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// What ended.
        because: String,
    }
    /// A login of submission was made, or its secret replaced.
    CredentialMade = "credential_made" {
        /// The login.
        login: String,
        /// The sender addresses that it may use.
        senders: Vec<String>,
        /// Who did it.
        by: String,
    }
    /// A login of submission was ended.
    CredentialRevoked = "credential_revoked" {
        /// The login.
        login: String,
        /// Who did it.
        by: String,
    }
    /// A recipient's key became known, and may be used.
    KeyLearned = "key_learned" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who or what brought it.
        by: String,
    }
    /// A recipient's key became known, and is held back.
    KeyHeld = "key_held" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who or what brought it.
        by: String,
        /// Why it is held back.
        because: String,
    }
    /// More became known of a key: a later end, a revocation, another source.
    KeyUpdated = "key_updated" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who or what brought it.
        by: String,
    }
    /// A key that was held back, or rejected, may be used.
    KeyAccepted = "key_accepted" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who said so, or which rule.
        by: String,
    }
    /// A key is used no more, because a newer one took its place.
    KeyReplaced = "key_replaced" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// The key that took its place.
        with: RecipientKeyId,
    }
    /// A person said that a key must not be used.
    KeyRejected = "key_rejected" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who said so.
        by: String,
    }
    /// A recipient took back a key that nobody else stands for: it is used no
    /// more, and does not come back by itself.
    KeyWithdrawn = "key_withdrawn" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who did it.
        by: String,
    }
    /// A recipient wants a key used no more that others stand for: a person is
    /// to decide.
    KeyUnwanted = "key_unwanted" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who asked.
        by: String,
    }
    /// A key was removed.
    KeyRemoved = "key_removed" {
        /// Whose it was.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who did it.
        by: String,
    }
    /// A recipient offers a key at the portal: a code was sealed to it, and sent.
    KeyOffered = "key_offered" {
        /// Whose it is.
        recipient: Address,
        /// Its fingerprint.
        fingerprint: String,
        /// The visitor's address.
        peer: Option<IpAddr>,
    }
    /// A wrong code was entered for a key that was offered.
    KeyProofWrong = "key_proof_wrong" {
        /// Whose it is.
        recipient: Address,
        /// The visitor's address.
        peer: Option<IpAddr>,
    }
    /// The code that was sealed to an offered key was entered.
    KeyProven = "key_proven" {
        /// Whose it is.
        recipient: Address,
        /// Its fingerprint.
        fingerprint: String,
        /// The visitor's address.
        peer: Option<IpAddr>,
    }
    /// A key of the organisation's own was made, imported or renewed.
    OrgKeyMade = "org_key_made" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// For whom: addresses and domains.
        owners: Vec<String>,
        /// What was done: `generated`, `imported`, `renewed`.
        how: String,
        /// Who did it.
        by: String,
    }
    /// A key of the organisation's own signs no more; it still opens.
    OrgKeyRetired = "org_key_retired" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Who did it, or the key that took its place.
        by: String,
    }
    /// The public part of a key of the organisation's own was published.
    OrgKeyPublished = "org_key_published" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Who did it.
        by: String,
    }
    /// The public part of a key of the organisation's own is no longer published.
    OrgKeyWithdrawn = "org_key_withdrawn" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Who did it.
        by: String,
    }
    /// A key of the organisation's own ends soon.
    OrgKeyExpiring = "org_key_expiring" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// When it ends.
        ends_at: Timestamp,
    }
    /// A key of the organisation's own was revoked.
    OrgKeyRevoked = "org_key_revoked" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Why.
        because: String,
        /// Who did it.
        by: String,
    }
    /// A domain's mail servers protect mail less than they did.
    PostureFell = "posture_fell" {
        /// The domain.
        domain: Domain,
        /// What noticed it: `watch`, `delivery`.
        noticed_by: String,
        /// What is worse than it was, and why.
        because: Vec<String>,
    }
    /// A domain's mail servers protect mail as well as they did before they fell.
    PostureRecovered = "posture_recovered" {
        /// The domain.
        domain: Domain,
        /// What noticed it: `watch`, `delivery`.
        noticed_by: String,
        /// How they stand.
        because: Vec<String>,
    }
    /// An authority issued the certificate of the listeners.
    CertificateIssued = "certificate_issued" {
        /// The names that it bears.
        names: Vec<Domain>,
        /// Who issued it.
        issuer: String,
        /// SHA-256 of it, in hexadecimal.
        sha256: String,
        /// Until when it is valid.
        ends_at: Timestamp,
    }
    /// A certificate was ordered and not had; the one before stays.
    CertificateFailed = "certificate_failed" {
        /// The names that it was to bear.
        names: Vec<Domain>,
        /// Why.
        because: String,
    }
    /// An API key was made.
    ApiKeyMade = "api_key_made" {
        /// The key.
        key: ApiKeyId,
        /// What its owner calls it.
        name: String,
        /// What it may be used for.
        scopes: Vec<String>,
        /// The sender addresses that it may use.
        senders: Vec<String>,
        /// Whether it is for tests.
        test: bool,
        /// Who did it.
        by: String,
    }
    /// An API key was ended.
    ApiKeyRevoked = "api_key_revoked" {
        /// The key.
        key: ApiKeyId,
        /// Who did it.
        by: String,
    }
    /// A secret that a mail system shows was made or retired.
    ConnectorSecret = "connector_secret" {
        /// The connector.
        connector: String,
        /// What was done: `made`, `retired`.
        what: String,
        /// Who did it.
        by: String,
    }
    /// The message's key was destroyed, and with it all that it sealed.
    Erased = "erased" {
        /// Why.
        because: String,
    }
    /// A report about a recipient's copy came in, and is shown to be about it.
    DsnReceived = "dsn_received" {
        /// The recipient.
        recipient: Address,
        /// What it says was done: `failed`, `delayed`, `delivered`, `relayed`, `expanded`, `unknown`.
        action: String,
        /// RFC 3463.
        status: Option<EnhancedCode>,
        /// The cause by class.
        class: String,
        /// What the reporting server said.
        because: String,
        /// Who reports, as it says.
        by: String,
        /// The message that it came as.
        dsn: MessageId,
        /// What shows that it is about this message: `return_path`, `envelope_id`, `passage`.
        proof: String,
    }
    /// A word to the sender was taken by the sender's server.
    DsnSent = "dsn_sent" {
        /// The parcel.
        parcel: ParcelId,
        /// Who was told.
        recipient: Address,
        /// The server's reply.
        reply: Reply,
    }
    /// A word to the sender could not be sent. It is never bounced itself.
    DsnFailed = "dsn_failed" {
        /// The parcel; none where none could be made.
        parcel: Option<ParcelId>,
        /// Who was to be told.
        recipient: Address,
        /// Why.
        because: String,
    }
}

impl EventKind {
    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
