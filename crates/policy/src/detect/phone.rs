//! Phone numbers: of the North American plan by its rules, others by their
//! country code.

use std::sync::LazyLock;

use regex::Regex;

use super::candidate::{Candidate, digits};
use super::pattern;
use super::text::{Text, Word};
use crate::finding::Detector;

/// Area and exchange begin with 2 to 9 (ATIS-0300051), made-up exchanges with
/// less; with separators or without.
static NORTH_AMERICAN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?-u)(?:\+?1[-. ]{0,2})?(?:\([2-9][0-9]{2}\)[-. ]{0,2}|[2-9][0-9]{2}(?:[-. ]|[-/] )?)[0-9]{3}[-. ]?[0-9]{4}",
    )
});

/// `+`, a country code that is not 1, and groups (ITU-T E.123).
static INTERNATIONAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?-u)\+[2-9][0-9]{0,2}(?:[-. ]?\(?[0-9]{1,5}\)?){2,5}"));

pub(super) fn find(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (range, written) in text.find(&NORTH_AMERICAN, 10) {
        let value = digits(written);
        let is_plus = text.plain.get(..range.start).is_some_and(|before| before.ends_with('+'));
        if is_plus || !text.stands_alone(&range) || has_service_code(&value) || text.counts_other(Word::Phone, &range) {
            continue;
        }
        let is_parted = written.len() >= value.len() + 2 || written.starts_with('+');
        let is_exchange = last_ten(&value).get(3..4).is_some_and(|first| first >= "2");
        let confidence = match (text.near(Word::Phone, &range, 32, 12), is_parted) {
            (true, true) if is_exchange => 0.85,
            (true, true) => 0.6,
            _ if !is_exchange => continue,
            (true, false) => 0.7,
            // Three numbers in a row with spaces between them may be any three.
            (false, true) if written.contains(['-', '.', '(', '+']) || text.stands_in_prose(&range) => 0.45,
            (false, true) => continue,
            (false, false) => continue,
        };
        out.push(Candidate::new(Detector::Phone, range, confidence, last_ten(&value)));
    }
    for (range, written) in text.find(&INTERNATIONAL, 8) {
        let value = digits(written);
        if text.stands_alone(&range) && (8..=15).contains(&value.len()) {
            let confidence = if text.near(Word::Phone, &range, 32, 12) { 0.85 } else { 0.5 };
            out.push(Candidate::new(Detector::Phone, range, confidence, value));
        }
    }
}

/// N11 is a service (911), never an area or an exchange.
fn has_service_code(value: &str) -> bool {
    let number = last_ten(value);
    [number.get(1..3), number.get(4..6)].contains(&Some("11"))
}

fn last_ten(value: &str) -> &str {
    value.get(value.len().saturating_sub(10)..).unwrap_or_default()
}
