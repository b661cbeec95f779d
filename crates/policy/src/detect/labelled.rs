//! Numbers that have no form of their own and are known by the word beside
//! them: medical record numbers and member ids. Words and patterns can be
//! configured.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use regex::{Regex, RegexBuilder};

use super::candidate::{Candidate, alphanumerics};
use super::text::{Text, Word, is_whole_word, leads};
use crate::finding::Detector;

/// How far after its word a number may begin, how far before it may end, and
/// how long it may be. Patterns run only there, so any pattern takes linear time.
const REACH_AFTER: usize = 32;
const REACH_BEFORE: usize = 4;
const NUMBER_BYTES_MAX: usize = 32;
/// What is looked at after a word, and before it.
const WINDOW_AFTER: usize = REACH_AFTER + NUMBER_BYTES_MAX;
const WINDOW_BEFORE: usize = NUMBER_BYTES_MAX + REACH_BEFORE;
/// What one pattern may take once compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The words and patterns of a labelled number.
#[derive(Clone, Debug)]
pub struct Labelled {
    words: Vec<String>,
    patterns: Vec<Regex>,
    /// So many digits at least are in whatever the patterns match.
    digits_min: usize,
    finder: AhoCorasick,
}

impl PartialEq for Labelled {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.patterns().eq(other.patterns())
    }
}

/// Why words and patterns were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelledError {
    /// A word is empty.
    #[error("a word is empty")]
    Word,
    /// A pattern is no regular expression, or too large.
    #[error("\"{pattern}\" is no pattern: {problem}")]
    Pattern {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Labelled {
    /// Compiles words (case does not count) and patterns (regular expressions
    /// that match the whole number; case counts).
    pub fn new(words: Vec<String>, patterns: &[String]) -> Result<Self, LabelledError> {
        if words.iter().any(|word| word.trim().is_empty()) {
            return Err(LabelledError::Word);
        }
        let patterns = patterns.iter().map(|pattern| compile(pattern)).collect::<Result<_, _>>()?;
        let finder = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .build(&words)
            .map_err(|error| LabelledError::Pattern { pattern: words.join(", "), problem: error.to_string() })?;
        Ok(Self { words, patterns, digits_min: 1, finder })
    }

    /// The words.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The patterns as written.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| {
            let anchored = pattern.as_str();
            anchored.strip_prefix(OPEN).and_then(|pattern| pattern.strip_suffix(CLOSE)).unwrap_or(anchored)
        })
    }

    /// Whether one of the words stands in a heading.
    pub(super) fn is_named(&self, heading: &str) -> bool {
        self.finder.find_overlapping_iter(heading).any(|found| is_whole_word(heading, found.range()))
    }

    /// What is a medical record number where the configuration says nothing.
    pub fn mrn() -> Self {
        Self::built_in(&MRN_WORDS, &MRN_PATTERNS)
    }

    /// What is a member id where the configuration says nothing.
    pub fn member_id() -> Self {
        Self::built_in(&MEMBER_WORDS, &MEMBER_PATTERNS)
    }

    fn built_in(words: &[&str], patterns: &[&str]) -> Self {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let labelled = Self::new(words, &patterns).expect("the built-in words compile");
        Self { digits_min: BUILT_IN_DIGITS_MIN, ..labelled }
    }
}

const MRN_WORDS: [&str; 26] = [
    "mrn",
    "mrn#",
    "mrns",
    "medical record",
    "medical record number",
    "medical record no",
    "medical rec",
    "med rec",
    "med. rec.",
    "mr#",
    "mr #",
    "mr no",
    "chart number",
    "chart no",
    "chart #",
    "chart id",
    "patient id",
    "patient number",
    "patient no",
    "patient #",
    "patient_id",
    "hospital number",
    "record number",
    "número de expediente",
    "expediente",
    "historia clínica",
];
const MRN_PATTERNS: [&str; 3] =
    ["[A-Za-z]{0,4}-?(?:[0-9]{2,4}-)?[0-9]{5,12}", "[A-Z0-9]{2,6}[0-9]{4,8}", "[0-9]{2,4}(?:-[0-9]{2,4}){1,3}"];

/// The least that any pattern here takes. They stand near each other, spaces
/// and hyphens between them at most.
const BUILT_IN_DIGITS_MIN: usize = 4;

const MEMBER_WORDS: [&str; 30] = [
    "member id",
    "member number",
    "member no",
    "member #",
    "member_id",
    "memberid",
    "member identification",
    "subscriber id",
    "subscriber number",
    "subscriber no",
    "subscriber #",
    "policy id",
    "policy number",
    "policy no",
    "policy #",
    "insurance id",
    "insurance number",
    "insurance #",
    "enrollee id",
    "enrollee number",
    "medicaid id",
    "medicaid number",
    "medicaid #",
    "health plan id",
    "plan id",
    "beneficiary id",
    "insured id",
    "id de miembro",
    "número de póliza",
    "número de miembro",
];
const MEMBER_PATTERNS: [&str; 2] =
    ["[A-Z]{0,4}-?[0-9]{6,14}(?:-[0-9]{2})?", "[A-Z0-9]{0,4}[A-Z][0-9][A-Z0-9]{0,3}[0-9]{4,9}[A-Z]?"];

const OPEN: &str = "^(?:";
const CLOSE: &str = ")$";

fn compile(pattern: &str) -> Result<Regex, LabelledError> {
    let problem = |error: regex::Error| LabelledError::Pattern {
        pattern: pattern.to_owned(),
        // The last line says what is wrong; those before point at it.
        problem: error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
    };
    // On its own first: `a)(b` must not pass by closing our group.
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().map_err(problem)?;
    RegexBuilder::new(&format!("{OPEN}{pattern}{CLOSE}")).size_limit(PATTERN_BYTES_MAX).build().map_err(problem)
}

pub(super) fn find(detector: Detector, labelled: &Labelled, text: &Text<'_>, out: &mut Vec<Candidate>) {
    // A word without digits in its windows gives nothing, so it is not looked for.
    let word = labelled.words.iter().map(String::len).max().unwrap_or(0);
    let places = text.around_digits(labelled.digits_min, word + WINDOW_AFTER, WINDOW_BEFORE + word);
    for place in places {
        let plain = text.plain.get(place.clone()).unwrap_or_default();
        for label in labelled.finder.find_overlapping_iter(plain) {
            let (start, end) = (place.start + label.start(), place.start + label.end());
            if is_whole_word(text.plain, start..end) {
                out.extend(after(detector, labelled, text, end).or_else(|| before(detector, labelled, text, start)));
            }
        }
    }
}

/// The number after a word: the first token there that has a digit.
fn after(detector: Detector, labelled: &Labelled, text: &Text<'_>, end: usize) -> Option<Candidate> {
    let window = text.window_after(end, WINDOW_AFTER);
    // Most words have no number beside them: the cheap look first.
    if !window.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (at, token) = tokens(window).find(|(_, token)| token.contains(|c: char| c.is_ascii_digit()))?;
    let gap = window.get(..at)?;
    let other = text.before(Word::Other, end + at).is_some_and(|distance| distance < at);
    if other || !leads(gap) || at > REACH_AFTER {
        return None;
    }
    let letters = gap.chars().filter(|c| c.is_alphabetic()).count();
    let joined = || joined(window.get(at..).unwrap_or_default());
    let is_own = |token: &&str| is_number(labelled, token) && stands_free(text, end + at, token);
    let token = Some(token).filter(is_own).or_else(|| joined().filter(is_own))?;
    let confidence = match letters {
        0..=10 => 0.85,
        _ => 0.75,
    };
    Some(Candidate::new(detector, end + at..end + at + token.len(), confidence, alphanumerics(token)))
}

/// The number before a word: `12345678 (MRN)`.
fn before(detector: Detector, labelled: &Labelled, text: &Text<'_>, start: usize) -> Option<Candidate> {
    let (from, window) = text.window_before(start, WINDOW_BEFORE);
    if !window.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (at, token) = tokens(window).last()?;
    let gap = window.get(at + token.len()..)?;
    let is_beside = gap.len() <= REACH_BEFORE && !gap.contains(['\n', ',', ';', '.']);
    if !is_beside || !is_number(labelled, token) || !stands_free(text, from + at, token) {
        return None;
    }
    let range = from + at..from + at + token.len();
    Some(Candidate::new(detector, range, 0.7, alphanumerics(token)))
}

/// Groups with single spaces between them: `W1234 56789`.
fn joined(window: &str) -> Option<&str> {
    let len = window.find(|c: char| !c.is_ascii_alphanumeric() && c != ' ').unwrap_or(window.len());
    let run = window.get(..len)?.split("  ").next()?.trim_end();
    // A word of prose ends the number: each group has a digit.
    let groups = run.split(' ').take_while(|group| group.contains(|c: char| c.is_ascii_digit()));
    let len = groups.map(|group| group.len() + 1).sum::<usize>().checked_sub(1)?;
    run.get(..len)
}

fn is_number(labelled: &Labelled, token: &str) -> bool {
    let spaced = token.contains(' ').then(|| token.replace(' ', ""));
    let token = spaced.as_deref().unwrap_or(token);
    token.len() <= NUMBER_BYTES_MAX
        && labelled.patterns.iter().any(|pattern| pattern.is_match(token))
        && !is_date_or_phone(token)
}

/// A date or a phone number beside the word is just that.
fn is_date_or_phone(token: &str) -> bool {
    let groups: Vec<&str> = token.split('-').collect();
    let lens: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    matches!(lens.as_slice(), [3, 3, 4] | [3, 4] | [1 | 2, 1 | 2, 4] | [4, 1 | 2, 1 | 2])
}

/// No decimal, no amount, no part of something longer.
fn stands_free(text: &Text<'_>, at: usize, token: &str) -> bool {
    text.stands_alone(&(at..at + token.len()))
}

/// Runs of ASCII letters, digits and inner hyphens, with where they begin.
fn tokens(window: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut at = 0;
    window.split_inclusive(move |c| !is_inner(c)).filter_map(move |piece| {
        let start = at;
        at += piece.len();
        let token = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let trimmed = token.trim_start_matches('-');
        (!trimmed.is_empty()).then_some((start + token.len() - trimmed.len(), trimmed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where every word is looked at.
    fn everywhere(labelled: &Labelled, text: &Text<'_>) -> Vec<Candidate> {
        let words =
            labelled.finder.find_overlapping_iter(text.plain).filter(|word| is_whole_word(text.plain, word.range()));
        let number = |word: aho_corasick::Match| {
            let (detector, start, end) = (Detector::Mrn, word.start(), word.end());
            after(detector, labelled, text, end).or_else(|| before(detector, labelled, text, start))
        };
        words.filter_map(number).collect()
    }

    #[test]
    fn a_word_far_from_digits_is_passed_over_without_loss() {
        let (labelled, mut found) = (Labelled::mrn(), 0);
        let pieces =
            ["mrn", "Medical Record Number", "12345678", " ", " is ", "é", "x", "1", "\n", "(", ")", ": ", "ÿ-"];
        // Every gap between a word and a number that can matter, and texts of all pieces in many orders.
        let gaps = (0..120).flat_map(|gap| {
            let gap = " é".repeat(gap);
            [format!("mrn{gap}12345678"), format!("12345678{gap}(mrn)"), format!("1{gap}mrn 1234567 mrn{gap}1234567")]
        });
        let mixed = (1..3000_usize).map(|seed| {
            let steps = (0..40).scan(seed, |state, _| {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                pieces.get((*state >> 33) % pieces.len()).copied()
            });
            steps.collect::<String>()
        });
        for plain in gaps.chain(mixed) {
            let (text, mut near) = (Text::new(&plain), Vec::new());
            find(Detector::Mrn, &labelled, &text, &mut near);
            assert_eq!(near, everywhere(&labelled, &text), "{plain:?}");
            found += near.len();
        }
        assert!(found > 500, "{found}");
    }
}
