//! The way to the message: the notice's page, the code, the passphrase.

use flow::portal::{LinkId, Visit};
use maud::{Markup, html};

use super::frame::{Page, button};
use crate::portal::words::Words;

/// What the link in a notice opens. The same for every id that could be one.
pub(in crate::portal) fn landing(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/m/{link}");
    let page = Page { words, path: &path, heading: &words.say("landing-heading") };
    page.with(html! {
        p.lead { (words.say("landing-lead")) }
        p { (words.say("landing-how")) }
        (button(&words.url(&format!("/m/{link}/code")), &words.say("landing-button"), "primary"))
        p.quiet { a href=(words.url(&format!("/m/{link}/code"))) { (words.say("landing-have-code")) } }
    })
}

/// Where the code is entered. The same whether one was sent or not.
pub(in crate::portal) fn code(words: &Words<'_>, link: LinkId, wrong: bool) -> Markup {
    let path = format!("/m/{link}/code");
    let page = Page { words, path: &path, heading: &words.say("code-heading") };
    page.with(html! {
        @if wrong {
            p.alert #wrong role="alert" { (words.say("code-wrong")) }
        } @else {
            p.lead { (words.say("code-lead")) }
        }
        form method="post" action=(words.url(&format!("/m/{link}/open"))) {
            label for="code" { (words.say("code-label")) }
            input.code #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" required
                autofocus maxlength="12" spellcheck="false" aria-invalid=[wrong.then_some("true")]
                aria-describedby=[Some(if wrong { "wrong life" } else { "life" })];
            p.hint #life { (words.say("code-life")) }
            button.primary type="submit" { (words.say("code-button")) }
        }
        section.help aria-labelledby="none" {
            h2 #none { (words.say("code-none")) }
            p { (words.say("code-none-wait")) }
            (button(&words.url(&path), &words.say("code-another"), "secondary"))
            p.hint { (words.say("code-none-more")) }
            p { (words.say("code-none-old")) }
            (again(words, link, "secondary"))
        }
    })
}

/// The passphrase, after a right code.
pub(in crate::portal) fn passphrase(words: &Words<'_>, link: LinkId, visit: &Visit, wrong: bool) -> Markup {
    let path = format!("/m/{link}/message");
    let page = Page { words, path: &path, heading: &words.say("passphrase-heading") };
    page.with(html! {
        @if wrong {
            p.alert #wrong role="alert" { (words.say("passphrase-wrong")) " " (tries(words, visit.passphrase_tries_left)) }
        }
        p.lead { (words.say("passphrase-lead")) }
        @if let Some(hint) = &visit.hint {
            p.hint-of-sender #hint { (words.say_with("passphrase-hint", &[("hint", hint)])) }
        }
        form method="post" action=(words.url(&format!("/m/{link}/passphrase"))) {
            label for="passphrase" { (words.say("passphrase-label")) }
            input #passphrase name="passphrase" type="text" autocomplete="off" autocapitalize="off" autocorrect="off"
                spellcheck="false" required autofocus maxlength="256" aria-invalid=[wrong.then_some("true")]
                aria-describedby=[wrong.then_some("wrong")];
            button.primary type="submit" { (words.say("passphrase-button")) }
        }
        p.quiet { (words.say("passphrase-forgotten")) }
    })
}

/// "Ask the clinic to send it again".
pub(in crate::portal) fn again(words: &Words<'_>, link: LinkId, class: &str) -> Markup {
    button(&words.url(&format!("/m/{link}/again")), &words.say("again-button"), class)
}

fn tries(words: &Words<'_>, left: u8) -> String {
    match left {
        1 => words.say("passphrase-left-one"),
        left => words.say_with("passphrase-left", &[("tries", &left.to_string())]),
    }
}
