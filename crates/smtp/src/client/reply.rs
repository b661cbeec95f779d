//! Replies out of a stream of bytes (RFC 5321 §4.2), within bounds.

use mail::{EnhancedCode, Reply};

use super::error::ProtocolError;

/// RFC 5321 §4.5.3.1.5 promises 512 bytes; there are servers that write more.
const LINE_MAX: usize = 2048;
/// Far above any EHLO reply that was ever seen.
const LINES_MAX: usize = 128;

/// What was read and not yet understood.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    buffer: Vec<u8>,
    consumed: usize,
    code: Option<u16>,
    lines: Vec<String>,
}

impl ReplyReader {
    /// Takes bytes of the peer.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole reply.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, ProtocolError> {
        while let Some(line) = self.next_line()? {
            let line = parse_line(&line)?;
            if *self.code.get_or_insert(line.code) != line.code {
                return Err(ProtocolError::MixedCodes);
            }
            if self.lines.len() == LINES_MAX {
                return Err(ProtocolError::TooManyLines(LINES_MAX));
            }
            self.lines.push(line.text);
            if line.is_last {
                self.code = None;
                return Ok(Some(reply(line.code, std::mem::take(&mut self.lines))));
            }
        }
        Ok(None)
    }

    /// Whether nothing of a further reply has come.
    pub(super) fn is_empty(&self) -> bool {
        self.consumed == self.buffer.len() && self.lines.is_empty()
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, ProtocolError> {
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        let within = rest.get(..LINE_MAX).unwrap_or(rest);
        let Some(newline) = memchr::memchr(b'\n', within) else {
            return if rest.len() >= LINE_MAX { Err(ProtocolError::LineTooLong(LINE_MAX)) } else { Ok(None) };
        };
        let (line, _) = within.split_at(newline);
        let line = line.strip_suffix(b"\r").ok_or(ProtocolError::BareLineEnd)?;
        if line.contains(&b'\r') {
            return Err(ProtocolError::BareLineEnd);
        }
        let line = line.to_vec();
        self.consumed += newline + 1;
        Ok(Some(line))
    }
}

struct Line {
    code: u16,
    text: String,
    is_last: bool,
}

fn parse_line(line: &[u8]) -> Result<Line, ProtocolError> {
    let (digits, rest) = line.split_at_checked(3).ok_or(ProtocolError::NotAReply)?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(digits.first(), Some(b'2'..=b'5')) {
        return Err(ProtocolError::NotAReply);
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (is_last, text) = match rest.split_first() {
        // RFC 5321 §4.2: a code alone is a reply, though none should be sent.
        None => (true, &[][..]),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return Err(ProtocolError::NotAReply),
    };
    Ok(Line { code, text: printable(text), is_last })
}

/// The text may end up in a timeline and a receipt: no control characters.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn reply(code: u16, lines: Vec<String>) -> Reply {
    let split = |line: &String| EnhancedCode::split(line).map(|(enhanced, _)| enhanced);
    let enhanced = lines.first().and_then(split).filter(|enhanced| u16::from(enhanced.0) == code / 100);
    let strip = |line: &String| match EnhancedCode::split(line) {
        Some((found, rest)) if Some(found) == enhanced => rest.to_owned(),
        _ => line.clone(),
    };
    let text = lines.iter().map(strip).collect::<Vec<_>>().join("\n");
    Reply { code, enhanced, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Reply>, ProtocolError> {
        let mut reader = ReplyReader::default();
        reader.feed(bytes);
        std::iter::from_fn(|| reader.next().transpose()).collect()
    }

    fn check(bytes: &str, code: u16, enhanced: Option<EnhancedCode>, text: &str) {
        let expect = Reply { code, enhanced, text: text.to_owned() };
        assert_eq!(read(bytes.as_bytes()), Ok(vec![expect]), "{bytes:?}");
    }

    #[test]
    fn replies_are_read() {
        check("250 ok\r\n", 250, None, "ok");
        check("250\r\n", 250, None, "");
        check("250 2.1.5 fine\r\n", 250, Some(EnhancedCode(2, 1, 5)), "fine");
        check("550-5.1.1 no\r\n550 5.1.1 such user\r\n", 550, Some(EnhancedCode(5, 1, 1)), "no\nsuch user");
        check("550 4.1.1 odd\r\n", 550, None, "4.1.1 odd");
        check("250-a\r\n250-b\r\n250 c\r\n", 250, None, "a\nb\nc");
        check("220 a\tb\x1b[2J\r\n", 220, None, "a\u{fffd}b\u{fffd}[2J");
        check("250 jörg\r\n", 250, None, "jörg");
    }

    #[test]
    fn several_replies_come_one_by_one() {
        let codes: Vec<u16> = read(b"250 a\r\n550 b\r\n354 c\r\n").unwrap().iter().map(|reply| reply.code).collect();
        assert_eq!(codes, [250, 550, 354]);
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for (bytes, expect) in [
            ("hello\r\n", ProtocolError::NotAReply),
            ("25\r\n", ProtocolError::NotAReply),
            ("\r\n", ProtocolError::NotAReply),
            ("150 x\r\n", ProtocolError::NotAReply),
            ("650 x\r\n", ProtocolError::NotAReply),
            ("250x\r\n", ProtocolError::NotAReply),
            ("250-a\r\n251 b\r\n", ProtocolError::MixedCodes),
            ("250 a\n", ProtocolError::BareLineEnd),
            ("250 a\rb\r\n", ProtocolError::BareLineEnd),
            ("250 a\r\r\n", ProtocolError::BareLineEnd),
        ] {
            assert_eq!(read(bytes.as_bytes()), Err(expect), "{bytes:?}");
        }
    }

    #[test]
    fn lines_and_their_number_are_bounded() {
        let endless = "250-x\r\n".repeat(LINES_MAX + 1);
        assert_eq!(read(endless.as_bytes()), Err(ProtocolError::TooManyLines(LINES_MAX)));
        assert_eq!(read("2".repeat(LINE_MAX).as_bytes()), Err(ProtocolError::LineTooLong(LINE_MAX)));
        let long = format!("250 {}\r\n", "x".repeat(LINE_MAX));
        assert_eq!(read(long.as_bytes()), Err(ProtocolError::LineTooLong(LINE_MAX)));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
