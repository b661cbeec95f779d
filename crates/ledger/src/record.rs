//! What one transition leaves: its events and its receipts, packed in one
//! value that is sealed into one journal row.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};

const FORMAT: u8 = 1;

/// The events and receipts of one transition, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What happened.
    pub events: Vec<Event>,
    /// Receipts, as compact JWS.
    pub receipts: Vec<String>,
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error("format {0} of a record is not known here")]
    Format(u8),
    /// Not what this version writes.
    #[error("a record is malformed")]
    Malformed(#[source] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    events: &'a [Event],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    receipts: &'a [String],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "v")]
    _format: u8,
    events: Vec<Event>,
    #[serde(default)]
    receipts: Vec<String>,
}

#[derive(Deserialize)]
struct Versioned {
    v: u8,
}

impl Record {
    /// A record of these events, without receipts.
    pub fn new(events: Vec<Event>) -> Self {
        Self { events, receipts: Vec::new() }
    }

    /// The kinds of its events, in order, for the open head of the entry.
    pub fn kinds(&self) -> Vec<EventKind> {
        self.events.iter().map(Event::kind).collect()
    }

    /// The bytes to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = Written { v: FORMAT, events: &self.events, receipts: &self.receipts };
        serde_json::to_vec(&written).expect("a record has nothing that JSON can't hold")
    }

    /// Reads what [`Record::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let Versioned { v } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
        if v != FORMAT {
            return Err(RecordError::Format(v));
        }
        let Read { events, receipts, .. } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
        Ok(Self { events, receipts })
    }
}
