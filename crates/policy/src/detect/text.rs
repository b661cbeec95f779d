//! A text to look through, with where its telling words stand.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use regex::Regex;

/// What a word says of a number beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Word {
    Ssn,
    Npi,
    Provider,
    Mbi,
    Dea,
    Card,
    Birth,
    Diagnosis,
    Health,
    Dose,
    Phone,
    /// What counts things, not people: orders, parcels, invoices.
    Other,
}

impl Word {
    const ALL: [(Word, &str); 12] = [
        (Word::Ssn, "ssn"),
        (Word::Npi, "npi"),
        (Word::Provider, "provider"),
        (Word::Mbi, "mbi"),
        (Word::Dea, "dea"),
        (Word::Card, "card"),
        (Word::Birth, "birth"),
        (Word::Diagnosis, "diagnosis"),
        (Word::Health, "health"),
        (Word::Dose, "dose"),
        (Word::Phone, "phone"),
        (Word::Other, "other"),
    ];
}

/// The list that ships.
pub(super) const LIST: &str = include_str!("../../data/words.txt");

/// Its words, each with its kind.
static WORDS: LazyLock<Vec<(Word, &str)>> = LazyLock::new(|| {
    let lines = LIST.lines().filter(|line| !line.starts_with("# "));
    let mut kind = None;
    let mut words = Vec::new();
    for line in lines {
        let (heading, rest) = line.split_once(": ").unwrap_or(("", line));
        kind = Word::ALL.iter().find(|(_, name)| *name == heading).map(|(word, _)| *word).or(kind);
        let listed = rest.split(", ").map(|word| word.trim().trim_end_matches(',')).filter(|word| !word.is_empty());
        words.extend(listed.filter_map(|word| kind.map(|kind| (kind, word))));
    }
    words
});

static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = WORDS.iter().map(|(_, word)| word);
    AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words)
        .expect("the built-in words make an automaton")
});

/// A text in its plain form with where its telling words stand.
pub(super) struct Text<'a> {
    pub plain: &'a str,
    /// For each kind of word where it begins and ends, in order of the end.
    words: Vec<Vec<(usize, usize)>>,
    /// Where digits stand, with what can belong to a number around them.
    numbers: Vec<Number>,
}

impl<'a> Text<'a> {
    pub(super) fn new(plain: &'a str) -> Self {
        let mut words = vec![Vec::new(); Word::ALL.len()];
        for found in FINDER.find_overlapping_iter(plain) {
            let Some((word, _)) = WORDS.get(found.pattern().as_usize()) else { continue };
            let is_idiom = *word == Word::Other && ends_with_in(plain.get(..found.start()).unwrap_or_default());
            let places = words.get_mut(*word as usize).filter(|_| !is_idiom);
            if let Some(places) = places.filter(|_| is_whole_word(plain, found.range())) {
                places.push((found.start(), found.end()));
            }
        }
        Self { plain, words, numbers: numbers(plain) }
    }

    /// What a pattern finds where there are at least so many digits; the rest,
    /// most of any text, is never searched.
    pub(super) fn find<'t>(
        &'t self,
        pattern: &'t Regex,
        digits_min: usize,
    ) -> impl Iterator<Item = (Range<usize>, &'a str)> + 't {
        let numbers = self.numbers.iter().filter(move |number| number.digits >= digits_min);
        numbers.flat_map(move |number| {
            let from = number.around.start;
            let found = pattern.find_iter(self.plain.get(number.around.clone()).unwrap_or_default());
            found.map(move |found| (from + found.start()..from + found.end(), found.as_str()))
        })
    }

    /// So many bytes before and after each place with at least so many digits:
    /// in order, without overlaps.
    pub(super) fn around_digits(&self, digits_min: usize, before: usize, after: usize) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for Number { around, .. } in self.numbers.iter().filter(|number| number.digits >= digits_min) {
            let start = self.plain.floor_char_boundary(around.start.saturating_sub(before));
            let end = self.plain.ceil_char_boundary(around.end.saturating_add(after));
            match places.last_mut() {
                Some(last) if start <= last.end => last.end = end,
                _ => places.push(start..end),
            }
        }
        places
    }

    /// Where words of a kind stand, in order of their ends.
    pub(super) fn places(&self, word: Word) -> &[(usize, usize)] {
        self.words.get(word as usize).map_or(&[], Vec::as_slice)
    }

    /// How many bytes before `at` the last word of that kind ends.
    pub(super) fn before(&self, word: Word, at: usize) -> Option<usize> {
        let places = self.places(word);
        let until = places.partition_point(|(_, end)| *end <= at);
        until.checked_sub(1).and_then(|last| places.get(last)).map(|(_, end)| at - end)
    }

    /// How many bytes after `at` the next word of that kind begins.
    pub(super) fn after(&self, word: Word, at: usize) -> Option<usize> {
        let places = self.places(word);
        // Words overlap only within a kind and by a few, so a short look suffices.
        let from = places.partition_point(|(_, end)| *end <= at);
        places.iter().skip(from).take(4).filter_map(|(start, _)| start.checked_sub(at)).min()
    }

    /// Whether a word of that kind stands within so many bytes before or after.
    pub(super) fn near(&self, word: Word, range: &Range<usize>, before: usize, after: usize) -> bool {
        self.before(word, range.start).is_some_and(|distance| distance <= before)
            || self.after(word, range.end).is_some_and(|distance| distance <= after)
    }

    /// Whether the nearest word before says that this counts something else.
    pub(super) fn counts_other(&self, word: Word, range: &Range<usize>) -> bool {
        let other = self.before(Word::Other, range.start).filter(|distance| *distance <= 16);
        let own = self.before(word, range.start).unwrap_or(usize::MAX);
        other.is_some_and(|other| other < own)
    }

    /// Whether a number stands by itself: no part of a longer one, of a word,
    /// of a decimal or of an amount of money.
    pub(super) fn stands_alone(&self, range: &Range<usize>) -> bool {
        let mut before = self.plain.get(..range.start).unwrap_or_default().chars().rev();
        let mut after = self.plain.get(range.end..).unwrap_or_default().chars();
        let left = match before.next() {
            Some(c) if c.is_alphanumeric() || matches!(c, '$' | '€' | '£') => false,
            Some('-' | '.' | '/') => !before.next().is_some_and(|c| c.is_ascii_digit()),
            _ => true,
        };
        let right = match after.next() {
            Some(c) if c.is_alphanumeric() => false,
            Some('-' | '.' | '/') => !after.next().is_some_and(|c| c.is_ascii_digit()),
            _ => true,
        };
        left && right
    }

    /// Whether it stands as a word of prose does: between spaces or the marks of
    /// a sentence, and no link of a chain of numbers.
    pub(super) fn stands_in_prose(&self, range: &Range<usize>) -> bool {
        let mut before = self.plain.get(..range.start).unwrap_or_default().chars().rev();
        let mut after = self.plain.get(range.end..).unwrap_or_default().chars();
        let is_open = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || matches!(c, ':' | '#'));
        let left = match before.next() {
            Some('(' | '"' | '[') => is_open(before.next()),
            c => is_open(c) && !(c == Some(' ') && before.next().is_some_and(|c| c.is_ascii_digit())),
        };
        let right = match after.next() {
            Some(' ') => !after.next().is_some_and(|c| c.is_ascii_digit()),
            Some(',' | '.' | ';' | ':' | ')' | ']' | '"' | '?' | '!') => after.next().is_none_or(char::is_whitespace),
            c => c.is_none_or(char::is_whitespace),
        };
        left && right
    }

    /// At most `len` bytes after `at`, cut between characters.
    pub(super) fn window_after(&self, at: usize, len: usize) -> &'a str {
        let end = self.plain.floor_char_boundary(at.saturating_add(len));
        self.plain.get(at..end).unwrap_or_default()
    }

    /// At most `len` bytes before `at`, cut between characters, and where they begin.
    pub(super) fn window_before(&self, at: usize, len: usize) -> (usize, &'a str) {
        let start = self.plain.ceil_char_boundary(at.saturating_sub(len));
        (start, self.plain.get(start..at).unwrap_or_default())
    }
}

/// "In order to" and "in part" count nothing.
fn ends_with_in(before: &str) -> bool {
    let mut last = before.bytes().rev();
    matches!((last.next(), last.next(), last.next()), (Some(b' '), Some(b'n'), Some(b'i' | b'I')))
}

/// What may stand between a word and its number.
const FILLERS: [&str; 44] = [
    "is", "was", "are", "be", "no", "nr", "num", "number", "numbers", "id", "ids", "for", "of", "the", "this", "that",
    "patient", "pt", "member", "on", "in", "at", "as", "his", "her", "their", "my", "your", "our", "s", "mm", "dd",
    "yyyy", "yy", "mmm", "listed", "file", "code", "el", "la", "de", "del", "es", "número",
];

/// Whether a gap between a word and its number has only words that lead to the
/// number: fillers and, as names do, what begins with a capital.
pub(super) fn leads(gap: &str) -> bool {
    let words = gap.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let is_led = |word: &str| word.starts_with(char::is_uppercase) || FILLERS.contains(&word);
    words.into_iter().all(is_led)
}

/// A place with digits.
struct Number {
    /// The digits and what can belong to a number around them.
    around: Range<usize>,
    /// How many digits there are.
    digits: usize,
}

/// No number has so many bytes without a digit in it; nor so many before its
/// first digit or after its last.
const GAP: usize = 6;

fn numbers(plain: &str) -> Vec<Number> {
    let mut found: Vec<Number> = Vec::new();
    for (at, _) in plain.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match found.last_mut() {
            Some(last) if at <= last.around.end + GAP => {
                last.around.end = at + 1;
                last.digits += 1;
            }
            _ => found.push(Number { around: at..at + 1, digits: 1 }),
        }
    }
    for Number { around, .. } in &mut found {
        *around =
            plain.ceil_char_boundary(around.start.saturating_sub(GAP))..plain.floor_char_boundary(around.end + GAP);
    }
    found
}

/// Whether no letter or digit stands beside a word; its own punctuation parts it too.
pub(super) fn is_whole_word(plain: &str, range: Range<usize>) -> bool {
    let word = plain.get(range.clone()).unwrap_or_default();
    let before = plain.get(..range.start).unwrap_or_default().chars().next_back();
    let after = plain.get(range.end..).unwrap_or_default().chars().next();
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let ends_open = word.ends_with(|c: char| !c.is_alphanumeric());
    !joins(before) && (ends_open || !joins(after))
}
