//! The four verdicts, and what each can rest on.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

/// What can be said of one hop, or of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The receiving server says that TLS was used.
    Encrypted,
    /// It says that it wasn't, or always says so when it was and didn't.
    NotEncrypted,
    /// The message did not leave one machine or one provider's network.
    Internal,
    /// Nothing is said, and nothing is known of this server's habits.
    Unknown,
}

impl Verdict {
    /// The word in JSON and in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::NotEncrypted => "not_encrypted",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a hop's verdict rests on. Shown as a sentence without its full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Because<'a> {
    /// Written in a comment or clause, as it stands.
    Written(&'a str),
    /// The `with` keyword says so (RFC 3848, 6531, 8314).
    Keyword(&'a str),
    /// The field says that there was no TLS, as it stands.
    SaysPlain(&'a str),
    /// This server always says so when TLS was used, and is silent.
    Silent {
        /// The server software or provider.
        server: &'a str,
    },
    /// A loopback address or name.
    Loopback,
    /// A private address.
    Private(IpAddr),
    /// No peer is named: the message began or was queued again here.
    NoPeer,
    /// Nothing is known of this server's habits.
    NothingKnown,
    /// The field can't be read.
    Unreadable,
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(words) => write!(f, "the receiving server writes “{words}”"),
            Self::Keyword(keyword) => write!(f, "“with {keyword}” says that TLS was used"),
            Self::SaysPlain(words) => write!(f, "the receiving server writes “{words}”"),
            Self::Silent { server } => write!(f, "{server} always says so when TLS was used, and says nothing here"),
            Self::Loopback => f.write_str("it stayed on one machine"),
            Self::Private(address) => write!(f, "{address} is a private address"),
            Self::NoPeer => f.write_str("no other server is named: it began here, or was queued again"),
            Self::NothingKnown => f.write_str("the field says nothing, and nothing is known of this server's habits"),
            Self::Unreadable => f.write_str("the field can't be read"),
        }
    }
}
