//! The steps of a mail's way as a table, in the order of travel, and what each
//! rests on under it. On a phone each step is a card.

use maud::{Markup, html};
use trace::evidence::Evidence;
use trace::{Delay, Hop, Peer, Reason, Strength, Tls, Trace, Verdict};

use super::because::because;
use super::{piece, quoted};
use crate::portal::words::Words;

/// So many steps are shown, the last of the way.
const STEPS_MAX: usize = 40;
/// Pieces of evidence beside one step.
const BESIDE_MAX: usize = 5;

/// The table.
pub(super) fn way(words: &Words<'_>, trace: &Trace<'_>, evidence: &Evidence) -> Markup {
    let left_out = trace.hops.len().saturating_sub(STEPS_MAX);
    let steps = trace.hops.iter().enumerate().take(STEPS_MAX).rev();
    html! {
        section.way aria-labelledby="steps" {
            h2 #steps { (words.say("inspect-steps")) }
            @if left_out > 0 { p.hint { (words.say_with("inspect-more", &[("count", &left_out.to_string())])) } }
            table aria-labelledby="steps" {
                thead { (head(words)) }
                @for (number, (index, hop)) in steps.enumerate() {
                    tbody.step {
                        (row(words, left_out + number + 1, hop))
                        tr.rest { td colspan="8" { (under(words, index, hop, evidence)) } }
                    }
                    @if is_line_below(trace, index) {
                        tbody.line { tr { td colspan="8" { (words.say("inspect-line")) } } }
                    }
                }
            }
        }
    }
}

/// Whether the next step is the first that the reader's own servers tell.
fn is_line_below(trace: &Trace<'_>, index: usize) -> bool {
    let is_trusted = |at: usize| trace.hops.get(at).is_some_and(|hop| hop.trusted);
    !is_trusted(index) && index.checked_sub(1).is_some_and(is_trusted)
}

fn head(words: &Words<'_>) -> Markup {
    html! {
        tr {
            th scope="col" { (words.say("inspect-number")) }
            th scope="col" { (words.say("inspect-time")) }
            th scope="col" { (words.say("inspect-delay")) }
            th scope="col" { (words.say("inspect-from")) }
            th scope="col" { (words.say("inspect-by")) }
            th scope="col" { (words.say("inspect-tls")) }
            th scope="col" { (words.say("inspect-cipher")) }
            th scope="col" { (words.say("inspect-verdict")) }
        }
    }
}

fn row(words: &Words<'_>, number: usize, hop: &Hop<'_>) -> Markup {
    let cipher = hop.tls.and_then(|tls| tls.cipher_name().or_else(|| tls.cipher.map(str::to_owned)));
    html! {
        tr.hop {
            td.number { (number) }
            td.time { (time(hop)) }
            td.delay { @if let Some(seconds) = hop.delay_s { (quoted(&Delay(seconds).to_string())) } }
            td.from data-label=(words.say("inspect-from")) { (end(hop.from)) }
            td.by data-label=(words.say("inspect-by")) { (end(hop.by)) }
            td.tls data-label=(words.say("inspect-tls")) { (version(words, hop)) }
            td.cipher { @if let Some(cipher) = cipher { (quoted(&cipher)) } }
            td.verdict { (verdict(words, hop)) }
        }
    }
}

/// Day and time, in UTC.
fn time(hop: &Hop<'_>) -> Markup {
    let Some(time) = hop.time.map(|time| time.to_string()) else { return html! { "–" } };
    let (day, clock) = time.split_once('T').unwrap_or_default();
    html! { time datetime=(time) { span.day { (day) } " " (clock.trim_end_matches('Z')) } }
}

fn end(peer: Peer<'_>) -> Markup {
    match peer.label() {
        Some(label) => quoted(&label),
        None => html! { "–" },
    }
}

fn version(words: &Words<'_>, hop: &Hop<'_>) -> Markup {
    match (hop.tls.map(|tls| tls.version_name()), hop.verdict) {
        (Some(Some(version)), _) => quoted(version),
        (Some(None), _) | (None, Verdict::Encrypted) => html! { (words.say("inspect-tls-some")) },
        (None, Verdict::NotEncrypted) => html! { (words.say("inspect-tls-none")) },
        (None, Verdict::Internal | Verdict::Unknown) => html! { "–" },
    }
}

fn verdict(words: &Words<'_>, hop: &Hop<'_>) -> Markup {
    let is_weak = matches!(hop.strength(), Some(Strength::Weak(_)));
    let (class, key) = match hop.verdict {
        Verdict::Encrypted if is_weak => ("is-doubtful", "inspect-weakly"),
        Verdict::Encrypted => ("is-good", "inspect-encrypted"),
        Verdict::NotEncrypted => ("is-bad", "inspect-not-encrypted"),
        Verdict::Internal => ("is-quiet", "inspect-within"),
        Verdict::Unknown => ("is-doubtful", "inspect-not-provable"),
    };
    html! { span.(class) { (words.say(key)) } }
}

/// What a step's line rests on.
fn under(words: &Words<'_>, index: usize, hop: &Hop<'_>, evidence: &Evidence) -> Markup {
    let told = if hop.trusted { "inspect-told-trusted" } else { "inspect-told-claimed" };
    let beside = evidence.items.iter().filter(|item| item.hop == Some(index)).take(BESIDE_MAX);
    html! {
        p.because { (because(words, hop)) }
        details {
            summary { (words.say("inspect-details")) }
            dl {
                dt { (words.say("inspect-from")) } dd { (whole(hop.from)) }
                dt { (words.say("inspect-by")) }
                dd { (whole(hop.by)) @if let Some(software) = hop.software { " · " (quoted(software)) } }
                @if let Some(with) = hop.with { dt { (words.say("inspect-with")) } dd { (quoted(with)) } }
                @if let Some(written) = hop.tls.and_then(written) { dt { (words.say("inspect-tls")) } dd { (quoted(&written)) } }
                @if let Some(Strength::Weak(weakness)) = hop.strength() {
                    dt { (words.say("inspect-weak-because")) }
                    dd { (weakness.reasons().map(|reason| words.say(weak(reason))).collect::<Vec<_>>().join(", ")) }
                }
                dt { (words.say("inspect-told")) } dd { (words.say(told)) }
                @for item in beside { dt { (words.say("inspect-beside")) } dd { (piece(words, item)) } }
                dt { (words.say("inspect-field")) } dd.field { (quoted(&format!("Received: {}", hop.text))) }
            }
        }
    }
}

/// All that is known of an end.
fn whole(peer: Peer<'_>) -> Markup {
    let mut parts: Vec<String> = peer.name.map(str::to_owned).into_iter().collect();
    parts.extend(peer.reverse.filter(|reverse| peer.name != Some(reverse)).map(str::to_owned));
    parts.extend(peer.address.map(|address| format!("[{address}]")));
    if parts.is_empty() {
        html! { "–" }
    } else {
        quoted(&parts.join(" · "))
    }
}

/// What is written of TLS, in one line.
fn written(tls: Tls<'_>) -> Option<String> {
    let parts = [tls.version, tls.cipher, tls.key_exchange, tls.server_signature, tls.client_certificate];
    let written: Vec<&str> = parts.into_iter().flatten().collect();
    (!written.is_empty()).then(|| written.join(", "))
}

fn weak(reason: Reason) -> &'static str {
    match reason {
        Reason::Ssl => "inspect-weak-ssl",
        Reason::OldTls => "inspect-weak-old",
        Reason::NoForwardSecrecy => "inspect-weak-forward",
        Reason::Rc4 => "inspect-weak-rc4",
        Reason::TripleDes => "inspect-weak-3des",
        Reason::Export => "inspect-weak-export",
        Reason::Broken => "inspect-weak-broken",
        Reason::Null => "inspect-weak-null",
    }
}
