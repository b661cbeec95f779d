//! Dates of birth: a real date beside a word for birth.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::candidate::Candidate;
use super::pattern;
use super::text::{Text, Word, leads};
use crate::finding::Detector;

/// How far after its word a date may begin, and the longest date.
const REACH: usize = 28;
const DATE_BYTES_MAX: usize = 24;

const MONTHS: &str = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|\
    january|february|march|april|june|july|august|sept|september|october|november|december|\
    enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre";

/// Numbers with separators: year first, or year last with day and month in
/// either order.
static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?-u)\b(?:(?P<y1>[0-9]{4}) ?[-/.] ?(?P<m1>[0-9]{1,2}) ?[-/.] ?(?P<d1>[0-9]{1,2})",
        r"|(?P<a>[0-9]{1,2}) ?[-/. ] ?(?P<b>[0-9]{1,2}) ?[-/. ] ?(?P<y2>[0-9]{4}|[0-9]{2})",
        r"|(?P<c>[0-9]{8}))(?:\b|T)"
    ))
});

/// A month by name, with the day before or after it.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i-u)\b(?:(?P<d1>[0-9]{{1,2}})(?:st|nd|rd|th)?[-/. ]{{0,2}}(?:of |de )?(?P<m1>{MONTHS})[-/., ]{{0,2}}(?:del? )?(?P<y1>[0-9]{{4}}|[0-9]{{2}})|(?P<m2>{MONTHS})[-/. ]{{0,2}}(?P<d2>[0-9]{{1,2}})(?:st|nd|rd|th)?[-/., ]{{1,2}}(?P<y2>[0-9]{{4}}|[0-9]{{2}}))\b"
    ))
});

pub(super) fn find(text: &Text<'_>, out: &mut Vec<Candidate>) {
    for (start, end) in text.places(Word::Birth) {
        let window = text.window_after(*end, REACH + DATE_BYTES_MAX);
        if let Some((found, value)) = first_date(window).filter(|(found, _)| found.start <= REACH) {
            let gap = window.get(..found.start).unwrap_or_default();
            if let Some(confidence) = confidence_after(gap) {
                let range = end + found.start..end + found.end;
                out.push(Candidate::new(Detector::Dob, range, confidence, value));
                continue;
            }
        }
        let (from, window) = text.window_before(*start, DATE_BYTES_MAX + 4);
        if let Some((found, value)) = last_date(window) {
            let gap = window.get(found.end..).unwrap_or_default();
            if gap.len() <= 4 && !gap.contains(|c: char| c.is_alphanumeric()) && !gap.contains('\n') {
                out.push(Candidate::new(Detector::Dob, from + found.start..from + found.end, 0.85, value));
            }
        }
    }
}

/// What stands between a word for birth and a date: little, or another thing is meant.
fn confidence_after(gap: &str) -> Option<f64> {
    let letters = gap.chars().filter(|c| c.is_alphabetic()).count();
    match (letters, gap.chars().filter(char::is_ascii_digit).count()) {
        (0..=3, 0) => Some(0.9),
        (4..=20, 0) if leads(gap) => Some(0.75),
        _ => None,
    }
}

fn first_date(window: &str) -> Option<(Range<usize>, String)> {
    if !has_digit(window) {
        return None;
    }
    let numbers = NUMBERS.captures_iter(window).find_map(|date| with_range(&date, of_numbers(&date)));
    let names = NAMES.captures_iter(window).find_map(|date| with_range(&date, of_names(&date)));
    [numbers, names].into_iter().flatten().min_by_key(|(range, _)| range.start)
}

fn last_date(window: &str) -> Option<(Range<usize>, String)> {
    if !has_digit(window) {
        return None;
    }
    let numbers = NUMBERS.captures_iter(window).filter_map(|date| with_range(&date, of_numbers(&date)));
    let names = NAMES.captures_iter(window).filter_map(|date| with_range(&date, of_names(&date)));
    numbers.chain(names).max_by_key(|(range, _)| range.end)
}

/// Most words have no date beside them: the cheap look first.
fn has_digit(window: &str) -> bool {
    window.bytes().any(|byte| byte.is_ascii_digit())
}

fn with_range(date: &Captures<'_>, value: Option<String>) -> Option<(Range<usize>, String)> {
    Some((date.get(0)?.range(), value?))
}

fn of_numbers(date: &Captures<'_>) -> Option<String> {
    let number = |name: &str| date.name(name).and_then(|found| found.as_str().parse::<u32>().ok());
    if let (Some(year), Some(month), Some(day)) = (number("y1"), number("m1"), number("d1")) {
        return real(year, month, day);
    }
    if let Some(run) = date.name("c").map(|found| found.as_str()) {
        let part = |range: Range<usize>| run.get(range).and_then(|digits| digits.parse::<u32>().ok());
        let american = real(part(4..8)?, part(0..2)?, part(2..4)?);
        return american.or_else(|| real(part(0..4)?, part(4..6)?, part(6..8)?));
    }
    let (first, second) = (number("a")?, number("b")?);
    let year = full_year(date.name("y2")?.as_str())?;
    real(year, first, second).or_else(|| real(year, second, first))
}

fn of_names(date: &Captures<'_>) -> Option<String> {
    let either = |one: &str, other: &str| date.name(one).or_else(|| date.name(other)).map(|found| found.as_str());
    let day = either("d1", "d2")?.parse().ok()?;
    real(full_year(either("y1", "y2")?)?, month(either("m1", "m2")?)?, day)
}

fn month(name: &str) -> Option<u32> {
    let name = name.to_ascii_lowercase();
    let number = match name.get(..3)? {
        "jan" | "ene" => 1,
        "feb" => 2,
        "mar" => 3,
        "apr" | "abr" => 4,
        "may" => 5,
        "jun" => 6,
        "jul" => 7,
        "aug" | "ago" => 8,
        "sep" => 9,
        "oct" => 10,
        "nov" => 11,
        "dec" | "dic" => 12,
        _ => return None,
    };
    Some(number)
}

/// Two digits are a year of the last or of this century; which does not matter here.
fn full_year(digits: &str) -> Option<u32> {
    let year: u32 = digits.parse().ok()?;
    Some(if digits.len() == 2 { 1900 + year } else { year })
}

/// A day that there is, in a year in which a person now alive or lately dead may be born.
fn real(year: u32, month: u32, day: u32) -> Option<String> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Two digits don't say which century, and 2000 was a leap year though 1900 was none.
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap || year == 1900 => 29,
        2 => 28,
        _ => return None,
    };
    ((1890..=2049).contains(&year) && (1..=days).contains(&day)).then(|| format!("{year:04}-{month:02}-{day:02}"))
}
