//! What a text quotes of earlier messages, left out of a copy: whoever answers
//! with a plain program sends back no more than what was written this time.
//!
//! Cutting is the exception: where anything is in doubt, the text stays whole.
//! Only a reply is cut, never a forward, and only where nothing but the quotation
//! stands from its beginning to the end (whoever answers between the lines of a
//! quotation means them to be read). A quotation is known by what programs write:
//! lines with `>`, `-----Original Message-----` with header lines below, and in
//! HTML the elements of Gmail, Thunderbird, Apple Mail, Yahoo, Proton and Outlook.
//! What is signed or sealed stays as it is.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use mail::entity::Entity;
use mail::reading::unstructured;

use crate::banner::{self, Form};

/// What stands where something was left out.
const LEFT_OUT: &str = "[...]";

/// How the subjects of forwards begin, before the colon.
const FORWARDS: [&str; 10] = ["fw", "fwd", "wg", "tr", "rv", "enc", "i", "vb", "pd", "vl"];

/// What programs write above a message that they forward, with single blanks.
const FORWARD_MARKS: [&str; 12] = [
    "forwarded message",
    "forwarded by",
    "moz-forward-container",
    "weitergeleitete nachricht",
    "weitergeleitete e-mail",
    "mensaje reenviado",
    "inicio del mensaje reenviado",
    "message transf",
    "message r\u{e9}exp\u{e9}di\u{e9}",
    "mensagem encaminhada",
    "messaggio inoltrato",
    "doorgestuurd bericht",
];

/// A message without what its text quotes, or the same where it quotes nothing.
pub fn leave_out(message: &[u8]) -> Cow<'_, [u8]> {
    if may_be_cut(message) { banner::changed(message, shortened) } else { Cow::Borrowed(message) }
}

/// Whether anything of the message is left out; nothing is copied to know it.
pub fn is_cut(message: &[u8]) -> bool {
    may_be_cut(message) && any_text(message, |raw, form| shortened(raw, form).is_some())
}

/// Whether it is a reply that carries no forwarded message: what is forwarded is
/// what its sender wants to be read.
fn may_be_cut(message: &[u8]) -> bool {
    let entity = Entity::read(message);
    let answers = |name| entity.fields(name).any(|field| !field.value.trim_ascii().is_empty());
    (answers("In-Reply-To") || answers("References"))
        && !entity.fields("Subject").any(|field| is_forward(&unstructured(field.value)))
        && !any_text(message, |raw, _| has_forward_mark(&Entity::read(raw).text()))
}

fn any_text(message: &[u8], is: impl Fn(&[u8], Form) -> bool) -> bool {
    let any = Cell::new(false);
    let look = |raw: &[u8], form: Form| {
        any.set(any.get() || is(raw, form));
        None
    };
    banner::changed(message, look);
    any.get()
}

/// Whether a subject is a forward's, behind tags such as `[secure]`.
fn is_forward(subject: &str) -> bool {
    let mut rest = subject.trim();
    while let Some((_, behind)) = rest.strip_prefix('[').and_then(|tagged| tagged.split_once(']')) {
        rest = behind.trim_start();
    }
    let Some((word, _)) = rest.split_once([':', '\u{ff1a}']) else { return false };
    FORWARDS.iter().any(|forward| word.trim_end().eq_ignore_ascii_case(forward))
}

fn has_forward_mark(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ").to_lowercase();
    FORWARD_MARKS.iter().any(|mark| text.contains(mark))
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

/// The text up to the quotation at its end; none where there is none, or nothing above it.
fn plain(text: &[u8]) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let original = (0..lines.len()).find(|at| is_original(lines.get(*at..).unwrap_or_default()));
    let quoted = lines.iter().position(|line| line.starts_with(b">"));
    let end = match (original, quoted) {
        (Some(original), Some(quoted)) if original < quoted => original,
        (Some(original), None) => original,
        (_, Some(quoted)) => quoted_end(&lines, quoted)?,
        (None, None) => return None,
    };
    let kept = lines.get(..end)?.concat();
    let kept = kept.trim_ascii_end();
    if kept.trim_ascii().is_empty() {
        return None;
    }
    Some([kept, b"\r\n\r\n", LEFT_OUT.as_bytes(), b"\r\n"].concat())
}

fn is_blank(line: &&[u8]) -> bool {
    line.trim_ascii().is_empty()
}

/// Where the quotation begins whose first quoted line is at `first`. What introduces
/// it stays: its writer may have begun the line. `>60 mL/min` is a value: quoted lines have a
/// blank behind the `>`, and without an introduction there are two or more, none
/// of which may compare with a number.
fn quoted_end(lines: &[&[u8]], first: usize) -> Option<usize> {
    let quoted: Vec<&[u8]> = lines.get(first..)?.iter().filter(|line| !is_blank(line)).copied().collect();
    let is_quoted = |line: &&[u8]| {
        line.strip_prefix(b">").is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'>' | b'\r' | b'\n')))
    };
    if !quoted.iter().all(is_quoted) {
        return None;
    }
    let above = lines.get(..first)?;
    let end = above.iter().rposition(|line| !is_blank(line)).map_or(0, |at| at + 1);
    let begin = above.get(..end)?.iter().rposition(is_blank).map_or(0, |at| at + 1);
    let last = end.saturating_sub(1);
    if introduces(above.get(begin..end)?) || introduces(above.get(last..end)?) {
        return Some(first);
    }
    let compares = |line: &&[u8]| {
        let words = line.trim_ascii_start().trim_ascii();
        let behind = words.iter().find(|byte| !matches!(byte, b'>' | b' '));
        behind.is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'=' | b'.' | b','))
    };
    (quoted.len() >= 2 && !quoted.iter().any(compares)).then_some(first)
}

/// `On Monday, Pat wrote:` and the like, which names the day or the writer.
fn introduces(paragraph: &[&[u8]]) -> bool {
    const BEGINNINGS: [&str; 8] = ["on ", "am ", "el ", "le ", "il ", "em ", "op ", "den "];
    const VERBS: [&str; 8] =
        [" wrote", " schrieb", " escribi", " a \u{e9}crit", " ha scritto", " escreveu", " schreef", " skrev"];
    if paragraph.is_empty() || paragraph.len() > 3 {
        return false;
    }
    let text = String::from_utf8_lossy(&paragraph.concat()).to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    text.ends_with(':')
        && BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        && VERBS.iter().any(|verb| text.contains(verb))
}

/// Whether these lines begin with `-----Original Message-----` or a long rule,
/// and the header of a message follows.
fn is_original(lines: &[&[u8]]) -> bool {
    let Some((mark, below)) = lines.split_first() else { return false };
    let mark = mark.trim_ascii();
    let is_rule = mark.len() >= 30 && mark.iter().all(|byte| *byte == b'_');
    if !is_rule && !is_original_heading(mark) {
        return false;
    }
    let below: Vec<Header> =
        below.iter().filter(|line| !is_blank(line)).take(4).filter_map(|line| header(line)).collect();
    // A rule says nothing by itself: forms have one above a line to fill in.
    let is_whole =
        below.contains(&Header::Writer) && (below.contains(&Header::Day) || below.contains(&Header::Subject));
    is_whole || (!is_rule && !below.is_empty())
}

/// Words between two rows of dashes that say so: any others are a heading.
fn is_original_heading(line: &[u8]) -> bool {
    const ORIGINAL: [&str; 3] = ["origin", "urspr", "oorspr"];
    const MESSAGE: [&str; 7] = ["message", "nachricht", "mensaje", "mensagem", "messaggio", "bericht", "mail"];
    let Some(inner) = line.strip_prefix(b"-----").and_then(|rest| rest.strip_suffix(b"-----")) else { return false };
    let words = String::from_utf8_lossy(inner).to_lowercase();
    words.len() <= 60
        && ORIGINAL.iter().any(|word| words.contains(word))
        && MESSAGE.iter().any(|word| words.contains(word))
}

/// The lines of a header that stand above a quoted message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    Writer,
    Day,
    Reader,
    Subject,
}

fn header(line: &[u8]) -> Option<Header> {
    let text = String::from_utf8_lossy(line);
    let (name, value) = text.split_once(':')?;
    if value.trim().is_empty() {
        return None;
    }
    match name.trim().trim_matches('*').to_lowercase().as_str() {
        "from" | "von" | "de" | "da" | "van" => Some(Header::Writer),
        "sent" | "gesendet" | "enviado" | "envoy\u{e9}" | "inviato" | "verzonden" | "date" | "datum" | "fecha"
        | "data" => Some(Header::Day),
        "to" | "an" | "para" | "\u{e0}" | "a" | "aan" => Some(Header::Reader),
        "subject" | "betreff" | "asunto" | "objet" | "assunto" | "oggetto" | "onderwerp" => Some(Header::Subject),
        _ => None,
    }
}

/// How an element begins that holds a quotation: its name, and what is in its tag.
const ELEMENTS: [(Element, &str, &[&str]); 5] = [
    (
        Element::Whole,
        "blockquote",
        &["type=\"cite\"", "type='cite'", "type=cite", "gmail_quote", "protonmail_quote", "cite=\"mid:"],
    ),
    (Element::Gmail, "div", &["gmail_quote"]),
    (Element::Whole, "div", &["yahoo_quoted"]),
    (Element::Introduction, "div", &["moz-cite-prefix"]),
    (Element::FromHere, "div", &["id=\"divrplyfwdmsg\"", "id=divrplyfwdmsg"]),
];

/// What of an element is quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    /// All in it.
    Whole,
    /// All in it, where it holds Gmail's line and quotations only.
    Gmail,
    /// It introduces the next one.
    Introduction,
    /// It, and all below.
    FromHere,
}

/// The text without the elements that hold quotations; none where there are
/// none, where text stands below one, or where nothing stands above.
fn html(text: &[u8]) -> Option<Vec<u8>> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<(Element, Range<usize>)> = Vec::new();
    let mut at = 0;
    while let Some(tag) = next_tag(&lower, at) {
        at = tag.end;
        let Some((element, name)) = element(lower.get(tag.clone())?) else { continue };
        let end = match element {
            Element::FromHere if heads(&lower, tag.end) => body_end(&lower, tag.end),
            Element::FromHere => return None,
            Element::Whole | Element::Gmail | Element::Introduction => closed(&lower, tag.end, name)?,
        };
        if element == Element::Gmail && !is_quotation_of_gmail(lower.get(tag.end..end)?) {
            return None;
        }
        found.push((element, tag.start..end));
        at = end;
    }
    let (first, last) = (found.first()?, found.last()?);
    let above = lower.get(body_begin(&lower)..first.1.start).unwrap_or_default();
    if last.0 == Element::Introduction || !has_words(above) {
        return None;
    }
    let mut out = [text.get(..first.1.start)?, LEFT_OUT.as_bytes()].concat();
    let starts = found.iter().skip(1).map(|(_, range)| range.start).chain([text.len()]);
    for ((_, range), next) in found.iter().zip(starts) {
        if has_words(lower.get(range.end..next)?) {
            return None;
        }
        out.extend_from_slice(text.get(range.end..next)?);
    }
    Some(out)
}

fn next_tag(lower: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + lower.get(from..)?.iter().position(|byte| *byte == b'<')?;
    let end = start + lower.get(start..)?.iter().position(|byte| *byte == b'>')? + 1;
    Some(start..end)
}

fn element(tag: &[u8]) -> Option<(Element, &'static str)> {
    let tag = String::from_utf8_lossy(tag);
    let is = |(_, name, marks): &&(Element, &str, &[&str])| {
        is_tag(&tag, name) && marks.iter().any(|mark| tag.contains(mark))
    };
    ELEMENTS.iter().find(is).map(|(element, name, _)| (*element, *name))
}

/// Whether the header of a message stands from here on, as Outlook writes it.
fn heads(lower: &[u8], from: usize) -> bool {
    const WINDOW: usize = 2000;
    let rest = lower.get(from..).unwrap_or_default();
    let words = words(rest.get(..WINDOW).unwrap_or(rest));
    header(words.trim_ascii()) == Some(Header::Writer)
}

/// Whether an element of Gmail's holds the line that names the writer and
/// quotations, and no answer between them.
fn is_quotation_of_gmail(inner: &[u8]) -> bool {
    let (mut at, mut has_line, mut has_quotation) = (0, false, false);
    while let Some(tag) = next_tag(inner, at) {
        let text = String::from_utf8_lossy(inner.get(tag.clone()).unwrap_or_default());
        let is_line = is_tag(&text, "div") && text.contains("gmail_attr");
        let is_quotation = is_tag(&text, "blockquote");
        if has_words(inner.get(at..tag.start).unwrap_or_default()) {
            return false;
        }
        at = tag.end;
        if is_line || is_quotation {
            let Some(end) = closed(inner, tag.end, if is_line { "div" } else { "blockquote" }) else { return false };
            (at, has_line, has_quotation) = (end, has_line || is_line, has_quotation || is_quotation);
        }
    }
    has_line && has_quotation && !has_words(inner.get(at..).unwrap_or_default())
}

fn is_tag(tag: &str, name: &str) -> bool {
    tag.strip_prefix('<')
        .and_then(|tag| tag.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/'))
}

/// The text between the tags.
fn words(html: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(tag) = next_tag(html, at) {
        out.extend_from_slice(html.get(at..tag.start).unwrap_or_default());
        at = tag.end;
    }
    out.extend_from_slice(html.get(at..).unwrap_or_default());
    out
}

fn has_words(html: &[u8]) -> bool {
    let words = String::from_utf8_lossy(&words(html)).replace("&nbsp;", " ").replace("&#160;", " ");
    !words.trim().is_empty()
}

/// Behind the end of the element whose beginning ends at `from`; none where it
/// is never closed.
fn closed(lower: &[u8], from: usize, name: &str) -> Option<usize> {
    let close = format!("</{name}");
    let (mut at, mut depth) = (from, 1_usize);
    while let Some(range) = next_tag(lower, at) {
        let tag = String::from_utf8_lossy(lower.get(range.clone())?);
        if tag.starts_with(&close) {
            depth -= 1;
        } else if is_tag(&tag, name) {
            depth += 1;
        }
        at = range.end;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Behind the tag of the body; 0 where there is none.
fn body_begin(lower: &[u8]) -> usize {
    let tag = lower.windows(5).position(|window| window == b"<body");
    tag.and_then(|at| next_tag(lower, at)).map_or(0, |tag| tag.end)
}

fn body_end(lower: &[u8], from: usize) -> usize {
    let rest = lower.get(from..).unwrap_or_default();
    rest.windows(6).position(|window| window == b"</body").map_or(lower.len(), |offset| from + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = "Subject: Re: Results\r\nIn-Reply-To: <a@x.example>\r\n";

    fn check_as(header: &str, kind: &str, text: &str, expect: Option<&str>) {
        let head = format!("{header}Content-Type: text/{kind}; charset=utf-8\r\n\r\n");
        let message = format!("{head}{text}");
        let shown = leave_out(message.as_bytes());
        assert_eq!(String::from_utf8_lossy(&shown), format!("{head}{}", expect.unwrap_or(text)));
        assert_eq!(is_cut(message.as_bytes()), expect.is_some(), "{text}");
    }

    fn check(text: &str, expect: Option<&str>) {
        check_as(REPLY, "plain", text, expect);
    }

    fn check_html(text: &str, expect: Option<&str>) {
        check_as(REPLY, "html", text, expect);
    }

    #[test]
    fn what_is_quoted_at_the_end_is_left_out() {
        let short = Some("Yes.\r\n\r\n[...]\r\n");
        let introduced = Some("Yes.\r\n\r\nOn Monday, Pat wrote:\r\n\r\n[...]\r\n");
        check("Yes.\r\n\r\nOn Monday, Pat wrote:\r\n> secret\r\n>\r\n> more\r\n", introduced);
        check("Yes.\r\n\r\nOn Monday, Pat wrote:\r\n> secret\r\n", introduced);
        check(
            "Yes.\r\n\r\nAm 3. Mai schrieb Pat\r\n<p@x.example>:\r\n\r\n> secret\r\n\r\n",
            Some("Yes.\r\n\r\nAm 3. Mai schrieb Pat\r\n<p@x.example>:\r\n\r\n[...]\r\n"),
        );
        check(
            "Yes.\r\n\r\nEl lunes Pat escribi\u{f3}:\r\n> secret\r\n",
            Some("Yes.\r\n\r\nEl lunes Pat escribi\u{f3}:\r\n\r\n[...]\r\n"),
        );
        check("Yes.\r\n> secret\r\n>> more\r\n", short);
        check("Yes.\nOn Monday, Pat wrote:\n> x\n", Some("Yes.\nOn Monday, Pat wrote:\r\n\r\n[...]\r\n"));
        check("Yes.\r\n\r\n-----Original Message-----\r\nFrom: Pat\r\n\r\nsecret\r\n", short);
        check("Yes.\r\n\r\n________________________________\r\nFrom: Pat\r\nSent: Monday\r\nsecret\r\n", short);
        check("Yes.\n\n-----Urspr\u{fc}ngliche Nachricht-----\n\nGesendet: Montag\nsecret\n", short);
    }

    #[test]
    fn headings_and_rules_stay_with_what_is_below_them() {
        check("Yes.\r\n\r\n-----Medication List-----\r\nMetformin 500 mg\r\n", None);
        check("Yes.\r\n\r\n-----Lab Results-----\r\nDate: 3 May\r\nTo: Pat\r\nHb 12\r\n", None);
        check("Yes.\r\n\r\n-----Original Message-----\r\nsecret\r\n", None);
        check("Yes.\r\n\r\n-----Original Message-----\r\na\r\nb\r\nc\r\nd\r\nFrom: Pat\r\n", None);
        check("Yes.\r\n________________________________\r\nMetformin 500 mg\r\n", None);
        check("Yes.\r\n________________________________\r\nTo: 5 May\r\nDate: 3 May\r\n", None);
    }

    #[test]
    fn values_are_no_quotations() {
        check("Results below.\r\n\r\neGFR:\r\n>60 mL/min\r\n", None);
        check("Results below.\r\n\r\neGFR:\r\n> 60 mL/min\r\n", None);
        check("Results below.\r\n\r\neGFR, troponin:\r\n> 60 mL/min\r\n> 5 ng/L\r\n", None);
        check("Results below.\r\n\r\nOn Monday the laboratory wrote:\r\n>60 mL/min\r\n", None);
        check("Yes.\r\n\r\nFindings:\r\n> one line\r\n", None);
    }

    #[test]
    fn what_is_answered_between_the_lines_stays() {
        check("> When?\r\nAt ten.\r\n> Where?\r\nHere.\r\n", None);
        check("Hi.\r\n\r\nOn Monday, Pat wrote:\r\n> When?\r\nAt ten.\r\n> Where?\r\n> Why?\r\n", None);
        check("Yes.\r\n> secret\r\n> more\r\n-- \r\nNurse\r\n", None);
        check("> a\r\nYes.\r\n-----Original Message-----\r\nFrom: Pat\r\n", None);
        check("> a\r\n> b\r\n", None);
        check("No quotation: none.\r\n", None);
        check("a > b\r\n", None);
        check("-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n", None);
        check("", None);
        check_html(
            "<p>Hi</p><blockquote type=cite>When?</blockquote>At ten.<blockquote type=cite>b</blockquote>",
            None,
        );
        check_html("<p>Hi</p><blockquote type=cite>When?</blockquote><p>Nurse</p></body>", None);
        let gmail = "<p>Hi</p><div class=\"gmail_quote\"><div class=\"gmail_attr\">On</div><blockquote>a</blockquote>\
            <div>Answer</div><blockquote>b</blockquote></div>";
        check_html(gmail, None);
    }

    const PLAIN: &str = "See below.\r\n\r\nOn Monday, Pat wrote:\r\n> secret\r\n> more\r\n";

    #[test]
    fn only_replies_are_cut_and_never_forwards() {
        check_as("Subject: Re: Results\r\n", "plain", PLAIN, None);
        check_as("In-Reply-To:\r\n", "plain", PLAIN, None);
        let cut = Some("See below.\r\n\r\nOn Monday, Pat wrote:\r\n\r\n[...]\r\n");
        check_as("References: <a@x.example>\r\n", "plain", PLAIN, cut);
        check_as("Subject: Trial: b\r\nReferences: <a@x.example>\r\n", "plain", PLAIN, cut);
        for subject in [
            "Fw: a",
            "FWD: a",
            "WG: a",
            "TR : a",
            "RV: a",
            "Rv: a",
            "enc: a",
            "[secure] Fwd: a",
            "=?utf-8?B?V0c6IGE=?=",
        ] {
            check_as(&format!("Subject: {subject}\r\nReferences: <a@x.example>\r\n"), "plain", PLAIN, None);
        }
        check(&format!("---------- Forwarded message ---------\r\n{PLAIN}"), None);
        check(&format!("-------- Weitergeleitete Nachricht --------\r\n{PLAIN}"), None);
        let outlook = "<p>See</p><div id=\"divRplyFwdMsg\"><b>From:</b> Pat<br></div><div>secret</div></body></html>";
        check_html(outlook, Some("<p>See</p>[...]</body></html>"));
        check_as("Subject: FW: a\r\nReferences: <a@x.example>\r\n", "html", outlook, None);
        check_as("Subject: a\r\n", "html", outlook, None);
        check_html(
            "<p>See</p><div class=\"gmail_quote\"><div class=\"gmail_attr\">---------- Forwarded\r\nmessage \
            ---------</div><blockquote>a</blockquote></div>",
            None,
        );
    }

    #[test]
    fn a_forward_mark_in_one_form_keeps_both() {
        let message = format!(
            "{REPLY}Content-Type: multipart/alternative; boundary=m\r\n\r\n--m\r\n\r\n{PLAIN}\r\n--m\r\n\
             Content-Type: text/html\r\n\r\n<p>a</p><div class=\"moz-forward-container\">b</div>\r\n--m--\r\n"
        );
        assert!(matches!(leave_out(message.as_bytes()), Cow::Borrowed(_)));
        assert!(is_cut(message.replace("moz-forward-container", "x").as_bytes()));
    }

    #[test]
    fn quotations_of_html_are_left_out_whole() {
        check_html(
            "<p>Yes.</p><blockquote type=\"cite\">a<blockquote>b</blockquote>c</blockquote><p>&nbsp;</p></body>",
            Some("<p>Yes.</p>[...]<p>&nbsp;</p></body>"),
        );
        check_html(
            "<div>Yes.</div><div class=\"gmail_quote\"><div class=\"gmail_attr\">On</div><blockquote>x</blockquote></div></body>",
            Some("<div>Yes.</div>[...]</body>"),
        );
        check_html("<div>Yes.</div><div class=\"gmail_quote\"><div>On</div>x</div></body>", None);
        check_html(
            "<p>Yes.</p><div class=\"moz-cite-prefix\">On</div><br><blockquote type=cite>x</blockquote>",
            Some("<p>Yes.</p>[...]<br>"),
        );
        check_html("<p>Yes.</p><div id=divRplyFwdMsg>Medication</div>x</body>", None);
        check_html("<p>Yes.</p><blockquote type=cite>never closed</body>", None);
        check_html("<html><head><title>t</title></head><body><blockquote type=cite>all</blockquote></body>", None);
        check_html("<p>As it says: <blockquote>Be well</blockquote></p>", None);
    }

    #[test]
    fn what_is_signed_and_what_is_attached_stays() {
        let signed = format!(
            "{REPLY}Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n{PLAIN}\r\n--s\r\n\r\ny\r\n--s--\r\n"
        );
        assert!(matches!(leave_out(signed.as_bytes()), Cow::Borrowed(_)));
        let attached = format!("{REPLY}Content-Disposition: attachment\r\n\r\n{PLAIN}");
        assert!(matches!(leave_out(attached.as_bytes()), Cow::Borrowed(_)));
    }
}
