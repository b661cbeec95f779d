//! The header block of a message as its exact bytes: found, read, edited.
//!
//! Editing keeps every field that it is not told to change byte for byte, so
//! that a signature over them survives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A message cut at the empty line between its header block and its body.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// The header block with the CRLF of its last field, without the empty line.
    pub header: &'a [u8],
    /// What follows the empty line; empty if there is none.
    pub body: &'a [u8],
}

/// Cuts a message in the form with CRLF line ends at the first empty line.
pub fn split(message: &[u8]) -> Split<'_> {
    if let Some(body) = message.strip_prefix(b"\r\n") {
        return Split { header: &[], body };
    }
    match memchr::memmem::find(message, b"\r\n\r\n") {
        Some(at) => Split { header: &message[..at + 2], body: &message[at + 4..] },
        None => Split { header: message, body: &[] },
    }
}

/// One field of a header block, folded lines included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field with its line ends, exactly.
    pub raw: &'a [u8],
    /// The bytes before the colon; the whole line where there is no colon.
    pub name: &'a [u8],
    /// The bytes after the colon, still folded and encoded.
    pub value: &'a [u8],
}

impl Field<'_> {
    /// Whether this is the field of that name. Case does not count.
    pub fn is(&self, name: &str) -> bool {
        self.name.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value unfolded (RFC 5322 §2.2.3) and trimmed. Bytes that are no
    /// UTF-8 are replaced; encoded words stay as they are.
    pub fn text(&self) -> String {
        let unfolded: Vec<u8> = self.value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        String::from_utf8_lossy(&unfolded).trim().to_owned()
    }
}

/// The fields of a header block in order.
pub fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (raw, after) = rest.split_at(field_end(rest));
        rest = after;
        Some(field(raw))
    })
}

/// The first field of that name, unfolded.
pub fn first(header: &[u8], name: &str) -> Option<String> {
    fields(header).find(|field| field.is(name)).map(|field| field.text())
}

/// A value for the wire: as it is where it is plain, else in encoded words
/// (RFC 2047), folded. Line ends and controls become blanks, so that no text
/// can add a field.
pub fn encoded(text: &str) -> String {
    let safe: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let is_plain = safe.is_ascii() && safe.len() <= PLAIN_MAX && !safe.contains("=?");
    if is_plain { safe.trim().to_owned() } else { encoded_words(safe.trim()) }
}

/// A plain value stays on one line with any field name (RFC 5322 §2.1.1).
const PLAIN_MAX: usize = 900;
/// Bytes of text in an encoded word: 60 characters of base 64, within the 75
/// that RFC 2047 §2 allows.
const WORD_BYTES_MAX: usize = 45;

fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD_BYTES_MAX {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encode = |word: &String| format!("=?utf-8?B?{}?=", STANDARD.encode(word));
    words.iter().map(encode).collect::<Vec<_>>().join("\r\n ")
}

fn field_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(newline) = memchr::memchr(b'\n', &bytes[at..]) {
        at += newline + 1;
        if !matches!(bytes.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
    bytes.len()
}

fn field(raw: &[u8]) -> Field<'_> {
    match memchr::memchr(b':', raw) {
        Some(colon) => Field { raw, name: &raw[..colon], value: &raw[colon + 1..] },
        None => Field { raw, name: raw.trim_ascii_end(), value: &[] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_at_its_first_empty_line() {
        let split = split(b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore");
        assert_eq!(split.header, b"A: 1\r\nB: 2\r\n");
        assert_eq!(split.body, b"body\r\n\r\nmore");
    }

    #[test]
    fn a_message_without_header_or_body_is_cut_too() {
        assert_eq!(split(b"\r\nbody").body, b"body");
        assert_eq!(split(b"A: 1\r\n").header, b"A: 1\r\n");
        assert_eq!(split(b"").header, b"");
    }

    #[test]
    fn fields_keep_their_folds() {
        let found: Vec<_> = fields(b"Subject: a\r\n b\r\nTo: x\r\nbroken line\r\n").collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].raw, b"Subject: a\r\n b\r\n");
        assert_eq!(found[0].text(), "a b");
        assert!(found[1].is("tO"));
        assert_eq!(found[2].value, b"");
    }

    #[test]
    fn a_value_is_encoded_for_the_wire() {
        assert_eq!(encoded("A message\r\nBcc: x"), "A message  Bcc: x");
        assert_eq!(encoded("Été"), "=?utf-8?B?w4l0w6k=?=");
        let long = encoded(&"é".repeat(100));
        assert!(long.split("\r\n ").all(|word| word.len() <= 75));
        let message = format!("Subject: {long}\r\n\r\n");
        let parsed = mail_parser::MessageParser::new().parse(message.as_bytes()).unwrap();
        assert_eq!(parsed.subject(), Some("é".repeat(100).as_str()));
    }
}
