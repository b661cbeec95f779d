//! RFC 3464: the report of a multipart/report, and the header block that came
//! back with it. Servers leave much out and put parts elsewhere, so the parts
//! are looked for wherever they stand.

use super::parts::Parts;
use super::{Action, Bounce, Outcome};
use crate::entity::Entity;
use crate::header::{self, Field};
use crate::reading::unstructured;
use crate::reply::EnhancedCode;

const RECIPIENTS_MAX: usize = 200;
/// Characters of a value that are kept.
const TEXT_MAX: usize = 600;

pub(super) fn read(entity: &Entity<'_>) -> Option<Bounce> {
    let found = Parts::find(entity);
    let mut bounce = report(&found.status?);
    bounce.returned = found.returned;
    Some(bounce)
}

/// Groups of fields between empty lines: the first is about the message.
fn report(status: &[u8]) -> Bounce {
    let mut bounce = Bounce::default();
    for group in groups(status).take(RECIPIENTS_MAX + 1) {
        let value = |name: &str| header::fields(group).find(|field| field.is(name)).map(|field| text(&field));
        let typed = |name: &str| value(name).map(|text| untyped(&text));
        bounce.reporter = bounce.reporter.or_else(|| typed("Reporting-MTA"));
        bounce.envelope_id = bounce.envelope_id.or_else(|| value("Original-Envelope-Id").map(|id| unxtext(&id)));
        let outcome = Outcome {
            recipient: typed("Final-Recipient"),
            original: typed("Original-Recipient"),
            action: value("Action").map(|text| Action::read(&text)).unwrap_or_default(),
            status: value("Status").and_then(|text| Some(EnhancedCode::split(&text)?.0)),
            diagnostic: typed("Diagnostic-Code"),
            remote: typed("Remote-MTA"),
        };
        if outcome.recipient.is_some() || outcome.original.is_some() {
            bounce.recipients.push(outcome);
        }
    }
    bounce
}

fn groups(status: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = status;
    std::iter::from_fn(move || {
        while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            if line.trim_ascii().is_empty() {
                break;
            }
            end += line.len();
        }
        let (group, after) = rest.split_at(end.max(1).min(rest.len()));
        rest = after;
        Some(group)
    })
}

pub(super) fn text(field: &Field<'_>) -> String {
    unstructured(field.value).trim().chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

/// `rfc822; a@b.example` without its type.
pub(super) fn untyped(text: &str) -> String {
    let bare = |text: &str| text.trim().trim_matches(['<', '>']).to_owned();
    match text.split_once(';') {
        Some((kind, rest))
            if kind.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) =>
        {
            bare(rest)
        }
        _ => bare(text),
    }
}

/// RFC 3461 §4 undone; what is no xtext stays.
pub(super) fn unxtext(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('+') {
        decoded.push_str(before);
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push('+');
                rest = after;
            }
        }
    }
    decoded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const DSN: &str = "From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
        --b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
        Reporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: a+2Bb\r\n\r\n\
        Original-Recipient: rfc822;Ann@x.example\r\nFinal-Recipient: RFC822; <ann@y.example>\r\nAction: failed\r\n\
        Status: 5.1.1 (bad)\r\nRemote-MTA: dns; mx.y.example\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n no such user\r\n\r\n\
        Final-Recipient: rfc822; bob@x.example\r\nAction: delayed\r\nStatus: 4.2.2\r\n\r\n\
        --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1@c.example>\r\nSubject: s\r\n--b--\r\n";

    fn check(message: &str) {
        let bounce = Bounce::read(message.as_bytes()).unwrap();
        assert_eq!((bounce.reporter.as_deref(), bounce.envelope_id.as_deref()), (Some("mx.example"), Some("a+b")));
        let [ann, bob] = &bounce.recipients[..] else { panic!("{bounce:?}") };
        assert_eq!((ann.recipient.as_deref(), ann.original.as_deref()), (Some("ann@y.example"), Some("Ann@x.example")));
        assert_eq!((ann.action, ann.status), (Action::Failed, Some(EnhancedCode(5, 1, 1))));
        assert_eq!(ann.diagnostic.as_deref(), Some("550 5.1.1 no such user"));
        assert_eq!((bob.action, bob.original.as_deref()), (Action::Delayed, None));
        assert_eq!(header::first(&bounce.returned, "Message-ID").as_deref(), Some("<1@c.example>"));
    }

    #[test]
    fn a_report_is_read() {
        check(DSN);
        check(&DSN.replace("\r\n", "\n"));
        check(&DSN.replace("multipart/report; report-type=delivery-status", "multipart/mixed"));
        check(&DSN.replace("text/rfc822-headers", "message/rfc822"));
    }

    #[test]
    fn what_is_no_report_is_none() {
        assert_eq!(Bounce::read(b"Subject: failed\r\n\r\nStatus: 5.1.1\r\n"), None);
        let empty = "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n--b--";
        assert_eq!(Bounce::read(empty.as_bytes()).unwrap().recipients, []);
    }
}
