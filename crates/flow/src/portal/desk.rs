//! What the portal needs of the rest of the journey: the vault, the store and
//! the queue, behind one small trait.

use std::error::Error;
use std::net::IpAddr;
use std::pin::Pin;

use jiff::Timestamp;
use mail::reading::Reading;
use mail::{MessageId, OrgId};
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::key_desk::{KeyOutcome, KeyStep};
use super::link::LinkId;
use super::reply::{NotWritten, Offer, ReplyText, ReplyWriter};
use super::state::LinkState;
use crate::listener::TlsFacts;

/// What an asynchronous call of a [`PortalDesk`] gives.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which link of which message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Whose message it is.
    pub org: OrgId,
    /// The message.
    pub message: MessageId,
    /// The recipient's place in the envelope.
    pub recipient: u32,
    /// The keyed hash of the link's id, the key of its row.
    pub hash: [u8; 32],
}

/// A link that exists, opened.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which one.
    pub ticket: Ticket,
    /// What the row must still have when a change of it is saved.
    pub version: i64,
    /// Its state.
    pub state: LinkState,
}

/// What happened at the portal, for the timeline and the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortalEvent {
    /// A code was put in the queue.
    CodeSent,
    /// A wrong code was entered.
    WrongCode,
    /// A right code was entered, and that did not open the message.
    CodeAccepted,
    /// A wrong passphrase was entered.
    WrongPassphrase,
    /// The message was opened; what was asked and met.
    Opened(Vec<Factor>),
    /// The recipient asks for the message to be sent again.
    AskedAgain,
}

/// What a recipient has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// A code mailed to the address: control of the mailbox, and no more
    /// (NIST SP 800-63B does not count e-mail as out of band).
    MailedCode,
    /// The passphrase that the sender gave.
    Passphrase,
}

/// One step of a link, to be saved in one transaction.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which link.
    pub ticket: Ticket,
    /// What the row's version must still be.
    pub version: i64,
    /// The state after the step.
    pub state: LinkState,
    /// A code to be mailed to `state.recipient()` in `state.language()`, over a
    /// connection that proves `state.code_level(best)`.
    pub code: Option<Code>,
    /// What happened.
    pub event: Option<PortalEvent>,
    /// What is done about a key.
    pub key: Option<KeyStep>,
    /// The visitor's network address, where it is known.
    pub peer: Option<IpAddr>,
    /// When.
    pub at: Timestamp,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is durable.
    Done,
    /// It is durable, and this became of the key that it was about.
    Key(KeyOutcome),
    /// Another change was first: nothing was written.
    Conflict,
}

/// Why the desk can't serve.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The store can't be reached, or has no room. Later may do.
    #[error("the portal's store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What is stored can't be opened or read.
    #[error("the portal's data is damaged")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
}

/// The portal's window to vault, store and queue.
pub trait PortalDesk: Send + Sync {
    /// Finds a link and opens its state. `None`: there is none, or its message
    /// was erased. Should take alike in both cases.
    fn find(&self, link: LinkId) -> Pending<'_, Result<Option<Found>, DeskError>>;

    /// Seals the new state and writes it, the parcel of the code and the event
    /// in one synced transaction, if the row still has the version.
    fn save(&self, change: Change) -> Pending<'_, Result<Saved, DeskError>>;

    /// Does the work of [`PortalDesk::save`] for a link that does not exist, so
    /// that neither time nor a store that fails tells it from one that does:
    /// a durable write that means nothing.
    fn rehearse(&self, at: Timestamp) -> Pending<'_, Result<(), DeskError>>;

    /// What may be attached to a reply; `None`: this organisation takes none.
    fn offer(&self, ticket: &Ticket) -> Option<Offer>;

    /// Whether a reply has become a message.
    fn is_taken<'a>(&'a self, ticket: &'a Ticket, reply: MessageId) -> Pending<'a, Result<bool, DeskError>>;

    /// Opens an intake for a reply, and writes its header and its text. `None`:
    /// the message is no longer there, or no replies are taken.
    fn begin_reply<'a>(
        &'a self,
        ticket: &'a Ticket,
        reply: NewReply<'a>,
    ) -> Pending<'a, Result<Option<Result<ReplyWriter, NotWritten>>, DeskError>>;

    /// A reply as it was sent. `None`: it was erased, or never sent.
    fn sent<'a>(&'a self, ticket: &'a Ticket, reply: MessageId) -> Pending<'a, Result<Option<Content>, DeskError>>;

    /// Opens the message and reads it. `None`: it was erased.
    fn content<'a>(&'a self, ticket: &'a Ticket) -> Pending<'a, Result<Option<Content>, DeskError>>;
}

/// A reply before its files.
pub struct NewReply<'a> {
    /// The message that it becomes.
    pub message: MessageId,
    /// Text and topic.
    pub text: &'a ReplyText,
    /// Whether a passphrase was shown, beside a code.
    pub with_passphrase: bool,
    /// The visitor's network address, where it is known.
    pub peer: Option<IpAddr>,
    /// What is known of the connection's TLS.
    pub tls: Option<TlsFacts>,
}

/// A message as its recipient sees it.
#[derive(Debug, Clone)]
pub struct Content {
    /// When it was accepted.
    pub received_at: Timestamp,
    /// Subject, sender and parts, decoded.
    pub reading: Reading,
}
