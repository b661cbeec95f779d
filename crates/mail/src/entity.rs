//! A MIME entity as its exact bytes: header block, body, the parts between its
//! boundaries. What signs, verifies and decrypts works on these slices; how a
//! message reads is [`crate::reading`].
//!
//! Each level cuts its own bytes at its own boundary (RFC 2046 §5.1). Line ends
//! may be CRLF or LF; nothing is copied but what a transfer encoding hides.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::header::{self, Field};
use crate::reading::{Parameters, transfer, unstructured};

/// An entity: a message, or a part of one.
#[derive(Clone, Debug)]
pub struct Entity<'a> {
    /// All of it, exactly.
    pub raw: &'a [u8],
    /// The header block with the line end of its last field, without the empty line.
    pub header: &'a [u8],
    /// What follows the empty line.
    pub body: &'a [u8],
    content_type: Parameters,
    disposition: Parameters,
}

impl<'a> Entity<'a> {
    /// Reads the entity whose bytes these are.
    pub fn read(raw: &'a [u8]) -> Self {
        let (header, body) = cut(raw);
        let parameters = |name: &str| {
            let field = header::fields(header).find(|field| field.is(name));
            field.map(|field| Parameters::read(field.value)).unwrap_or_default()
        };
        Self {
            raw,
            header,
            body,
            content_type: parameters("Content-Type"),
            disposition: parameters("Content-Disposition"),
        }
    }

    /// `type/subtype` in lower case; `text/plain` where none can be read
    /// (RFC 2045 §5.2).
    pub fn kind(&self) -> &str {
        if self.content_type.value.contains('/') { &self.content_type.value } else { "text/plain" }
    }

    /// A parameter of Content-Type by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.content_type.get(name)
    }

    /// Whether it is said to be an attachment.
    pub fn is_attachment(&self) -> bool {
        self.disposition.value == "attachment"
    }

    /// The name of its file, decoded.
    pub fn name(&self) -> Option<String> {
        let name = self.disposition.get("filename").or_else(|| self.content_type.get("name"))?;
        Some(unstructured(name.as_bytes())).filter(|name| !name.is_empty())
    }

    /// The fields of that name.
    pub fn fields(&self, name: &'a str) -> impl Iterator<Item = Field<'a>> + use<'a> {
        header::fields(self.header).filter(move |field| field.is(name))
    }

    /// The Content-Transfer-Encoding in lower case, without comments; empty where there is none.
    pub fn encoding(&self) -> String {
        self.fields("Content-Transfer-Encoding").next().map(|field| token(field.value)).unwrap_or_default()
    }

    /// The body with its transfer encoding undone, as lenient readers do it.
    pub fn decoded(&self) -> Cow<'a, [u8]> {
        transfer::decode(&self.encoding(), self.body)
    }

    /// The body as text, its transfer encoding and its charset undone.
    pub fn text(&self) -> String {
        transfer::text(self.parameter("charset"), &self.decoded())
    }

    /// What the body of a multipart is cut into; none where it is no multipart
    /// or names no boundary.
    pub fn pieces(&self) -> Option<Vec<Piece<'a>>> {
        let boundary = self.boundary()?;
        Some(pieces(self.body, boundary.as_bytes()).collect())
    }

    /// Where in the body the parts of a multipart stand.
    pub fn part_ranges(&self) -> Vec<Range<usize>> {
        let Some(boundary) = self.boundary() else { return Vec::new() };
        cuts(self.body, boundary.as_bytes()).filter(|(_, is_part)| *is_part).map(|(range, _)| range).collect()
    }

    fn boundary(&self) -> Option<&str> {
        let boundary = self.kind().starts_with("multipart/").then(|| self.content_type.get("boundary"))?;
        boundary.map(str::trim_end).filter(|boundary| !boundary.is_empty())
    }
}

/// A Content-Transfer-Encoding without comments.
pub(crate) fn token(value: &[u8]) -> String {
    let text = unstructured(value).to_ascii_lowercase();
    text.split(['(', ';', ' ']).next().unwrap_or_default().trim_matches('"').to_owned()
}

/// Cuts an entity at its empty line. One that does not begin with a field has
/// no header: relays put the empty line there.
pub(crate) fn cut(raw: &[u8]) -> (&[u8], &[u8]) {
    let first = raw.get(..memchr::memchr(b'\n', raw).unwrap_or(raw.len())).unwrap_or_default();
    if !is_field(first) && !first.trim_ascii_end().is_empty() {
        return (&[], raw);
    }
    let mut at = 0;
    for newline in memchr::memchr_iter(b'\n', raw) {
        let end = newline + 1;
        if matches!(raw.get(at..end), Some(b"\n" | b"\r\n")) {
            return (raw.get(..at).unwrap_or_default(), raw.get(end..).unwrap_or_default());
        }
        at = end;
    }
    (raw, &[])
}

/// A field name is printable ASCII before a colon (RFC 5322 §2.2).
fn is_field(line: &[u8]) -> bool {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// What a multipart's body is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A part, exactly: the line end before the delimiter is not its own.
    Part(&'a [u8]),
    /// What stands before the first boundary or after the last.
    Beside(&'a [u8]),
}

/// The pieces between the delimiter lines of a boundary (RFC 2046 §5.1.1). A
/// part may also follow a closing line.
pub(crate) fn pieces<'a, 'b>(body: &'a [u8], boundary: &'b [u8]) -> impl Iterator<Item = Piece<'a>> + use<'a, 'b> {
    cuts(body, boundary).map(|(range, is_part)| {
        let bytes = body.get(range).unwrap_or_default();
        if is_part { Piece::Part(bytes) } else { Piece::Beside(bytes) }
    })
}

/// Where the pieces are, and which of them are parts.
fn cuts<'a, 'b>(body: &'a [u8], boundary: &'b [u8]) -> impl Iterator<Item = (Range<usize>, bool)> + use<'a, 'b> {
    // Looked for as a whole: the lines of an attachment are many, and none of them is a delimiter.
    let dashed = memmem::Finder::new(&[b"--", boundary].concat()).into_owned();
    let (mut from, mut is_part, mut is_done) = (0, false, false);
    std::iter::from_fn(move || {
        if is_done {
            return None;
        }
        let next = next_delimiter(body, from, &dashed);
        is_done = next.is_none();
        let end = next.as_ref().map_or(body.len(), |(line, _)| line_end_before(body, line.start).max(from));
        let piece = (from..end, is_part);
        if let Some((line, delimiter)) = next {
            (from, is_part) = (line.end, delimiter == Delimiter::Next);
        }
        Some(piece)
    })
}

/// The first delimiter line at `at`, where a line begins, or behind it.
fn next_delimiter(body: &[u8], mut at: usize, dashed: &memmem::Finder<'_>) -> Option<(Range<usize>, Delimiter)> {
    loop {
        let start = at + dashed.find(body.get(at..)?)?;
        let rest = body.get(start..)?;
        let line = rest.get(..memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1))?;
        let begins_line = start == at || body.get(..start)?.ends_with(b"\n");
        match delimiter(line, dashed.needle()) {
            Some(delimiter) if begins_line => return Some((start..start + line.len(), delimiter)),
            _ => at = start + line.len(),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Delimiter {
    Next,
    Last,
}

fn delimiter(line: &[u8], dashed: &[u8]) -> Option<Delimiter> {
    let rest = line.strip_prefix(dashed)?.trim_ascii_end();
    match rest {
        b"" => Some(Delimiter::Next),
        b"--" => Some(Delimiter::Last),
        _ => None,
    }
}

/// The line end before a delimiter belongs to the delimiter.
fn line_end_before(body: &[u8], at: usize) -> usize {
    let before = body.get(..at).unwrap_or_default();
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before).len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts<'a>(raw: &'a str) -> Vec<&'a str> {
        let entity = Entity::read(raw.as_bytes());
        let of = |piece: &Piece<'a>| match piece {
            Piece::Part(bytes) | Piece::Beside(bytes) => std::str::from_utf8(bytes).unwrap(),
        };
        entity.pieces().unwrap_or_default().iter().map(of).collect()
    }

    #[test]
    fn an_entity_is_cut_exactly() {
        let entity = Entity::read(b"Content-Type: Text/HTML; charset=\"x\"\r\nA: 1\r\n\r\nbody");
        assert_eq!((entity.kind(), entity.parameter("charset")), ("text/html", Some("x")));
        assert_eq!(entity.header, b"Content-Type: Text/HTML; charset=\"x\"\r\nA: 1\r\n");
        assert_eq!(entity.body, b"body");
        assert_eq!(Entity::read(b"no field\r\n\r\nx").body, b"no field\r\n\r\nx");
        assert_eq!(Entity::read(b"\r\nx").body, b"x");
    }

    #[test]
    fn parts_are_cut_without_the_line_end_of_the_delimiter() {
        const HEAD: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        assert_eq!(parts(&format!("{HEAD}pre\r\n--b\r\n\r\none\r\n\r\n--b--\r\npost")), ["pre", "\r\none\r\n", "post"]);
        assert_eq!(parts("Content-Type: multipart/mixed; boundary=b\n\n--b\nA: 1\n\n1\n--b--"), ["", "A: 1\n\n1", ""]);
        assert!(parts("Content-Type: text/plain; boundary=b\n\n--b\n\n1").is_empty());
    }

    /// The same line by line.
    fn line_by_line(body: &[u8], boundary: &[u8]) -> Vec<(Range<usize>, bool)> {
        let dashed = [b"--", boundary].concat();
        let (mut at, mut from, mut is_part, mut found) = (0, 0, false, Vec::new());
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            let start = at;
            at += line.len();
            if let Some(delimiter) = delimiter(line, &dashed) {
                found.push((from..line_end_before(body, start).max(from), is_part));
                (from, is_part) = (at, delimiter == Delimiter::Next);
            }
        }
        found.push((from..body.len(), is_part));
        found
    }

    proptest! {
        #[test]
        fn delimiters_are_found_wherever_a_line_begins(
            words in prop::collection::vec(prop::sample::select(vec!["--b", "b", "--", "-", "\n", "\r\n", " ", "x"]), 0..30),
            boundary in prop::sample::select(vec!["b", "bb", "-", "--", "b--b"]),
        ) {
            let body = words.concat();
            let found: Vec<_> = cuts(body.as_bytes(), boundary.as_bytes()).collect();
            prop_assert_eq!(found, line_by_line(body.as_bytes(), boundary.as_bytes()));
        }
    }

    #[test]
    fn a_transfer_encoding_is_undone() {
        let entity = Entity::read(b"Content-Transfer-Encoding: BASE64 (x)\r\n\r\naGk=\r\n");
        assert_eq!(entity.decoded().as_ref(), b"hi");
    }
}
