//! What is known of a message when it is judged.

use mail::Address;
use mail::reading::{Reading, ReadingError};
use serde::{Deserialize, Serialize};

/// Which way a message crosses the organisation's border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From an own sender to anyone.
    Outbound,
    /// From anyone to an own recipient.
    Inbound,
}

impl Direction {
    /// The word for it in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Direction::Outbound => "outbound",
            Direction::Inbound => "inbound",
        }
    }
}

/// What is known of a message. The recipients are given beside it, one by one.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// The reverse path of the envelope; nobody for `<>`.
    pub sender: Option<&'a Address>,
    /// Whether its client asked for TLS on the whole way (RFC 8689).
    pub requiretls: bool,
    /// The header block as accepted, without the empty line.
    pub header: &'a [u8],
    /// What its reader will see. A message that can't be read is held: nobody
    /// can say what is in it.
    pub reading: Result<&'a Reading, &'a ReadingError>,
    /// The size of the whole message.
    pub body_bytes: u64,
    /// The name for `{organisation}` in a replaced subject.
    pub organisation: &'a str,
}

impl Facts<'_> {
    /// The subject decoded, also where the rest could not be read.
    pub(crate) fn subject(&self) -> String {
        match self.reading {
            Ok(reading) => reading.subject.clone(),
            Err(_) => mail::header::first(self.header, "Subject").unwrap_or_default(),
        }
    }
}
