//! A stream of bytes cut into messages: one message, one header block, or an
//! mbox with its `From ` lines (RFC 4155, and mboxrd's quoting).
//!
//! Bytes in, pieces out: the caller reads, this module never does. Memory holds
//! one header block, up to a limit, and nothing of any body.

mod unquote;

use memchr::memchr;
use memchr::memmem::Finder;

pub use unquote::Unquoter;

/// What was found in the stream, in order: each message is a header block or
/// the word that it is too large, then its body in pieces, then its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The stream is an mbox: told once, before its first message.
    Mbox,
    /// The header block without the empty line after it, line ends as they are.
    Header(&'a [u8]),
    /// The header block is larger than the limit; it is passed over.
    Oversized,
    /// Some of the body, as it stands there: in an mbox still quoted.
    Body(&'a [u8]),
    /// The message is over.
    End,
}

/// Bytes that must be seen at once, at the most, to tell whether a line begins
/// the next message. A buffer that is larger always makes progress.
pub const LOOKAHEAD: usize = 2048;

/// The longest line that is taken for the beginning of the next message.
const FROM_LINE_MAX: usize = 1000;
/// `\n\r\nFrom `: what may stand at the end of a buffer and not be seen yet.
const TAIL: usize = 8;

/// Cuts a stream.
pub struct Cutter {
    header_bytes_max: usize,
    state: State,
    is_mbox: bool,
    /// The header block so far, where it came in more than one buffer.
    header: Vec<u8>,
    is_oversized: bool,
    from_line: Finder<'static>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    FromLine,
    Header { line_start: bool },
    Body { fresh: bool },
}

/// What a step came to.
enum Step {
    /// So many bytes are done with; go on.
    Took(usize),
    /// So many bytes are done with; the rest makes sense with more behind it.
    Wants(usize),
}

impl Cutter {
    /// For a stream whose header blocks are kept up to this size each.
    pub fn new(header_bytes_max: usize) -> Self {
        Self {
            header_bytes_max,
            state: State::Start,
            is_mbox: false,
            header: Vec::new(),
            is_oversized: false,
            from_line: Finder::new(b"\nFrom "),
        }
    }

    /// Reads `bytes`, which begin where the last call stopped, and says how
    /// many of them are done with. The rest is to be given again with more
    /// behind it; with `is_last` nothing is left over.
    pub fn cut(&mut self, bytes: &[u8], is_last: bool, visit: &mut dyn FnMut(Piece<'_>)) -> usize {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() && !is_last {
                return at;
            }
            let step = match self.state {
                State::Start => self.start(rest, is_last, visit),
                State::FromLine => self.skip_line(rest, is_last),
                State::Header { line_start } => self.header(rest, line_start, is_last, visit),
                State::Body { fresh } => self.body(rest, fresh, is_last, visit),
            };
            match step {
                Step::Took(taken) => at += taken,
                Step::Wants(taken) => return at + taken,
            }
        }
    }

    /// An mbox begins with a `From ` line; `From :` is a field of RFC 822.
    fn start(&mut self, bytes: &[u8], is_last: bool, visit: &mut dyn FnMut(Piece<'_>)) -> Step {
        let text = after_blanks(bytes);
        let skipped = bytes.len() - text.len();
        if text.len() < TAIL && !is_last {
            // A mark that came in two pieces is not known yet.
            return Step::Wants(skipped);
        }
        if text.is_empty() {
            return Step::Wants(skipped);
        }
        self.is_mbox = text.strip_prefix(b"From ").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"));
        self.state = if self.is_mbox { State::FromLine } else { State::Header { line_start: true } };
        if self.is_mbox {
            visit(Piece::Mbox);
        }
        Step::Took(skipped)
    }

    fn skip_line(&mut self, bytes: &[u8], is_last: bool) -> Step {
        match memchr(b'\n', bytes) {
            Some(end) => {
                self.state = State::Header { line_start: true };
                Step::Took(end + 1)
            }
            None if is_last => {
                self.state = State::Header { line_start: true };
                Step::Took(bytes.len())
            }
            None => Step::Wants(bytes.len()),
        }
    }

    fn header(&mut self, bytes: &[u8], mut line_start: bool, is_last: bool, visit: &mut dyn FnMut(Piece<'_>)) -> Step {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match (line_start, rest) {
                (true, [b'\n', ..]) => return self.header_ends(bytes, at, at + 1, visit),
                (true, [b'\r', b'\n', ..]) => return self.header_ends(bytes, at, at + 2, visit),
                (_, []) if is_last => return self.stream_ends_in_header(bytes, visit),
                (true, [] | [b'\r']) if !is_last => break,
                _ => {}
            }
            match memchr(b'\n', rest) {
                Some(end) => (at, line_start) = (at + end + 1, true),
                None if is_last => (at, line_start) = (bytes.len(), false),
                None => {
                    (at, line_start) = (bytes.len(), false);
                    break;
                }
            }
        }
        self.keep(bytes.get(..at).unwrap_or_default(), visit);
        self.state = State::Header { line_start };
        Step::Wants(at)
    }

    fn header_ends(&mut self, bytes: &[u8], end: usize, body: usize, visit: &mut dyn FnMut(Piece<'_>)) -> Step {
        self.tell_header(bytes.get(..end).unwrap_or_default(), visit);
        self.state = State::Body { fresh: true };
        Step::Took(body)
    }

    fn stream_ends_in_header(&mut self, bytes: &[u8], visit: &mut dyn FnMut(Piece<'_>)) -> Step {
        self.tell_header(bytes, visit);
        visit(Piece::End);
        self.state = State::Start;
        Step::Wants(bytes.len())
    }

    /// Keeps what came of a header block that is not whole yet.
    fn keep(&mut self, bytes: &[u8], visit: &mut dyn FnMut(Piece<'_>)) {
        if self.is_oversized {
            return;
        }
        if self.header.len() + bytes.len() > self.header_bytes_max {
            self.is_oversized = true;
            self.header = Vec::new();
            visit(Piece::Oversized);
        } else {
            self.header.extend_from_slice(bytes);
        }
    }

    fn tell_header(&mut self, rest: &[u8], visit: &mut dyn FnMut(Piece<'_>)) {
        if self.header.is_empty() && rest.len() <= self.header_bytes_max && !self.is_oversized {
            visit(Piece::Header(rest));
        } else {
            self.keep(rest, visit);
            if !self.is_oversized {
                visit(Piece::Header(&self.header));
            }
        }
        self.header.clear();
        self.is_oversized = false;
    }

    fn body(&mut self, bytes: &[u8], fresh: bool, is_last: bool, visit: &mut dyn FnMut(Piece<'_>)) -> Step {
        let mut from = 0;
        while let Some((blank, line)) = self.next_candidate(bytes, from, fresh) {
            match is_from_line(bytes.get(line..).unwrap_or_default(), is_last) {
                Some(true) => {
                    tell_body(bytes.get(..blank).unwrap_or_default(), visit);
                    visit(Piece::End);
                    self.state = State::FromLine;
                    return Step::Took(line);
                }
                // At the first line the search would else begin at itself again.
                Some(false) => from = line.max(1),
                None => return self.go_on(bytes, blank.saturating_sub(2), fresh, visit),
            }
        }
        if is_last {
            tell_body(if self.is_mbox { without_last_blank(bytes) } else { bytes }, visit);
            visit(Piece::End);
            self.state = State::Start;
            return Step::Wants(bytes.len());
        }
        let held = if self.is_mbox { TAIL } else { 0 };
        self.go_on(bytes, bytes.len().saturating_sub(held), fresh, visit)
    }

    fn go_on(&mut self, bytes: &[u8], done: usize, fresh: bool, visit: &mut dyn FnMut(Piece<'_>)) -> Step {
        tell_body(bytes.get(..done).unwrap_or_default(), visit);
        self.state = State::Body { fresh: fresh && done == 0 };
        Step::Wants(done)
    }

    /// The next `From ` after an empty line: where that empty line begins, and
    /// where the `From ` does.
    fn next_candidate(&self, bytes: &[u8], from: usize, fresh: bool) -> Option<(usize, usize)> {
        if !self.is_mbox {
            return None;
        }
        if fresh && from == 0 && bytes.starts_with(b"From ") {
            return Some((0, 0));
        }
        let mut from = from;
        loop {
            let newline = from + self.from_line.find(bytes.get(from..)?)?;
            let before = bytes.get(..newline)?;
            let (before, blank) = match before.strip_suffix(b"\r") {
                Some(before) => (before, newline - 1),
                None => (before, newline),
            };
            if before.ends_with(b"\n") || (before.is_empty() && fresh) {
                return Some((blank, newline + 1));
            }
            from = newline + 1;
        }
    }
}

/// What stands after white space and marks of Unicode, however they follow each
/// other: where a buffer ends must not matter.
fn after_blanks(bytes: &[u8]) -> &[u8] {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let mut text = bytes.trim_ascii_start();
    while let Some(rest) = text.strip_prefix(MARK) {
        text = rest.trim_ascii_start();
    }
    text
}

fn tell_body(bytes: &[u8], visit: &mut dyn FnMut(Piece<'_>)) {
    if !bytes.is_empty() {
        visit(Piece::Body(bytes));
    }
}

/// The empty line at the end belongs to the mbox, not to its last message.
fn without_last_blank(bytes: &[u8]) -> &[u8] {
    let (without, nothing_else) = match bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")) {
        Some(without) => (without, without.is_empty() || without.ends_with(b"\n")),
        None => (bytes, false),
    };
    if nothing_else { without } else { bytes }
}

/// Whether a line that begins with `From ` begins a message: it bears a time
/// and a year, as each writer of an mbox puts them there (RFC 4155 appendix A).
/// A sentence that only begins so seldom does. None: the line is not whole.
fn is_from_line(bytes: &[u8], is_last: bool) -> Option<bool> {
    let seen = bytes.get(..FROM_LINE_MAX).unwrap_or(bytes);
    let line = match memchr(b'\n', seen) {
        Some(end) => seen.get(..end).unwrap_or_default(),
        None if is_last => seen,
        None if bytes.len() >= FROM_LINE_MAX => return Some(false),
        None => return None,
    };
    let has_time = line.windows(4).any(|four| {
        matches!(four, [hour, b':', ten, one] if hour.is_ascii_digit() && ten.is_ascii_digit() && one.is_ascii_digit())
    });
    let is_year = |word: &[u8]| word.len() == 4 && word.iter().all(u8::is_ascii_digit);
    Some(has_time && line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).any(is_year))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts `text`, given in buffers of this size, and tells what was found.
    fn cut_in(text: &[u8], size: usize, header_bytes_max: usize) -> Vec<(Option<String>, String)> {
        let mut cutter = Cutter::new(header_bytes_max);
        let mut found: Vec<(Option<String>, String)> = Vec::new();
        let mut body = Vec::new();
        let mut open = None;
        let (mut start, mut end) = (0, 0);
        loop {
            end = (end + size).min(text.len());
            let is_last = end == text.len();
            start += cutter.cut(&text[start..end], is_last, &mut |piece| match piece {
                Piece::Mbox => assert!(found.is_empty()),
                Piece::Header(header) => open = Some(Some(String::from_utf8_lossy(header).into_owned())),
                Piece::Oversized => open = Some(None),
                Piece::Body(bytes) => body.extend_from_slice(bytes),
                Piece::End => {
                    let body = String::from_utf8(std::mem::take(&mut body)).unwrap();
                    found.push((open.take().expect("an end follows a header"), body));
                }
            });
            if is_last {
                assert_eq!(start, text.len(), "the last call takes all");
                return found;
            }
            assert!(end - start <= LOOKAHEAD + size, "no more is held than was promised");
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &str)]) {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let line_end = if text.contains('\r') { "\r\n" } else { "\n" };
            let ends = |text: &str| text.replace('\n', line_end);
            let expect: Vec<_> = expect.iter().map(|(header, body)| (Some(ends(header)), ends(body))).collect();
            for size in [1, 2, 3, 5, 7, 64, 100_000] {
                let found = cut_in(text.as_bytes(), size, 1000);
                assert_eq!(found, expect, "in buffers of {size}: {text:?}");
            }
        }
    }

    #[test]
    fn a_message_and_a_header_block_are_one_message() {
        check(
            "A: 1\nB: 2\n\nbody\n\nFrom a Fri Jul  8 12:08:34 2011\n",
            &[("A: 1\nB: 2\n", "body\n\nFrom a Fri Jul  8 12:08:34 2011\n")],
        );
        check("A: 1\nB: 2\n", &[("A: 1\nB: 2\n", "")]);
        check("A: 1", &[("A: 1", "")]);
        check("\n\n  \nA: 1\n\n", &[("A: 1\n", "")]);
        check("From : a@b.example\n\nx", &[("From : a@b.example\n", "x")]);
        check("From: a@b.example\n\nx", &[("From: a@b.example\n", "x")]);
        check("", &[]);
        check("\n \n", &[]);
    }

    #[test]
    fn an_mbox_is_cut_at_its_from_lines() {
        check(
            "From a Fri Jul  8 12:08:34 2011\nA: 1\n\none\n\nFrom b@c.example Sat Jul  9 1:08 2011 -0700\nB: 2\n\n\n\
             two\n>From here\n\n",
            &[("A: 1\n", "one\n"), ("B: 2\n", "\ntwo\n>From here\n")],
        );
        check("From -\nA: 1\n\nFrom x Fri Jul  8 12:08:34 2011\nB: 2\n\n", &[("A: 1\n", ""), ("B: 2\n", "")]);
        check("From -\nA: 1\n\n\nFrom x Fri Jul  8 12:08:34 2011\nB: 2\n", &[("A: 1\n", ""), ("B: 2\n", "")]);
        check("From -\nA: 1\n", &[("A: 1\n", "")]);
        check("From x", &[("", "")]);
    }

    #[test]
    fn a_sentence_begins_no_message() {
        let sentence = "From Monday on, at 10:30, we are closed.\n";
        check(&format!("From -\nA: 1\n\none\n\n{sentence}"), &[("A: 1\n", &format!("one\n\n{sentence}"))]);
        // It may be the first line of all, too.
        check(&format!("From -\nA: 1\n\n{sentence}two\n"), &[("A: 1\n", &format!("{sentence}two\n"))]);
        let text = "one\nFrom a Fri Jul  8 12:08:34 2011\ntwo\n";
        check(&format!("From -\nA: 1\n\n{text}"), &[("A: 1\n", text)]);
        let long = format!("From {} 12:30 2011\n", "x".repeat(FROM_LINE_MAX));
        check(&format!("From -\nA: 1\n\n\n{long}"), &[("A: 1\n", &format!("\n{long}"))]);
    }

    #[test]
    fn a_mark_of_unicode_at_the_beginning_is_no_text() {
        for size in [1, 2, 3, 100] {
            assert_eq!(cut_in(b"\xef\xbb\xbfA: 1\n\nx", size, 100), [(Some("A: 1\n".to_owned()), "x".to_owned())]);
        }
    }

    #[test]
    fn a_header_block_without_end_is_passed_over() {
        let text = format!("From -\nA: {}\nB: 2\n\nbody\n\nFrom x 10:00 2011\nC: 3\n\n", "x".repeat(5000));
        for size in [1, 64, 10_000] {
            let found = cut_in(text.as_bytes(), size, 1000);
            assert_eq!(found, [(None, "body\n".to_owned()), (Some("C: 3\n".to_owned()), String::new())], "{size}");
        }
        assert_eq!(cut_in("x".repeat(5000).as_bytes(), 64, 1000), [(None, String::new())]);
    }
}
