//! The page of the recipient's own keys.

use flow::portal::{GivenKey, KeyVisit, LinkId, NotOffered, Offered};
use mail::recipient_key::in_groups;
use mail::{KeyFormat, KeyState};
use maud::{Markup, html};

use super::frame::{Page, button};
use crate::portal::words::Words;

/// What came of the step before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::portal) enum Note {
    None,
    Wrong,
    Held,
    Kept,
    Removed,
    Asked,
    Empty,
    TooLarge,
    TooOften,
    Refused(NotOffered),
}

impl Note {
    /// The words for it, and whether they are good news.
    fn words(self) -> Option<(&'static str, bool)> {
        Some(match self {
            Note::None => return None,
            Note::Held => ("key-note-held", true),
            Note::Kept => ("key-note-kept", true),
            Note::Removed => ("key-note-removed", true),
            Note::Asked => ("key-note-asked", true),
            Note::Wrong => ("key-note-wrong", false),
            Note::Empty => ("key-note-empty", false),
            Note::TooLarge | Note::Refused(NotOffered::Unreadable) => ("key-note-unreadable", false),
            Note::TooOften => ("key-note-often", false),
            Note::Refused(NotOffered::Private) => ("key-note-private", false),
            Note::Refused(NotOffered::OtherAddress) => ("key-note-other", false),
            Note::Refused(NotOffered::Unusable) => ("key-note-unusable", false),
            Note::Refused(NotOffered::Rejected) => ("key-note-rejected", false),
            Note::Refused(NotOffered::TooMany) => ("key-note-many", false),
        })
    }
}

/// What is known of the recipient's keys, and the next step.
pub(in crate::portal) fn keys(words: &Words<'_>, link: LinkId, visit: &KeyVisit, note: Note) -> Markup {
    let path = format!("/m/{link}/key");
    let page = Page { words, path: &path, heading: &words.say("key-heading") };
    page.with(html! {
        @match note.words() {
            Some((key, true)) => p.good #note role="status" { (words.say(key)) },
            Some((key, false)) => p.alert #note role="alert" { (words.say_with(key, &[("address", &visit.visit.recipient.to_string())])) },
            None => {}
        }
        p.lead { (words.say("key-lead")) }
        @if !visit.may_give {
            p.note { (words.say("key-unproven")) }
        } @else if let Some(offered) = &visit.offered {
            (proof(words, link, visit, offered, note == Note::Wrong))
        } @else {
            (form(words, link, visit))
        }
        @if !visit.keys.is_empty() { (given(words, link, &visit.keys)) }
        p { a.secondary href=(words.url(&format!("/m/{link}/message"))) { (words.say("key-back")) } }
    })
}

fn form(words: &Words<'_>, link: LinkId, visit: &KeyVisit) -> Markup {
    html! {
        form method="post" enctype="multipart/form-data" action=(words.url(&format!("/m/{link}/key"))) {
            label for="file" { (words.say("key-file")) }
            input #file name="file" type="file" aria-describedby="which";
            label for="text" { (words.say("key-text")) }
            textarea #text name="text" rows="4" spellcheck="false" autocomplete="off" autocapitalize="off" {}
            p.hint #which { (words.say_with("key-which", &[("address", &visit.visit.recipient.to_string())])) }
            button.primary type="submit" { (words.say("key-button")) }
        }
        p.hint { (words.say("key-public")) }
    }
}

fn proof(words: &Words<'_>, link: LinkId, visit: &KeyVisit, offered: &Offered, wrong: bool) -> Markup {
    html! {
        section aria-labelledby="proof" {
            h2 #proof { (words.say("key-proof-heading")) }
            (name(words, offered.format, &offered.fingerprint))
            p { (words.say_with("key-proof-lead", &[("address", &visit.visit.recipient.to_string())])) }
            form method="post" action=(words.url(&format!("/m/{link}/key/proof"))) {
                label for="code" { (words.say("key-proof-label")) }
                input #code name="code" type="text" autocomplete="off" autocapitalize="characters" spellcheck="false"
                    required autofocus maxlength="32" aria-invalid=[wrong.then_some("true")]
                    aria-describedby=(if wrong { "note life" } else { "life" });
                p.hint #life { (words.say("key-proof-life")) }
                button.primary type="submit" { (words.say("key-proof-button")) }
            }
            (button(&words.url(&format!("/m/{link}/key/withdraw")), &words.say("key-withdraw"), "secondary"))
        }
    }
}

fn given(words: &Words<'_>, link: LinkId, keys: &[GivenKey]) -> Markup {
    html! {
        section.help aria-labelledby="given" {
            h2 #given { (words.say("key-given")) }
            @for key in keys {
                (name(words, key.format, &key.fingerprint))
                p.hint {
                    (words.say_with("key-since", &[("day", &words.day(key.since))])) " "
                    @match key.state {
                        KeyState::Active => (words.say("key-active")),
                        KeyState::HeldBack | KeyState::Rejected | KeyState::Replaced | KeyState::Withdrawn => {
                            (words.say("key-held"))
                        }
                    }
                    @if key.is_unwanted { " " (words.say("key-unwanted")) }
                }
                @if !key.is_unwanted { form method="post" action=(words.url(&format!("/m/{link}/key/remove"))) {
                    input type="hidden" name="key" value=(key.id.to_string());
                    button.secondary type="submit" { (words.say("key-remove")) }
                } }
            }
        }
    }
}

/// Format and fingerprint, in groups that can be compared.
fn name(words: &Words<'_>, format: KeyFormat, fingerprint: &str) -> Markup {
    let format = match format {
        KeyFormat::OpenPgp => "key-openpgp",
        KeyFormat::Smime => "key-smime",
    };
    html! { p.fingerprint { (words.say(format)) " " code { (in_groups(fingerprint, " ")) } } }
}
