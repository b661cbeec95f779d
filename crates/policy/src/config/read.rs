//! The tables `[policy]`, `[policy.subject]`, `[policy.detectors]` and what
//! stands below them.

use mail::Need;
use toml::{Table, Value};

use super::keys as recipient_keys;
use super::rules;
use super::signing;
use super::table::{self, Keys, Mistake, Mistakes, PolicyError, mistake};
use crate::detect::{Detectors, Drugs, Labelled};
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
    if let Some(table) = keys.table("keys", mistakes) {
        policy.keys = recipient_keys::read(table, mistakes);
    }
    if let Some(table) = keys.table("signing", mistakes) {
        policy.signing = signing::signing(table, mistakes);
    }
    if let Some(table) = keys.table("replies", mistakes) {
        policy.replies = signing::replies(table, mistakes);
    }
    if let Some(table) = keys.table("tls", mistakes) {
        policy.tls = signing::tls(table, mistakes);
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
        ignore: keys.list("ignore", mistakes, detector).unwrap_or_default().into_iter().collect(),
        legacy_display: keys.read("legacy_display", mistakes, table::boolean).unwrap_or(default.legacy_display),
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
    let mrn = keys.table("mrn", mistakes).and_then(|mrn| read_labelled(mrn, &Labelled::mrn(), mistakes));
    let member_id = keys.table("member_id", mistakes);
    let member_id = member_id.and_then(|id| read_labelled(id, &Labelled::member_id(), mistakes));
    let drug = keys.table("drug", mistakes).map(|drug| read_drugs(drug, mistakes));
    keys.end(mistakes);
    Detectors {
        off: off.into_iter().collect(),
        mrn: mrn.unwrap_or_else(Labelled::mrn),
        member_id: member_id.unwrap_or_else(Labelled::member_id),
        drug: drug.unwrap_or_default(),
    }
}

fn read_labelled(mut keys: Keys<'_>, default: &Labelled, mistakes: &mut Mistakes) -> Option<Labelled> {
    let words = keys.list("words", mistakes, table::text).unwrap_or_else(|| default.words().to_vec());
    let patterns = keys.list("patterns", mistakes, table::text);
    let patterns = patterns.unwrap_or_else(|| default.patterns().map(str::to_owned).collect());
    let path = keys.path("patterns");
    keys.end(mistakes);
    Labelled::new(words, &patterns).map_err(|error| mistake(mistakes, &path, error.to_string())).ok()
}

fn read_drugs(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> Drugs {
    let add = keys.list("add", mistakes, drug_name).unwrap_or_default();
    let remove = keys.list("remove", mistakes, |value| {
        let name = table::text(value)?;
        if Drugs::knows(&name) { Ok(name) } else { Err(format!("\"{name}\" is not on the list that ships")) }
    });
    keys.end(mistakes);
    Drugs::new(add, remove.unwrap_or_default())
}

/// A shorter name would be found in every text.
fn drug_name(value: &Value) -> Result<String, String> {
    let name = table::text(value)?;
    if name.trim().chars().count() < 3 { Err("wants a name of at least 3 letters".to_owned()) } else { Ok(name) }
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
