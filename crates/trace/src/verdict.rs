//! The four verdicts, and what each can rest on.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

/// What can be said of one hop, or of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// Between whom a message was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// Within one machine or organisation.
    Within,
    /// From one organisation to another.
    Between,
    /// From the author's program to the first server, which let it log in.
    Submission,
    /// Nobody can tell.
    Unread,
}

/// What a hop's verdict rests on. Shown as a sentence without its full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because<'a> {
    /// Written in a comment or clause, as it stands.
    Written(&'a str),
    /// The `with` keyword says so (RFC 3848, 6531, 8314).
    Keyword(&'a str),
    /// A suite is named that doesn't encrypt.
    Null(&'a str),
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
    /// Both ends have names that mean nothing outside their network.
    LocalNames,
    /// Both ends are one host.
    SameHost,
    /// Both ends are of one organisation.
    SameOrganisation(&'a str),
    /// Both ends are of one provider, or of a group that the reader states.
    Provider(&'a str),
    /// Both ends are the reader's own.
    Own,
    /// No peer is named: the message began or was queued again here.
    NoPeer,
    /// A line about a queue of one machine, which is no hand-over.
    Companion,
    /// Handed over on the machine or inside a mailbox system.
    Local(&'a str),
    /// Handed in or fetched by a person's program.
    Client(&'a str),
    /// This server never says, or was not shown to say always.
    Habit {
        /// The server software or provider.
        server: &'a str,
        /// Whether it was ever seen to say so.
        seen: bool,
    },
    /// The software says so today, and didn't when the field was written; or
    /// not to a client like this one.
    TooEarly {
        /// The server software.
        server: &'a str,
    },
    /// A client that says HELO is asked for nothing that would show.
    Helo {
        /// The server software.
        server: &'a str,
    },
    /// The field breaks off, so that its silence means nothing.
    Incomplete,
    /// Nothing is known of this server's habits.
    NothingKnown,
    /// The field can't be read.
    Unreadable,
    /// Evidence from elsewhere that was verified.
    Proved(&'a str),
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(words) | Self::SaysPlain(words) => write!(f, "the receiving server writes “{words}”"),
            Self::Keyword(keyword) => write!(f, "“with {keyword}” says that TLS was used"),
            Self::Null(cipher) => write!(f, "{cipher} doesn't encrypt"),
            Self::Silent { server } => write!(f, "{server} always says so when TLS was used, and says nothing here"),
            Self::Loopback => f.write_str("it stayed on one machine"),
            Self::Private(address) => write!(f, "{address} is a private address"),
            Self::LocalNames => f.write_str("both ends have names of a local network"),
            Self::SameHost => f.write_str("both ends are one host"),
            Self::SameOrganisation(name) => write!(f, "both ends are of {name}"),
            Self::Provider(name) => write!(f, "both ends are of {name}"),
            Self::Own => f.write_str("both ends are your own"),
            Self::NoPeer => f.write_str("no other server is named: it began here, or was queued again"),
            Self::Companion => f.write_str("a line about a queue on one machine, no hand-over"),
            Self::Local(keyword) => write!(f, "“{keyword}” is a hand-over inside one system"),
            Self::Client(keyword) => {
                write!(f, "“{keyword}”: handed in or fetched by a person's program, at one of the two ends")
            }
            Self::Habit { server, seen: false } => write!(f, "{server} never says whether TLS was used"),
            Self::Habit { server, seen: true } => {
                write!(f, "{server} says nothing here, and is not known to say so always")
            }
            Self::TooEarly { server } => write!(f, "{server} did not always say so when this was written"),
            Self::Helo { server } => write!(f, "{server} has no word for TLS where the client said HELO"),
            Self::Incomplete => f.write_str("the field breaks off before it could say so"),
            Self::NothingKnown => f.write_str("the field says nothing, and nothing is known of this server's habits"),
            Self::Unreadable => f.write_str("the field can't be read"),
            Self::Proved(words) => f.write_str(words),
        }
    }
}
