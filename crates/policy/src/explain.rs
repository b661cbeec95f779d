//! A verdict told to people and to programs. Both forms are masked; the JSON
//! form is stable and described in `docs/policy.md`.

use std::fmt::Write;

use mail::Need;
use serde::Serialize;

use crate::finding::Finding;
use crate::verdict::{Action, Because, Decision, SubjectAction, Verdict};

/// The JSON form of a verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// One for each recipient.
    pub recipients: Vec<ExplainedRecipient>,
    /// What was found, masked.
    pub findings: Vec<ExplainedFinding>,
}

/// One recipient's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedRecipient {
    /// The recipient.
    pub address: String,
    /// `deliver`, `hold` or `refuse`.
    pub decision: &'static str,
    /// The need's word; only with `deliver`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<&'static str>,
    /// The rules that count.
    pub because: Vec<String>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedFinding {
    /// The detector's word.
    pub detector: &'static str,
    /// `subject`, `text`, `html` or `attachment:NAME`.
    #[serde(rename = "where")]
    pub place: String,
    /// 0 to 1.
    pub confidence: f64,
    /// What was found, mostly hidden.
    pub masked: String,
}

/// The JSON form of a verdict.
pub fn explain(verdict: &Verdict) -> Explained {
    let recipients = verdict.recipients.iter().map(|(address, decision)| ExplainedRecipient {
        address: address.to_string(),
        decision: decision.action.word(),
        needs: needs(decision).map(Need::word),
        because: decision.because.iter().map(Because::to_string).collect(),
    });
    Explained { recipients: recipients.collect(), findings: verdict.findings.iter().map(finding).collect() }
}

fn needs(decision: &Decision) -> Option<Need> {
    match decision.action {
        Action::Deliver { needs } => Some(needs),
        Action::Hold | Action::Refuse => None,
    }
}

fn finding(finding: &Finding) -> ExplainedFinding {
    ExplainedFinding {
        detector: finding.detector.word(),
        place: finding.place.to_string(),
        confidence: finding.confidence,
        masked: finding.masked.clone(),
    }
}

/// The form for people: one line a recipient with its reasons below, then the
/// findings.
pub fn text(verdict: &Verdict) -> String {
    let mut out = String::new();
    for (address, decision) in &verdict.recipients {
        let needs = needs(decision).map_or(String::new(), |need| format!(", needs {need}"));
        // Writing to a String can't fail.
        let _ = writeln!(out, "{address}: {}{needs}", decision.action.word());
        for because in &decision.because {
            let reason = because.reason.as_deref().filter(|_| because.exempts.is_empty());
            let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
            let _ = writeln!(out, "  because {because}{reason}");
        }
    }
    if let SubjectAction::Replace(replacement) = &verdict.subject {
        let _ = writeln!(out, "subject: replaced by \"{replacement}\", it holds health information");
    }
    if verdict.findings.is_empty() {
        out.push_str("findings: none\n");
        return out;
    }
    out.push_str("findings:\n");
    for finding in &verdict.findings {
        let percent = finding.confidence * 100.0;
        let _ = writeln!(out, "  {} in {}: {} ({percent:.0} % sure)", finding.detector, finding.place, finding.masked);
    }
    out
}
