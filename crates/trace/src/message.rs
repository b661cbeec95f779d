//! A message's hops together, and its verdict.

use std::fmt;

use crate::boundary;
use crate::{Block, Hop, Keyword, Leg, Strength, Trust, Verdict};

/// A message's way, as its `Received` fields tell it.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// Every `Received` field; the first is the topmost, the last of the way.
    pub hops: Vec<Hop<'a>>,
    /// What can be said of the message.
    pub summary: Summary,
}

/// What can be said of a message, over the hops between organisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The verdict.
    pub verdict: Verdict,
    /// The hop that decided: the topmost of those with the message's verdict.
    pub decisive: Option<usize>,
    /// Hand-overs between organisations.
    pub between: usize,
    /// Of those, how many are told by servers that the reader doesn't trust.
    pub claimed: usize,
    /// Of those, how many were encrypted weakly.
    pub weak: usize,
}

/// How a message left its author's hands, as far as its fields tell. Shown as
/// a sentence without its full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderEnd {
    /// Nothing is told.
    Unrecorded,
    /// By a program that logged in, over TLS.
    Encrypted,
    /// By a program that logged in, without TLS.
    NotEncrypted,
    /// By a program that logged in, and nothing is said of TLS.
    Unsaid,
    /// By webmail or a program's interface.
    Interface,
}

impl SenderEnd {
    /// The words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unrecorded => "how its author handed it in is not recorded",
            Self::Encrypted => "its author's program handed it in over TLS, as the sender's server tells",
            Self::NotEncrypted => "its author's program handed it in without TLS, as the sender's server tells",
            Self::Unsaid => "whether its author's program handed it in over TLS is not recorded",
            Self::Interface => "it was handed in by webmail or a program's interface, of which nothing is recorded",
        }
    }
}

impl fmt::Display for SenderEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Judges every hop of a header block.
pub fn trace<'a>(block: &'a Block<'_>, trust: &'a Trust) -> Trace<'a> {
    let received = block.received();
    let mut hops = Vec::with_capacity(received.len());
    let mut received = received.peekable();
    while let Some((text, is_cut)) = received.next() {
        let below = received.peek().map(|(below, _)| *below);
        let hop = Hop::read(text, is_cut, &trust.facts, hops.last(), below);
        hops.push(hop);
    }
    delays(&mut hops);
    boundary::draw(&mut hops, trust);
    let summary = summary(&hops);
    Trace { hops, summary }
}

/// Each hop's time after that of the nearest hop below that has one.
fn delays(hops: &mut [Hop<'_>]) {
    let mut below = None;
    for hop in hops.iter_mut().rev() {
        if let Some(time) = hop.time {
            hop.delay_s = below.map(|before| time.0 - before);
            below = Some(time.0);
        }
    }
}

fn summary(hops: &[Hop<'_>]) -> Summary {
    let mut summary = Summary { verdict: Verdict::Internal, decisive: None, between: 0, claimed: 0, weak: 0 };
    if hops.is_empty() {
        summary.verdict = Verdict::Unknown;
    }
    for (index, hop) in hops.iter().enumerate().filter(|(_, hop)| matches!(hop.leg, Leg::Between | Leg::Unread)) {
        summary.between += 1;
        summary.claimed += usize::from(!hop.trusted);
        summary.weak += usize::from(matches!(hop.strength(), Some(Strength::Weak(_))));
        if gravity(hop.verdict) > gravity(summary.verdict) {
            (summary.verdict, summary.decisive) = (hop.verdict, Some(index));
        }
    }
    summary
}

/// A chain is as good as its worst hop.
fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Internal => 0,
        Verdict::Encrypted => 1,
        Verdict::Unknown => 2,
        Verdict::NotEncrypted => 3,
    }
}

impl Trace<'_> {
    /// Draws the summary from the hops again, after evidence from elsewhere
    /// has changed some of them.
    pub fn conclude(&mut self) {
        self.summary = summary(&self.hops);
    }

    /// What the message's verdict rests on, in one sentence.
    pub fn because(&self) -> String {
        let Summary { verdict, between, claimed, weak, .. } = self.summary;
        let decisive = self.summary.decisive.and_then(|index| self.hops.get(index));
        match (verdict, decisive) {
            (_, None) if self.hops.is_empty() => "there is no Received field: nothing is known of its way".to_owned(),
            (Verdict::Internal, _) | (_, None) => "no hand-over between organisations is recorded".to_owned(),
            (Verdict::Encrypted, Some(_)) => {
                let every = if between == 1 {
                    "the one hand-over between organisations was"
                } else {
                    "every hand-over between organisations was"
                };
                format!("{every} encrypted{}{}", Weak(weak), Claimed(claimed, between))
            }
            (Verdict::Unknown, Some(hop)) => format!("not provable {}: {}{}", Ends(hop), hop.because, Told(hop)),
            (Verdict::NotEncrypted, Some(hop)) => format!("not encrypted {}: {}{}", Ends(hop), hop.because, Told(hop)),
        }
    }

    /// What can be said of the sender's own end.
    pub fn sender_end(&self) -> SenderEnd {
        let Some(hop) =
            self.hops.iter().rev().find(|hop| hop.leg == Leg::Submission || hop.keyword.is_some_and(is_handed_in))
        else {
            return SenderEnd::Unrecorded;
        };
        match (hop.leg, hop.verdict) {
            (Leg::Submission, Verdict::Encrypted) => SenderEnd::Encrypted,
            (Leg::Submission, Verdict::NotEncrypted) => SenderEnd::NotEncrypted,
            (Leg::Submission, Verdict::Internal | Verdict::Unknown) => SenderEnd::Unsaid,
            _ => SenderEnd::Interface,
        }
    }

    /// What can be said of the reader's end.
    pub fn reader_end(&self) -> &'static str {
        "how it is read (IMAP, webmail) leaves no trace in it"
    }
}

fn is_handed_in(keyword: Keyword) -> bool {
    use crate::keyword::Transport;
    matches!(keyword.transport, Transport::Http | Transport::Store)
}

struct Ends<'h, 'a>(&'h Hop<'a>);

impl fmt::Display for Ends<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.0.from.reverse.or(self.0.from.name);
        match (from, self.0.by.name) {
            (Some(from), Some(by)) => write!(f, "between {from} and {by}"),
            (None, Some(by)) => write!(f, "before {by}"),
            (Some(from), None) => write!(f, "after {from}"),
            (None, None) => f.write_str("in one hand-over"),
        }
    }
}

struct Weak(usize);

impl fmt::Display for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(", one of them weakly"),
            many => write!(f, ", {many} of them weakly"),
        }
    }
}

/// How many hops rest on the word of others.
struct Claimed(usize, usize);

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(0, _) => Ok(()),
            Self(1, 1) => f.write_str("; that is another server's word"),
            Self(claimed, between) if claimed == between => f.write_str("; all of that is other servers' word"),
            Self(claimed, between) => write!(f, "; {claimed} of {between} are other servers' word"),
        }
    }
}

/// Whose word a single hop is.
struct Told<'h, 'a>(&'h Hop<'a>);

impl fmt::Display for Told<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.trusted { Ok(()) } else { f.write_str(" (another server's word)") }
    }
}
