//! The client's side of SMTP: a dialogue in which each state is a value that
//! the next step consumes.
//!
//! [`Greeting`] → [`Opened`] → [`Hello`] → [`Session`] → [`StartTls`] →
//! [`Handshake`] → [`Opened`] again, and from a [`Session`] any number of
//! [`Sending`]s and one [`Quit`]. A step that waits for the peer is an
//! [`Exchange`]: bytes to write come out of it, bytes that were read go in.
//!
//! **Invariants**: nothing learned before TLS outlives it; no bare CR or LF is
//! ever written; a reply is never matched to a command that was not yet asked.
//!
//! Lines of the peer end at CRLF only. A bare CR or LF in a reply ends the
//! dialogue (RFC 5321 §2.3.8): what two readers would cut differently is no
//! evidence.
//!
//! Standards: RFC 5321, RFC 1870 (SIZE), RFC 2034 (enhanced codes), RFC 2920
//! (PIPELINING), RFC 3030 (CHUNKING), RFC 3207 (STARTTLS), RFC 3461 (DSN),
//! RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8).

mod command;
mod content;
mod error;
mod extensions;
mod opening;
mod reply;
mod sending;
mod session;
mod transaction;

pub use content::{BareLineEnd, Content};
pub use error::ProtocolError;
pub use extensions::Extensions;
pub use opening::{Greeted, Greeting, Handshake, Hello, Opened};
pub use sending::{Sending, Sent};
pub use session::{Quit, Session, StartTls, TlsAnswer};
pub use transaction::{Report, Step, Transaction, Unfit, Verdict};

/// A step of the dialogue that waits for the peer.
///
/// The driver writes what [`write`](Exchange::write) gives until it gives
/// nothing, then reads, and hands what it read to [`read`](Exchange::read).
/// It may read while it writes. After an outcome or an error the exchange is
/// over and must not be used.
pub trait Exchange {
    /// What the step leads to.
    type Outcome;

    /// Appends what is to be written now; nothing if it waits for the peer.
    /// What is long comes in pieces.
    fn write(&mut self, out: &mut Vec<u8>);

    /// Takes bytes of the peer.
    fn read(&mut self, bytes: &[u8]) -> Result<Option<Self::Outcome>, ProtocolError>;

    /// What it waits for, for the bounds on time of RFC 5321 §4.5.3.2.
    fn awaits(&self) -> Step;

    /// How many replies are due: when it falls, the server made progress.
    fn replies_due(&self) -> usize {
        1
    }
}
