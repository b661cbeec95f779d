//! The table `[policy.keys]`.

use std::time::Duration;

use mail::{KeySource, Level};
use toml::Value;

use super::table::{self, Keys, Mistakes};
use crate::keys::{ChangeRule, KeyPolicy, LocalPart, Prefer, Unknown, UseWhen};

const CROSSINGS: [Level; 3] = [Level::None, Level::Encrypted, Level::Verified];

/// Reads the table.
pub(super) fn read(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> KeyPolicy {
    let default = KeyPolicy::default();
    let sources = |found: Option<Vec<KeySource>>| found.map(|list| list.into_iter().collect());
    let policy = KeyPolicy {
        end_to_end: sources(keys.list("end_to_end", mistakes, source)).unwrap_or(default.end_to_end),
        transit: sources(keys.list("transit", mistakes, source)).unwrap_or(default.transit),
        prefer: keys.read("prefer", mistakes, prefer).unwrap_or(default.prefer),
        use_when: keys.read("use_when", mistakes, use_when).unwrap_or(default.use_when),
        changes: keys.read("changes", mistakes, changes).unwrap_or(default.changes),
        accept_after: keys.read("accept_after", mistakes, days).or(default.accept_after),
        local_part: keys.read("local_part", mistakes, local_part).unwrap_or(default.local_part),
        crossing: keys.read("crossing", mistakes, crossing).unwrap_or(default.crossing),
        unknown_revocation: keys.read("unknown_revocation", mistakes, unknown).unwrap_or(default.unknown_revocation),
    };
    keys.end(mistakes);
    policy
}

fn source(value: &Value) -> Result<KeySource, String> {
    let known: Vec<&str> = KeySource::ALL.iter().map(|source| source.word()).collect();
    table::word(value, "source of keys", &known, KeySource::from_word)
}

fn prefer(value: &Value) -> Result<Prefer, String> {
    table::word(value, "preference", Prefer::WORDS, Prefer::from_word)
}

fn use_when(value: &Value) -> Result<UseWhen, String> {
    table::word(value, "time to use a key", UseWhen::WORDS, UseWhen::from_word)
}

/// A list, which may be empty: then a changed key always waits for a person.
fn changes(value: &Value) -> Result<std::collections::BTreeSet<ChangeRule>, String> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().map(|rule| table::word(rule, "rule for changes", ChangeRule::WORDS, ChangeRule::from_word)).collect()
}

fn local_part(value: &Value) -> Result<LocalPart, String> {
    table::word(value, "way to compare", LocalPart::WORDS, LocalPart::from_word)
}

fn crossing(value: &Value) -> Result<Level, String> {
    let known = CROSSINGS.map(Level::word);
    table::word(value, "level", &known, |word| CROSSINGS.into_iter().find(|level| level.word() == word))
}

fn unknown(value: &Value) -> Result<Unknown, String> {
    table::word(value, "answer", Unknown::WORDS, Unknown::from_word)
}

/// Hours or days.
fn days(value: &Value) -> Result<Duration, String> {
    const HOUR: u64 = 3_600;
    const YEARS: u64 = 10 * 366 * 24;
    let wrong = || "wants a span such as \"12h\" or \"7d\"".to_owned();
    let text = value.as_str().ok_or_else(wrong)?.trim();
    let (number, hours) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 24),
        (None, None) => return Err(wrong()),
    };
    let span = number.parse::<u64>().ok().and_then(|number| number.checked_mul(hours));
    let hours = span.filter(|hours| (1..=YEARS).contains(hours)).ok_or_else(wrong)?;
    Ok(Duration::from_secs(hours.saturating_mul(HOUR)))
}

/// The span as [`days`] reads it.
pub(super) fn span(span: Duration) -> String {
    format!("{}h", span.as_secs() / 3_600)
}
