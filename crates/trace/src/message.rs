//! A message's hops together, and its verdict.

use crate::{Block, Hop, Trust, Verdict};

/// A message's way, as its `Received` fields tell it.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// Every `Received` field; the first is the topmost, the last of the way.
    pub hops: Vec<Hop<'a>>,
    /// What can be said of the message.
    pub summary: Summary,
}

/// What can be said of a message, over the hops between organisations.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub because: String,
    /// What the fields can't tell of the two ends.
    pub ends: Ends,
}

/// The hand-overs that no `Received` field of another organisation describes:
/// the sender's submission and the reader's own reading.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// A sentence about the sender's end.
    pub sender: String,
    /// A sentence about the reader's end.
    pub reader: String,
}

/// Judges every hop of a header block.
pub fn trace<'a>(block: &'a Block<'_>, trust: &Trust) -> Trace<'a> {
    let _ = trust;
    let mut trace = Trace {
        hops: block.received().map(|(text, _)| Hop::unreadable(text)).collect(),
        summary: Summary { verdict: Verdict::Unknown, because: String::new(), ends: Ends::default() },
    };
    trace.conclude();
    trace
}

impl Trace<'_> {
    /// Draws the summary from the hops again, after evidence from elsewhere
    /// has changed some of them.
    pub fn conclude(&mut self) {}
}
