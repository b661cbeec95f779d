//! Diagnosis codes of ICD-10-CM beside words of diagnosis or health.

use std::sync::LazyLock;

use regex::Regex;

use super::candidate::{Candidate, alphanumerics};
use super::pattern;
use super::text::{Text, Word};
use crate::finding::Detector;

/// A letter, a digit, a digit or A or B, and up to four more after a dot
/// (ICD-10-CM Official Guidelines, section I.A.2). U is only for U07 and U09.
static CODE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?-u)(?:[A-TV-Za-tv-z][0-9][0-9ABab]|[Uu]0[79])(?:\.[0-9A-TV-Za-tv-z]{1,4})?"));

/// Written alike and never a diagnosis: vitamins, visas, paper, haemoglobin.
const OTHERWISE: [&str; 2] = ["H1B", "B12"];

pub(super) fn find(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (range, written) in text.find(&CODE, 1) {
        if !text.stands_alone(&range) {
            continue;
        }
        let is_diagnosis = text.near(Word::Diagnosis, &range, 80, 24);
        let is_dotted = written.contains('.');
        let is_otherwise = OTHERWISE.contains(&written) || text.counts_other(Word::Diagnosis, &range);
        let is_capital = !written.contains(|c: char| c.is_ascii_lowercase());
        let confidence = match (is_diagnosis, is_dotted) {
            (true, true) if is_capital => 0.95,
            (true, true) => 0.75,
            _ if !is_capital => continue,
            (true, false) if !is_otherwise && is_listed(text, &range) => 0.75,
            (false, true) if !is_otherwise && text.near(Word::Health, &range, 60, 40) => 0.7,
            _ => continue,
        };
        out.push(Candidate::new(Detector::Icd10, range, confidence, alphanumerics(written)));
    }
}

/// Three characters are a code only where codes are listed: between spaces and
/// the marks of a list.
fn is_listed(text: &Text<'_>, range: &std::ops::Range<usize>) -> bool {
    let before = text.plain.get(..range.start).unwrap_or_default().chars().next_back();
    let after = text.plain.get(range.end..).unwrap_or_default().chars().next();
    before.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '(' | '[' | '/' | '|' | '"' | '=' | '-'))
        && after.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ';' | '.' | ')' | ']' | '/' | '|' | '"' | '-'))
}
