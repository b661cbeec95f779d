//! The content of a session's messages: DATA (RFC 5321 §4.1.1.4) and BDAT
//! (RFC 3030).
//!
//! Content that is refused is read to its end all the same: the client looks
//! for a reply only then, and what it sends until then is no command.

use mail::Reply;

use super::event::{FinishAsked, Seal};
use super::reply;
use super::session::{Mailing, Phase, Taking};
use super::{Event, Session};

impl Session {
    pub(super) fn content<'b>(&mut self, input: &'b [u8], out: &mut Vec<u8>) -> (usize, Option<Event<'b>>) {
        let Some(taking) = self.taking() else { return (0, Some(Event::Close)) };
        if input.is_empty() {
            return (0, Some(Event::Input));
        }
        let scanned = taking.scanner.scan(input);
        if scanned.ended {
            return (scanned.consumed, self.end_content(out));
        }
        (scanned.consumed, taking.event(scanned.content))
    }

    pub(super) fn chunk<'b>(
        &mut self,
        input: &'b [u8],
        remaining: u64,
        last: bool,
        out: &mut Vec<u8>,
    ) -> (usize, Option<Event<'b>>) {
        let Some(taking) = self.taking() else { return (0, Some(Event::Close)) };
        if remaining == 0 {
            return (0, self.end_chunk(last, out));
        }
        let input = clip(input, remaining);
        if input.is_empty() {
            return (0, Some(Event::Input));
        }
        let scanned = taking.scanner.scan(input);
        let event = taking.event(scanned.content);
        self.phase = Phase::Chunk { remaining: remaining.saturating_sub(scanned.consumed as u64), last };
        (scanned.consumed, event)
    }

    pub(super) fn refused_chunk<'b>(&mut self, input: &'b [u8], out: &mut Vec<u8>) -> (usize, Option<Event<'b>>) {
        let Phase::Refused { remaining, reply } = &mut self.phase else { return (0, Some(Event::Close)) };
        let dropped = clip(input, *remaining).len();
        *remaining = remaining.saturating_sub(dropped as u64);
        if *remaining > 0 {
            return (dropped, Some(Event::Input));
        }
        reply::write(reply, out);
        self.phase = Phase::Command;
        self.count_bad(out);
        (dropped, None)
    }

    /// CRLF.CRLF was read.
    fn end_content<'b>(&mut self, out: &mut Vec<u8>) -> Option<Event<'b>> {
        let in_doubt = self.taking()?.scanner.violation().is_some_and(|violation| violation.in_doubt());
        let event = self.end_message(out);
        if in_doubt {
            // The client's next bytes may be what it took for content.
            self.phase = Phase::Closed;
        }
        event
    }

    /// All bytes of a chunk were read.
    fn end_chunk<'b>(&mut self, last: bool, out: &mut Vec<u8>) -> Option<Event<'b>> {
        let taking = self.taking()?;
        if last {
            taking.scanner.close();
            let is_fine = taking.refusal().is_none();
            if is_fine && !taking.scanner.ends_with_line() {
                // Content is lines: what follows it, here and on the wire, begins a new one.
                let line_end = taking.scanner.end_line();
                return taking.event(line_end);
            }
        }
        if last || taking.refusal().is_some() {
            return self.end_message(out);
        }
        reply::write_fixed(reply::CHUNK_TAKEN, out);
        self.phase = Phase::Command;
        None
    }

    fn end_message<'b>(&mut self, out: &mut Vec<u8>) -> Option<Event<'b>> {
        match self.taking()?.refusal() {
            None => {
                self.phase = Phase::Asked;
                self.mailing = Mailing::None;
                Some(Event::Finish(FinishAsked { _seal: Seal }))
            }
            Some(refusal) => {
                reply::write(&refusal, out);
                self.phase = Phase::Command;
                self.forget_message()
            }
        }
    }

    fn taking(&mut self) -> Option<&mut Taking> {
        match &mut self.mailing {
            Mailing::Content(taking) => Some(taking),
            Mailing::None | Mailing::Envelope(_) => None,
        }
    }
}

impl Taking {
    /// Why the message is refused, if it is.
    fn refusal(&self) -> Option<Reply> {
        let violation = self.scanner.violation().map(|violation| reply::to_violation(violation).into());
        violation.or_else(|| self.refusal.clone())
    }

    /// Hands on content, or says once that the rest is of no use.
    fn event<'b>(&mut self, content: &'b [u8]) -> Option<Event<'b>> {
        if self.abandoned {
            return None;
        }
        if self.scanner.violation().is_some() {
            self.abandoned = true;
            return Some(Event::Abandon);
        }
        (!content.is_empty()).then_some(Event::Content(content))
    }
}

/// At most `bytes` of the input.
fn clip(input: &[u8], bytes: u64) -> &[u8] {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(input.len());
    input.get(..bytes).unwrap_or_default()
}
