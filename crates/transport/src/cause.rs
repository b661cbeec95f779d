//! Why a recipient's copy was not delivered: one enum, its variants grouped by
//! blame, with the code and the words for outsiders.

use std::io;

use mail::{EnhancedCode, Reply};
use smtp::client::ProtocolError;

use crate::proof::Fault;

/// Where in the dialogue it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Opening the connection.
    Connect,
    /// Waiting for the greeting.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS and the handshake.
    Tls,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, or the content before its end.
    Content,
    /// After the end of the content.
    End,
}

/// A proof that an MX host can't do what a parcel needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inability {
    /// It does not offer STARTTLS.
    NotOffered,
    /// It offers STARTTLS and refuses it for good.
    Refused(Reply),
    /// It ended the handshake with an alert, or has no version, cipher or
    /// algorithm in common with us, or breaks TLS.
    Handshake(String),
    /// Its certificate did not verify.
    Certificate(Fault),
    /// TLS verified, but nothing binds the MX host to the domain.
    NotBound,
}

/// Why a recipient's copy was not delivered, now or for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    // The recipient's domain.
    /// It does not exist.
    #[error("the domain does not exist")]
    NoSuchDomain,
    /// It takes no mail (RFC 7505).
    #[error("the domain takes no mail")]
    NullMx,
    /// None of its MX hosts has an address that may be used.
    #[error("no MX host has a usable address")]
    NoRoute,
    /// Its best MX host is this very server.
    #[error("the mail would loop back to this server")]
    Loop,
    /// Its DNS gave no answer.
    #[error("the DNS lookup failed")]
    DnsFailed,
    /// It has more MX hosts than are tried.
    #[error("there are too many MX hosts to try them all")]
    TooManyHosts,

    // The peer.
    /// No connection to it could be opened.
    #[error("the connection could not be opened: {0}")]
    Unreachable(io::ErrorKind),
    /// It did not answer in time.
    #[error("no answer in time ({0:?})")]
    TimedOut(Stage),
    /// The connection ended.
    #[error("the connection ended ({0:?})")]
    Cut(Stage),
    /// It broke the protocol.
    #[error("the peer broke the protocol ({0:?})")]
    Broken(Stage, #[source] ProtocolError),
    /// The handshake was cut, or failed in a way that proves nothing.
    #[error("the TLS handshake failed: {0}")]
    TlsFailed(String),
    /// It said no.
    #[error("the peer refused ({0:?}): {1}")]
    Replied(Stage, Reply),
    /// The connection ended after the whole content was sent and before the
    /// reply: the peer may have taken the message, so the next attempt may
    /// make a duplicate.
    #[error("the connection ended before the reply to the content")]
    ReplyLost,

    // The message and what the peer can take.
    /// An address or a header needs SMTPUTF8, which no MX host offers.
    #[error("SMTPUTF8 is needed and not offered")]
    NeedsSmtputf8,
    /// The message is larger than any MX host takes.
    #[error("the message is larger than the {0} bytes that are taken")]
    TooLarge(u64),

    // Ours.
    /// The time for one delivery was over before every MX host was tried.
    #[error("the time for this attempt is over")]
    OutOfTime,
    /// The bytes could not be made just now.
    #[error("the message could not be read from the store just now")]
    Unavailable,
    /// The bytes can't be sent: a bare CR or LF in them.
    #[error("the message holds what may not be sent")]
    Unsendable,
}

impl Cause {
    /// The enhanced status code (RFC 3463, RFC 7505) for DSNs and events.
    pub fn enhanced(&self) -> EnhancedCode {
        EnhancedCode(4, 0, 0)
    }

    /// What an outsider may read: no addresses, no text of our machine.
    pub fn outside(&self) -> String {
        self.to_string()
    }
}
