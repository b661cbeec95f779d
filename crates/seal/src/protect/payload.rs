//! The payload: the entity that is encrypted or signed. It is the message with
//! all of its fields inside; its body stays as it is, byte for byte, unless the
//! policy wants the Subject shown in it or a key is enclosed.

use std::borrow::Cow;

use mail::Entropy;
use mail::entity::Entity;
use mail::header::{self, Field};

use super::content_type::{Mark, marks, with_parameters};
use super::display;
use super::fields::{Composed, is_structural};
use super::frame::Boundary;

/// How a payload is made.
pub(super) struct Shape<'a> {
    /// What protects it.
    pub mark: Mark,
    /// Whether readers of OpenPGP are to know it by the older mark too.
    pub is_openpgp: bool,
    /// Whether the text begins with what is hidden outside.
    pub is_displayed: bool,
    /// A file that is enclosed: an own key.
    pub enclosed: Option<&'a Enclosed>,
}

/// A file to enclose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclosed {
    /// `application/pgp-keys`.
    pub content_type: String,
    /// The name of the file, in ASCII.
    pub name: String,
    /// What is in it, in seven bits and short lines.
    pub text: String,
}

/// The message in its canonical form, CRLF at each line's end (RFC 8551 §3.1.1).
/// One whose header has it is taken to have it all through: a bare LF in its
/// body is content.
pub fn canonical(message: &[u8]) -> Cow<'_, [u8]> {
    let first = memchr::memchr(b'\n', message);
    let has_crlf = first.is_none_or(|at| message.get(..at).is_some_and(|line| line.ends_with(b"\r")));
    let header = Entity::read(message).header;
    let is_cut_short = !header.is_empty() && !header.ends_with(b"\n");
    if has_crlf && !is_cut_short {
        return Cow::Borrowed(message);
    }
    let mut out = crlf(message).into_owned();
    if is_cut_short {
        out.extend_from_slice(b"\r\n");
    }
    Cow::Owned(out)
}

/// The bytes with CRLF at each line's end; borrowed if they have it.
pub(crate) fn crlf(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_bare = |at: &usize| *at == 0 || bytes.get(at - 1) != Some(&b'\r');
    let bare = memchr::memchr_iter(b'\n', bytes).filter(is_bare).count();
    if bare == 0 {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + bare);
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', bytes).filter(is_bare) {
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        out.extend_from_slice(b"\r\n");
        from = at + 1;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// The payload's bytes.
pub(super) fn payload(message: &Entity<'_>, composed: &Composed, shape: &Shape<'_>, entropy: &dyn Entropy) -> Vec<u8> {
    let shown = shape.is_displayed.then(|| display::shown(message, &composed.hidden)).flatten();
    let own = shown.as_deref().map_or_else(|| message.clone(), Entity::read);
    let mut marks = marks(shape.mark, shape.is_openpgp);
    // A message that is one text says so itself; in others the parts do.
    let shown_in_root: &[&str] = match shown.is_some() && !own.kind().starts_with("multipart/") {
        true => &[display::MARK],
        false => &[],
    };
    let mut out = Vec::with_capacity(message.raw.len() + composed.told.len() + 1_024);
    out.extend_from_slice(&composed.inner);
    match shape.enclosed {
        None => {
            marks.extend(shown_in_root);
            structural(&own, &marks, &mut out);
            out.extend_from_slice(&composed.told);
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(own.body);
        }
        Some(enclosed) => {
            let boundary = &Boundary::new(entropy);
            let marks = marks.join("; ");
            let kind =
                format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\";\r\n {marks}\r\n");
            out.extend_from_slice(kind.as_bytes());
            out.extend_from_slice(&composed.told);
            out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
            structural(&own, shown_in_root, &mut out);
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(own.body);
            out.extend_from_slice(enclosed.part(boundary).as_bytes());
        }
    }
    out
}

impl Enclosed {
    fn part(&self, boundary: &Boundary) -> String {
        let Self { content_type, name, text } = self;
        format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}; name=\"{name}\"\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{}\r\n--{boundary}--\r\n",
            text.trim_end()
        )
    }
}

/// MIME's own fields: the first of each name, the type with its marks, and what
/// is missing.
fn structural(own: &Entity<'_>, marks: &[&str], out: &mut Vec<u8>) {
    let fields: Vec<Field<'_>> = header::fields(own.header).filter(is_structural).collect();
    let has = |name: &str| fields.iter().any(|field| field.is(name));
    if !has("MIME-Version") && !marks.is_empty() {
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    for (at, field) in fields.iter().enumerate() {
        let is_repeated = fields.iter().take(at).any(|earlier| earlier.name.eq_ignore_ascii_case(field.name));
        match (is_repeated, field.is("Content-Type")) {
            (true, _) => {}
            (false, false) => out.extend_from_slice(field.raw),
            (false, true) => {
                out.extend_from_slice(&with_parameters(field, marks).unwrap_or_else(|| unnamed(own.body, marks)));
            }
        }
    }
    if has("Content-Type") {
        return;
    }
    out.extend_from_slice(&unnamed(own.body, marks));
    if !has("Content-Transfer-Encoding") && !own.body.is_ascii() {
        out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
    }
}

/// The type of a body that names none (RFC 2045 §5.2, RFC 1428 §3).
fn unnamed(body: &[u8], marks: &[&str]) -> Vec<u8> {
    let charset = match (body.is_ascii(), std::str::from_utf8(body)) {
        (true, _) => "us-ascii",
        (false, Ok(_)) => "utf-8",
        (false, Err(_)) => "unknown-8bit",
    };
    let line = format!("Content-Type: text/plain; charset={charset}\r\n");
    let marked = header::fields(line.as_bytes()).next().and_then(|field| with_parameters(&field, marks));
    marked.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expect: &str) {
        assert_eq!(canonical(message.as_bytes()).as_ref(), expect.as_bytes(), "{message:?}");
    }

    #[test]
    fn line_ends_are_made_canonical() {
        check("A: 1\n\nx\ny\r\nz", "A: 1\r\n\r\nx\r\ny\r\nz");
        check("A: 1\r\n\r\nx\ny", "A: 1\r\n\r\nx\ny");
        check("A: 1", "A: 1\r\n");
        check("A: 1\n", "A: 1\r\n");
        check("no field", "no field");
        check("", "");
    }
}
