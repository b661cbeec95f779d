//! What a session asks of its driver.

use mail::{Address, Envelope, Recipient};
use zeroize::Zeroizing;

use crate::command::{Bdat, BodyKind, Mail, Ret};

/// How far a session came with what it was given.
#[derive(Debug)]
pub struct Step<'b> {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// What comes next.
    pub event: Event<'b>,
}

/// What comes next. Replies that were written must reach the client before
/// the driver waits for more input, hands the socket to TLS, or closes.
#[derive(Debug)]
pub enum Event<'b> {
    /// All that could be done was done: read more, and give what was left
    /// over again, at its beginning.
    Input,
    /// Are these credentials good? Wipe the input: it held the password.
    Login(LoginAsked),
    /// May the client send as this address?
    Sender(SenderAsked),
    /// May the client send to this recipient? Asked only of
    /// [`Access::Exchange`](super::Access::Exchange).
    Recipient(RecipientAsked),
    /// Can this message be taken in?
    Begin(Box<Transaction>, BeginAsked),
    /// A part of the message, dots unstuffed; never empty.
    Content(&'b [u8]),
    /// The message is whole. Store it, and say so.
    Finish(FinishAsked),
    /// The message that was begun will not be finished: forget it.
    Abandon,
    /// Hand the connection to TLS.
    StartTls(StartTlsAsked),
    /// Close the connection; a message that was begun is forgotten.
    Close,
}

/// A login that waits for [`Session::login_checked`](super::Session::login_checked).
pub struct LoginAsked {
    /// Who the client says it is.
    pub login: String,
    /// What should prove it.
    pub password: Zeroizing<String>,
    pub(super) _seal: Seal,
}

impl std::fmt::Debug for LoginAsked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginAsked")
    }
}

/// A sender that waits for [`Session::sender_checked`](super::Session::sender_checked).
#[derive(Debug)]
pub struct SenderAsked {
    pub(super) mail: Mail,
}

impl SenderAsked {
    /// The reverse path; none is `<>`.
    pub fn address(&self) -> Option<&Address> {
        self.mail.from.as_ref()
    }
}

/// A recipient that waits for
/// [`Session::recipient_checked`](super::Session::recipient_checked).
#[derive(Debug)]
pub struct RecipientAsked {
    pub(super) recipient: Recipient,
}

impl RecipientAsked {
    /// The forward path.
    pub fn address(&self) -> &Address {
        &self.recipient.address
    }
}

/// A message that waits for [`Session::begun`](super::Session::begun).
#[derive(Debug)]
pub struct BeginAsked {
    pub(super) smtputf8: bool,
    pub(super) chunk: Option<Bdat>,
}

/// A whole message that waits for [`Session::finished`](super::Session::finished).
#[derive(Debug)]
pub struct FinishAsked {
    pub(super) _seal: Seal,
}

/// A handshake that waits for [`Session::tls_started`](super::Session::tls_started).
#[derive(Debug)]
pub struct StartTlsAsked {
    pub(super) _seal: Seal,
}

/// Only a session makes one.
#[derive(Debug)]
pub(super) struct Seal;

/// What is known of a message before its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Reverse path and recipients with their parameters.
    pub envelope: Envelope,
    /// What BODY said.
    pub body: BodyKind,
    /// What SIZE said.
    pub declared_bytes: Option<u64>,
    /// What RET said.
    pub ret: Option<Ret>,
    /// How many recipients were asked for, those refused and repeated too.
    pub(super) tried: usize,
}
