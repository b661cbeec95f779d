//! The bytes of a message as they may be sent: every line ends in CRLF, and no
//! CR or LF stands alone. Only so can no receiver find a second message in one
//! (the end of data smuggled into the content).

use memchr::{memchr2, memmem};

/// A carriage return or a line feed stands alone in the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content holds a bare CR or LF")]
pub struct BareLineEnd;

/// The bytes of a message, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    bytes: Vec<u8>,
    body_at: usize,
}

impl Content {
    /// Takes a message whose lines end in CRLF. A last line without its end
    /// gets one.
    pub fn new(mut bytes: Vec<u8>) -> Result<Self, BareLineEnd> {
        check_line_ends(&bytes)?;
        if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
            bytes.extend_from_slice(b"\r\n");
        }
        let body_at = bytes.len() - mail::header::split(&bytes).body.len();
        Ok(Self { bytes, body_at })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The size in bytes, as SIZE counts it (RFC 1870 §5).
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether the body holds bytes above 127.
    pub fn has_eightbit_body(&self) -> bool {
        !self.bytes.get(self.body_at..).unwrap_or_default().is_ascii()
    }

    /// Whether the header block holds UTF-8 beyond ASCII (RFC 6532).
    pub fn has_utf8_header(&self) -> bool {
        let header = self.bytes.get(..self.body_at).unwrap_or_default();
        !header.is_ascii() && std::str::from_utf8(header).is_ok()
    }

    /// Appends some bytes from `at` on, with a dot before each leading dot
    /// (RFC 5321 §4.5.2); gives where the next piece begins.
    pub(super) fn write_stuffed(&self, at: usize, piece_max: usize, out: &mut Vec<u8>) -> usize {
        let end = at.saturating_add(piece_max).min(self.bytes.len());
        // A leading dot stands after a line feed, which may be of the piece before.
        let from = at.saturating_sub(1);
        let window = self.bytes.get(from..end).unwrap_or_default();
        let mut written = at;
        if at == 0 && window.first() == Some(&b'.') {
            out.push(b'.');
        }
        for newline in memmem::find_iter(window, b"\n.") {
            let dot = from + newline + 1;
            out.extend_from_slice(self.bytes.get(written..dot).unwrap_or_default());
            out.push(b'.');
            written = dot;
        }
        out.extend_from_slice(self.bytes.get(written..end).unwrap_or_default());
        end
    }

    /// Appends some bytes from `at` on as they are; gives where the next piece begins.
    pub(super) fn write_plain(&self, at: usize, piece_max: usize, out: &mut Vec<u8>) -> usize {
        let end = at.saturating_add(piece_max).min(self.bytes.len());
        out.extend_from_slice(self.bytes.get(at..end).unwrap_or_default());
        end
    }
}

fn check_line_ends(bytes: &[u8]) -> Result<(), BareLineEnd> {
    let mut rest = bytes;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        rest = rest.get(at..).and_then(|line_end| line_end.strip_prefix(b"\r\n")).ok_or(BareLineEnd)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stuffed(content: &[u8], piece_max: usize) -> Vec<u8> {
        let content = Content::new(content.to_vec()).unwrap();
        let (mut out, mut at) = (Vec::new(), 0);
        while at < content.bytes.len() {
            at = content.write_stuffed(at, piece_max, &mut out);
        }
        out
    }

    #[test]
    fn bare_line_ends_are_refused() {
        for bad in ["a\nb", "a\rb", "a\r", "a\r\r\n", "\n.\r\n", "a\r\n\n.\n", "\r\n.\r", "a\n\r\n"] {
            assert_eq!(Content::new(bad.as_bytes().to_vec()), Err(BareLineEnd), "{bad:?}");
        }
    }

    #[test]
    fn the_last_line_ends() {
        assert_eq!(Content::new(b"a".to_vec()).unwrap().as_bytes(), b"a\r\n");
        assert_eq!(Content::new(b"a\r\n".to_vec()).unwrap().as_bytes(), b"a\r\n");
        assert_eq!(Content::new(Vec::new()).unwrap().as_bytes(), b"");
    }

    #[test]
    fn leading_dots_are_doubled_wherever_the_pieces_end() {
        for piece_max in 1..12 {
            assert_eq!(stuffed(b".a\r\n.\r\n..\r\nb.\r\n", piece_max), b"..a\r\n..\r\n...\r\nb.\r\n", "{piece_max}");
        }
    }

    #[test]
    fn what_is_above_ascii_is_found_where_it_stands() {
        let content = |text: &str| Content::new(text.as_bytes().to_vec()).unwrap();
        assert!(!content("Subject: é\r\n\r\nb").has_eightbit_body());
        assert!(content("Subject: é\r\n\r\nb").has_utf8_header());
        assert!(content("Subject: e\r\n\r\né").has_eightbit_body());
        assert!(!content("Subject: e\r\n\r\né").has_utf8_header());
        let latin1 = Content::new(b"Subject: \xe9\r\n\r\nb".to_vec()).unwrap();
        assert!(!latin1.has_utf8_header());
    }

    proptest! {
        #[test]
        fn stuffed_content_never_ends_itself(lines in proptest::collection::vec("[.a]{0,3}", 0..8), piece_max in 1usize..9) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let out = stuffed(text.as_bytes(), piece_max);
            let all = [b"\r\n".as_slice(), &out].concat();
            prop_assert!(memmem::find(&all, b"\r\n.\r\n").is_none());
            let unstuffed = String::from_utf8(out).unwrap().split_inclusive("\r\n")
                .map(|line| line.strip_prefix('.').unwrap_or(line).to_owned()).collect::<String>();
            prop_assert_eq!(unstuffed, text);
        }

        #[test]
        fn what_is_taken_has_no_bare_line_end(bytes in "[a.\r\n]{0,12}") {
            if let Ok(content) = Content::new(bytes.into_bytes()) {
                let text = String::from_utf8(content.bytes).unwrap().replace("\r\n", "");
                prop_assert!(!text.contains(['\r', '\n']));
            }
        }
    }
}
