//! Social security numbers: area, group and serial as the Social Security
//! Administration has issued them, without the published samples.

use std::sync::LazyLock;

use regex::Regex;

use super::candidate::{Candidate, digits};
use super::pattern;
use super::text::{Text, Word};
use crate::finding::Detector;

/// Three, two and four digits: with hyphens (a space or line break may follow
/// one), spaces, dots, or nothing between them.
static FORM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?-u)[0-9]{3}(?: ?- ?\n?[0-9]{2} ?- ?\n?| [0-9]{2} |\t[0-9]{2}\t|\.[0-9]{2}\.|[0-9]{2})[0-9]{4}")
});

/// Numbers that were printed on samples, in advertisements or on forms: the
/// SSA's list of misused cards, its pamphlets, and the placeholders of forms.
const SAMPLES: [&str; 24] = [
    "042103580",
    "062360749",
    "078051120",
    "095073645",
    "123456789",
    "128036045",
    "135016629",
    "141186941",
    "165167999",
    "165187999",
    "165207999",
    "165227999",
    "165247999",
    "189092294",
    "212097694",
    "212099999",
    "219099999",
    "306302348",
    "308125070",
    "457555462",
    "468288779",
    "549241889",
    "721074426",
    "012345678",
];

pub(super) fn find(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (range, written) in text.find(&FORM, 9) {
        let value = digits(written);
        if !text.stands_alone(&range) || !is_issuable(&value) {
            continue;
        }
        let is_named = text.near(Word::Ssn, &range, 40, 16);
        let counts_other = text.counts_other(Word::Ssn, &range);
        let confidence = match (separator(written), is_named, counts_other) {
            ('-', true, false) => 0.95,
            ('-', false, false) => 0.85,
            ('-', _, true) => 0.4,
            (_, _, true) => continue,
            (' ', true, _) => 0.9,
            (' ', false, _) => 0.5,
            (_, true, _) => 0.85,
            // Nine digits alone are anything: an account, a zip code with four more, a part.
            (_, false, _) => continue,
        };
        out.push(Candidate::new(Detector::Ssn, range, confidence, value));
    }
}

fn separator(written: &str) -> char {
    let found = written.chars().find(|c| !c.is_ascii_digit());
    if written.contains('-') { '-' } else { found.map_or('0', |c| if c == '\t' { '0' } else { c }) }
}

/// Area 000, 666 and 900 on, group 00 and serial 0000 were never issued
/// (20 CFR 422.103, SSA POMS RM 10201.035).
fn is_issuable(value: &str) -> bool {
    let (area, group, serial) = (value.get(..3), value.get(3..5), value.get(5..));
    let area_is_fine = area.is_some_and(|area| area != "000" && area != "666" && !area.starts_with('9'));
    let mut repeated = value.bytes();
    let first = repeated.next();
    let is_placeholder = repeated.all(|byte| Some(byte) == first);
    area_is_fine && group != Some("00") && serial != Some("0000") && !is_placeholder && !SAMPLES.contains(&value)
}
