//! A policy in its one canonical form.

use std::fmt::Write;

use toml::Value;

use super::keys::span;
use crate::detect::{Detectors, EDITION, lists};
use crate::keys::KeyPolicy;
use crate::policy::Policy;
use crate::rule::{Act, Judge, Rule};

/// The form's version: it changes when the same policy would get another text
/// or the same text another meaning.
const FORMAT: u32 = 3;

/// Every value of the policy, defaults too, in one fixed order.
pub(crate) fn canonical(policy: &Policy) -> String {
    // The lists that ship belong to what is effective, and so to the hash.
    let mut out = format!("# Sealpost policy, format {FORMAT}, detectors {EDITION}, lists {}\n", lists());
    out.push_str("[policy]\n");
    line(&mut out, "default", policy.default.word().into());
    out.push_str("[policy.subject]\n");
    line(&mut out, "replace", policy.subject.replace.into());
    line(&mut out, "replacement", policy.subject.replacement.as_str().into());
    line(&mut out, "confidence", policy.subject.confidence.into());
    list(&mut out, "ignore", policy.subject.ignore.iter().map(|detector| detector.word().into()));
    line(&mut out, "legacy_display", policy.subject.legacy_display.into());
    out.push_str("[policy.detectors]\n");
    write_detectors(&mut out, &policy.detectors);
    out.push_str("[policy.keys]\n");
    write_keys(&mut out, &policy.keys);
    out.push_str("[policy.signing]\n");
    line(&mut out, "end_to_end", policy.signing.end_to_end.word().into());
    line(&mut out, "transit", policy.signing.transit.word().into());
    line(&mut out, "format", policy.signing.format.word().into());
    out.push_str("[policy.replies]\n");
    line(&mut out, "key", policy.replies.key.into());
    line(&mut out, "portal", policy.replies.portal.word().into());
    line(&mut out, "quotes", policy.replies.quotes.into());
    out.push_str("[policy.tls]\n");
    line(&mut out, "requiretls_unmet", policy.tls.requiretls_unmet.word().into());
    line(&mut out, "required_no", policy.tls.required_no.into());
    for rule in &policy.rules {
        out.push_str("[[policy.rule]]\n");
        write_rule(&mut out, rule);
    }
    out
}

fn write_detectors(out: &mut String, detectors: &Detectors) {
    list(out, "off", detectors.off.iter().map(|detector| detector.word().into()));
    for (name, labelled) in [("mrn", &detectors.mrn), ("member_id", &detectors.member_id)] {
        let _ = writeln!(out, "[policy.detectors.{name}]");
        list(out, "words", labelled.words().iter().map(|word| word.as_str().into()));
        list(out, "patterns", labelled.patterns().map(Value::from));
    }
    out.push_str("[policy.detectors.drug]\n");
    list(out, "add", detectors.drug.add.iter().map(|name| name.as_str().into()));
    list(out, "remove", detectors.drug.remove.iter().map(|name| name.as_str().into()));
}

fn write_keys(out: &mut String, keys: &KeyPolicy) {
    list(out, "end_to_end", keys.end_to_end.iter().map(|source| source.word().into()));
    list(out, "transit", keys.transit.iter().map(|source| source.word().into()));
    line(out, "prefer", keys.prefer.word().into());
    line(out, "use_when", keys.use_when.word().into());
    // An empty list says something here.
    line(out, "changes", Value::Array(keys.changes.iter().map(|rule| rule.word().into()).collect()));
    if let Some(after) = keys.accept_after {
        line(out, "accept_after", span(after).into());
    }
    line(out, "local_part", keys.local_part.word().into());
    line(out, "crossing", keys.crossing.word().into());
    line(out, "unknown_revocation", keys.unknown_revocation.word().into());
}

fn write_rule(out: &mut String, rule: &Rule) {
    line(out, "name", rule.name.as_str().into());
    if let Some(reason) = &rule.reason {
        line(out, "reason", reason.as_str().into());
    }
    write_when(out, rule);
    match &rule.act {
        Act::Require(need) => line(out, "require", need.word().into()),
        Act::Hold(Judge::Staff) => line(out, "hold", true.into()),
        Act::Hold(Judge::Sender) => line(out, "hold", "sender".into()),
        Act::Refuse => line(out, "refuse", true.into()),
        Act::Banner(text) => line(out, "banner", text.as_str().into()),
        Act::Exempt(rules) => list(out, "exempt", rules.iter().map(|name| name.as_str().into())),
    }
}

fn write_when(out: &mut String, rule: &Rule) {
    let when = &rule.when;
    list(out, "sender", when.sender.iter().map(|glob| glob.as_str().into()));
    list(out, "sender_domain", when.sender_domain.iter().map(|domain| domain.to_string().into()));
    list(out, "recipient", when.recipient.iter().map(|glob| glob.as_str().into()));
    list(out, "recipient_domain", when.recipient_domain.iter().map(|domain| domain.to_string().into()));
    list(out, "subject_tag", when.subject_tag.iter().map(|tag| tag.as_str().into()));
    if !when.header.is_empty() {
        let fields = when.header.iter().map(|(name, glob)| (name.clone(), Value::from(glob.as_str())));
        line(out, "header", Value::Table(fields.collect()));
    }
    if let Some(direction) = when.direction {
        line(out, "direction", direction.word().into());
    }
    if let Some(size) = when.size_min {
        line(out, "size_min", i64::try_from(size).unwrap_or(i64::MAX).into());
    }
    list(out, "attachment_name", when.attachment_name.iter().map(|glob| glob.as_str().into()));
    list(out, "attachment_type", when.attachment_type.iter().map(|glob| glob.as_str().into()));
    let conditions = when.detector.iter().map(|condition| {
        let name = condition.detector.map_or("any", |detector| detector.word());
        let count = i64::try_from(condition.count).unwrap_or(i64::MAX);
        let fields: [(String, Value); 3] = [
            ("name".into(), name.into()),
            ("confidence".into(), condition.confidence.into()),
            ("count".into(), count.into()),
        ];
        Value::Table(fields.into_iter().collect())
    });
    list(out, "detector", conditions);
}

/// A list in one line; an empty one is left out.
fn list(out: &mut String, key: &str, values: impl Iterator<Item = Value>) {
    let values: Vec<Value> = values.collect();
    if !values.is_empty() {
        line(out, key, Value::Array(values));
    }
}

fn line(out: &mut String, key: &str, value: Value) {
    // Writing to a String can't fail.
    let _ = writeln!(out, "{key} = {value}");
}
