//! "Is this mail really from us?"

use maud::{Markup, html};

use super::frame::Page;
use crate::portal::verify::Verdict;
use crate::portal::words::Words;

/// The question, with the answer to what was pasted, if anything was.
pub(in crate::portal) fn verify(words: &Words<'_>, origin: &str, has_keys: bool, answer: Option<&Verdict>) -> Markup {
    let page = Page { words, path: "/verify", heading: &words.say("verify-heading") };
    page.with(html! {
        @if let Some(verdict) = answer { (told(words, verdict)) }
        p.lead { (words.say("verify-lead")) }
        form method="post" action=(words.url("/verify")) {
            label for="mail" { (words.say("verify-label")) }
            input #mail name="mail" type="text" autocomplete="off" autocapitalize="off" autocorrect="off"
                spellcheck="false" required maxlength="2000" aria-describedby="how";
            p.hint #how { (words.say("verify-hint")) }
            button.primary type="submit" { (words.say("verify-button")) }
        }
        section.help aria-labelledby="signs" {
            h2 #signs { (words.say("verify-signs")) }
            ul {
                li { (words.say_with("verify-sign-link", &[("origin", &format!("{origin}/m/"))])) }
                li { (words.say("verify-sign-code")) }
                li { (words.say("verify-sign-secret")) }
                li { (words.say("verify-sign-call")) }
                @if has_keys { li { a href=(words.url("/keys")) { (words.say("verify-sign-keys")) } } }
            }
        }
    })
}

fn told(words: &Words<'_>, verdict: &Verdict) -> Markup {
    let (class, heading, text) = match verdict {
        Verdict::OurLink { host } => ("good", "verify-ours-heading", words.say_with("verify-ours", &[("host", host)])),
        Verdict::ForeignLink => ("alert", "verify-foreign-heading", words.say("verify-foreign")),
        Verdict::OurSender => ("note", "verify-sender-heading", words.say("verify-sender")),
        Verdict::ForeignSender => ("alert", "verify-sender-foreign-heading", words.say("verify-sender-foreign")),
        Verdict::Unclear => ("note", "verify-unclear-heading", words.say("verify-unclear")),
    };
    html! { section.(class) role="status" { h2 { (words.say(heading)) } p { (text) } } }
}
