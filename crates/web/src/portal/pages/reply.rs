//! The form for a reply, what became of it, and the copy that is kept.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow::portal::reply::{Offer, Topic};
use flow::portal::{LinkId, ReplyForm, Visit};
use jiff::Timestamp;
use maud::{Markup, html};

use super::frame::{Page, button, phone};
use crate::portal::words::Words;

/// Why a reply was not taken.
pub(in crate::portal) enum Refused {
    Empty,
    TooLarge,
    TooManyFiles,
    /// A file of this name.
    Kind(String),
    TooOften,
    Closed,
    NotNow,
    Never,
}

/// What was written before, shown again.
pub(in crate::portal) struct Again<'a> {
    pub(in crate::portal) topic: Option<Topic>,
    pub(in crate::portal) text: &'a str,
    pub(in crate::portal) refused: &'a Refused,
}

/// The form below a message, with the replies that were sent.
pub(in crate::portal) fn section(words: &Words<'_>, link: LinkId, visit: &Visit) -> Markup {
    html! {
        @if !visit.sent.is_empty() {
            section.files aria-labelledby="yours" {
                h2 #yours { (words.say("reply-yours")) }
                ul {
                    @for sent in &visit.sent {
                        li { a href=(words.url(&format!("/m/{link}/sent/{}", sent.message))) {
                            span.name { (words.say_with("reply-yours-line", &[("at", &words.day_and_time(sent.at))])) }
                        } }
                    }
                }
            }
        }
        @if let Some(reply) = &visit.reply {
            section.reply aria-labelledby="reply" {
                h2 #reply { (words.say("reply-heading")) }
                (form(words, link, reply, None))
            }
        }
    }
}

fn form(words: &Words<'_>, link: LinkId, reply: &ReplyForm, again: Option<&Again<'_>>) -> Markup {
    let topic = again.and_then(|again| again.topic);
    let offer = &reply.offer;
    let accept = accept(offer);
    html! {
        form method="post" enctype="multipart/form-data" action=(words.url(&format!("/m/{link}/reply"))) {
            input type="hidden" name="form" value=(reply.token);
            label for="text" { (words.say("reply-label")) }
            textarea #text name="text" rows="6" maxlength="20000" dir="auto" aria-describedby="urgent" {
                // The first line end after the tag is not of the text (HTML §13.1.2.5).
                "\n" @if let Some(again) = again { (again.text) }
            }
            p.hint #urgent { (words.say("reply-urgent")) }
            label for="topic" { (words.say("reply-topic")) }
            select #topic name="topic" {
                option value="" selected[topic.is_none()] { (words.say("reply-topic-other")) }
                @for one in Topic::ALL {
                    option value=(one.word()) selected[topic == Some(one)] { (words.say(name_of(one))) }
                }
            }
            @if offer.files_max > 0 {
                label for="files" { (words.say("reply-files")) }
                input #files type="file" name="file" multiple accept=(accept) aria-describedby="bounds";
                div.photo {
                    label for="photo" { (words.say("reply-photo")) }
                    input #photo type="file" name="file" accept="image/*" capture="environment";
                }
                p.hint #bounds { (bounds(words, offer)) }
            }
            button.primary type="submit" { (words.say("reply-button")) }
        }
    }
}

fn name_of(topic: Topic) -> &'static str {
    match topic {
        Topic::Appointment => "reply-topic-appointment",
        Topic::Billing => "reply-topic-billing",
        Topic::Clinical => "reply-topic-clinical",
    }
}

/// For the browser's picker: a hint, and no more.
fn accept(offer: &Offer) -> String {
    let of = |kind: &flow::portal::reply::Kind| kind.extensions().iter().map(|one| format!(".{one}"));
    let all: Vec<String> = offer.kinds.iter().flat_map(of).collect();
    all.join(",")
}

fn bounds(words: &Words<'_>, offer: &Offer) -> String {
    let size = words.size(usize::try_from(offer.bytes_max).unwrap_or(usize::MAX));
    let kinds: Vec<String> = offer.kinds.iter().map(|kind| kind.word().to_uppercase()).collect();
    let values = [("count", &*offer.files_max.to_string()), ("size", &*size), ("kinds", &*kinds.join(", "))];
    words.say_with("reply-bounds", &values)
}

/// The form again, with what was written and why it was not taken.
pub(in crate::portal) fn again(words: &Words<'_>, link: LinkId, visit: &Visit, again: &Again<'_>) -> Markup {
    let path = format!("/m/{link}/message");
    let page = Page { words, path: &path, heading: &words.say("reply-heading") };
    let retry = match again.refused {
        Refused::Empty | Refused::TooLarge | Refused::TooManyFiles | Refused::Kind(_) | Refused::NotNow => {
            visit.reply.as_ref()
        }
        Refused::TooOften | Refused::Closed | Refused::Never => None,
    };
    page.with(html! {
        div.alert role="alert" { p { (why(words, visit, again.refused)) } }
        @match retry {
            Some(reply) => {
                @if !matches!(again.refused, Refused::Empty) { p { (words.say("reply-again")) } }
                (form(words, link, reply, Some(again)))
            }
            None => { (written(words, again.text)) p { (phone(words.clinic())) } }
        }
        p { a.secondary href=(words.url(&path)) { (words.say("reply-back")) } }
    })
}

fn why(words: &Words<'_>, visit: &Visit, refused: &Refused) -> String {
    match refused {
        Refused::Empty => words.say("reply-empty"),
        Refused::TooLarge | Refused::TooManyFiles => {
            let bounds = visit.reply.as_ref().map(|reply| bounds(words, &reply.offer)).unwrap_or_default();
            format!("{} {bounds}", words.say("reply-too-much"))
        }
        Refused::Kind(name) => words.say_with("reply-kind", &[("name", name)]),
        Refused::TooOften => words.say("reply-too-often"),
        Refused::Closed => words.say("reply-closed"),
        Refused::NotNow => words.say("reply-not-now"),
        Refused::Never => words.say("reply-never"),
    }
}

/// What was written, to be copied.
fn written(words: &Words<'_>, text: &str) -> Markup {
    html! {
        @if !text.trim().is_empty() {
            label for="text" { (words.say("reply-written")) }
            textarea #text rows="8" readonly dir="auto" { "\n" (text) }
        }
    }
}

/// The session ended while the reply was written.
pub(in crate::portal) fn lost(words: &Words<'_>, link: LinkId, text: &str) -> Response {
    let path = format!("/m/{link}");
    let page = Page { words, path: &path, heading: &words.say("reply-lost-heading") };
    let matter = html! {
        p.lead { (words.say("reply-lost-lead")) }
        (written(words, text))
        (button(&words.url(&format!("/m/{link}/code")), &words.say("landing-button"), "primary"))
    };
    page.answer(StatusCode::CONFLICT, matter).into_response()
}

/// It was sent.
pub(in crate::portal) fn sent(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/m/{link}/sent");
    let page = Page { words, path: &path, heading: &words.say("reply-sent-heading") };
    page.with(html! {
        div.good role="status" { p { (words.say("reply-sent-lead")) } }
        p { a.secondary href=(words.url(&format!("/m/{link}/message"))) { (words.say("reply-back")) } }
    })
}

/// A reply as it was sent.
pub(in crate::portal) fn copy(
    words: &Words<'_>,
    link: LinkId,
    at: Timestamp,
    text: &str,
    files: &[(String, usize)],
) -> Markup {
    let path = format!("/m/{link}/message");
    let page = Page { words, path: &path, heading: &words.say("reply-copy-heading") };
    page.with(html! {
        p.quiet { (words.say_with("reply-yours-line", &[("at", &words.day_and_time(at))])) }
        @if text.is_empty() { p.quiet { (words.say("message-empty")) } }
        @else { div.text { p.plain dir="auto" { (text) } } }
        @if !files.is_empty() {
            section.files aria-labelledby="files" {
                h2 #files { (words.say("message-files")) }
                ul.names {
                    @for (name, bytes) in files {
                        li { span.name dir="auto" { (name) } " " span.size { (words.size(*bytes)) } }
                    }
                }
            }
        }
        p { a.secondary href=(words.url(&path)) { (words.say("reply-back")) } }
    })
}
