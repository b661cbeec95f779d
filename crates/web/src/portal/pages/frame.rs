//! What every page has around its matter: head, clinic's name, number, languages.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow::portal::{Clinic, Language};
use maud::{DOCTYPE, Markup, html};

use crate::portal::words::{Words, unbroken};

/// One page.
pub(in crate::portal) struct Page<'a> {
    pub(in crate::portal) words: &'a Words<'a>,
    /// Where the language switch leads: an address that answers GET.
    pub(in crate::portal) path: &'a str,
    /// The first heading; also the title, so it is never a message's subject.
    pub(in crate::portal) heading: &'a str,
}

impl Page<'_> {
    /// The page with its matter under the heading.
    pub(in crate::portal) fn with(&self, matter: Markup) -> Markup {
        let heading = html! { h1 { (self.heading) } (matter) };
        self.bare(heading)
    }

    /// The same, as wide as a table needs.
    pub(in crate::portal) fn wide(&self, matter: Markup) -> Markup {
        self.framed(Some("wide"), html! { h1 { (self.heading) } (matter) })
    }

    /// The page with matter that has a heading of its own.
    pub(in crate::portal) fn bare(&self, matter: Markup) -> Markup {
        self.framed(None, matter)
    }

    fn framed(&self, class: Option<&str>, matter: Markup) -> Markup {
        let words = self.words;
        let site = words.say("site-title");
        html! {
            (DOCTYPE)
            html lang=(words.language()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.heading) " · " (site) }
                    link rel="icon" href="/static/portal.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/static/portal.css";
                }
                body class=[class] {
                    header.site { (envelope()) span.clinic { (words.clinic().name) } }
                    main { (matter) }
                    footer.site { (foot(words, self.path)) }
                }
            }
        }
    }

    /// The same as an answer.
    pub(in crate::portal) fn answer(&self, status: StatusCode, matter: Markup) -> Response {
        (status, self.with(matter)).into_response()
    }
}

fn foot(words: &Words<'_>, path: &str) -> Markup {
    html! {
        p {
            @if words.clinic().phone.is_empty() { (words.say("call-us-known")) }
            @else { (words.say("call-us")) " " (phone(words.clinic())) }
        }
        p { a href=(words.url("/verify")) { (words.say("is-it-us")) } }
        nav.languages aria-label=(words.say("languages")) {
            @for language in Language::ALL {
                @if language == words.language() {
                    span lang=(language) aria-current="true" { (language.own_name()) }
                } @else {
                    a lang=(language) hreflang=(language) href=(in_language(path, language)) { (language.own_name()) }
                }
            }
        }
    }
}

/// The clinic's number, to be dialled by a tap.
pub(in crate::portal) fn phone(clinic: &Clinic) -> Markup {
    let digits: String = clinic.phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    html! { @if !digits.is_empty() { a.phone href=(format!("tel:{digits}")) { (unbroken(&clinic.phone)) } } }
}

/// A form that is one button.
pub(in crate::portal) fn button(action: &str, label: &str, class: &str) -> Markup {
    html! { form method="post" action=(action) { button.(class) type="submit" { (label) } } }
}

fn in_language(path: &str, language: Language) -> String {
    let join = if path.contains('?') { '&' } else { '?' };
    format!("{path}{join}lang={language}")
}

/// A closed envelope; says nothing that the words don't.
fn envelope() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="28" height="28" aria-hidden="true" focusable="false" {
            rect x="2.5" y="5" width="19" height="14" rx="2.5" fill="none" stroke="currentColor" stroke-width="1.6" {}
            path d="M3.5 7l8.5 6 8.5-6" fill="none" stroke="currentColor" stroke-width="1.6"
                stroke-linecap="round" stroke-linejoin="round" {}
        }
    }
}
