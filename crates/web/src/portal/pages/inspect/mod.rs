//! How did this mail travel? The form, and what there is to say of a header:
//! the sentence, the steps, the two ends, and what else the header says.
//!
//! What is quoted from a header is cut, made harmless, and marked as no text
//! of this site (`translate="no"`, `bdi`).

mod because;
mod way;

use maud::{Markup, html};
use trace::evidence::{Content, Evidence, Item, Kind, NAMELESS, Weight};
use trace::{Hop, SenderEnd, Summary, Trace, Verdict};

use super::frame::Page;
use crate::inspect::NotInspected;
use crate::portal::inspect::PATH;
use crate::portal::words::Words;
use because::because;

/// Pieces of evidence that are shown.
const ITEMS_MAX: usize = 30;
/// Characters that are quoted of one thing.
const QUOTE_MAX: usize = 600;

/// The empty form.
pub(in crate::portal) fn form(words: &Words<'_>) -> Markup {
    page(words, &words.say("inspect-heading")).with(fields(words))
}

/// What was pasted can't be judged.
pub(in crate::portal) fn refused(words: &Words<'_>, why: NotInspected) -> Markup {
    let (heading, text) = match why {
        NotInspected::NoHeader => ("inspect-not-heading", "inspect-not"),
        NotInspected::Header(_) | NotInspected::TooLarge { .. } => ("inspect-large-heading", "inspect-large"),
        NotInspected::BrokeOff | NotInspected::Busy => ("bad-heading", "bad-lead"),
    };
    page(words, &words.say("inspect-heading")).with(html! {
        section.alert role="status" { h2 { (words.say(heading)) } p { (words.say(text)) } }
        (fields(words))
    })
}

/// What there is to say of a header.
pub(in crate::portal) fn told(words: &Words<'_>, trace: &Trace<'_>, evidence: &Evidence) -> Markup {
    page(words, &words.say("inspect-heading")).wide(html! {
        (verdict(words, trace))
        @if !trace.hops.is_empty() { (way::way(words, trace, evidence)) }
        section.help aria-labelledby="ends" {
            h2 #ends { (words.say("inspect-ends")) }
            ul {
                li { (sender_end(words, trace.sender_end())) }
                li { (words.say("inspect-end-reader")) }
                @if let Some(content) = evidence.content { li { (label(words, content)) } }
            }
        }
        @if !evidence.items.is_empty() { (others(words, evidence)) }
        section.help { (fields(words)) }
    })
}

fn page<'a>(words: &'a Words<'a>, heading: &'a str) -> Page<'a> {
    Page { words, path: PATH, heading }
}

fn fields(words: &Words<'_>) -> Markup {
    html! {
        p.lead { (words.say("inspect-lead")) }
        form method="post" action=(words.url(PATH)) {
            label for="header" { (words.say("inspect-label")) }
            textarea #header name="header" rows="10" autocomplete="off" autocapitalize="off" autocorrect="off"
                spellcheck="false" wrap="off" required aria-describedby="how" {}
            p.hint #how { (words.say("inspect-hint")) }
            button.primary type="submit" { (words.say("inspect-button")) }
        }
    }
}

/// The plain sentence, and how far it can be believed.
fn verdict(words: &Words<'_>, trace: &Trace<'_>) -> Markup {
    let Summary { verdict, between, claimed, weak, decisive } = trace.summary;
    let decisive = decisive.and_then(|index| trace.hops.get(index));
    let (class, heading) = match verdict {
        Verdict::Encrypted if weak > 0 => ("note", "inspect-encrypted-heading"),
        Verdict::Encrypted => ("good", "inspect-encrypted-heading"),
        Verdict::NotEncrypted => ("alert", "inspect-clear-heading"),
        Verdict::Internal => ("note", "inspect-internal-heading"),
        Verdict::Unknown => ("note", "inspect-unknown-heading"),
    };
    let count = |key, some: usize| words.say_with(key, &[("some", &some.to_string()), ("all", &between.to_string())]);
    html! {
        section.(class) role="status" {
            h2 { (words.say(heading)) }
            p {
                @match (verdict, decisive) {
                    (Verdict::Encrypted, _) if between == 1 => { (words.say("inspect-encrypted-one")) }
                    (Verdict::Encrypted, _) => { (words.say_with("inspect-encrypted-many", &[("count", &between.to_string())])) }
                    (Verdict::NotEncrypted, Some(hop)) => { (between_ends(words, "inspect-clear", hop)) " " (because(words, hop)) }
                    (Verdict::Unknown, Some(hop)) => { (between_ends(words, "inspect-unknown", hop)) " " (because(words, hop)) }
                    _ if trace.hops.is_empty() => { (words.say("inspect-empty")) }
                    _ => { (words.say("inspect-internal")) }
                }
                @if weak > 0 { " " (count("inspect-weak", weak)) }
                @if claimed > 0 { " " (count("inspect-claimed", claimed)) }
            }
        }
    }
}

fn between_ends(words: &Words<'_>, key: &str, hop: &Hop<'_>) -> String {
    let name = |label: Option<std::borrow::Cow<'_, str>>| match label {
        Some(label) => cut(&label),
        None => words.say("inspect-someone"),
    };
    words.say_with(key, &[("from", &name(hop.from.label())), ("by", &name(hop.by.label()))])
}

fn sender_end(words: &Words<'_>, end: SenderEnd) -> String {
    words.say(match end {
        SenderEnd::Unrecorded => "inspect-end-unrecorded",
        SenderEnd::Encrypted => "inspect-end-encrypted",
        SenderEnd::NotEncrypted => "inspect-end-clear",
        SenderEnd::Unsaid => "inspect-end-unsaid",
        SenderEnd::Interface => "inspect-end-interface",
    })
}

fn label(words: &Words<'_>, content: Content) -> String {
    words.say(match content {
        Content::OpenpgpEncrypted => "inspect-content-openpgp-encrypted",
        Content::OpenpgpSigned => "inspect-content-openpgp-signed",
        Content::SmimeEncrypted => "inspect-content-smime-encrypted",
        Content::SmimeSigned => "inspect-content-smime-signed",
        Content::Smime => "inspect-content-smime",
    })
}

fn others(words: &Words<'_>, evidence: &Evidence) -> Markup {
    html! {
        section.help aria-labelledby="others" {
            h2 #others { (words.say("inspect-evidence")) }
            p.hint { (words.say("inspect-evidence-how")) }
            ul.evidence { @for item in evidence.items.iter().take(ITEMS_MAX) { li { (piece(words, item)) } } }
        }
    }
}

/// One piece of evidence: who says it, what it is worth, what it says.
fn piece(words: &Words<'_>, item: &Item) -> Markup {
    html! { (source(words, item)) " (" (weight(words, item.weight)) "): " (says(words, item)) }
}

fn source(words: &Words<'_>, item: &Item) -> Markup {
    let of = |key| words.say_with(key, &[("source", &cut(&item.source))]);
    match (item.kind, item.weight) {
        (Kind::AuthenticationResults, _) if item.source == NAMELESS => {
            html! { (words.say("inspect-evidence-nameless")) }
        }
        (Kind::AuthenticationResults, _) => html! { (of("inspect-evidence-results")) },
        (Kind::Arc, Weight::Refuted) => html! { (words.say("inspect-evidence-arc-broken")) },
        (Kind::Arc, _) => html! { (of("inspect-evidence-arc")) },
        (Kind::Dkim, Weight::Refuted) => html! { (words.say("inspect-evidence-dkim-broken")) },
        (Kind::Dkim, _) => html! { (of("inspect-evidence-dkim")) },
        (Kind::TlsRequired | Kind::Transport | Kind::Microsoft | Kind::Google | Kind::Receipt, _) => {
            quoted(&item.source)
        }
    }
}

/// Signatures are checked with keys that are handed in, and here are none.
fn says(words: &Words<'_>, item: &Item) -> Markup {
    match (item.kind, item.weight) {
        (Kind::Dkim | Kind::Arc, Weight::Claimed) => html! { (words.say("inspect-evidence-unchecked")) },
        (Kind::TlsRequired, _) if item.says.starts_with("No") => html! { (words.say("inspect-evidence-tls-required")) },
        _ => quoted(&item.says),
    }
}

fn weight(words: &Words<'_>, weight: Weight) -> String {
    words.say(match weight {
        Weight::Proved => "inspect-weight-proved",
        Weight::Refuted => "inspect-weight-refuted",
        Weight::Believed => "inspect-weight-believed",
        Weight::Claimed => "inspect-weight-claimed",
    })
}

/// Something from the header, as it stands there.
fn quoted(text: &str) -> Markup {
    html! { bdi translate="no" { (cut(text)) } }
}

fn cut(text: &str) -> String {
    let mut cut: String = trace::shown(text).chars().take(QUOTE_MAX).collect();
    if text.chars().nth(QUOTE_MAX).is_some() {
        cut.push('…');
    }
    cut
}
