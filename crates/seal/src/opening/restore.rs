//! An opened message as it is passed on inside: with the fields that were
//! protected in the place of those outside, and the content in clear.
//!
//! What was sealed may have had the line ends of its author's system, while SMTP
//! takes CRLF alone (RFC 5321 §2.3.8): text gets them here.

use mail::entity::Entity;
use mail::header;

use super::headers::{inner_block, shown};
use super::{Covers, Opened, Scheme};
use crate::edits::is_private;
use crate::protect::{is_structural, unmarked};

/// The message that `opened` came from as one in clear. None where only a part
/// was protected or what is inside is no entity: such a message is passed on as
/// it is, since its parts must not be joined (EFAIL). None also where SMTP can't
/// carry what is inside.
pub fn restored(message: &[u8], opened: &Opened) -> Option<Vec<u8>> {
    if opened.report.covers == Covers::Part || !opened.is_entity {
        return None;
    }
    let payload = Entity::read(&opened.entity);
    let scheme = opened.report.headers.as_ref().map(|headers| headers.by);
    let block = scheme.map(|scheme| inner_block(&payload, scheme)).unwrap_or_default();
    let mut out = Vec::with_capacity(opened.entity.len() + 4_096);
    for field in header::fields(Entity::read(message).header) {
        let is_inside =
            shown(block).any(|own| own.name.trim_ascii_end().eq_ignore_ascii_case(field.name.trim_ascii_end()));
        if !is_structural(&field) && !is_inside {
            out.extend_from_slice(field.raw);
        }
    }
    // Hidden recipients, and what only this system may write, come from nowhere.
    shown(block).filter(|field| !is_private(field)).for_each(|field| out.extend_from_slice(field.raw));
    if scheme == Some(Scheme::Wrapped) {
        let inner = Entity::read(payload.body);
        return in_lines(with_body(out, &inner));
    }
    in_lines(with_body(out, &payload))
}

/// The message with CRLF at the end of every line; none where that would change
/// what is no text (`binary`, RFC 2045 §2.9) or it holds a zero byte.
fn in_lines(message: Vec<u8>) -> Option<Vec<u8>> {
    if message.contains(&0) {
        return None;
    }
    if !has_bare_ends(&message) {
        return Some(message);
    }
    let is_binary = message.to_ascii_lowercase().windows(BINARY.len()).any(|window| window == BINARY);
    if is_binary {
        return None;
    }
    let mut out = Vec::with_capacity(message.len().saturating_add(message.len() / 32));
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    Some(out)
}

/// How a part says that its lines are none.
const BINARY: &[u8] = b"content-transfer-encoding: binary";

fn has_bare_ends(message: &[u8]) -> bool {
    let follows = |at: usize| message.get(at.saturating_add(1)) == Some(&b'\n');
    let precedes = |at: usize| at.checked_sub(1).and_then(|before| message.get(before)) == Some(&b'\r');
    message.iter().enumerate().any(|(at, byte)| match byte {
        b'\r' => !follows(at),
        b'\n' => !precedes(at),
        _ => false,
    })
}

/// MIME's own fields and the body.
fn with_body(mut out: Vec<u8>, entity: &Entity<'_>) -> Vec<u8> {
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    for field in header::fields(entity.header).filter(is_structural).filter(|field| !field.is("MIME-Version")) {
        match field.is("Content-Type").then(|| unmarked(&field)).flatten() {
            Some(kind) => out.extend_from_slice(&kind),
            None => out.extend_from_slice(field.raw),
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(entity.body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_gets_its_end_and_what_is_no_text_stays_out() {
        let lines = |text: &str| in_lines(text.into()).map(|bytes| String::from_utf8(bytes).unwrap());
        for (text, expect) in [
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\rb\r\r\nc", "a\r\nb\r\n\r\nc"),
            ("\n\n", "\r\n\r\n"),
            ("\r", "\r\n"),
        ] {
            assert_eq!(lines(text).as_deref(), Some(expect), "{text:?}");
        }
        assert_eq!(lines("a\0b\r\n"), None);
        assert_eq!(lines("Content-Transfer-Encoding: Binary\r\n\r\na\nb"), None);
        assert!(lines("Content-Transfer-Encoding: binary\r\n\r\na\r\nb").is_some());
    }
}
