//! Complaints that come in: abuse reports (RFC 5965) read for what they say.
//!
//! All of it is what somebody wrote. Whether a complaint is about a message that
//! was really sent, and by whom it was received, is for others to prove.

use super::dsn::{text, untyped, unxtext};
use super::parts::Parts;
use crate::entity::Entity;
use crate::header;

/// Types of feedback by which a recipient says that the message was unwanted
/// (RFC 5965 §7.3; `opt-out` is older than it). What tells of a signature
/// (RFC 6591) or of a virus, or that something is no spam, is no complaint.
const COMPLAINTS: [&str; 4] = ["abuse", "fraud", "opt-out", "opt-out-list"];
/// Recipients of one report that are looked at.
const RECIPIENTS_MAX: usize = 100;

/// A complaint, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// `Feedback-Type`, in lower case.
    pub feedback: String,
    /// Who reports: `Reporting-MTA`, else `User-Agent`.
    pub reporter: Option<String>,
    /// `Original-Mail-From`: where the message's bounces were to come to.
    pub mail_from: Option<String>,
    /// `Original-Envelope-Id`, decoded.
    pub envelope_id: Option<String>,
    /// `Original-Rcpt-To`.
    pub recipients: Vec<String>,
    /// The header block of the message that came back, as far as it is there.
    pub returned: Vec<u8>,
}

impl Complaint {
    /// Reads a message; none where it is no abuse report, or none of a complaint.
    pub fn read(message: &[u8]) -> Option<Self> {
        let entity = Entity::read(message);
        if !entity.kind().starts_with("multipart/") {
            return None;
        }
        let Parts { feedback, returned, .. } = Parts::find(&entity);
        let report = feedback?;
        let report = report.trim_ascii_start();
        let all = |name: &'static str| header::fields(report).filter(move |field| field.is(name));
        let value = |name: &'static str| all(name).next().map(|field| text(&field));
        let kind = value("Feedback-Type")?.to_ascii_lowercase();
        COMPLAINTS.contains(&kind.as_str()).then(|| Self {
            feedback: kind,
            reporter: value("Reporting-MTA").map(|text| untyped(&text)).or_else(|| value("User-Agent")),
            mail_from: value("Original-Mail-From").map(|text| untyped(&text)),
            envelope_id: value("Original-Envelope-Id").map(|id| unxtext(&id)),
            recipients: all("Original-Rcpt-To").take(RECIPIENTS_MAX).map(|field| untyped(&text(&field))).collect(),
            returned,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: &str) -> String {
        format!(
            "From: fbl@provider.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
             --b\r\n\r\nA complaint.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n\
             Feedback-Type: {kind}\r\nUser-Agent: FBL/1\r\nVersion: 1\r\nOriginal-Mail-From: <b-1@bounces.example>\r\n\
             Original-Rcpt-To: <ann@x.example>\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
             Message-ID: <1@c.example>\r\n\r\nHello\r\n--b--\r\n"
        )
    }

    #[test]
    fn a_complaint_is_read() {
        for message in [report("Abuse"), report("abuse").replace("\r\n", "\n")] {
            let complaint = Complaint::read(message.as_bytes()).unwrap();
            assert_eq!((complaint.feedback.as_str(), complaint.reporter.as_deref()), ("abuse", Some("FBL/1")));
            assert_eq!(complaint.mail_from.as_deref(), Some("b-1@bounces.example"));
            assert_eq!(complaint.recipients, ["ann@x.example"]);
            assert_eq!(header::first(&complaint.returned, "Message-ID").as_deref(), Some("<1@c.example>"));
        }
    }

    #[test]
    fn other_feedback_is_no_complaint() {
        for kind in ["auth-failure", "not-spam", "virus", "dmarc", ""] {
            assert_eq!(Complaint::read(report(kind).as_bytes()), None, "{kind}");
        }
        assert_eq!(Complaint::read(b"Subject: abuse\r\n\r\nFeedback-Type: abuse\r\n"), None);
    }
}
