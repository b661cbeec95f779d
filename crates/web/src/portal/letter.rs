//! A message as its page shows it: which of its parts are the letter, which
//! are files, and the letter made harmless.

use flow::portal::Content;
use flow::portal::reply::harmless_name;
use jiff::Timestamp;
use mail::reading::{Body, Part, Place, clean_name, html_text};
use maud::{Markup, PreEscaped, html};

use crate::sanitise::{self, Picture, Pictures, plain_text};

/// A message, ready for its page.
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) from: String,
    pub(super) received_at: Timestamp,
    pub(super) text: Text,
    /// The layout could not be shown safely; the text is what it says.
    pub(super) simplified: bool,
    pub(super) files: Vec<FileLine>,
}

/// What the letter says.
pub(super) enum Text {
    /// Nothing.
    Empty,
    /// Plain text, escaped, a block for each text; the page shows it itself.
    Plain(Vec<Block>),
    /// HTML, for the frame.
    Framed(Vec<Block>),
}

/// One text of the letter or of a message in it.
pub(super) struct Block {
    /// Whether it belongs to a message that is attached.
    pub(super) nested: bool,
    pub(super) markup: Markup,
}

/// A file in the list.
pub(super) struct FileLine {
    /// Its place among all files of the message.
    pub(super) number: usize,
    /// Empty where it has none.
    pub(super) name: String,
    pub(super) bytes: usize,
}

impl Letter {
    /// Reads a message for its page. CPU-bound.
    pub(super) fn new(content: &Content) -> Self {
        let reading = &content.reading;
        let pictures = pictures(&reading.parts);
        let mut simplified = false;
        let text = text(&reading.parts, &pictures, &mut simplified);
        let shown = text.framed();
        let is_shown = |part: &Part| {
            part.content_id.as_deref().is_some_and(|id| shown.iter().any(|markup| pictures.shows(id, markup)))
        };
        let line = |(number, part): (usize, &Part)| {
            let Place::Attachment(name) = &part.place else { return None };
            Some(FileLine { number, name: file_name(name, part), bytes: bytes(&part.body) })
        };
        let files = reading.parts.iter().filter(|part| is_file(part));
        let listed = files.enumerate().filter(|(_, part)| !is_shown(part));
        Self {
            subject: clean_name(&reading.subject),
            from: clean_name(&reading.from),
            received_at: content.received_at,
            files: listed.filter_map(line).collect(),
            text,
            simplified,
        }
    }
}

impl Text {
    fn framed(&self) -> Vec<&str> {
        match self {
            Text::Framed(blocks) => blocks.iter().map(|block| block.markup.0.as_str()).collect(),
            Text::Empty | Text::Plain(_) => Vec::new(),
        }
    }
}

/// A file of the message: its name and what is in it.
pub(super) fn file(parts: Vec<Part>, number: usize) -> Option<(String, Part)> {
    let part = parts.into_iter().filter(is_file).nth(number)?;
    let Place::Attachment(name) = &part.place else { return None };
    Some((file_name(name, &part), part))
}

pub(super) fn bytes(body: &Body) -> usize {
    match body {
        Body::Text(text) | Body::Html(text) => text.len(),
        Body::Bytes(bytes) => bytes.len(),
    }
}

/// A message within is one file, and so is each file in it; what lies in it
/// as a message again is in the file already.
fn is_file(part: &Part) -> bool {
    let is_message = part.content_type == "message/rfc822";
    matches!(part.place, Place::Attachment(_)) && (part.nesting == 0 || !is_message)
}

/// A name that is no path (what saves it must not leave its folder), with an
/// ending that opens: messages get theirs.
fn file_name(name: &str, part: &Part) -> String {
    let name = harmless_name(name);
    let wants_ending = part.content_type == "message/rfc822" && !name.to_ascii_lowercase().ends_with(".eml");
    if wants_ending && !name.is_empty() { format!("{name}.eml") } else { name }
}

fn pictures(parts: &[Part]) -> Pictures {
    let picture = |part: &Part| match (&part.content_id, &part.body) {
        (Some(id), Body::Bytes(bytes)) => Picture::new(bytes).map(|picture| (id.clone(), picture)),
        _ => None,
    };
    parts.iter().filter_map(picture).collect()
}

/// A text part as it may be shown.
enum Piece<'a> {
    Plain(&'a str),
    Html(String),
}

fn text(parts: &[Part], pictures: &Pictures, simplified: &mut bool) -> Text {
    let shown: Vec<&Part> = parts.iter().filter(|part| !matches!(part.place, Place::Attachment(_))).collect();
    let mut pieces = Vec::new();
    for (at, part) in shown.iter().enumerate() {
        let nested = part.nesting > 0;
        match &part.body {
            Body::Html(source) => match rendered(source, pictures) {
                Ok(Some(html)) => {
                    drop_alternative(&mut pieces, &shown, at, source);
                    pieces.push((nested, Piece::Html(html)));
                }
                Ok(None) => {}
                Err(text) => {
                    *simplified = true;
                    drop_alternative(&mut pieces, &shown, at, source);
                    pieces.push((nested, Piece::Html(format!("<pre>{}</pre>", plain_text(&text)))));
                }
            },
            Body::Text(text) if !text.trim().is_empty() => pieces.push((nested, Piece::Plain(text))),
            Body::Text(_) | Body::Bytes(_) => {}
        }
    }
    assembled(pieces)
}

/// Sanitised HTML, nothing where it shows nothing, or its text where it can't be rendered.
fn rendered(source: &str, pictures: &Pictures) -> Result<Option<String>, String> {
    match sanitise::html(source, pictures) {
        Ok(html) if html.contains("<img") || !html_text(&html).trim().is_empty() => Ok(Some(html)),
        Ok(_) => Ok(None),
        Err(_) => Err(html_text(source)),
    }
}

/// Takes back the plain text just before an HTML part if it says the same:
/// then the two are alternatives (RFC 2046 §5.1.4), of which the richer is shown.
fn drop_alternative(pieces: &mut Vec<(bool, Piece<'_>)>, shown: &[&Part], at: usize, html: &str) {
    let before = at.checked_sub(1).and_then(|before| shown.get(before)).zip(shown.get(at));
    let is_beside = before.is_some_and(|(before, this)| before.nesting == this.nesting);
    let says_the_same = matches!(pieces.last(), Some((_, Piece::Plain(text))) if is_said(text, html));
    if is_beside && says_the_same {
        pieces.pop();
    }
}

/// Whether most words of the text are in the HTML. Where it has hardly any,
/// nothing is lost.
fn is_said(text: &str, html: &str) -> bool {
    let html = html_text(html).to_lowercase();
    let words: std::collections::HashSet<&str> = html.split(|c: char| !c.is_alphanumeric()).collect();
    let text = text.to_lowercase();
    let asked: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 3).take(400).collect();
    let said = asked.iter().filter(|word| words.contains(*word)).count();
    asked.len() < 3 || said * 10 >= asked.len() * 6
}

fn assembled(pieces: Vec<(bool, Piece<'_>)>) -> Text {
    let block = |(nested, piece): (bool, Piece<'_>)| {
        let markup = match piece {
            Piece::Plain(text) => html! { div.plain dir="auto" { (PreEscaped(plain_text(text))) } },
            Piece::Html(html) => PreEscaped(html),
        };
        Block { nested, markup }
    };
    let is_html = pieces.iter().any(|(_, piece)| matches!(piece, Piece::Html(_)));
    let blocks: Vec<Block> = pieces.into_iter().map(block).collect();
    match (blocks.is_empty(), is_html) {
        (true, _) => Text::Empty,
        (false, true) => Text::Framed(blocks),
        (false, false) => Text::Plain(blocks),
    }
}

#[cfg(test)]
mod tests {
    use mail::reading::{Limits, read};

    use super::*;

    const PNG: &str = "iVBORw0KGgo=";

    fn letter(raw: &str) -> Letter {
        let raw = raw.replace('\n', "\r\n");
        let reading = read(raw.as_bytes(), &Limits::default()).unwrap();
        Letter::new(&Content { received_at: Timestamp::UNIX_EPOCH, reading })
    }

    fn multipart(kind: &str, parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("--b\n{part}\n")).collect();
        format!("From: a@b.example\nSubject: s\nContent-Type: multipart/{kind}; boundary=b\n\n{parts}--b--\n")
    }

    fn check(raw: &str, expect_framed: bool, expect: &[&str], absent: &[&str]) {
        let letter = letter(raw);
        let (framed, blocks) = match &letter.text {
            Text::Empty => (false, &Vec::new()),
            Text::Plain(blocks) => (false, blocks),
            Text::Framed(blocks) => (true, blocks),
        };
        let all: String = blocks.iter().map(|block| block.markup.0.as_str()).collect();
        assert_eq!(framed, expect_framed, "{all}");
        expect.iter().for_each(|text| assert!(all.contains(text), "{text} in {all}"));
        absent.iter().for_each(|text| assert!(!all.contains(text), "{text} in {all}"));
    }

    const TEXT: &str = "Content-Type: text/plain\n\nDear patient, these are your results.";
    const HTML: &str = "Content-Type: text/html\n\n<p>Dear <b>patient</b>, these are your results.</p>";

    #[test]
    fn of_alternatives_the_richer_is_shown() {
        check(&multipart("alternative", &[TEXT, HTML]), true, &["<b>patient</b>"], &["class=\"plain\""]);
        check(&multipart("alternative", &[TEXT, "Content-Type: text/html\n\n<p> </p>"]), false, &["Dear patient"], &[]);
    }

    #[test]
    fn texts_that_say_different_things_are_all_shown() {
        let footer = "Content-Type: text/html\n\n<p>Unsubscribe from this list below</p>";
        check(&multipart("mixed", &[TEXT, footer]), true, &["Dear patient", "Unsubscribe"], &[]);
    }

    #[test]
    fn a_plain_letter_is_escaped() {
        check("Subject: s\n\n<b>x</b> https://x.example", false, &["&lt;b&gt;x", "<a href=\"https://x.example\""], &[]);
        assert!(matches!(letter("Subject: s\n\n \n").text, Text::Empty));
    }

    #[test]
    fn pictures_in_the_letter_are_no_files() {
        let picture = format!("Content-Type: image/png\nContent-ID: <p1>\nContent-Transfer-Encoding: base64\n\n{PNG}");
        let html = "Content-Type: text/html\n\n<p>x<img src=\"cid:p1\"></p>";
        let shown = letter(&multipart("related", &[html, &picture]));
        assert!(shown.files.is_empty());
        assert!(shown.text.framed()[0].contains("data:image/png;base64,"));
        let not_shown = letter(&multipart("related", &[HTML, &picture]));
        assert_eq!(not_shown.files.len(), 1);
    }

    #[test]
    fn files_are_numbered_for_good_and_named_safely() {
        let file = |name: &str| {
            format!("Content-Type: application/pdf; name=\"{name}\"\nContent-Disposition: attachment\n\nx")
        };
        let raw = multipart("mixed", &[TEXT, &file("a.pdf"), &file("../../b\u{202e}.pdf")]);
        let letter = letter(&raw);
        let files: Vec<_> = letter.files.iter().map(|file| (file.number, file.name.as_str(), file.bytes)).collect();
        assert_eq!(files, [(0, "a.pdf", 1), (1, "b.pdf", 1)]);
    }

    #[test]
    fn a_message_within_is_shown_and_a_file() {
        let inner = "Content-Type: message/rfc822\n\nSubject: inner\n\nInner text of it.";
        let letter = letter(&multipart("mixed", &[TEXT, inner]));
        let Text::Plain(blocks) = &letter.text else { panic!("plain") };
        assert_eq!(blocks.iter().map(|block| block.nested).collect::<Vec<_>>(), [false, true]);
        assert_eq!(letter.files[0].name, "attachment.eml");
    }

    #[test]
    fn a_layout_that_can_t_be_shown_gives_its_text() {
        let bomb = format!("Content-Type: text/html\n\nHello{}", "<div>".repeat(10_000));
        let letter = letter(&multipart("mixed", &[&bomb]));
        assert!(letter.simplified);
        assert!(letter.text.framed()[0].contains("<pre>Hello"));
    }
}
