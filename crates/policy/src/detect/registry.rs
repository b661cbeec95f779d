//! Identifiers of federal registries: Medicare Beneficiary Identifiers and DEA
//! registration numbers.

use std::sync::LazyLock;

use regex::Regex;

use super::candidate::{Candidate, alphanumerics};
use super::pattern;
use super::text::{Text, Word};
use crate::finding::Detector;

/// The eleven places of an MBI (CMS, "Understanding the MBI format"): letters
/// without S, L, O, I, B, Z; with or without the hyphens of the card.
static MBI: LazyLock<Regex> = LazyLock::new(|| {
    let letter = "[AC-HJKMNP-RT-Yac-hjkmnp-rt-y]";
    let either = "[0-9AC-HJKMNP-RT-Yac-hjkmnp-rt-y]";
    pattern(&format!("(?-u)[1-9]{letter}{either}[0-9][- ]?{letter}{either}[0-9][- ]?{letter}{letter}[0-9][0-9]"))
});

/// A registrant's code, a letter of the name (or 9), seven digits.
static DEA: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?-u)[A-HJ-NPRSTUXa-hj-nprstux][A-Za-z9]-?[0-9]{7}"));

pub(super) fn find_mbi(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (range, written) in text.find(&MBI, 5) {
        if !text.stands_alone(&range) {
            continue;
        }
        let is_capital = !written.contains(|c: char| c.is_ascii_lowercase());
        let is_parted = written.contains(['-', ' ']);
        let confidence = match (text.near(Word::Mbi, &range, 40, 16), text.counts_other(Word::Mbi, &range)) {
            (true, _) => 0.95,
            (false, true) if !is_parted => continue,
            (false, true) => 0.5,
            (false, false) if is_parted && is_capital => 0.9,
            (false, false) if is_capital => 0.75,
            (false, false) => 0.5,
        };
        out.push(Candidate::new(Detector::Mbi, range, confidence, alphanumerics(written)));
    }
}

pub(super) fn find_dea(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (range, written) in text.find(&DEA, 7) {
        let value = alphanumerics(written);
        if !text.stands_alone(&range) || !has_dea_check_digit(&value) {
            continue;
        }
        let is_capital = !written.contains(|c: char| c.is_ascii_lowercase());
        let confidence = match (text.near(Word::Dea, &range, 40, 16), text.counts_other(Word::Dea, &range)) {
            (true, _) => 0.95,
            (false, true) => continue,
            (false, false) if text.near(Word::Provider, &range, 40, 16) && is_capital => 0.8,
            (false, false) if is_capital => 0.5,
            (false, false) => continue,
        };
        out.push(Candidate::new(Detector::Dea, range, confidence, value));
    }
}

/// First, third and fifth digit plus twice the second, fourth and sixth; the
/// sum's last digit is the seventh.
fn has_dea_check_digit(value: &str) -> bool {
    let digits: Vec<u32> = value.chars().skip(2).filter_map(|c| c.to_digit(10)).collect();
    let [a, b, c, d, e, f, check] = digits.as_slice() else { return false };
    (a + c + e + 2 * (b + d + f)) % 10 == *check
}
