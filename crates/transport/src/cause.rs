//! Why a recipient's copy was not delivered: one enum, its variants grouped by
//! blame, with the code and the words for outsiders.

use std::io;

use mail::{EnhancedCode, Reply};
use smtp::client::ProtocolError;

use crate::proof::Fault;
use crate::shaping::Wait;

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
    /// It does not offer REQUIRETLS, which the message needs (RFC 8689 §4.2.1).
    NoRequireTls,
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
    /// The TLSA records of an MX host can't be had, or are bogus (RFC 7672 §2.1).
    #[error("the lookup of the server's TLSA records fails")]
    DaneFailed,
    /// The MTA-STS policy of the domain does not name the MX host (RFC 8461 §5).
    #[error("the domain's MTA-STS policy does not name the server")]
    NotNamed,
    /// The connection proves what the parcel needs, and less than DANE or the
    /// MTA-STS policy of the domain demands.
    #[error("the server is not the one that DANE or MTA-STS names")]
    Unbound,
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
    /// It may not be sent anything just now.
    #[error("{0}")]
    Waits(Wait),
    /// The time for one delivery was over before every MX host was tried.
    #[error("the time for this attempt is over")]
    OutOfTime,
    /// There is no memory for it.
    #[error("there is no memory for a message of this size just now")]
    NoMemory,
    /// It came sealed, and the key that opens it can't be used just now.
    #[error("the key that opens the message can't be used just now")]
    Unopened,
    /// The bytes could not be made just now.
    #[error("the message could not be read from the store just now")]
    Unavailable,
    /// The bytes can't be sent: a bare CR or LF in them.
    #[error("the message holds what may not be sent")]
    Unsendable,
}

impl Cause {
    /// Whether trying again later may help.
    pub fn may_retry(&self) -> bool {
        match self {
            Cause::NoSuchDomain
            | Cause::NullMx
            | Cause::NoRoute
            | Cause::Loop
            | Cause::NeedsSmtputf8
            | Cause::TooLarge(_)
            | Cause::Unsendable => false,
            Cause::Replied(_, reply) => !is_final(reply),
            Cause::DnsFailed
            | Cause::DaneFailed
            | Cause::NotNamed
            | Cause::Unbound
            | Cause::TooManyHosts
            | Cause::Unreachable(_)
            | Cause::TimedOut(_)
            | Cause::Cut(_)
            | Cause::Broken(_, _)
            | Cause::TlsFailed(_)
            | Cause::ReplyLost
            | Cause::Waits(_)
            | Cause::NoMemory
            | Cause::OutOfTime
            | Cause::Unopened
            | Cause::Unavailable => true,
        }
    }

    /// The enhanced status code (RFC 3463, RFC 7505) for DSNs and events.
    pub fn enhanced(&self) -> EnhancedCode {
        match self {
            Cause::NoSuchDomain => EnhancedCode(5, 1, 2),
            Cause::NullMx => EnhancedCode(5, 1, 10),
            Cause::NoRoute => EnhancedCode(5, 4, 4),
            Cause::Loop => EnhancedCode(5, 4, 6),
            Cause::DnsFailed => EnhancedCode(4, 4, 3),
            // RFC 7672 §2.2 and RFC 8461 §5 ask to wait; RFC 3463 §3.8 has the code.
            Cause::DaneFailed | Cause::NotNamed | Cause::Unbound => EnhancedCode(4, 7, 5),
            Cause::TooManyHosts => EnhancedCode(4, 4, 4),
            Cause::Unreachable(_) => EnhancedCode(4, 4, 1),
            Cause::TimedOut(_) | Cause::Cut(_) | Cause::ReplyLost => EnhancedCode(4, 4, 2),
            Cause::Broken(_, _) => EnhancedCode(4, 5, 0),
            Cause::TlsFailed(_) => EnhancedCode(4, 7, 5),
            Cause::Replied(_, reply) => {
                let class = if is_final(reply) { 5 } else { 4 };
                let EnhancedCode(_, subject, detail) = reply.enhanced.unwrap_or(EnhancedCode(class, 0, 0));
                EnhancedCode(class, subject, detail)
            }
            Cause::NeedsSmtputf8 => EnhancedCode(5, 6, 7),
            Cause::TooLarge(_) => EnhancedCode(5, 3, 4),
            // RFC 3463 §3.5: congestion.
            Cause::Waits(_) => EnhancedCode(4, 4, 5),
            Cause::OutOfTime => EnhancedCode(4, 4, 7),
            Cause::NoMemory => EnhancedCode(4, 3, 1),
            Cause::Unavailable | Cause::Unopened => EnhancedCode(4, 3, 0),
            Cause::Unsendable => EnhancedCode(5, 6, 0),
        }
    }

    /// What an outsider may read, without text of the peer and without facts
    /// of this machine.
    pub fn outside(&self) -> String {
        match self {
            Cause::Replied(stage, reply) => format!("the receiving server answered {} {}", reply.code, stage.at()),
            Cause::Unreachable(_) => "the receiving server could not be reached".to_owned(),
            Cause::TimedOut(stage) => format!("the receiving server did not answer in time {}", stage.at()),
            Cause::Cut(stage) => format!("the connection ended {}", stage.at()),
            Cause::Broken(stage, _) => format!("the receiving server broke the protocol {}", stage.at()),
            Cause::TlsFailed(_) => "TLS with the receiving server failed".to_owned(),
            Cause::OutOfTime => "delivery was put off here".to_owned(),
            Cause::Unavailable => "the message could not be read here just now".to_owned(),
            Cause::Unsendable => "the message can't be sent in this form".to_owned(),
            Cause::NoSuchDomain
            | Cause::NullMx
            | Cause::NoRoute
            | Cause::Loop
            | Cause::DnsFailed
            | Cause::DaneFailed
            | Cause::NotNamed
            | Cause::Unbound
            | Cause::TooManyHosts
            | Cause::ReplyLost
            | Cause::Waits(_)
            | Cause::NoMemory
            | Cause::Unopened
            | Cause::NeedsSmtputf8
            | Cause::TooLarge(_) => self.to_string(),
        }
    }
}

/// Whether a reply is the last word. 530 is not: it asks for TLS, which may
/// work another time (RFC 3207 §4).
pub(crate) fn is_final(reply: &Reply) -> bool {
    reply.is_permanent() && reply.code != 530
}

impl Stage {
    const fn at(self) -> &'static str {
        match self {
            Stage::Connect => "while connecting",
            Stage::Greeting => "at the greeting",
            Stage::Hello => "to EHLO",
            Stage::Tls => "to STARTTLS",
            Stage::Sender => "to MAIL FROM",
            Stage::Recipient => "to RCPT TO",
            Stage::Content => "to DATA",
            Stage::End => "to the content",
        }
    }
}
