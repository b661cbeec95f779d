//! The sender's pages of an own message that is held: the code, what is to be
//! decided, and what became of it. Nothing of the message's content is shown.

use flow::judging::{Look, Task};
use flow::portal::{HINT_CHARS_MAX, LinkId};
use mail::Address;
use maud::{Markup, html};

use super::frame::{Page, button};
use crate::portal::words::Words;

/// What could not be done with what was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::portal) enum Wrong {
    /// There is no reason, or none that can be kept.
    Reason,
    /// That can be no passphrase.
    Passphrase,
    /// The hint is too long, or of several lines.
    Hint,
    /// Policy leaves it to staff now.
    Staff,
}

/// What the link opens. The same for every id that could be one.
pub(in crate::portal) fn landing(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/h/{link}");
    let page = Page { words, path: &path, heading: &words.say("judge-landing-heading") };
    page.with(html! {
        p.lead { (words.say("judge-landing-lead")) }
        (button(&words.url(&format!("/h/{link}/code")), &words.say("landing-button"), "primary"))
        p.quiet { a href=(words.url(&format!("/h/{link}/code"))) { (words.say("landing-have-code")) } }
    })
}

/// Where the code is entered. The same whether one was sent or not.
pub(in crate::portal) fn code(words: &Words<'_>, link: LinkId, wrong: bool) -> Markup {
    let path = format!("/h/{link}/code");
    let page = Page { words, path: &path, heading: &words.say("code-heading") };
    page.with(html! {
        @if wrong {
            p.alert #wrong role="alert" { (words.say("code-wrong")) }
        } @else {
            p.lead { (words.say("code-lead")) }
        }
        form method="post" action=(words.url(&format!("/h/{link}/open"))) {
            label for="code" { (words.say("code-label")) }
            input.code #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" required
                autofocus maxlength="12" spellcheck="false" aria-invalid=[wrong.then_some("true")]
                aria-describedby=[Some(if wrong { "wrong life" } else { "life" })];
            p.hint #life { (words.say("code-life")) }
            button.primary type="submit" { (words.say("judge-code-button")) }
        }
        section.help aria-labelledby="none" {
            h2 #none { (words.say("code-none")) }
            p { (words.say("code-none-wait")) }
            (button(&words.url(&path), &words.say("code-another"), "secondary"))
            p.hint { (words.say("code-none-more")) }
            p { (words.say("judge-none-old")) }
        }
    })
}

/// What the sender is asked for.
pub(in crate::portal) fn task(words: &Words<'_>, link: LinkId, look: &Look, wrong: Option<Wrong>) -> Markup {
    let path = format!("/h/{link}/decide");
    let heading = match &look.task {
        Task::Judge(_) => "judge-heading",
        Task::GivePassphrase(_) => "judge-give-heading",
        Task::Nothing => "judge-done-heading",
    };
    let page = Page { words, path: &path, heading: &words.say(heading) };
    let at = words.day_and_time(look.received_at);
    page.with(html! {
        @if let Some(wrong) = wrong { p.alert #wrong role="alert" { (words.say(said(wrong))) } }
        @match &look.task {
            Task::Judge(held) => {
                p.lead { (words.say_with("judge-lead", &[("at", &at)])) }
                ul { @for (recipient, rules) in held {
                    li { (words.say_with("judge-held", &[("recipient", &recipient.to_string()), ("rules", rules)])) }
                } }
                (judge(words, link, wrong))
            }
            Task::GivePassphrase(lacking) => {
                p.lead { (words.say_with("judge-give-lead", &[("at", &at)])) }
                (recipients(lacking))
                form.judge method="post" action=(words.url(&format!("/h/{link}/passphrase"))) {
                    (passphrase(words, true, wrong))
                    button.primary type="submit" { (words.say("judge-give-button")) }
                }
            }
            Task::Nothing => { p.lead { (words.say("judge-done-lead")) } }
        }
    })
}

/// Nothing is left to be done here; the same for every id that could be one.
pub(in crate::portal) fn done(words: &Words<'_>, link: LinkId) -> Markup {
    let path = format!("/h/{link}/done");
    let page = Page { words, path: &path, heading: &words.say("judge-done-heading") };
    page.with(html! { p.lead { (words.say("judge-done-lead")) } })
}

fn said(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Reason => "judge-wrong-reason",
        Wrong::Passphrase => "judge-wrong-passphrase",
        Wrong::Hint => "judge-wrong-hint",
        Wrong::Staff => "judge-wrong-staff",
    }
}

fn recipients(all: &[Address]) -> Markup {
    html! { ul { @for recipient in all { li { (recipient) } } } }
}

/// One form with two buttons: the reason is for either.
fn judge(words: &Words<'_>, link: LinkId, wrong: Option<Wrong>) -> Markup {
    let is_wrong = wrong == Some(Wrong::Reason);
    html! {
        form.judge method="post" action=(words.url(&format!("/h/{link}/release"))) {
            label for="reason" { (words.say("judge-reason")) }
            input #reason name="reason" type="text" required maxlength="500" autocomplete="off"
                aria-invalid=[is_wrong.then_some("true")] aria-describedby=[is_wrong.then_some("wrong")];
            (passphrase(words, false, wrong))
            // The first button is what the Enter key presses: in doubt nothing is sent.
            button.secondary type="submit" formaction=(words.url(&format!("/h/{link}/reject"))) {
                (words.say("judge-reject"))
            }
            p.hint { (words.say("judge-release-hint")) }
            button.primary type="submit" { (words.say("judge-release")) }
        }
    }
}

fn passphrase(words: &Words<'_>, required: bool, wrong: Option<Wrong>) -> Markup {
    let (is_wrong, is_wrong_hint) = (wrong == Some(Wrong::Passphrase), wrong == Some(Wrong::Hint));
    let described = if is_wrong { "wrong how" } else { "how" };
    let label = if required { "judge-passphrase" } else { "judge-passphrase-optional" };
    html! {
        label for="passphrase" { (words.say(label)) }
        input #passphrase name="passphrase" type="text" autocomplete="off" autocapitalize="off" autocorrect="off"
            spellcheck="false" required[required] minlength="4" maxlength="200" aria-describedby=(described)
            aria-invalid=[is_wrong.then_some("true")];
        p.hint #how { (words.say("judge-passphrase-how")) }
        label for="hint" { (words.say("judge-hint")) }
        input #hint name="hint" type="text" autocomplete="off" maxlength=(HINT_CHARS_MAX)
            aria-invalid=[is_wrong_hint.then_some("true")] aria-describedby=[is_wrong_hint.then_some("wrong")];
    }
}
