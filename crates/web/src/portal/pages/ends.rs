//! Where the way ends for now. Each says what happened in a sentence and
//! offers a next step: there are no dead ends.

use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::Response;
use flow::portal::{LinkId, Visit};
use maud::{Markup, html};

use super::entry::again;
use super::frame::{Page, phone};
use crate::portal::inspect;
use crate::portal::words::Words;

/// The link has expired; only who entered a right code is told.
pub(in crate::portal) fn expired(words: &Words<'_>, link: LinkId, visit: &Visit) -> Markup {
    let until = words.last_day(visit.expires_at);
    asking(words, link, "expired-heading", &words.say_with("expired-lead", &[("until", &until)]))
}

/// The message was erased.
pub(in crate::portal) fn gone(words: &Words<'_>, link: LinkId) -> Markup {
    asking(words, link, "gone-heading", &words.say("gone-lead"))
}

/// The message was recalled.
pub(in crate::portal) fn withdrawn(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/m/{link}/message");
    let page = Page { words, path: &path, heading: &words.say("withdrawn-heading") };
    page.with(html! { p.lead { (words.say("withdrawn-lead")) } p { (phone(words.clinic())) } })
}

/// Too many wrong passphrases.
pub(in crate::portal) fn locked(words: &Words<'_>, link: LinkId) -> Markup {
    asking(words, link, "locked-heading", &words.say("locked-lead"))
}

/// A passphrase is needed that the sender has not given.
pub(in crate::portal) fn lacks_passphrase(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/m/{link}");
    let page = Page { words, path: &path, heading: &words.say("lacks-heading") };
    page.with(html! { p.lead { (words.say("lacks-lead")) } p { (phone(words.clinic())) } })
}

/// The clinic was asked, if there is such a link.
pub(in crate::portal) fn asked(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/m/{link}/again");
    let page = Page { words, path: &path, heading: &words.say("again-heading") };
    page.with(html! { p.lead { (words.say("again-lead")) } p { (words.say("again-call")) } })
}

/// The visitor has left the message.
pub(in crate::portal) fn closed(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/m/{link}/closed");
    let page = Page { words, path: &path, heading: &words.say("closed-heading") };
    page.with(html! {
        p.lead { (words.say("closed-lead")) }
        p { a.secondary href=(words.url(&format!("/m/{link}"))) { (words.say("closed-button")) } }
    })
}

/// The front page.
pub(in crate::portal) fn home(words: &Words<'_>, has_analyser: bool) -> Markup {
    let page = Page { words, path: "/", heading: &words.say("home-heading") };
    page.with(html! {
        p.lead { (words.say("home-lead")) }
        p { (words.say("home-lost")) }
        @if has_analyser { p { a href=(words.url(inspect::PATH)) { (words.say("inspect-link")) } } }
    })
}

/// Nothing is there.
pub(in crate::portal) fn missing(words: &Words<'_>) -> Response {
    plain(words, StatusCode::NOT_FOUND, "missing-heading", "missing-lead")
}

/// The request can't be read.
pub(in crate::portal) fn bad(words: &Words<'_>) -> Response {
    plain(words, StatusCode::BAD_REQUEST, "bad-heading", "bad-lead")
}

/// Nothing can be done in that way there.
pub(in crate::portal) fn not_so(words: &Words<'_>) -> Response {
    plain(words, StatusCode::METHOD_NOT_ALLOWED, "bad-heading", "bad-lead")
}

/// The request came from another site.
pub(in crate::portal) fn foreign(words: &Words<'_>) -> Response {
    plain(words, StatusCode::FORBIDDEN, "foreign-heading", "foreign-lead")
}

/// Too many requests from one address.
pub(in crate::portal) fn slow(words: &Words<'_>) -> Response {
    let mut answer = plain(words, StatusCode::TOO_MANY_REQUESTS, "slow-heading", "slow-lead");
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

/// Not now; `path` is where to try again.
pub(in crate::portal) fn busy(words: &Words<'_>, path: &str) -> Response {
    let page = Page { words, path, heading: &words.say("busy-heading") };
    let mut answer = page.answer(
        StatusCode::SERVICE_UNAVAILABLE,
        html! {
            p.lead { (words.say("busy-lead")) }
            p { a.secondary href=(words.url(path)) { (words.say("busy-button")) } }
        },
    );
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

fn asking(words: &Words<'_>, link: LinkId, heading: &str, lead: &str) -> Markup {
    let path = format!("/m/{link}/message");
    let page = Page { words, path: &path, heading: &words.say(heading) };
    page.with(html! { p.lead { (lead) } (again(words, link, "primary")) })
}

fn plain(words: &Words<'_>, status: StatusCode, heading: &str, lead: &str) -> Response {
    let page = Page { words, path: "/", heading: &words.say(heading) };
    page.answer(status, html! { p.lead { (words.say(lead)) } })
}
