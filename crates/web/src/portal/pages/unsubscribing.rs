//! The pages of who wants no more: the question, that it is done, and a link
//! that is nobody's any more. They name no address and no list: who has the
//! link may have it from a forwarded mail.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Page, phone};
use crate::portal::unsubscribing::PATH;
use crate::portal::words::Words;

/// What the link opens: a button, and what it does and does not do.
pub(in crate::portal) fn form(words: &Words<'_>, token: &str) -> Markup {
    let path = format!("{PATH}{token}");
    let page = Page { words, path: &path, heading: &words.say("unsubscribe-heading") };
    page.with(html! {
        p.lead { (words.say("unsubscribe-lead")) }
        form method="post" action=(words.url(&path)) {
            // The same field as a mail program's one click.
            button.primary type="submit" name="List-Unsubscribe" value="One-Click" { (words.say("unsubscribe-button")) }
        }
        p.hint { (words.say("unsubscribe-still")) }
    })
}

/// It is done. The same the second time.
pub(in crate::portal) fn done(words: &Words<'_>, token: &str) -> Markup {
    let path = format!("{PATH}{token}");
    let page = Page { words, path: &path, heading: &words.say("unsubscribe-done-heading") };
    page.with(html! {
        p.lead { (words.say("unsubscribe-done-lead")) }
        p { (words.say("unsubscribe-still")) }
    })
}

/// The message that the link is of is gone, and with it whose it was.
pub(in crate::portal) fn gone(words: &Words<'_>, token: &str) -> Response {
    let path = format!("{PATH}{token}");
    let page = Page { words, path: &path, heading: &words.say("unsubscribe-gone-heading") };
    page.answer(
        StatusCode::GONE,
        html! { p.lead { (words.say("unsubscribe-gone-lead")) } p { (phone(words.clinic())) } },
    )
}
