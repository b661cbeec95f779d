//! Everything that can be said of a message, as the JSON that the command
//! line and the API share: the trace, the two ends, the other evidence.

use serde::Serialize;

use crate::evidence::{Content, Evidence, Item};
use crate::{Trace, json};

/// The object of one message. docs/inspect.md describes each key.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report<'a> {
    #[serde(flatten)]
    message: json::Message<'a>,
    /// What is told of the two ends, which nothing in a message can prove.
    ends: Ends,
    /// By its label: encrypted or signed content.
    content: Option<Content>,
    /// What else the header says, with its weight.
    evidence: &'a [Item],
}

/// What is told of the two ends, which nothing in a message can prove.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Ends {
    /// How its author handed it in.
    sender: &'static str,
    /// How it is read.
    reader: &'static str,
}

impl<'a> Report<'a> {
    /// The object of a trace and the evidence beside it.
    pub fn new(trace: &'a Trace<'a>, evidence: &'a Evidence) -> Self {
        Self {
            message: json::message(trace),
            ends: Ends { sender: trace.sender_end().words(), reader: trace.reader_end() },
            content: evidence.content,
            evidence: &evidence.items,
        }
    }
}
