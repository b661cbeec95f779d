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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Detector, Where};
    use crate::verdict::Released;

    fn verdict() -> Verdict {
        let deliver = Decision {
            action: Action::Deliver { needs: Need::Verified },
            released: None,
            because: vec![Because::built_in("default", None)],
            banners: Vec::new(),
        };
        let hold = Decision {
            action: Action::Hold,
            released: Some(Released { needs: Need::Verified, by_sender: false }),
            because: vec![
                Because::built_in("bulk", Some("lists wait")),
                Because { rule: "ours".into(), reason: Some("agreed".into()), exempts: vec!["a".into(), "b".into()] },
            ],
            banners: Vec::new(),
        };
        let finding = Finding {
            detector: Detector::Ssn,
            place: Where::Text,
            confidence: 0.95,
            masked: "***-**-8141".to_owned(),
            value: "536228141".to_owned(),
        };
        let address = |text: &str| text.parse().unwrap();
        Verdict {
            recipients: vec![(address("p@example.com"), deliver), (address("q@example.com"), hold)],
            findings: vec![finding],
            subject: SubjectAction::Replace("A message from Lakeside".to_owned()),
        }
    }

    #[test]
    fn the_json_form_is_stable() {
        let expect = concat!(
            r#"{"recipients":["#,
            r#"{"address":"p@example.com","decision":"deliver","needs":"verified","because":["default"]},"#,
            r#"{"address":"q@example.com","decision":"hold","because":["bulk","ours (cancels a, b: agreed)"]}],"#,
            r#""findings":[{"detector":"ssn","where":"text","confidence":0.95,"masked":"***-**-8141"}]}"#
        );
        assert_eq!(serde_json::to_string(&explain(&verdict())).unwrap(), expect);
    }

    #[test]
    fn people_read_the_same() {
        let expect = "p@example.com: deliver, needs verified\n  because default\n\
            q@example.com: hold\n  because bulk: lists wait\n  because ours (cancels a, b: agreed)\n\
            subject: replaced by \"A message from Lakeside\", it holds health information\n\
            findings:\n  ssn in text: ***-**-8141 (95 % sure)\n";
        assert_eq!(text(&verdict()), expect);
    }

    #[test]
    fn a_finding_never_shows_its_value() {
        assert!(!format!("{:?}", verdict()).contains("536228141"));
    }
}
