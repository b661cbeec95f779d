//! What a text quotes of earlier messages, left out of a copy: whoever answers
//! with a plain program sends back no more than what was written this time.
//!
//! Only what stands at the end goes (whoever answers between the lines of a
//! quotation means them to be read), by the marks that programs write: lines
//! with `>` and the line that introduces them, what follows a line of the kind
//! `-----Original Message-----`, and in HTML the elements that Gmail, Thunderbird,
//! Apple Mail and Outlook put around it. What is signed or sealed stays as it is.

use std::borrow::Cow;
use std::ops::Range;

use mail::entity::Entity;

use crate::banner::{self, Form};

/// What stands where something was left out.
const LEFT_OUT: &str = "[...]";

/// A message without what its text quotes, or the same where it quotes nothing.
pub fn leave_out(message: &[u8]) -> Cow<'_, [u8]> {
    banner::changed(message, shortened)
}

fn shortened(raw: &[u8], form: Form) -> Option<Vec<u8>> {
    let part = Entity::read(raw);
    let encoding = part.encoding();
    let decoded = banner::open_text(&part, &encoding)?;
    let charset = part.parameter("charset").unwrap_or("us-ascii").to_ascii_lowercase();
    if !banner::is_superset(&charset) || charset == "iso-2022-jp" {
        return None;
    }
    let text = match form {
        Form::Plain => plain(&decoded)?,
        Form::Html => html(&decoded)?,
    };
    Some(banner::assemble(&part, &encoding, &text, false))
}

/// The text up to the quotation at its end.
fn plain(text: &[u8]) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let original = lines.iter().position(|line| is_original_mark(line));
    let end = original.or_else(|| quoted_end(&lines))?;
    let kept = lines.get(..end)?.concat();
    Some([kept.trim_ascii_end(), b"\r\n\r\n", LEFT_OUT.as_bytes(), b"\r\n"].concat())
}

/// Where the quoted lines at the end begin, with the line that introduces them.
fn quoted_end(lines: &[&[u8]]) -> Option<usize> {
    let is_blank = |line: &&[u8]| line.trim_ascii().is_empty();
    let is_quoted = |line: &&[u8]| line.starts_with(b">");
    let signature = lines.iter().rposition(|line| matches!(line.trim_ascii_end(), b"--")).unwrap_or(lines.len());
    // A signature may stand below the quotation; it goes with it.
    let body = match lines.get(signature..) {
        Some(below) if !below.iter().any(is_quoted) => lines.get(..signature)?,
        _ => lines,
    };
    let after = body.iter().rposition(|line| !is_quoted(line) && !is_blank(line)).map_or(0, |at| at + 1);
    body.get(after..)?.iter().any(is_quoted).then_some(())?;
    let introduced = body.get(..after)?.iter().rposition(is_blank).map_or(0, |at| at + 1);
    let paragraph = body.get(introduced..after)?;
    let introduces = paragraph.len() <= 3 && paragraph.last().is_some_and(|line| line.trim_ascii_end().ends_with(b":"));
    Some(if introduces { introduced } else { after })
}

/// `-----Original Message-----`, in any language: letters between two rows of dashes.
fn is_original_mark(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let inner = line.trim_ascii_start().strip_prefix(b"-----").and_then(|rest| rest.strip_suffix(b"-----"));
    let is_words = |inner: &[u8]| {
        let words = inner.strip_prefix(b"-").unwrap_or(inner).trim_ascii();
        !words.is_empty()
            && words.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b' ' || !byte.is_ascii())
            && !words.starts_with(b"BEGIN ")
            && !words.starts_with(b"END ")
    };
    inner.is_some_and(is_words) || (line.len() >= 30 && line.iter().all(|byte| *byte == b'_'))
}

/// How an element begins that holds a quotation: its name, and what is in its tag.
const ELEMENTS: [(&str, &[&str]); 5] = [
    ("blockquote", &["type=\"cite\"", "type='cite'", "type=cite", "gmail_quote", "cite=\"mid:"]),
    ("div", &["gmail_quote", "yahoo_quoted", "protonmail_quote", "moz-cite-prefix"]),
    ("div", &["id=\"divrplyfwdmsg\"", "id=divrplyfwdmsg"]),
    ("hr", &["id=\"stopspelling\"", "id=stopspelling"]),
    ("div", &["id=\"appendonsend\"", "id=appendonsend"]),
];
/// From the element on, everything is quoted.
const FROM_HERE: usize = 2;

/// The text without the elements that hold quotations.
fn html(text: &[u8]) -> Option<Vec<u8>> {
    let lower = text.to_ascii_lowercase();
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut any) = (0, false);
    while let Some(range) = next_quotation(&lower, at) {
        out.extend_from_slice(text.get(at..range.start)?);
        if !any {
            out.extend_from_slice(LEFT_OUT.as_bytes());
        }
        (at, any) = (range.end, true);
    }
    out.extend_from_slice(text.get(at..)?);
    any.then_some(out)
}

fn next_quotation(lower: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    loop {
        let start = at + lower.get(at..)?.iter().position(|byte| *byte == b'<')?;
        let end = start + lower.get(start..)?.iter().position(|byte| *byte == b'>')? + 1;
        let tag = String::from_utf8_lossy(lower.get(start..end)?);
        let is = |(name, marks): &(&str, &[&str])| is_tag(&tag, name) && marks.iter().any(|mark| tag.contains(mark));
        if let Some(kind) = ELEMENTS.iter().position(is) {
            let name = ELEMENTS.get(kind)?.0;
            let close = if kind < FROM_HERE { closed(lower, end, name) } else { body_end(lower, end) };
            return Some(start..close);
        }
        at = end;
    }
}

fn is_tag(tag: &str, name: &str) -> bool {
    tag.strip_prefix('<')
        .and_then(|tag| tag.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/'))
}

/// Behind the end of the element whose beginning ends at `from`; the end of the
/// body where it is never closed.
fn closed(lower: &[u8], from: usize, name: &str) -> usize {
    let (open, close) = (format!("<{name}"), format!("</{name}"));
    let (mut at, mut depth) = (from, 1_usize);
    while let Some(offset) = lower.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'<')) {
        let tag = lower.get(at + offset..).unwrap_or_default();
        let end = tag.iter().position(|byte| *byte == b'>').map_or(tag.len(), |end| end + 1);
        if tag.starts_with(close.as_bytes()) {
            depth -= 1;
        } else if tag.starts_with(open.as_bytes()) {
            depth += 1;
        }
        at += offset + end;
        if depth == 0 {
            return at;
        }
    }
    body_end(lower, from)
}

fn body_end(lower: &[u8], from: usize) -> usize {
    let rest = lower.get(from..).unwrap_or_default();
    rest.windows(6).position(|window| window == b"</body").map_or(lower.len(), |offset| from + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        let message = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}");
        let expect = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}", expect.unwrap_or(text));
        assert_eq!(String::from_utf8_lossy(&leave_out(message.as_bytes())), expect);
    }

    fn check_html(text: &str, expect: Option<&str>) {
        let message = format!("Content-Type: text/html; charset=utf-8\r\n\r\n{text}");
        let expect = format!("Content-Type: text/html; charset=utf-8\r\n\r\n{}", expect.unwrap_or(text));
        assert_eq!(String::from_utf8_lossy(&leave_out(message.as_bytes())), expect);
    }

    #[test]
    fn what_is_quoted_at_the_end_is_left_out() {
        let short = Some("Yes.\r\n\r\n[...]\r\n");
        check("Yes.\r\n\r\nOn Monday, Pat wrote:\r\n> secret\r\n>\r\n> more\r\n", short);
        check("Yes.\r\n\r\nAm 3. Mai schrieb Pat\r\n<p@x.example>:\r\n\r\n> secret\r\n\r\n", short);
        check("Yes.\r\n> secret\r\n-- \r\nNurse\r\n", short);
        check("Yes.\r\n\r\n-----Original Message-----\r\nFrom: Pat\r\n\r\nsecret\r\n", short);
        check("Yes.\r\n\r\n________________________________\r\nFrom: Pat\r\nsecret\r\n", short);
        check("Yes.\n\n-----Ursprüngliche Nachricht-----\nsecret\n", short);
    }

    #[test]
    fn what_is_answered_between_the_lines_stays() {
        check("> When?\r\nAt ten.\r\n> Where?\r\nHere.\r\n", None);
        check("No quotation: none.\r\n", None);
        check("a > b\r\n", None);
        check("-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n", None);
        check("", None);
    }

    #[test]
    fn quotations_of_html_are_left_out_whole() {
        check_html(
            "<p>Yes.</p><blockquote type=\"cite\">a<blockquote>b</blockquote>c</blockquote><p>N</p>",
            Some("<p>Yes.</p>[...]<p>N</p>"),
        );
        check_html(
            "<div>Yes.</div><div class=\"gmail_quote\"><div>On</div>x</div></body>",
            Some("<div>Yes.</div>[...]</body>"),
        );
        check_html(
            "<p>Yes.</p><hr id=\"stopSpelling\">From: Pat<br>x</body></html>",
            Some("<p>Yes.</p>[...]</body></html>"),
        );
        check_html("<p>Yes.</p><blockquote type=cite>never closed</body>", Some("<p>Yes.</p>[...]</body>"));
        check_html("<p>As it says: <blockquote>Be well</blockquote></p>", None);
    }

    #[test]
    fn what_is_signed_and_what_is_attached_stays() {
        let signed =
            "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nYes.\r\n> x\r\n--s\r\n\r\ny\r\n--s--\r\n";
        assert!(matches!(leave_out(signed.as_bytes()), Cow::Borrowed(_)));
        let attached = "Content-Disposition: attachment\r\n\r\nYes.\r\n> x\r\n";
        assert!(matches!(leave_out(attached.as_bytes()), Cow::Borrowed(_)));
    }
}
