//! What a detector proposes, and its masked form.

use std::ops::Range;

use crate::finding::Detector;

/// What a detector proposes: where, how sure, and the value in one spelling.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub detector: Detector,
    pub range: Range<usize>,
    pub confidence: f64,
    pub value: String,
}

impl Candidate {
    pub(super) fn new(detector: Detector, range: Range<usize>, confidence: f64, value: impl Into<String>) -> Self {
        Self { detector, range, confidence, value: value.into() }
    }
}

/// The digits of a text.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The letters and digits of a text in upper case.
pub(super) fn alphanumerics(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// A value with its letters and digits as `*`, but for the few that let a
/// person find it again where they tell nothing.
pub(super) fn mask(detector: Detector, written: &str) -> String {
    let total = written.chars().filter(|c| c.is_alphanumeric()).count();
    let shown = match detector {
        // A date, a diagnosis or a drug says all with its last characters too.
        Detector::Dob | Detector::Icd10 | Detector::Drug => 0,
        _ if total >= 9 => 4,
        _ if total >= 6 => 2,
        _ => 0,
    };
    let hidden = total - shown;
    let mut seen = 0;
    let hide = |c: char| {
        seen += usize::from(c.is_alphanumeric());
        if c.is_alphanumeric() && seen <= hidden { '*' } else { c }
    };
    // A line break has no place in a masked value.
    written.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_value_keeps_its_shape_and_little_else() {
        let check = |detector, written, expect: &str| assert_eq!(mask(detector, written), expect);
        check(Detector::Ssn, "536-22-8141", "***-**-8141");
        check(Detector::Card, "4111 1111 1111 1111", "**** **** **** 1111");
        check(Detector::Mrn, "1234567", "*****67");
        check(Detector::Mrn, "12345", "*****");
        check(Detector::Dob, "Jan 2, 1980", "*** *, ****");
        check(Detector::Drug, "Plan B", "**** *");
        check(Detector::Icd10, "E11.9", "***.*");
    }
}
