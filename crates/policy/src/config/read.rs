//! The tables `[policy]`, `[policy.subject]` and `[policy.detectors]`.

use mail::Need;
use toml::{Table, Value};

use super::rules;
use super::table::{self, Keys, Mistake, Mistakes, PolicyError};
use crate::detect::Detectors;
use crate::finding::Detector;
use crate::policy::{Policy, SubjectPolicy};

/// Reads a text whose only top table is `policy`.
pub(crate) fn from_toml(text: &str) -> Result<Policy, PolicyError> {
    let table: Table = toml::from_str(text).map_err(|error| not_toml(text, &error))?;
    let mut mistakes = Mistakes::new();
    let mut keys = Keys::new("", &table);
    let policy = keys.table("policy", &mut mistakes).map(|policy| read(policy, &mut mistakes));
    keys.end(&mut mistakes);
    finish(policy.unwrap_or_default(), mistakes)
}

/// Reads the table `policy`.
pub(crate) fn from_table(policy: &Table) -> Result<Policy, PolicyError> {
    let mut mistakes = Mistakes::new();
    let policy = read(Keys::new("policy", policy), &mut mistakes);
    finish(policy, mistakes)
}

fn finish(policy: Policy, mistakes: Mistakes) -> Result<Policy, PolicyError> {
    if mistakes.is_empty() { Ok(policy) } else { Err(PolicyError { mistakes }) }
}

fn not_toml(text: &str, error: &toml::de::Error) -> PolicyError {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let path = line.map_or(String::new(), |line| format!("line {line}"));
    PolicyError { mistakes: vec![Mistake { path, problem: format!("not TOML: {}", error.message()) }] }
}

fn read(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> Policy {
    let mut policy = Policy::default();
    if let Some(default) = keys.read("default", mistakes, need) {
        policy.default = default;
    }
    if let Some(subject) = keys.table("subject", mistakes) {
        policy.subject = read_subject(subject, mistakes);
    }
    if let Some(detectors) = keys.table("detectors", mistakes) {
        policy.detectors = read_detectors(detectors, mistakes);
    }
    let rules = keys.read("rule", mistakes, |value| {
        value.as_array().ok_or_else(|| table::wants("rules, each under [[policy.rule]]", value))
    });
    policy.rules = rules::read(&keys.path("rule"), rules.map_or(&[], Vec::as_slice), mistakes);
    keys.end(mistakes);
    policy
}

fn read_subject(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> SubjectPolicy {
    let default = SubjectPolicy::default();
    let subject = SubjectPolicy {
        replace: keys.read("replace", mistakes, table::boolean).unwrap_or(default.replace),
        replacement: keys.read("replacement", mistakes, one_line).unwrap_or(default.replacement),
        confidence: keys.read("confidence", mistakes, table::share).unwrap_or(default.confidence),
    };
    keys.end(mistakes);
    subject
}

/// A replacement goes into a header field: no line break may slip in.
fn one_line(value: &Value) -> Result<String, String> {
    let text = table::text(value)?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("wants one line of text".to_owned());
    }
    Ok(text)
}

fn read_detectors(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> Detectors {
    let off = keys.list("off", mistakes, detector).unwrap_or_default();
    keys.end(mistakes);
    Detectors { off: off.into_iter().collect() }
}

/// The word of a need.
pub(super) fn need(value: &Value) -> Result<Need, String> {
    let known = Need::ALL.map(Need::word);
    table::word(value, "level or method", &known, Need::from_word)
}

/// The word of a detector.
pub(super) fn detector(value: &Value) -> Result<Detector, String> {
    let known = Detector::ALL.map(Detector::word);
    table::word(value, "detector", &known, Detector::from_word)
}
