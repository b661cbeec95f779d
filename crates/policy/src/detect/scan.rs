//! From a reading to findings: each place read once, overlaps settled, repeats
//! dropped, all of it masked.

use std::collections::HashMap;

use mail::reading::{Body, Part, Place, Reading, html_text, unstructured};

use super::candidate::{Candidate, mask};
use super::text::{Text, Word};
use super::{Detectors, columns, normal};
use crate::finding::{Detector, Finding, Where};

/// So many different findings are kept of one detector; more would say no more.
const FINDINGS_MAX: usize = 10_000;
/// So much of an attachment's name is cited; file systems allow no more.
const NAME_BYTES_MAX: usize = 255;

/// Looks through a message as its reader sees it. Findings come in the order of
/// the message, each value once in a place.
pub fn scan(detectors: &Detectors, reading: &Reading) -> Vec<Finding> {
    let mut scan = Scan { detectors, findings: Vec::new(), seen: HashMap::new(), counts: HashMap::new() };
    scan.text(&Where::Subject, &reading.subject);
    let mut container = Where::Attachment(String::new());
    for part in &reading.parts {
        let place = scan.place(part, &container);
        if part.content_type == "message/rfc822" && part.nesting == 0 {
            container = place.clone();
        }
        scan.body(&place, part);
    }
    scan.text(&Where::Text, &reading.beside);
    scan.findings
}

struct Scan<'a> {
    detectors: &'a Detectors,
    findings: Vec<Finding>,
    /// Where in `findings` each value of a place stands.
    seen: HashMap<(Where, Detector, String), usize>,
    counts: HashMap<Detector, usize>,
}

impl Scan<'_> {
    /// Where a part stands; an attachment's name is looked through and masked.
    fn place(&mut self, part: &Part, container: &Where) -> Where {
        match &part.place {
            Place::Text | Place::Html if part.nesting > 0 => container.clone(),
            Place::Text => Where::Text,
            Place::Html => Where::Html,
            Place::Attachment(name) => self.name(name),
        }
    }

    fn name(&mut self, name: &str) -> Where {
        let plain = normal::normal(name);
        // Names are written with underscores for spaces; both have one byte.
        let spaced = plain.replace('_', " ");
        let candidates = settle(self.detectors.candidates(&Text::new(&spaced)));
        let mut masked = String::with_capacity(plain.len());
        let mut at = 0;
        for candidate in &candidates {
            masked.push_str(plain.get(at..candidate.range.start).unwrap_or_default());
            let written = plain.get(candidate.range.clone()).unwrap_or_default();
            masked.push_str(&mask(candidate.detector, written));
            at = candidate.range.end;
        }
        masked.push_str(plain.get(at..).unwrap_or_default());
        let place = Where::Attachment(short(without_numbers(&masked)));
        self.keep(&place, &spaced, candidates);
        place
    }

    fn body(&mut self, place: &Where, part: &Part) {
        match &part.body {
            Body::Text(text) => self.text(place, text),
            Body::Html(html) => self.text(place, &html_text(html)),
            Body::Bytes(bytes) if part.content_type == "message/rfc822" => self.nested_subject(place, bytes),
            Body::Bytes(bytes) => {
                if let Some(text) = normal::text_of(bytes) {
                    self.text(place, &text);
                }
            }
        }
    }

    /// The leaves of a nested message are parts of their own; its subject is not.
    fn nested_subject(&mut self, place: &Where, message: &[u8]) {
        let block = mail::reading::header_block(message);
        let subject = mail::header::fields(block).find(|field| field.is("Subject"));
        if let Some(subject) = subject {
            self.text(place, &unstructured(subject.value));
        }
    }

    fn text(&mut self, place: &Where, text: &str) {
        let plain = normal::normal(text);
        let candidates = settle(self.detectors.candidates(&Text::new(&plain)));
        self.keep(place, &plain, candidates);
        if let Some(table) = columns::labelled(&plain, |heading| self.tells(heading)) {
            let candidates = settle(self.detectors.candidates(&Text::new(&table)));
            self.keep(place, &table, candidates);
        }
    }

    /// Whether a column's heading says what its numbers are.
    fn tells(&self, heading: &str) -> bool {
        let words = Text::new(heading);
        let kinds = [Word::Ssn, Word::Npi, Word::Mbi, Word::Dea, Word::Card, Word::Birth, Word::Diagnosis, Word::Phone];
        columns::is_heading(heading)
            && (kinds.into_iter().any(|kind| !words.places(kind).is_empty())
                || self.detectors.mrn.is_named(heading)
                || self.detectors.member_id.is_named(heading))
    }

    fn keep(&mut self, place: &Where, plain: &str, candidates: Vec<Candidate>) {
        for candidate in candidates {
            let key = (place.clone(), candidate.detector, candidate.value);
            if let Some(known) = self.seen.get(&key).and_then(|index| self.findings.get_mut(*index)) {
                known.confidence = known.confidence.max(candidate.confidence);
                continue;
            }
            let count = self.counts.entry(candidate.detector).or_default();
            if *count >= FINDINGS_MAX {
                continue;
            }
            *count += 1;
            let written = plain.get(candidate.range).unwrap_or_default();
            self.findings.push(Finding {
                detector: candidate.detector,
                place: place.clone(),
                confidence: candidate.confidence,
                masked: mask(candidate.detector, written),
                value: key.2.clone(),
            });
            self.seen.insert(key, self.findings.len() - 1);
        }
    }
}

/// A long number is hidden in a name even where no detector knows it: it may
/// be one that was glued to other letters.
fn without_numbers(name: &str) -> String {
    let mut hidden: Vec<char> = name.chars().collect();
    let mut at = 0;
    while at < hidden.len() {
        let run = number_length(hidden.get(at..).unwrap_or_default());
        let digits = hidden.iter_mut().skip(at).take(run).filter(|c| c.is_ascii_digit());
        if digits.count() >= LONG_NUMBER_DIGITS {
            let digits = hidden.iter_mut().skip(at).take(run).filter(|c| c.is_ascii_digit());
            digits.for_each(|c| *c = '*');
        }
        at += run.max(1);
    }
    hidden.into_iter().collect()
}

/// From this many digits on a number could be anybody's.
const LONG_NUMBER_DIGITS: usize = 7;

/// How far a number reaches: digits, with single separators between them.
fn number_length(text: &[char]) -> usize {
    let mut length = 0;
    for (at, c) in text.iter().enumerate() {
        let parts = "-._ /".contains(*c) && text.get(at + 1).is_some_and(char::is_ascii_digit) && at > 0;
        if !c.is_ascii_digit() && !parts {
            break;
        }
        length = at + 1;
    }
    length
}

/// A name as findings cite it: each finding holds one, so it is bounded.
fn short(mut name: String) -> String {
    if name.len() > NAME_BYTES_MAX {
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        name.push('…');
    }
    name
}

/// Of candidates that overlap, the surest stays; at a tie the longer. In the
/// order of the text.
fn settle(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
    let mut settled: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match settled.last_mut() {
            Some(last) if candidate.range.start < last.range.end => {
                let (old, new) = (last.range.len(), candidate.range.len());
                if candidate.confidence > last.confidence || (candidate.confidence == last.confidence && new > old) {
                    *last = candidate;
                }
            }
            _ => settled.push(candidate),
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_number_in_a_name_is_hidden_even_where_it_is_glued_to_letters() {
        let check = |name: &str, expect: &str| assert_eq!(without_numbers(name), expect);
        check("SSN 536-22-8141Subject.txt", "SSN ***-**-****Subject.txt");
        check("a12345678b", "a********b");
        check("visit-2024-3.pdf", "visit-2024-3.pdf");
        check("room 12, bed 3", "room 12, bed 3");
        check("", "");
    }
}
