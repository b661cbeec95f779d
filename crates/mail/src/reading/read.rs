//! The walk through a message's parts (RFC 2046), bounded in depth and number.
//!
//! Each level cuts its own bytes at its own boundary, so the work is at most
//! size × depth, whatever the boundaries are.

use std::borrow::Cow;

use super::field::{Parameters, unstructured};
use super::{Body, Limits, Part, Place, Reading, ReadingError, transfer};
use crate::entity::{Piece, cut, pieces, token};
use crate::header;

/// Reads a message. Line ends may be CRLF or LF.
pub fn read(raw: &[u8], limits: &Limits) -> Result<Reading, ReadingError> {
    if raw.trim_ascii().is_empty() {
        return Err(ReadingError::NotAMessage);
    }
    let (block, _) = cut(raw);
    let all = |name| -> Vec<String> {
        header::fields(block).filter(|field| field.is(name)).map(|field| unstructured(field.value)).collect()
    };
    let mut walk = Walk { limits, parts: 0, found: Vec::new(), beside: String::new() };
    walk.entity(raw, &Around { depth: 0, nesting: 0, default: "text/plain" })?;
    Ok(Reading {
        // Of several, which RFC 5322 §3.6 forbids, readers show one or the other.
        subject: all("Subject").join(" "),
        from: all("From").into_iter().next().unwrap_or_default(),
        parts: walk.found,
        beside: walk.beside,
    })
}

/// The header block of a message whose line ends may be CRLF or LF, without
/// the empty line; empty if the message begins with its body.
pub fn header_block(raw: &[u8]) -> &[u8] {
    cut(raw).0
}

/// What lies around an entity.
struct Around {
    /// Levels of multipart and messages.
    depth: usize,
    /// Levels of messages.
    nesting: usize,
    /// The type of an entity that names none.
    default: &'static str,
}

impl Around {
    fn within(&self, default: &'static str) -> Self {
        Self { depth: self.depth + 1, nesting: self.nesting, default }
    }

    fn nested(&self, depth: usize) -> Self {
        Self { depth: self.depth + depth, nesting: self.nesting + 1, default: "text/plain" }
    }
}

struct Walk<'a> {
    limits: &'a Limits,
    parts: usize,
    found: Vec<Part>,
    beside: String,
}

impl Walk<'_> {
    fn entity(&mut self, raw: &[u8], around: &Around) -> Result<(), ReadingError> {
        if around.depth > self.limits.depth_max {
            return Err(ReadingError::Depth(self.limits.depth_max));
        }
        self.parts += 1;
        if self.parts > self.limits.parts_max {
            return Err(ReadingError::Parts(self.limits.parts_max));
        }
        let (block, body) = cut(raw);
        let head = Head::read(block, around.default);
        if head.kind.starts_with("multipart/") && self.multipart(&head, body, around)? {
            return Ok(());
        }
        if head.is_message() {
            return self.message(&head, body, around);
        }
        let is_first = self.found.is_empty();
        self.found.push(leaf(&head, body, around, is_first));
        Ok(())
    }

    /// Walks the parts of a multipart; false if there is none.
    fn multipart(&mut self, head: &Head, body: &[u8], around: &Around) -> Result<bool, ReadingError> {
        let Some(boundary) = &head.boundary else { return Ok(false) };
        let default = if head.kind == "multipart/digest" { "message/rfc822" } else { "text/plain" };
        let mut any = false;
        let mut beside = String::new();
        for piece in pieces(body, boundary.as_bytes()) {
            match piece {
                Piece::Part(part) => {
                    any = true;
                    self.entity(part, &around.within(default))?;
                }
                Piece::Beside(text) if text.trim_ascii().is_empty() => {}
                Piece::Beside(text) => {
                    beside.push_str(transfer::text(None, text).trim());
                    beside.push('\n');
                }
            }
        }
        if any {
            self.beside.push_str(&beside);
        }
        Ok(any)
    }

    /// Keeps a nested message as an attachment and walks what is in it.
    fn message(&mut self, head: &Head, body: &[u8], around: &Around) -> Result<(), ReadingError> {
        let bytes = transfer::decode(&head.encoding, body);
        // Only the outermost is kept whole: it has all the others in it.
        let kept = if around.nesting == 0 { &bytes } else { header_block(&bytes) };
        self.found.push(Part {
            place: Place::Attachment(head.name.clone().unwrap_or_else(|| UNNAMED.to_owned())),
            content_type: "message/rfc822".to_owned(),
            content_id: head.content_id.clone(),
            nesting: around.nesting,
            body: Body::Bytes(kept.to_vec()),
        });
        let is_encoded = matches!(bytes, Cow::Owned(_));
        self.entity(&bytes, &around.nested(if is_encoded { ENCODED_DEPTH } else { 1 }))
    }
}

/// A nested message that is encoded, which RFC 2046 §5.2.1 forbids, is copied
/// while it is walked: it counts for so many levels.
const ENCODED_DEPTH: usize = 8;
/// The name of an attachment that has none.
const UNNAMED: &str = "attachment";

/// What an entity's header says of its body.
struct Head {
    kind: String,
    charset: Option<String>,
    boundary: Option<String>,
    encoding: String,
    name: Option<String>,
    content_id: Option<String>,
    is_attachment: bool,
}

impl Head {
    fn read(block: &[u8], default: &str) -> Self {
        let first = |name| header::fields(block).find(|field| field.is(name)).map(|field| field.value);
        let kind = first("Content-Type").map(Parameters::read).unwrap_or_default();
        let disposition = first("Content-Disposition").map(Parameters::read).unwrap_or_default();
        let name = disposition.get("filename").or_else(|| kind.get("name"));
        let content_id = first("Content-ID").map(unstructured);
        Self {
            charset: kind.get("charset").map(str::to_owned),
            boundary: kind.get("boundary").map(|boundary| boundary.trim_end().to_owned()).filter(|own| !own.is_empty()),
            encoding: first("Content-Transfer-Encoding").map(token).unwrap_or_default(),
            name: name.map(|name| unstructured(name.as_bytes())).filter(|name| !name.is_empty()),
            content_id: content_id.map(|id| id.trim_matches(['<', '>', ' ']).to_owned()),
            is_attachment: disposition.value == "attachment",
            // RFC 2045 §5.2: what has no readable type is plain text.
            kind: if kind.value.contains('/') { kind.value } else { default.to_owned() },
        }
    }

    /// A message that a reader would open: also one sent as a mere file.
    fn is_message(&self) -> bool {
        let is_file = || self.name.as_deref().is_some_and(|name| name.to_ascii_lowercase().ends_with(".eml"));
        matches!(self.kind.as_str(), "message/rfc822" | "message/global")
            || (self.kind == "application/octet-stream" && is_file())
    }

    fn is_html(&self) -> bool {
        matches!(self.kind.as_str(), "text/html" | "application/xhtml+xml")
    }
}

fn leaf(head: &Head, body: &[u8], around: &Around, is_first: bool) -> Part {
    let bytes = transfer::decode(&head.encoding, body);
    let is_multipart = head.kind.starts_with("multipart/");
    let content_type = if is_multipart { "text/plain".to_owned() } else { head.kind.clone() };
    let is_text = is_multipart || head.kind.starts_with("text/");
    let is_body = matches!(content_type.as_str(), "text/plain" | "text/html");
    // A named text that comes after others is shown as a file even if inline.
    let is_shown = is_body && !head.is_attachment && (is_first || head.name.is_none());
    let place = match (is_shown, head.is_html()) {
        (true, true) => Place::Html,
        (true, false) => Place::Text,
        (false, _) => Place::Attachment(head.name.clone().unwrap_or_else(|| UNNAMED.to_owned())),
    };
    let text = || transfer::text(head.charset.as_deref(), &bytes);
    let body = match (head.is_html(), is_text) {
        (true, _) => Body::Html(text()),
        (false, true) => Body::Text(text()),
        (false, false) => Body::Bytes(bytes.into_owned()),
    };
    Part { place, content_type, content_id: head.content_id.clone(), nesting: around.nesting, body }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
