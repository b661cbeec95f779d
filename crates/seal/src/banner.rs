//! A banner: a sentence of the organisation's policy above what somebody from
//! outside wrote, in each form of the text that a reader may be shown.
//!
//! What is signed or encrypted is left exactly as it is, and so is a part whose
//! transfer encoding or charset is not known: a banner must not break what it
//! stands on. Every part that gets none stays byte for byte.

use std::borrow::Cow;
use std::ops::Range;

use mail::entity::Entity;
use mail::header;
use mail::sevenbit::quoted_printable;

use crate::base64;

/// As deep as parts are looked into.
const DEPTH_MAX: usize = 10;
/// Parts of an alternative that are looked at.
const PARTS_MAX: usize = 20;

/// A message with the banner, or the same where it has no place for one.
pub fn add<'m>(message: &'m [u8], banner: &str) -> Cow<'m, [u8]> {
    changed(message, |part, form| with_banner(part, form, banner))
}

/// A message with the texts that are read first changed, or the same where none is.
pub(crate) fn changed(message: &[u8], change: impl Fn(&[u8], Form) -> Option<Vec<u8>>) -> Cow<'_, [u8]> {
    let entity = Entity::read(message);
    let mut places = Vec::new();
    find(&entity, 0, 0, &mut places);
    let mut changed = Vec::with_capacity(message.len() + 1024);
    let mut from = 0;
    for (range, form) in places {
        let part = message.get(range.clone()).unwrap_or_default();
        let Some(bytes) = change(part, form) else { continue };
        changed.extend_from_slice(message.get(from..range.start).unwrap_or_default());
        changed.extend_from_slice(&bytes);
        from = range.end;
    }
    if changed.is_empty() {
        return Cow::Borrowed(message);
    }
    changed.extend_from_slice(message.get(from..).unwrap_or_default());
    Cow::Owned(changed)
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Html,
}

/// Finds the texts that are read first, in order: all forms of an alternative,
/// else the first text. Tells whether the search is over.
fn find(entity: &Entity<'_>, at: usize, depth: usize, places: &mut Vec<(Range<usize>, Form)>) -> bool {
    // What has the name of a file is one, whatever its type says or fails to say.
    if depth > DEPTH_MAX || entity.is_attachment() || entity.name().is_some() {
        return false;
    }
    let kind = entity.kind();
    let form = match kind {
        "text/plain" => Form::Plain,
        "text/html" => Form::Html,
        // Nothing in these may change, nor before what they cover.
        "multipart/signed" | "multipart/encrypted" | "multipart/report" => return true,
        // Its parts are messages, though they need not say so (RFC 2046 §5.1.5).
        "multipart/digest" => return false,
        _ if kind.starts_with("multipart/") => return find_in_parts(entity, at, depth, places),
        _ if kind.starts_with("application/pkcs7-") || kind.starts_with("application/x-pkcs7-") => return true,
        _ => return false,
    };
    places.push((at..at + entity.raw.len(), form));
    true
}

fn find_in_parts(entity: &Entity<'_>, at: usize, depth: usize, places: &mut Vec<(Range<usize>, Form)>) -> bool {
    let body_at = at + (entity.raw.len() - entity.body.len());
    let is_alternative = entity.kind() == "multipart/alternative";
    let mut is_over = false;
    for range in entity.part_ranges().into_iter().take(PARTS_MAX) {
        let part = Entity::read(entity.body.get(range.clone()).unwrap_or_default());
        let found = find(&part, body_at + range.start, depth + 1, places);
        is_over |= found;
        if found && !is_alternative {
            break;
        }
    }
    is_over
}

/// The part with the banner; none where it can't have one.
fn with_banner(raw: &[u8], form: Form, banner: &str) -> Option<Vec<u8>> {
    let part = Entity::read(raw);
    let encoding = part.encoding();
    let decoded = open_text(&part, &encoding)?;
    let added = match form {
        Form::Plain => plain(banner),
        Form::Html => html(banner),
    };
    let charset = part.parameter("charset").unwrap_or("us-ascii").to_ascii_lowercase();
    let (text, is_unicode) = match (is_superset(&charset), added.is_ascii()) {
        (true, true) => (insert(&decoded, added.as_bytes(), form), false),
        (true, false) if matches!(charset.as_str(), "utf-8" | "utf8") => {
            (insert(&decoded, added.as_bytes(), form), false)
        }
        (true, false) if decoded.is_ascii() => (insert(&decoded, added.as_bytes(), form), true),
        _ if is_known(&charset) => (insert(part.text().as_bytes(), added.as_bytes(), form), true),
        _ => return None,
    };
    Some(assemble(&part, &encoding, &text, is_unicode))
}

/// What a part says, where it may change.
pub(crate) fn open_text<'a>(part: &Entity<'a>, encoding: &str) -> Option<Cow<'a, [u8]>> {
    if !matches!(encoding, "" | "7bit" | "8bit" | "binary" | "base64" | "quoted-printable") {
        return None;
    }
    Some(part.decoded()).filter(|decoded| !is_sealed_inline(decoded))
}

/// Puts the part together again: as it was encoded, or as quoted-printable
/// where its bytes need more than it said.
pub(crate) fn assemble(part: &Entity<'_>, encoding: &str, text: &[u8], is_unicode: bool) -> Vec<u8> {
    let is_more = matches!(encoding, "" | "7bit") && part.body.is_ascii() && !text.is_ascii();
    let quotes = encoding == "quoted-printable" || is_more;
    let mut bytes = Vec::with_capacity(part.header.len() + text.len() + 256);
    let (mut has_type, mut has_encoding) = (false, false);
    for field in header::fields(part.header) {
        if is_unicode && field.is("Content-Type") {
            bytes.extend_from_slice(unicode_type(part).as_bytes());
            has_type = true;
        } else if quotes && field.is("Content-Transfer-Encoding") {
            bytes.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
            has_encoding = true;
        } else {
            bytes.extend_from_slice(field.raw);
        }
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    if is_unicode && !has_type {
        bytes.extend_from_slice(unicode_type(part).as_bytes());
        if part.fields("From").next().is_some() && part.fields("MIME-Version").next().is_none() {
            bytes.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
    }
    if quotes && !has_encoding {
        bytes.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    match encoding {
        "base64" => bytes.extend_from_slice(lines(&base64(text)).as_bytes()),
        _ if quotes => quoted_printable(text, &mut bytes),
        _ => bytes.extend_from_slice(text),
    }
    bytes
}

fn unicode_type(part: &Entity<'_>) -> String {
    let flowed = if part.parameter("format").is_some_and(|format| format.eq_ignore_ascii_case("flowed")) {
        "; format=flowed"
    } else {
        ""
    };
    format!("Content-Type: {}; charset=utf-8{flowed}\r\n", part.kind())
}

fn lines(text: &str) -> String {
    text.as_bytes().chunks(76).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect()
}

/// OpenPGP in a text: its own armour covers it (RFC 9580 §7).
fn is_sealed_inline(decoded: &[u8]) -> bool {
    decoded.windows(15).any(|window| window == b"-----BEGIN PGP ")
}

/// Charsets in which the letters of ASCII stand for themselves.
pub(crate) fn is_superset(charset: &str) -> bool {
    const BEGINNINGS: [&str; 12] = [
        "us-ascii",
        "ascii",
        "utf-8",
        "utf8",
        "iso-8859-",
        "windows-125",
        "cp125",
        "koi8-",
        "gb",
        "big5",
        "euc-",
        "shift_jis",
    ];
    BEGINNINGS.iter().any(|beginning| charset.starts_with(beginning)) || charset == "iso-2022-jp"
}

/// Charsets that can be read, so that the text can be written in another.
pub(crate) fn is_known(charset: &str) -> bool {
    is_superset(charset) || charset.starts_with("utf-16") || charset == "utf-7" || charset.starts_with("iso-2022-")
}

fn plain(banner: &str) -> String {
    let lines: Vec<&str> = banner.lines().map(str::trim_end).collect();
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

/// Letters beyond ASCII are written as references, which stand in any charset.
fn html(banner: &str) -> String {
    let letter = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\n' => "<br>".to_owned(),
        ' '..='~' => c.to_string(),
        _ if c.is_control() => String::new(),
        _ => format!("&#{};", u32::from(c)),
    };
    let text: String = banner.chars().map(letter).collect();
    const STYLE: &str = "border:1px solid #b45309;background:#fef3c7;color:#1f2937;padding:8px 12px;margin:0 0 12px 0";
    format!("<div style=\"{STYLE}\">{text}</div>\r\n")
}

fn insert(text: &[u8], added: &[u8], form: Form) -> Vec<u8> {
    let at = match form {
        Form::Plain => mark_end(text),
        Form::Html => body_begins(text).unwrap_or_else(|| mark_end(text)),
    };
    let (before, after) = text.split_at(at.min(text.len()));
    [before, added, after].concat()
}

/// After a byte order mark.
fn mark_end(text: &[u8]) -> usize {
    if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// After the tag of the body, whose attributes may hold a `>` in quotes.
fn body_begins(text: &[u8]) -> Option<usize> {
    let starts = |window: &[u8]| window.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"<body"));
    let tag = text.windows(6).position(|window| {
        starts(window) && window.get(5).is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
    })?;
    let mut quote = None;
    for (offset, byte) in text.get(tag..)?.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(tag + offset + 1),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNER: &str = "This message comes from outside.\nThink before you click.";

    fn text_of(message: &[u8], html: bool) -> String {
        let parsed = mail_parser::MessageParser::new().parse(message).unwrap();
        let text = if html { parsed.body_html(0) } else { parsed.body_text(0) };
        text.unwrap_or_default().into_owned()
    }

    fn check(message: &str, plain: Option<&str>, html: Option<&str>) -> String {
        check_with(BANNER, message.as_bytes(), plain, html)
    }

    /// The message with the banner, in which the texts begin with and hold these.
    fn check_with(banner: &str, message: &[u8], plain: Option<&str>, html: Option<&str>) -> String {
        let changed = add(message, banner);
        let shown = String::from_utf8_lossy(&changed).into_owned();
        for (is_html, expect) in [(false, plain), (true, html)] {
            let Some(expect) = expect else { continue };
            let text = text_of(&changed, is_html);
            let first = banner.lines().next().unwrap();
            assert!(text.contains(first) && text.contains(expect), "{text}\n{shown}");
            assert!(text.find(first) < text.find(expect), "{text}\n{shown}");
        }
        shown
    }

    #[test]
    fn a_text_gets_it_on_top() {
        check("Subject: s\r\n\r\nHello\r\n", Some("Hello"), None);
        check(
            "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nCaf=E9\r\n",
            Some("Café"),
            None,
        );
        check(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nw4l0w6k=\r\n",
            Some("Été"),
            None,
        );
        let html = "Content-Type: text/html\r\n\r\n<html><BODY class='a>b'>\r\n<p>Hello</p></body></html>";
        let shown = check(html, None, Some("<p>Hello"));
        assert!(shown.contains("<BODY class='a>b'><div style="), "{shown}");
        assert!(shown.contains("This message comes from outside.<br>Think"), "{shown}");
    }

    #[test]
    fn both_forms_of_an_alternative_get_it_and_attachments_stay() {
        let message = "Content-Type: multipart/mixed; boundary=m\r\n\r\npreamble\r\n--m\r\n\
            Content-Type: multipart/alternative; boundary=\"a b\"\r\n\r\n--a b\r\n\r\nHello\r\n--a b\r\n\
            Content-Type: text/html; charset=utf-8\r\n\r\n<b>Hello</b>\r\n--a b--\r\n--m\r\n\
            Content-Type: text/plain; name=x.txt\r\nContent-Disposition: attachment\r\n\r\nattached\r\n--m--\r\nepilogue";
        let shown = check(message, Some("Hello"), Some("<b>Hello</b>"));
        assert_eq!(shown.matches("This message comes from outside.").count(), 2, "{shown}");
        assert!(shown.ends_with("attachment\r\n\r\nattached\r\n--m--\r\nepilogue"), "{shown}");
    }

    #[test]
    fn what_is_signed_or_encrypted_stays_as_it_is() {
        let signed = "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nHello\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n";
        let listed = format!(
            "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n{signed}\r\n--m\r\n\r\nfooter\r\n--m--\r\n"
        );
        for message in [
            signed,
            &listed,
            "Content-Type: multipart/encrypted; boundary=s\r\n\r\n--s\r\n\r\nx\r\n--s--\r\n",
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMIIB\r\n",
            "\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHello\r\n",
            "Content-Type: multipart/report; boundary=s\r\n\r\n--s\r\n\r\nx\r\n--s--\r\n",
            "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nHello\r\n",
            "Content-Type: image/png\r\n\r\nx",
            "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n",
            "Content-Disposition: attachment\r\n\r\nHello\r\n",
        ] {
            assert!(matches!(add(message.as_bytes(), BANNER), Cow::Borrowed(_)), "{message}");
        }
    }

    #[test]
    fn letters_beyond_ascii_are_shown_in_any_charset() {
        const SPANISH: &str = "Precaución: externo";
        let shown = check_with(SPANISH, b"\r\nHello\r\n", Some("Hello"), None);
        assert!(shown.contains("charset=utf-8") && shown.is_ascii(), "{shown}");
        let latin =
            b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nCaf\xe9\r\n";
        check_with(SPANISH, latin, Some("Café"), None);
        let html = b"Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nCaf\xe9\r\n";
        let shown = add(html, SPANISH).into_owned();
        assert!(shown.windows(6).any(|bytes| bytes == b"&#243;") && shown.ends_with(b"Caf\xe9\r\n"));
        let wide: Vec<u8> = "Hallo".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let wide = format!(
            "Content-Type: text/plain; charset=utf-16be\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            crate::base64(&wide)
        );
        check_with(BANNER, wide.as_bytes(), Some("Hallo"), None);
        let unknown = "Content-Type: text/plain; charset=x-own\r\n\r\nHello\r\n";
        assert!(matches!(add(unknown.as_bytes(), BANNER), Cow::Borrowed(_)));
    }
}
