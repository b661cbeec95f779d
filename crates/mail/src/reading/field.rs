//! Header fields as a reader sees them: encoded words (RFC 2047) and
//! parameters (RFC 2045 §5.1, RFC 2231) undone.

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};

use super::transfer;

/// How much of a field with parameters is read. What joins RFC 2231
/// continuations takes quadratic time, so the field is cut before.
const PARAMETERS_BYTES_MAX: usize = 16 << 10;
/// No encoded word is longer; RFC 2047 §2 allows 75, real ones exceed it.
const WORD_BYTES_MAX: usize = 4 << 10;

/// An unstructured field value, unfolded, with its encoded words decoded.
/// Linear in its length.
pub fn unstructured(value: &[u8]) -> String {
    let unfolded: Vec<u8> = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = String::new();
    let mut words = Words::default();
    let mut rest = unfolded.trim_ascii();
    while !rest.is_empty() {
        let start = find(rest, b"=?").unwrap_or(rest.len());
        let (plain, encoded) = rest.split_at(start);
        // White space between two encoded words is not shown (RFC 2047 §6.2).
        if !(words.is_open() && plain.iter().all(|byte| byte.is_ascii_whitespace()) && !encoded.is_empty()) {
            words.flush(&mut out);
            out.push_str(&transfer::text(None, plain));
            words.gap.clear();
        } else {
            words.gap = transfer::text(None, plain);
        }
        rest = match word(encoded) {
            Some((word, after)) => {
                words.push(&word, &mut out);
                after
            }
            None => {
                words.flush(&mut out);
                out.push_str(&std::mem::take(&mut words.gap));
                let mark = encoded.len().min(2);
                out.push_str(&transfer::text(None, encoded.get(..mark).unwrap_or_default()));
                encoded.get(mark..).unwrap_or_default()
            }
        };
    }
    words.flush(&mut out);
    out
}

/// Encoded words that follow each other. Those of one charset are joined before
/// they are decoded: some senders cut a character in two.
#[derive(Default)]
struct Words {
    charset: String,
    bytes: Vec<u8>,
    open: bool,
    gap: String,
}

impl Words {
    fn is_open(&self) -> bool {
        self.open
    }

    fn push(&mut self, word: &Word, out: &mut String) {
        if self.open && !self.charset.eq_ignore_ascii_case(&word.charset) {
            self.flush(out);
        }
        self.gap.clear();
        self.open = true;
        self.charset.clone_from(&word.charset);
        self.bytes.extend_from_slice(&word.bytes);
    }

    fn flush(&mut self, out: &mut String) {
        if self.open {
            let text = transfer::text(Some(&self.charset), &self.bytes);
            out.extend(text.chars().map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c }));
        }
        self.open = false;
        self.bytes.clear();
    }
}

struct Word {
    charset: String,
    bytes: Vec<u8>,
}

/// The encoded word at the beginning of a text, and what follows it.
fn word(text: &[u8]) -> Option<(Word, &[u8])> {
    let window = text.get(..text.len().min(WORD_BYTES_MAX))?;
    let inner = window.strip_prefix(b"=?")?;
    let charset_len = inner.iter().take(64).position(|byte| *byte == b'?')?;
    let (charset, inner) = inner.split_at(charset_len);
    let [b'?', kind, b'?', inner @ ..] = inner else { return None };
    let content_len = find(inner, b"?=")?;
    let content = inner.get(..content_len)?;
    let bytes = match kind {
        b'B' | b'b' => transfer::base64(content),
        b'Q' | b'q' => transfer::q_encoding(content),
        _ => return None,
    };
    // RFC 2231 §5 allows a language after the charset.
    let charset = charset.split(|byte| *byte == b'*').next().unwrap_or_default();
    let charset = String::from_utf8_lossy(charset).into_owned();
    let len = 2 + charset_len_and_mark(charset_len) + content_len + 2;
    Some((Word { charset, bytes }, text.get(len..)?))
}

/// The charset and `?X?`.
const fn charset_len_and_mark(charset_len: usize) -> usize {
    charset_len + 3
}

fn find(text: &[u8], what: &[u8; 2]) -> Option<usize> {
    text.windows(2).position(|window| window == what)
}

/// A field such as Content-Type: its value in lower case and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// `type/subtype` or the disposition.
    pub value: String,
    attributes: Vec<(String, String)>,
}

impl Parameters {
    /// Reads a field's value; what can't be read is left out.
    pub(crate) fn read(value: &[u8]) -> Self {
        let mut line: Vec<u8> = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        line.truncate(PARAMETERS_BYTES_MAX);
        line.push(b'\n');
        match MessageStream::new(&line).parse_content_type() {
            HeaderValue::ContentType(found) => Self::of(&found),
            _ => Self::default(),
        }
    }

    fn of(found: &ContentType<'_>) -> Self {
        let mut value = found.ctype().trim().to_ascii_lowercase();
        if let Some(subtype) = found.subtype() {
            value.push('/');
            value.push_str(&subtype.trim().to_ascii_lowercase());
        }
        let attributes = found.attributes().unwrap_or_default().iter();
        let attributes = attributes.map(|attribute| (attribute.name.to_string(), attribute.value.to_string()));
        Self { value, attributes: attributes.collect() }
    }

    /// The first parameter of that name, which is in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expect: &str) {
        assert_eq!(unstructured(value.as_bytes()), expect, "{value}");
    }

    #[test]
    fn encoded_words_are_decoded() {
        check("plain text", "plain text");
        check(" =?utf-8?Q?caf=C3=A9_au_lait?= x", "café au lait x");
        check("=?UTF-8?B?Y2Fmw6k=?=", "café");
        check("=?utf-8?q?123?= =?utf-8?q?-45?=\r\n =?utf-8?q?-6789?=", "123-45-6789");
        check("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c");
        check("=?utf-8?B?ww==?= =?utf-8?B?qQ==?=", "é");
        check("=?iso-8859-1*en?Q?=E9?=", "é");
        check("=?utf-8?q?=5Bsecure=5D?= hi", "[secure] hi");
    }

    #[test]
    fn what_is_no_encoded_word_is_kept() {
        check("=?utf-8?X?abc?= x", "=?utf-8?X?abc?= x");
        check("=?utf-8?q?unended", "=?utf-8?q?unended");
        check("=?", "=?");
        check("a =?utf-8?q?b?= =?c", "a b =?c");
        check("", "");
    }

    #[test]
    fn a_decoded_line_break_is_a_space() {
        check("=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x");
    }

    #[test]
    fn parameters_are_read() {
        let read = Parameters::read(b" Text/Plain; charset=\"UTF-8\"; name*0=a; name*1*=%41");
        assert_eq!(read.value, "text/plain");
        assert_eq!(read.get("charset"), Some("UTF-8"));
        assert_eq!(read.get("name"), Some("aA"));
        assert_eq!(Parameters::read(b""), Parameters::default());
    }
}
