//! The server's side of SMTP: bytes in, replies and events out.
//!
//! A [`Session`] is told what was read and says what happens next; the driver
//! around it owns the socket, TLS and time. Where the session needs an answer
//! from outside (a login, a sender, whether a message was stored), the event
//! carries a value that only the session can make and that the answer must
//! give back, so that nothing is answered twice or unasked.
//!
//! **Invariants**: only CRLF.CRLF ends DATA; a bare CR or LF is refused
//! wherever it stands; nothing that was read before TLS outlives it; a login
//! is never read without TLS; a message's content is never held here.
//!
//! Standards: RFC 5321 and RFC 6409 (submission), RFC 1870 (SIZE), RFC 2034
//! (ENHANCEDSTATUSCODES), RFC 2920 (PIPELINING), RFC 3030 (CHUNKING), RFC 3207
//! (STARTTLS), RFC 3461 (DSN), RFC 4954 (AUTH), RFC 4616 (PLAIN), RFC 6152
//! (8BITMIME), RFC 6531 (SMTPUTF8), RFC 8689 (REQUIRETLS).

mod auth;
mod body;
mod content;
mod dialogue;
mod event;
mod limits;
mod line;
pub mod reply;
mod session;

pub use crate::command::{BodyKind, Ret};
pub use content::Violation;
pub use event::{
    BeginAsked, Event, FinishAsked, LoginAsked, RecipientAsked, SenderAsked, StartTlsAsked, Step, Transaction,
};
pub use limits::{LINE_BYTES_MAX, Limits};
pub use session::{Access, Session};
