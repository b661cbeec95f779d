//! The message, and the document in its frame.

use flow::portal::{LinkId, Visit};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::frame::{Page, button};
use super::reply;
use crate::portal::letter::{Block, Letter, Text};
use crate::portal::words::Words;

/// The page of an open message.
pub(in crate::portal) fn message(
    words: &Words<'_>,
    link: LinkId,
    visit: &Visit,
    letter: &Letter,
    takes_keys: bool,
) -> Markup {
    let path = format!("/m/{link}/message");
    let page = Page { words, path: &path, heading: &words.say("message-title") };
    page.bare(html! {
        article {
            h1.subject dir="auto" { @if letter.subject.is_empty() { (words.say("message-no-subject")) } @else { (letter.subject) } }
            dl.facts {
                dt { (words.say("message-from")) } dd { (sender(&letter.from)) }
                dt { (words.say("message-sent")) } dd { (words.day_and_time(letter.received_at)) }
            }
            (text(words, link, letter))
            @if !letter.files.is_empty() { (files(words, link, letter)) }
        }
        (reply::section(words, link, visit))
        section.after {
            p { (words.say_with("message-until", &[("until", &words.last_day(visit.expires_at))])) }
            p.hint { (words.say("message-idle")) }
            @if takes_keys {
                p.quiet { a href=(words.url(&format!("/m/{link}/key"))) { (words.say("message-key")) } }
            }
            (button(&words.url(&format!("/m/{link}/leave")), &words.say("message-close"), "secondary"))
        }
    })
}

/// The name and, below it, the address: a name alone can claim anything.
fn sender(from: &str) -> Markup {
    let parts = from.strip_suffix('>').and_then(|from| from.rsplit_once('<'));
    let (name, address) = parts.map_or((from, ""), |(name, address)| (name.trim().trim_matches('"'), address));
    html! {
        @if !name.is_empty() { span.name dir="auto" { (name) } " " }
        @if !address.is_empty() { span.address { (address) } }
    }
}

fn text(words: &Words<'_>, link: LinkId, letter: &Letter) -> Markup {
    let body = words.url(&format!("/m/{link}/body"));
    match &letter.text {
        Text::Empty => html! { p.quiet { (words.say("message-empty")) } },
        Text::Plain(blocks) => html! { div.text { (blocks_of(words, blocks)) } },
        Text::Framed(blocks) => html! {
            @if letter.simplified { p.hint { (words.say("message-simple")) } }
            iframe.letter.(height(blocks)) src=(body) title=(words.say("message-frame")) referrerpolicy="no-referrer"
                sandbox="allow-popups allow-popups-to-escape-sandbox" {}
            p.own-page { a href=(body) target="_blank" rel="noopener" { (words.say("message-own-page")) } }
        },
    }
}

fn files(words: &Words<'_>, link: LinkId, letter: &Letter) -> Markup {
    html! {
        section.files aria-labelledby="files" {
            h2 #files { (words.say("message-files")) }
            ul {
                @for file in &letter.files {
                    li {
                        a href=(words.url(&format!("/m/{link}/a/{}", file.number))) download {
                            span.name dir="auto" {
                                @if file.name.is_empty() { (words.say("message-file-name")) } @else { (file.name) }
                            }
                            span.size { (words.size(file.bytes)) }
                        }
                    }
                }
            }
        }
    }
}

/// The document in the frame. Its ground is always light: senders choose their
/// colours for that.
pub(in crate::portal) fn body(words: &Words<'_>, blocks: &[Block]) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(words.language()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="only light";
                title { (words.say("message-frame")) }
                style { (PreEscaped(include_str!("body.css"))) }
            }
            body { main { (blocks_of(words, blocks)) } }
        }
    }
}

fn blocks_of(words: &Words<'_>, blocks: &[Block]) -> Markup {
    html! {
        @for block in blocks {
            @if block.nested { hr; p.nested { (words.say("message-nested")) } }
            (block.markup)
        }
    }
}

/// Without a script a frame can't be as high as what is in it, so its height
/// is guessed from the text; what is longer scrolls.
fn height(blocks: &[Block]) -> &'static str {
    let lines: usize = blocks.iter().map(|block| lines(&block.markup.0)).sum();
    match lines {
        0..=6 => "short",
        7..=16 => "medium",
        17..=32 => "long",
        _ => "full",
    }
}

/// About how many lines a phone needs for it.
fn lines(html: &str) -> usize {
    // Paragraphs and headings stand apart from what is around them.
    let tags = [("<br", 1), ("<p", 2), ("<div", 1), ("<tr", 1), ("<li", 1), ("<h", 3)];
    let breaks: usize = tags.iter().map(|(tag, lines)| html.matches(tag).count() * lines).sum();
    let pictures = html.matches("<img").count() * 8;
    let text = mail::reading::html_text(html).chars().count() / 42;
    breaks + pictures + text
}
