//! Message content as it crosses the wire: where it ends, what of it is
//! stuffing, and whether it may be taken.
//!
//! Only CRLF.CRLF ends DATA. A bare CR, a bare LF or a NUL refuses the whole
//! message and never ends anything, so that what another server took for one
//! message is never two here (SMTP smuggling). Each run of content is a slice
//! of the input: nothing is copied, whatever the cuts.
//!
//! Standards: RFC 5321 §2.3.8, §4.5.2, §4.5.3.1.6; RFC 6532 for headers.

use memchr::memchr3;

use super::Limits;

/// Why content is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// CR without LF. Where the next message begins is in doubt.
    BareCr,
    /// LF without CR. Where the next message begins is in doubt.
    BareLf,
    /// A zero byte, which no content has (RFC 6152 §3). Servers that drop it
    /// could find an end where there is none.
    Nul,
    /// A line is longer than the limit.
    LongLine,
    /// The message is larger than the limit.
    TooLarge,
    /// The header block is larger than the limit.
    HeaderTooLarge,
    /// Bytes above 127 in the header block without SMTPUTF8.
    HeaderNotAscii,
    /// The header block is no UTF-8 (RFC 6532 §3.1).
    HeaderNotUtf8,
}

impl Violation {
    /// Whether client and server may disagree about where the message ends.
    pub fn in_doubt(self) -> bool {
        matches!(self, Violation::BareCr | Violation::BareLf | Violation::Nul)
    }
}

/// How the end of the content is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// DATA: by CRLF.CRLF, with dots stuffed (RFC 5321 §4.5.2).
    Dots,
    /// BDAT: by the counts of its chunks (RFC 3030).
    Counted,
}

/// Where the scanner stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    InLine,
    /// After a CR within a line.
    Cr,
    /// After a dot at the start of a line, which is not content.
    Dot,
    /// After a dot at the start of a line and a CR.
    DotCr,
}

/// What a look at some input gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Scanned<'b> {
    /// Bytes of the input that are done with; never 0 where there was input.
    pub consumed: usize,
    /// Content among them; empty once the content is refused.
    pub content: &'b [u8],
    /// Whether CRLF.CRLF was reached.
    pub ended: bool,
}

/// Reads one message's content.
#[derive(Debug)]
pub struct Scanner {
    framing: Framing,
    at: At,
    line_bytes: usize,
    header: Option<Header>,
    bytes: u64,
    violation: Option<Violation>,
    message_bytes_max: u64,
    text_line_bytes_max: usize,
}

/// What is counted while the header block lasts.
#[derive(Debug)]
struct Header {
    bytes: usize,
    bytes_max: usize,
    utf8: Option<Utf8>,
}

impl Scanner {
    pub fn new(framing: Framing, smtputf8: bool, limits: &Limits) -> Self {
        let utf8 = smtputf8.then(Utf8::default);
        Self {
            framing,
            at: At::LineStart,
            line_bytes: 0,
            header: Some(Header { bytes: 0, bytes_max: limits.header_bytes_max, utf8 }),
            bytes: 0,
            violation: None,
            message_bytes_max: limits.message_bytes_max,
            text_line_bytes_max: limits.text_line_bytes_max,
        }
    }

    /// Bytes of content so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Why the content is refused, if it is.
    pub fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// Refuses the content. A doubt about its end stays when another reason
    /// comes, and replaces one.
    pub fn refuse(&mut self, violation: Violation) {
        if self.violation.is_none_or(|first| violation.in_doubt() && !first.in_doubt()) {
            self.violation = Some(violation);
        }
    }

    /// Whether the content ends with a whole line; asked at the last chunk of BDAT.
    pub fn ends_with_line(&self) -> bool {
        self.at == At::LineStart
    }

    /// Ends the line that the content broke off in; gives what was missing.
    pub fn end_line(&mut self) -> &'static [u8] {
        self.line_end();
        b"\r\n"
    }

    /// A CR is the last byte of all: nothing can follow that makes it a line end.
    pub fn close(&mut self) {
        if self.at == At::Cr {
            self.refuse(Violation::BareCr);
        }
    }

    /// Reads on. Stops after a run of content, at the end, or with the input.
    pub fn scan<'b>(&mut self, input: &'b [u8]) -> Scanned<'b> {
        let mut start = 0;
        let mut at = 0;
        while let Some(byte) = input.get(at).copied() {
            match self.at {
                At::LineStart if byte == b'.' && self.framing == Framing::Dots => {
                    if at > start {
                        return self.run(&input[start..at], at);
                    }
                    self.at = At::Dot;
                    at += 1;
                    start = at;
                }
                At::LineStart => self.at = At::InLine,
                At::InLine => at += self.line(&input[at..]),
                At::Cr => at += self.after_cr(byte),
                At::Dot if byte == b'\r' => {
                    self.at = At::DotCr;
                    at += 1;
                    start = at;
                }
                At::Dot => self.at = At::InLine,
                At::DotCr if byte == b'\n' => return Scanned { consumed: at + 1, content: &[], ended: true },
                // The CR that was swallowed is refused, so no content is lost.
                At::DotCr => {
                    self.refuse(Violation::BareCr);
                    self.at = At::InLine;
                }
            }
        }
        self.run(&input[start..], at)
    }

    /// Reads within a line: up to and with its CRLF, or the end of the input.
    fn line(&mut self, rest: &[u8]) -> usize {
        let Some(stop) = memchr3(b'\r', b'\n', 0, rest) else {
            self.text(rest);
            return rest.len();
        };
        let (text, after) = rest.split_at(stop);
        self.text(text);
        match after {
            [b'\r', b'\n', ..] => {
                self.line_end();
                stop + 2
            }
            [b'\r', ..] => {
                self.at = At::Cr;
                stop + 1
            }
            [b'\n', ..] => {
                self.refuse(Violation::BareLf);
                stop + 1
            }
            _ => {
                self.refuse(Violation::Nul);
                stop + 1
            }
        }
    }

    fn after_cr(&mut self, byte: u8) -> usize {
        if byte == b'\n' {
            self.line_end();
            return 1;
        }
        self.refuse(Violation::BareCr);
        self.at = At::InLine;
        0
    }

    fn text(&mut self, text: &[u8]) {
        self.line_bytes = self.line_bytes.saturating_add(text.len());
        if self.line_bytes > self.text_line_bytes_max {
            self.refuse(Violation::LongLine);
        }
        let found = self.header.as_mut().and_then(|header| header.text(text));
        if let Some(violation) = found {
            self.refuse(violation);
        }
    }

    fn line_end(&mut self) {
        let found = self.header.as_mut().and_then(Header::line_end);
        if let Some(violation) = found {
            self.refuse(violation);
        }
        if self.line_bytes == 0 {
            self.header = None;
        }
        self.line_bytes = 0;
        self.at = At::LineStart;
    }

    fn run<'b>(&mut self, content: &'b [u8], consumed: usize) -> Scanned<'b> {
        self.bytes = self.bytes.saturating_add(content.len() as u64);
        if self.bytes > self.message_bytes_max {
            self.refuse(Violation::TooLarge);
        }
        let content = if self.violation.is_some() { &[] } else { content };
        Scanned { consumed, content, ended: false }
    }
}

impl Header {
    fn text(&mut self, text: &[u8]) -> Option<Violation> {
        self.bytes = self.bytes.saturating_add(text.len());
        match &mut self.utf8 {
            _ if self.bytes > self.bytes_max => Some(Violation::HeaderTooLarge),
            Some(utf8) => (!utf8.push(text)).then_some(Violation::HeaderNotUtf8),
            None => (!text.is_ascii()).then_some(Violation::HeaderNotAscii),
        }
    }

    fn line_end(&mut self) -> Option<Violation> {
        self.bytes = self.bytes.saturating_add(2);
        let cut = self.utf8.as_ref().is_some_and(|utf8| utf8.begun > 0);
        cut.then_some(Violation::HeaderNotUtf8)
    }
}

/// Whether bytes that come in pieces are UTF-8.
#[derive(Debug, Default)]
struct Utf8 {
    /// A character that was begun.
    cut: [u8; 4],
    begun: usize,
}

impl Utf8 {
    fn push(&mut self, mut text: &[u8]) -> bool {
        while self.begun > 0 {
            let Some((next, rest)) = text.split_first() else { return true };
            let Some(place) = self.cut.get_mut(self.begun) else { return false };
            *place = *next;
            self.begun += 1;
            text = rest;
            match std::str::from_utf8(&self.cut[..self.begun]) {
                Ok(_) => self.begun = 0,
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(text) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                let tail = &text[error.valid_up_to()..];
                self.cut[..tail.len()].copy_from_slice(tail);
                self.begun = tail.len();
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { message_bytes_max: 64, header_bytes_max: 32, text_line_bytes_max: 16, ..Limits::default() }
    }

    /// Scans `wire` cut into pieces of `piece` bytes; gives the content, the
    /// verdict, and what was left behind the end.
    fn scan(framing: Framing, smtputf8: bool, wire: &[u8], piece: usize) -> (Vec<u8>, Option<Violation>, Vec<u8>) {
        let mut scanner = Scanner::new(framing, smtputf8, &limits());
        let mut content = Vec::new();
        let mut done = 0;
        let mut ended = false;
        for cut in wire.chunks(piece) {
            let mut rest = cut;
            while !rest.is_empty() && !ended {
                let scanned = scanner.scan(rest);
                assert!(scanned.consumed > 0);
                content.extend_from_slice(scanned.content);
                ended = scanned.ended;
                done += scanned.consumed;
                rest = &rest[scanned.consumed..];
            }
        }
        assert_eq!(ended, framing == Framing::Dots, "{}", wire.escape_ascii());
        scanner.close();
        (content, scanner.violation(), wire[done..].to_vec())
    }

    fn check(wire: &str, content: &str, after: &str) {
        for piece in 1..=wire.len() {
            let found = scan(Framing::Dots, false, wire.as_bytes(), piece);
            assert_eq!(found, (content.into(), None, after.into()), "{wire:?} in pieces of {piece}");
        }
    }

    fn check_refused(framing: Framing, wire: &[u8], expect: Violation) {
        for piece in 1..=wire.len() {
            let (_, violation, _) = scan(framing, false, wire, piece);
            assert_eq!(violation, Some(expect), "{} in pieces of {piece}", wire.escape_ascii());
        }
    }

    #[test]
    fn content_ends_at_crlf_dot_crlf_only() {
        check("a: b\r\n\r\nx\r\n.\r\nQUIT", "a: b\r\n\r\nx\r\n", "QUIT");
        check(".\r\nQUIT", "", "QUIT");
        check("a.\r\n. \r\n.\r\n", "a.\r\n \r\n", "");
        check("\r\n.\r\n.\r\n", "\r\n", ".\r\n");
    }

    #[test]
    fn stuffed_dots_are_undone() {
        check("..\r\n...a\r\n.b\r\na..\r\n.\r\n", ".\r\n..a\r\nb\r\na..\r\n", "");
    }

    #[test]
    fn bare_line_ends_and_nul_refuse_and_never_end() {
        for (wire, expect) in [
            (&b"a\n.\r\nb\r\n.\r\n"[..], Violation::BareLf),
            (b"a\r\n.\nb\r\n.\r\n", Violation::BareLf),
            (b"a\r.\r\nb\r\n.\r\n", Violation::BareCr),
            (b"a\r\n.\r\rb\r\n.\r\n", Violation::BareCr),
            (b"a\r\n.\r\r\nb\r\n.\r\n", Violation::BareCr),
            (b"a\r\n.\0\r\nb\r\n.\r\n", Violation::Nul),
        ] {
            check_refused(Framing::Dots, wire, expect);
        }
        check_refused(Framing::Counted, b"a\n", Violation::BareLf);
        check_refused(Framing::Counted, b"a\r\n.\r", Violation::BareCr);
        check_refused(Framing::Counted, b"a\r\n\0", Violation::Nul);
    }

    #[test]
    fn a_doubt_about_the_end_outlives_other_reasons() {
        let long = [&b"a".repeat(20)[..], b"\n\r\n.\r\n"].concat();
        check_refused(Framing::Dots, &long, Violation::BareLf);
        check_refused(Framing::Dots, b"a\n\0\r\n.\r\n", Violation::BareLf);
    }

    #[test]
    fn lines_headers_and_messages_have_their_limits() {
        check("abcdefghijklmnop\r\n.\r\n", "abcdefghijklmnop\r\n", "");
        check_refused(Framing::Dots, b"abcdefghijklmnopq\r\n.\r\n", Violation::LongLine);
        check_refused(Framing::Dots, &[&b"a: b\r\n".repeat(6)[..], b".\r\n"].concat(), Violation::HeaderTooLarge);
        check_refused(Framing::Dots, &[&b"\r\nabcdef\r\n".repeat(7)[..], b".\r\n"].concat(), Violation::TooLarge);
    }

    #[test]
    fn counted_content_is_opaque_to_dots() {
        let (content, violation, _) = scan(Framing::Counted, false, b"a\r\n.\r\n..\r\n", 1);
        assert_eq!((content.as_slice(), violation), (&b"a\r\n.\r\n..\r\n"[..], None));
    }

    #[test]
    fn a_header_beyond_ascii_needs_smtputf8_and_a_body_does_not() {
        check_refused(Framing::Dots, "s: é\r\n\r\n.\r\n".as_bytes(), Violation::HeaderNotAscii);
        check("s: e\r\n\r\né\r\n.\r\n", "s: e\r\n\r\né\r\n", "");
        for piece in 1..8 {
            let (_, violation, _) = scan(Framing::Dots, true, "s: é€😀\r\n\r\n\u{ff}\r\n.\r\n".as_bytes(), piece);
            assert_eq!(violation, None);
            for bad in [&b"s: \xe9\r\n\r\n.\r\n"[..], b"s: \xf0\x9f\r\n\r\n.\r\n", b"s: \xc3\xc3\xa9\r\n.\r\n"] {
                let (_, violation, _) = scan(Framing::Dots, true, bad, piece);
                assert_eq!(violation, Some(Violation::HeaderNotUtf8), "{}", bad.escape_ascii());
            }
        }
    }
}
