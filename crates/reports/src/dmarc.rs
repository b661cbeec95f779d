//! Aggregate reports of DMARC (RFC 7489 appendix C), as they are found in the
//! wild: fields that are missing are empty, those that nobody knows are passed
//! over, and every value is cleaned.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::clean;
use crate::xml::{self, Node, XmlError};

/// The most rows that are kept of a report.
const ROWS_MAX: usize = 20_000;

/// Why bytes are no aggregate report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDmarc {
    /// Not readable as XML.
    #[error("the report can't be read: {0}")]
    Xml(#[from] XmlError),
    /// XML, and no `feedback` with a domain in it.
    #[error("it is no aggregate report of DMARC")]
    NotFeedback,
}

/// What a receiver saw of mail that names a domain as its author.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmarcReport {
    /// Who reports.
    pub reporter: String,
    /// Its address, as it says.
    pub contact: String,
    /// Its name for the report.
    pub report_id: String,
    /// The time that it is about.
    pub begin: Option<Timestamp>,
    /// The end of that time.
    pub end: Option<Timestamp>,
    /// The domain whose policy was found.
    pub domain: String,
    /// `p` of that policy.
    pub policy: String,
    /// `sp` of that policy.
    pub subdomain_policy: String,
    /// What the reporter says went wrong with the report.
    pub errors: Vec<String>,
    /// Sources, each with how many messages came from it and what was found.
    pub rows: Vec<DmarcRow>,
    /// Rows beyond those that are kept.
    #[serde(default)]
    pub rows_left_out: u64,
}

/// Messages of one source that were judged alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmarcRow {
    /// Where they came from.
    pub source: Option<IpAddr>,
    /// How many.
    pub count: u64,
    /// What was done with them: `none`, `quarantine`, `reject`, or what the reporter wrote.
    pub disposition: String,
    /// Whether DKIM passed and was aligned: `pass`, `fail`.
    pub dkim: String,
    /// Whether SPF passed and was aligned.
    pub spf: String,
    /// Why something else was done than the policy says: type and comment.
    pub reasons: Vec<String>,
    /// The domain of From.
    pub header_from: String,
    /// The domain of MAIL FROM, where it is told.
    pub envelope_from: String,
    /// Signatures: `domain (selector) result`.
    pub signatures: Vec<String>,
    /// SPF: `domain (scope) result`.
    pub senders: Vec<String>,
}

impl DmarcRow {
    /// Whether DMARC passed.
    pub fn passes(&self) -> bool {
        self.dkim == "pass" || self.spf == "pass"
    }
}

impl DmarcReport {
    /// Reads a report that is unpacked.
    ///
    /// # Errors
    /// [`NotDmarc`] as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotDmarc> {
        let mut reading = Reading::default();
        xml::read(bytes, |node| reading.take(&node))?;
        match reading.is_feedback && !reading.report.domain.is_empty() {
            true => Ok(reading.report),
            false => Err(NotDmarc::NotFeedback),
        }
    }

    /// How many messages it counts, and how many of them pass.
    pub fn counts(&self) -> (u64, u64) {
        let sum = |rows: &mut dyn Iterator<Item = &DmarcRow>| rows.fold(0u64, |sum, row| sum.saturating_add(row.count));
        (sum(&mut self.rows.iter()), sum(&mut self.rows.iter().filter(|row| row.passes())))
    }
}

#[derive(Default)]
struct Reading<'x> {
    path: Vec<&'x str>,
    is_feedback: bool,
    report: DmarcReport,
    row: DmarcRow,
    /// What is gathered of a signature, a sender or a reason.
    parts: [String; 3],
}

impl<'x> Reading<'x> {
    fn take(&mut self, node: &Node<'x>) {
        match node {
            Node::Open(name) => {
                self.is_feedback |= self.path.is_empty() && *name == "feedback";
                self.path.push(name);
                match *name {
                    "record" => self.row = DmarcRow::default(),
                    "dkim" | "spf" | "reason" => self.parts = Default::default(),
                    _ => {}
                }
            }
            Node::Close(name, text) => {
                self.path.pop();
                let text = clean(text);
                let path = std::mem::take(&mut self.path);
                match path.as_slice() {
                    ["feedback"] if *name == "record" => self.end_row(),
                    ["feedback", section, inner @ ..] => self.value(section, inner, name, text),
                    _ => {}
                }
                self.path = path;
            }
        }
    }

    fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        match self.report.rows.len() < ROWS_MAX {
            true => self.report.rows.push(row),
            false => self.report.rows_left_out = self.report.rows_left_out.saturating_add(1),
        }
    }

    fn value(&mut self, section: &str, inner: &[&str], name: &str, text: String) {
        let report = &mut self.report;
        match (section, inner, name) {
            ("report_metadata", [], "org_name") => report.reporter = text,
            ("report_metadata", [], "email") => report.contact = text,
            ("report_metadata", [], "report_id") => report.report_id = text,
            ("report_metadata", [], "error") if report.errors.len() < 10 => report.errors.push(text),
            ("report_metadata", ["date_range"], "begin") => report.begin = seconds(&text),
            ("report_metadata", ["date_range"], "end") => report.end = seconds(&text),
            ("policy_published", [], "domain") => report.domain = text.to_ascii_lowercase(),
            ("policy_published", [], "p") => report.policy = word(&text),
            ("policy_published", [], "sp") => report.subdomain_policy = word(&text),
            ("record", inner, name) => self.of_row(inner, name, text),
            _ => {}
        }
    }

    fn of_row(&mut self, inner: &[&str], name: &str, text: String) {
        let row = &mut self.row;
        match (inner, name) {
            (["row"], "source_ip") => row.source = text.parse().ok(),
            (["row"], "count") => row.count = text.parse().unwrap_or_default(),
            (["row", "policy_evaluated"], "disposition") => row.disposition = word(&text),
            (["row", "policy_evaluated"], "dkim") => row.dkim = word(&text),
            (["row", "policy_evaluated"], "spf") => row.spf = word(&text),
            (["row", "policy_evaluated"], "reason") => add(&mut row.reasons, &self.parts),
            (["row", "policy_evaluated", "reason"], "type") => self.parts[0] = text,
            (["row", "policy_evaluated", "reason"], "comment") => self.parts[2] = text,
            (["identifiers"], "header_from") => row.header_from = text.to_ascii_lowercase(),
            (["identifiers"], "envelope_from") => row.envelope_from = text.to_ascii_lowercase(),
            (["auth_results"], "dkim") => add(&mut row.signatures, &self.parts),
            (["auth_results"], "spf") => add(&mut row.senders, &self.parts),
            (["auth_results", "dkim" | "spf"], "domain") => self.parts[0] = text,
            (["auth_results", "dkim" | "spf"], "selector" | "scope") => self.parts[1] = text,
            (["auth_results", "dkim" | "spf"], "result") => self.parts[2] = word(&text),
            _ => {}
        }
    }
}

/// `domain (selector) result`, without what is not told.
fn add(list: &mut Vec<String>, parts: &[String; 3]) {
    const PER_ROW_MAX: usize = 20;
    let [first, second, third] = parts;
    let second = if second.is_empty() { String::new() } else { format!("({second})") };
    let told: Vec<&str> = [first.as_str(), &second, third].into_iter().filter(|part| !part.is_empty()).collect();
    if list.len() < PER_ROW_MAX && !told.is_empty() {
        list.push(told.join(" "));
    }
}

fn word(text: &str) -> String {
    text.to_ascii_lowercase()
}

fn seconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(text.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_report_is_told() {
        assert_eq!(DmarcReport::parse(b"<html></html>"), Err(NotDmarc::NotFeedback));
        assert_eq!(DmarcReport::parse(b"<feedback></feedback>"), Err(NotDmarc::NotFeedback));
        assert_eq!(DmarcReport::parse(b"{}"), Err(NotDmarc::Xml(XmlError::Form)));
    }

    #[test]
    fn values_are_harmless_before_anybody_sees_them() {
        let text = "<feedback><report_metadata><org_name>a\u{1b}[2J</org_name></report_metadata>\
            <policy_published><domain>C.example</domain></policy_published>\
            <record><row><source_ip>nowhere</source_ip><count>-1</count></row></record></feedback>";
        let report = DmarcReport::parse(text.as_bytes()).unwrap();
        assert_eq!((report.reporter.as_str(), report.domain.as_str()), ("a[2J", "c.example"));
        assert_eq!((report.rows[0].source, report.rows[0].count), (None, 0));
    }
}
