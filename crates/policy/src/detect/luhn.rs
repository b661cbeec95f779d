//! Numbers with the check digit of ISO/IEC 7812-1 (Luhn): National Provider
//! Identifiers and payment cards.

use std::sync::LazyLock;

use regex::Regex;

use super::candidate::{Candidate, digits};
use super::pattern;
use super::text::{Text, Word};
use crate::finding::Detector;

static NPI: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?-u)[12][0-9]{9}"));

/// 13 to 19 digits: in one run, in fours, or as 4-6-5 and 4-6-4.
static CARD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?-u)[2-6][0-9]{3}(?: ?- ?[0-9]{4} ?- ?[0-9]{4} ?- ?[0-9]{4}| [0-9]{4} [0-9]{4} [0-9]{4}(?: [0-9]{3}\b)?|[ -][0-9]{6}[ -][0-9]{4,5}|[0-9]{9,15})",
    )
});

/// The prefix that makes an NPI a card number: 80, health; 840, United States
/// (45 CFR 162.406).
const NPI_PREFIX: &str = "80840";

pub(super) fn find_npi(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (range, written) in text.find(&NPI, 10) {
        if !text.stands_alone(&range) || !is_luhn(&format!("{NPI_PREFIX}{}", written)) {
            continue;
        }
        let is_named = text.near(Word::Npi, &range, 40, 16);
        let is_other = text.counts_other(Word::Npi, &range) || text.near(Word::Phone, &range, 24, 0);
        let confidence = match (is_named, is_other) {
            (true, _) => 0.95,
            (false, true) => continue,
            (false, false) if text.near(Word::Provider, &range, 40, 16) => 0.8,
            (false, false) if text.stands_in_prose(&range) => 0.4,
            (false, false) => continue,
        };
        out.push(Candidate::new(Detector::Npi, range, confidence, written));
    }
}

pub(super) fn find_card(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (range, written) in text.find(&CARD, 13) {
        let value = digits(written);
        let is_whole = text.stands_alone(&range) && !is_within_groups(text, &range);
        if !is_whole || !is_issued(&value) || !is_luhn(&value) {
            continue;
        }
        let is_named = text.near(Word::Card, &range, 40, 24);
        let counts_other = text.counts_other(Word::Card, &range);
        let confidence = match (is_named, counts_other, value.len() == written.len()) {
            (_, true, _) => 0.3,
            (true, false, _) => 0.95,
            (false, false, false) => 0.9,
            (false, false, true) => 0.75,
        };
        out.push(Candidate::new(Detector::Card, range, confidence, value));
    }
}

/// Whether more groups of four stand beside it: a parcel's number, not a card's.
fn is_within_groups(text: &Text<'_>, range: &std::ops::Range<usize>) -> bool {
    let (_, before) = text.window_before(range.start, 3);
    let after: Vec<char> = text.window_after(range.end, 6).chars().collect();
    let is_digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let joins = |c: Option<&char>| matches!(c, Some(' ' | '-'));
    let follows = joins(after.first()) && after.get(1..5).is_some_and(|group| group.iter().all(char::is_ascii_digit));
    let before: Vec<char> = before.chars().rev().collect();
    let precedes = joins(before.first()) && is_digit(before.get(1)) && is_digit(before.get(2));
    precedes || (follows && !is_digit(after.get(5)))
}

/// Whether a prefix and length are those of a card network (ISO/IEC 7812
/// ranges as the networks publish them).
fn is_issued(value: &str) -> bool {
    let prefix = |len: usize| value.get(..len).and_then(|prefix| prefix.parse::<u32>().ok()).unwrap_or(0);
    let len = value.len();
    match prefix(1) {
        4 => matches!(len, 13 | 16 | 19),
        5 => len == 16 && matches!(prefix(2), 51..=55) || is_maestro(prefix(4), len),
        2 => len == 16 && matches!(prefix(4), 2221..=2720),
        3 => is_three(prefix(2), prefix(3), prefix(4), len),
        6 => {
            let discover = prefix(4) == 6011 || matches!(prefix(3), 644..=649) || prefix(2) == 65;
            let union_pay = prefix(2) == 62;
            (discover || union_pay) && (16..=19).contains(&len) || is_maestro(prefix(4), len)
        }
        _ => false,
    }
}

fn is_three(two: u32, three: u32, four: u32, len: usize) -> bool {
    let amex = matches!(two, 34 | 37) && len == 15;
    let diners = (matches!(three, 300..=305) || matches!(two, 36 | 38 | 39) || four == 3095) && len == 14;
    let jcb = matches!(four, 3528..=3589) && (16..=19).contains(&len);
    amex || diners || jcb
}

fn is_maestro(prefix: u32, len: usize) -> bool {
    matches!(prefix, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763) && (13..=19).contains(&len)
}

/// Whether the last digit is the check digit of the others.
fn is_luhn(value: &str) -> bool {
    let digits = value.bytes().rev().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}
