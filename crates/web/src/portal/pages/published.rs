//! The published keys: fingerprints to compare, files to download.

use flow::org_keys::PublishedKey;
use mail::KeyFormat;
use maud::{Markup, html};

use super::frame::Page;
use crate::portal::words::Words;

/// The keys of the domains, and the question for a sender's.
pub(in crate::portal) fn all(words: &Words<'_>, keys: &[PublishedKey]) -> Markup {
    let page = Page { words, path: "/keys", heading: &words.say("keys-heading") };
    page.with(html! {
        p.lead { (words.say("keys-lead")) }
        @if keys.is_empty() { p.note { (words.say("keys-none")) } }
        @for key in keys { (card(words, key)) }
        (question(words))
        (help(words))
    })
}

/// The keys of a sender.
pub(in crate::portal) fn of_sender(words: &Words<'_>, keys: &[PublishedKey]) -> Markup {
    let page = Page { words, path: "/keys", heading: &words.say("keys-sender-heading") };
    page.with(html! {
        @if keys.is_empty() { p.note role="status" { (words.say("keys-sender-none")) } }
        @for key in keys { (card(words, key)) }
        (question(words))
        (help(words))
    })
}

/// One key.
pub(in crate::portal) fn one(words: &Words<'_>, key: &PublishedKey) -> Markup {
    let path = format!("/keys/{}", key.id);
    let page = Page { words, path: &path, heading: &words.say("keys-one-heading") };
    page.with(html! {
        (card(words, key))
        p { a.secondary href=(words.url("/keys")) { (words.say("keys-all")) } }
        (help(words))
    })
}

fn card(words: &Words<'_>, key: &PublishedKey) -> Markup {
    let (name, button) = match key.format {
        KeyFormat::OpenPgp => ("keys-openpgp", "keys-openpgp-button"),
        KeyFormat::Smime => ("keys-smime", "keys-smime-button"),
    };
    html! {
        section.key {
            h2 { (words.say(name)) }
            @if let Some(at) = key.revoked_at {
                p.alert { (words.say_with("keys-revoked", &[("day", &words.day(at))])) }
            }
            dl.facts {
                dt { (words.say("keys-organisation")) } dd { (key.organisation) }
                dt { (words.say("keys-owners")) }
                dd { @for owner in &key.owners { span.owner { (owner) } " " } }
                dt { (words.say("keys-fingerprint")) } dd { (fingerprint(&key.fingerprint)) }
                @if let (Some(at), None) = (key.expires_at, key.revoked_at) {
                    dt { (words.say("keys-until")) } dd { (words.day(at)) }
                }
            }
            p {
                a.secondary href=(format!("/keys/{}/file", key.id)) download { (words.say(button)) }
                " " a href=(words.url(&format!("/keys/{}", key.id))) { (words.say("keys-link")) }
            }
        }
    }
}

/// In groups of four, as people compare them.
fn fingerprint(digits: &str) -> Markup {
    let (groups, rest) = digits.as_bytes().as_chunks::<4>();
    let groups = groups.iter().map(<[u8; 4]>::as_slice).chain([rest]).filter(|group| !group.is_empty());
    html! {
        code.fingerprint {
            @for group in groups { span { (String::from_utf8_lossy(group)) } " " }
        }
    }
}

fn question(words: &Words<'_>) -> Markup {
    html! {
        form method="post" action=(words.url("/keys")) {
            label for="sender" { (words.say("keys-sender-label")) }
            input #sender name="sender" type="text" inputmode="email" autocomplete="off" autocapitalize="off"
                autocorrect="off" spellcheck="false" required maxlength="320" aria-describedby="sender-hint";
            p.hint #sender-hint { (words.say("keys-sender-hint")) }
            button.primary type="submit" { (words.say("keys-sender-button")) }
        }
    }
}

fn help(words: &Words<'_>) -> Markup {
    html! {
        section.help aria-labelledby="what" {
            h2 #what { (words.say("keys-what-heading")) }
            ul {
                li { (words.say("keys-what-sign")) }
                li { (words.say("keys-what-seal")) }
                li { (words.say("keys-what-compare")) }
            }
        }
    }
}
