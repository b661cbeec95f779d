//! What a step's verdict rests on, in a sentence of the visitor's language.

use trace::{Because, Hop};

use super::cut;
use crate::portal::words::Words;

/// The sentence.
pub(super) fn because(words: &Words<'_>, hop: &Hop<'_>) -> String {
    let say = |key| words.say(key);
    let quote = |key, text: &str| words.say_with(key, &[("words", &cut(text))]);
    match hop.because {
        Because::Written(text) | Because::SaysPlain(text) => quote("inspect-because-written", text),
        Because::Keyword(keyword) => quote("inspect-because-keyword", keyword),
        Because::Null(cipher) => quote("inspect-because-null", cipher),
        Because::Silent { server } => quote("inspect-because-silent", server),
        Because::Loopback => say("inspect-because-loopback"),
        Because::Private(address) => quote("inspect-because-private", &address.to_string()),
        Because::LocalNames => say("inspect-because-names"),
        Because::SameHost => say("inspect-because-host"),
        Because::SameOrganisation(name) | Because::Provider(name) => quote("inspect-because-organisation", name),
        Because::Own => say("inspect-because-own"),
        Because::NoPeer => say("inspect-because-nobody"),
        Because::Companion => say("inspect-because-companion"),
        Because::Local(keyword) => quote("inspect-because-local", keyword),
        Because::Client(keyword) => quote("inspect-because-client", keyword),
        Because::Habit { server, seen: false } => quote("inspect-because-never", server),
        Because::Habit { server, seen: true } => quote("inspect-because-unproven", server),
        Because::TooEarly { server } => quote("inspect-because-early", server),
        Because::Helo { server } => quote("inspect-because-helo", server),
        Because::Incomplete => say("inspect-because-incomplete"),
        Because::NothingKnown => say("inspect-because-unknown"),
        Because::Unreadable => say("inspect-because-unreadable"),
        // Needs a key or a receipt, and the page takes neither.
        Because::Proved(_) => say("inspect-because-proved"),
    }
}
