//! The protected Subject at the beginning of the text, for readers that know
//! nothing of header protection; those that do hide it (RFC 9788 §5.2.2).

use mail::entity::Entity;
use mail::header;

use super::content_type::with_parameters;
use super::fields::is_structural;
use crate::banner;

/// The mark of a part that begins so.
pub(super) const MARK: &str = "hp-legacy-display=\"1\"";
/// How deep the main text may lie.
const DEPTH_MAX: usize = 8;

/// The entity with what is hidden shown in its main text; none where there is
/// nothing to show or no text that could be changed.
pub(super) fn shown(entity: &Entity<'_>, hidden: &[(String, String)]) -> Option<Vec<u8>> {
    if hidden.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(entity.raw.len() + 1_024);
    show(entity, hidden, 0, &mut out).then_some(out)
}

/// Writes the entity; false, and nothing is to be used, where it has no main text.
fn show(entity: &Entity<'_>, hidden: &[(String, String)], depth: usize, out: &mut Vec<u8>) -> bool {
    match entity.kind() {
        _ if depth > DEPTH_MAX || entity.is_attachment() => false,
        "text/plain" => text(entity, &plain(hidden), out),
        "text/html" => html(entity, &markup(hidden), out),
        "multipart/alternative" => parts(entity, hidden, depth, true, out),
        "multipart/mixed" | "multipart/related" => parts(entity, hidden, depth, false, out),
        _ => false,
    }
}

/// Changes the first part, or each of those that say the same.
fn parts(entity: &Entity<'_>, hidden: &[(String, String)], depth: usize, all: bool, out: &mut Vec<u8>) -> bool {
    let mut any = false;
    let mut is_first = true;
    let mut at = 0;
    out.extend_from_slice(entity.header);
    out.extend_from_slice(b"\r\n");
    for range in entity.part_ranges() {
        out.extend_from_slice(entity.body.get(at..range.start).unwrap_or_default());
        let part = entity.body.get(range.clone()).unwrap_or_default();
        let kept = out.len();
        let is_shown = (is_first || all) && show(&Entity::read(part), hidden, depth + 1, out);
        if !is_shown {
            out.truncate(kept);
            out.extend_from_slice(part);
        }
        any |= is_shown;
        is_first = false;
        at = range.end;
    }
    out.extend_from_slice(entity.body.get(at..).unwrap_or_default());
    any
}

fn text(entity: &Entity<'_>, shown: &str, out: &mut Vec<u8>) -> bool {
    if !is_readable(entity) {
        return false;
    }
    let text = entity.text();
    leaf(entity, &format!("{shown}{text}"), out)
}

/// A text in a charset that is not known stays as it is: written in another it would be lost.
fn is_readable(entity: &Entity<'_>) -> bool {
    banner::is_known(&entity.parameter("charset").unwrap_or("us-ascii").to_ascii_lowercase())
}

fn html(entity: &Entity<'_>, shown: &str, out: &mut Vec<u8>) -> bool {
    if !is_readable(entity) {
        return false;
    }
    let text = entity.text();
    let lower = text.to_ascii_lowercase();
    let body = lower.find("<body").and_then(|from| lower.get(from..)?.find('>').map(|end| from + end + 1));
    let (before, after) = text.split_at_checked(body.unwrap_or(0)).unwrap_or(("", &text));
    leaf(entity, &format!("{before}{shown}{after}"), out)
}

/// The leaf anew, in UTF-8 and eight bits: it is written only inside encryption.
fn leaf(entity: &Entity<'_>, text: &str, out: &mut Vec<u8>) -> bool {
    let kind = entity.kind();
    let names = ["format", "delsp"].into_iter().filter_map(|name| Some((name, entity.parameter(name)?)));
    let kept: String = names.map(|(name, value)| format!("; {name}=\"{}\"", value.replace(['"', '\\'], ""))).collect();
    let line = format!("Content-Type: {kind}; charset=\"utf-8\"{kept}\r\n");
    let Some(marked) = header::fields(line.as_bytes()).next().and_then(|field| with_parameters(&field, &[MARK])) else {
        return false;
    };
    out.extend_from_slice(&marked);
    for field in header::fields(entity.header) {
        let is_rewritten = field.is("Content-Type") || field.is("Content-Transfer-Encoding");
        if is_structural(&field) && !is_rewritten {
            out.extend_from_slice(field.raw);
        }
    }
    out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n\r\n");
    out.extend_from_slice(text.as_bytes());
    true
}

/// RFC 9788 §5.2.2.1.
fn plain(hidden: &[(String, String)]) -> String {
    let lines: String = hidden.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    lines + "\r\n"
}

/// RFC 9788 §5.2.2.2.
fn markup(hidden: &[(String, String)]) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let lines: Vec<String> = hidden.iter().map(|(name, value)| format!("{name}: {}", escape(value))).collect();
    format!("<div class=\"header-protection-legacy-display\"><pre>{}</pre></div>", lines.join("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entity: &str, expect: Option<&str>) {
        let hidden = [("Subject".to_owned(), "Your <é> results".to_owned())];
        let out = shown(&Entity::read(entity.as_bytes()), &hidden);
        assert_eq!(out.map(|out| String::from_utf8(out).unwrap()).as_deref(), expect, "{entity}");
    }

    const PLAIN: &str = "Content-Type: text/plain; charset=\"utf-8\";\r\n hp-legacy-display=\"1\"\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\nSubject: Your <é> results\r\n\r\n";

    #[test]
    fn a_text_begins_with_the_subject() {
        check(
            "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n",
            Some(&format!("{PLAIN}hi")),
        );
        check("Content-Type: text/plain; charset=x-of-its-own\r\n\r\nhi", None);
        check("Content-Type: application/pdf\r\n\r\nx", None);
        check("Content-Disposition: attachment\r\n\r\nx", None);
        check("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n", None);
    }

    #[test]
    fn each_alternative_begins_with_the_subject_and_the_rest_stays() {
        check(
            "Content-Type: multipart/mixed; boundary=m\r\n\r\npre\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
             --a\r\n\r\nhi\r\n--a\r\nContent-Type: text/html\r\n\r\n<body x>hi\r\n--a--\r\n--m\r\n\r\nkeep\r\n--m--\r\n",
            Some(&format!(
                "Content-Type: multipart/mixed; boundary=m\r\n\r\npre\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
                 --a\r\n{PLAIN}hi\r\n--a\r\nContent-Type: text/html; charset=\"utf-8\";\r\n hp-legacy-display=\"1\"\r\n\
                 Content-Transfer-Encoding: 8bit\r\n\r\n<body x><div class=\"header-protection-legacy-display\">\
                 <pre>Subject: Your &lt;é&gt; results</pre></div>hi\r\n--a--\r\n--m\r\n\r\nkeep\r\n--m--\r\n"
            )),
        );
    }
}
