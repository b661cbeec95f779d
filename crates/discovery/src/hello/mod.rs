//! TLS's first two words, written and read by ourselves: a ClientHello that
//! offers just what is asked about, and the ServerHello, retry or alert that
//! answers it. Pure.
//!
//! The TLS library offers nothing older than TLS 1.2 and nothing weak, so it
//! can't tell whether a server would take it. Nothing here makes a session:
//! whatever the server answers, the connection ends there.
//!
//! Standards: RFC 6101 (SSL 3.0), RFC 2246, RFC 4346, RFC 5246, RFC 8446 (TLS
//! 1.0 to 1.3), RFC 6066 (server name), RFC 8422 and RFC 7919 (groups).

mod answer;
mod offer;
mod suites;

pub use answer::{AnswerReader, NotTls, ServerAnswer};
pub use offer::{Offer, client_hello};
pub use suites::{Class, class, old_suites, suite_name};

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// SSL 3.0 (RFC 6101), broken by POODLE; RFC 7568 forbids it.
    Ssl3,
    /// TLS 1.0; RFC 8996 deprecates it.
    Tls10,
    /// TLS 1.1; RFC 8996 deprecates it.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Version {
    /// Oldest first.
    pub const ALL: [Version; 5] = [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13];

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        match self {
            Version::Ssl3 => 0x0300,
            Version::Tls10 => 0x0301,
            Version::Tls11 => 0x0302,
            Version::Tls12 => 0x0303,
            Version::Tls13 => 0x0304,
        }
    }

    /// The version of a number.
    pub fn of(number: u16) -> Option<Self> {
        Version::ALL.into_iter().find(|version| version.number() == number)
    }

    /// The word for it in JSON and receipts: `TLSv1.2`.
    pub const fn word(self) -> &'static str {
        match self {
            Version::Ssl3 => "SSLv3",
            Version::Tls10 => "TLSv1",
            Version::Tls11 => "TLSv1.1",
            Version::Tls12 => "TLSv1.2",
            Version::Tls13 => "TLSv1.3",
        }
    }
}

/// The groups that are asked about, by number and name (IANA, TLS Supported Groups).
pub const GROUPS: [(u16, &str); 7] = [
    (0x11ec, "X25519MLKEM768"),
    (0x001d, "X25519"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001e, "X448"),
    (0x0100, "ffdhe2048"),
];

/// The name of a group.
pub fn group_name(group: u16) -> Option<&'static str> {
    GROUPS.iter().find(|(known, _)| *known == group).map(|(_, name)| *name)
}
