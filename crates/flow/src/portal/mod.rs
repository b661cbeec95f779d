//! The portal's journey without HTTP: what one recipient's link is, when a code
//! is sent, what opens the message, and the mails that the portal writes.
//!
//! The rules are pure functions over [`LinkState`]; [`Portal`] runs them
//! against a [`PortalDesk`], which knows the vault, the store and the queue.
//! This module never sees HTTP, never sends mail itself, and never tells a
//! visitor whether a link exists.

mod code;
mod desk;
mod giving;
mod key_desk;
mod key_mail;
mod language;
mod link;
pub(crate) mod mime;
pub mod notice;
mod passphrase;
mod proof;
pub mod reply;
mod replying;
mod rules;
mod service;
mod session;
mod state;
#[cfg(test)]
mod testing;

pub use code::Code;
pub use desk::{Change, Content, DeskError, Factor, Found, NewReply, Pending, PortalDesk, PortalEvent, Saved, Ticket};
pub use giving::{KeyProof, KeyVisit, Offer, Removal};
pub use key_desk::{GivenKey, KeyDesk, KeyOutcome, KeyStep, NotOffered};
pub use key_mail::{Challenge, KeyNote, Told, challenge, told};
pub use language::{Catalogue, Language, UnknownLanguage};
pub use link::{LinkId, LinkIdError};
pub use notice::{Clinic, CodeMail, Mailbox, NoticeMail, link_url};
pub use passphrase::{HINT_CHARS_MAX, Passphrase, PassphraseError};
pub use proof::{Offered, ProofCode};
pub use replying::{Begun, Replying};
pub use rules::{Refusal, Stage};
pub use service::{Caller, Entry, PassphraseEntry, Portal, PortalError, ReplyForm, Visit};
pub use session::SessionToken;
pub use state::{LinkState, NewLink, Notified, ReplyNoted, StateError};
