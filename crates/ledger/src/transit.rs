//! How a message came here from another mail system, as its trace fields tell.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a message was encrypted on its way here, as far as that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transit {
    /// The receiving servers say so.
    Encrypted,
    /// One says that it wasn't, or always says so when it was and didn't.
    NotEncrypted,
    /// It never left one organisation's network.
    Internal,
    /// It can't be told.
    Unknown,
}

impl Transit {
    /// The words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Transit::Encrypted => "encrypted",
            Transit::NotEncrypted => "not encrypted",
            Transit::Internal => "internal",
            Transit::Unknown => "not provable",
        }
    }
}

/// One hand-over before a message came here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracedHop {
    /// Who handed it over, as written.
    pub from: Option<String>,
    /// Who took it, as written.
    pub by: Option<String>,
    /// The protocol, as written.
    pub with: Option<String>,
    /// When, as the receiving server's clock had it.
    pub time: Option<Timestamp>,
    /// TLS version and cipher, by their registered names where they are known.
    pub tls: Option<(String, String)>,
    /// What can be said of it.
    pub verdict: Transit,
    /// Whether a server of the organisation's own wrote it.
    pub trusted: bool,
    /// What the verdict rests on.
    pub because: String,
}
