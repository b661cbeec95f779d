//! Header protection (RFC 9788): which fields of a message go inside what is
//! protected, which stay outside, and what stands there instead.

use mail::header::{self, Field};

use super::content_type::Mark;
use crate::edits::{Edits, is_private};

/// What may be read outside of an encrypted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPolicy {
    /// What stands in the Subject field outside, encoded for the wire.
    pub subject: String,
    /// Which other fields stand outside.
    pub outside: Outside,
    /// Whether the text begins with the protected Subject, for readers that
    /// know nothing of header protection (RFC 9788 §2.1.2).
    pub is_displayed: bool,
}

impl Default for HeaderPolicy {
    fn default() -> Self {
        Self { subject: "[...]".to_owned(), outside: Outside::Known, is_displayed: false }
    }
}

/// Which fields stand outside of an encrypted message, Subject aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// All but Comments and Keywords: `hcp_baseline` of RFC 9788 §3.2.1.
    Baseline,
    /// Of those only the ones that are known to say nothing of the content:
    /// applications put record numbers and names into fields of their own, and
    /// Outlook repeats the subject in Thread-Topic.
    Known,
}

/// What stands outside under [`Outside::Known`], beside `List-*` and `Resent-*`.
const KNOWN: [&str; 19] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "Autocrypt",
    "Disposition-Notification-To",
    "Feedback-ID",
    "Importance",
    "Precedence",
    "Priority",
    "X-Priority",
    "X-Auto-Response-Suppress",
    "User-Agent",
];

/// How the fields of a message are sorted.
pub(super) struct Plan<'a> {
    /// What protects the payload.
    pub mark: Mark,
    /// What may be read outside.
    pub policy: &'a HeaderPolicy,
    /// What changes in the recipient's copy.
    pub edits: &'a Edits,
    /// Whole fields that replace those of their names.
    pub added: &'a [u8],
}

/// The fields of a message, sorted; MIME's own are not among them.
#[derive(Debug, Default)]
pub(super) struct Composed {
    /// For the payload.
    pub inner: Vec<u8>,
    /// For the payload too: what stands outside, as the reader is to find it
    /// (RFC 9788 §2.2). Empty without encryption.
    pub told: Vec<u8>,
    /// For the outer message.
    pub outer: Vec<u8>,
    /// What readers are shown as a rule and does not stand outside: name and
    /// value, decoded.
    pub hidden: Vec<(String, String)>,
}

/// Sorts the fields of a header block.
pub(super) fn compose(block: &[u8], plan: &Plan<'_>) -> Composed {
    let mut composed = Composed::default();
    for field in header::fields(block) {
        let is_replaced = header::fields(plan.added).any(|own| same_name(&own, &field));
        match place(&field) {
            Place::Trace => composed.outer.extend_from_slice(field.raw),
            Place::Content if !is_replaced => composed.content(&field, plan),
            Place::Content | Place::Structural | Place::Nowhere => {}
        }
    }
    for field in header::fields(plan.added) {
        composed.content(&field, plan);
    }
    composed
}

/// MIME's own fields, which describe the body and go where it goes.
pub(crate) fn is_structural(field: &Field<'_>) -> bool {
    const PREFIX: &[u8] = b"content-";
    let is_content = field.name.get(..PREFIX.len()).is_some_and(|name| name.eq_ignore_ascii_case(PREFIX));
    is_content || field.is("MIME-Version")
}

/// Where a field belongs.
enum Place {
    Content,
    Structural,
    /// Outside alone: what relays have written of the message's way.
    Trace,
    Nowhere,
}

fn place(field: &Field<'_>) -> Place {
    const SIGNATURES: [&str; 6] = [
        "DKIM-Signature",
        "DomainKey-Signature",
        "X-Google-DKIM-Signature",
        "ARC-Seal",
        "ARC-Message-Signature",
        "ARC-Authentication-Results",
    ];
    let is_any = |names: &[&str]| names.iter().any(|name| field.is(name));
    // A signature that no longer verifies says nothing good, and its hash of the
    // content would let anybody try guesses of what is sealed.
    let is_field = field.raw.contains(&b':') && field.name.trim_ascii_end().iter().all(u8::is_ascii_graphic);
    if !is_field || is_private(field) || is_any(&SIGNATURES) || field.is("HP-Outer") {
        return Place::Nowhere;
    }
    if is_any(&["Received", "Authentication-Results", "Received-SPF"]) {
        return Place::Trace;
    }
    if is_structural(field) { Place::Structural } else { Place::Content }
}

impl Composed {
    fn content(&mut self, field: &Field<'_>, plan: &Plan<'_>) {
        let edited = plan.edits.field(field);
        let Some(edited) = edited.as_deref() else { return };
        self.inner.extend_from_slice(edited);
        match (plan.mark, plan.policy.outer(field, edited)) {
            (Mark::Clear, _) => self.outer.extend_from_slice(edited),
            (Mark::Cipher, Some(outer)) => {
                self.outer.extend_from_slice(&outer);
                told(&outer, &mut self.told);
                if outer != edited {
                    self.hide(edited);
                }
            }
            (Mark::Cipher, None) => self.hide(edited),
        }
    }

    /// Of what is hidden, these are for the reader's eyes (RFC 9788 §1.1.2).
    fn hide(&mut self, raw: &[u8]) {
        for field in header::fields(raw) {
            let name = ["Subject", "Comments", "Keywords"].into_iter().find(|name| field.is(name));
            self.hidden.extend(name.map(|name| (name.to_owned(), mail::reading::unstructured(field.value))));
        }
    }
}

impl HeaderPolicy {
    /// What stands outside for a field, if anything.
    fn outer(&self, field: &Field<'_>, edited: &[u8]) -> Option<Vec<u8>> {
        if field.is("Subject") {
            return Some(format!("Subject: {}\r\n", self.subject).into_bytes());
        }
        let is_prefixed =
            |prefix: &[u8]| field.name.get(..prefix.len()).is_some_and(|own| own.eq_ignore_ascii_case(prefix));
        let stands = match self.outside {
            Outside::Baseline => !field.is("Comments") && !field.is("Keywords"),
            Outside::Known => {
                KNOWN.iter().any(|name| field.is(name)) || is_prefixed(b"list-") || is_prefixed(b"resent-")
            }
        };
        stands.then(|| edited.to_vec())
    }
}

/// An outer field as the payload tells of it.
fn told(outer: &[u8], out: &mut Vec<u8>) {
    const LINE_BYTES_MAX: usize = 998;
    let first_line = outer.iter().position(|byte| *byte == b'\r').unwrap_or(outer.len());
    out.extend_from_slice(if first_line + "HP-Outer: ".len() > LINE_BYTES_MAX {
        b"HP-Outer:\r\n "
    } else {
        b"HP-Outer: "
    });
    out.extend_from_slice(outer);
}

fn same_name(one: &Field<'_>, other: &Field<'_>) -> bool {
    one.name.trim_ascii_end().eq_ignore_ascii_case(other.name.trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "Received: from x\r\nDKIM-Signature: bh=x\r\nFrom: a@x.example\r\nBcc: h@x.example\r\n\
         Subject: Your\r\n results\r\nKeywords: k\r\nX-Record: 7\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\
         HP-Outer: From: evil@x.example\r\nX-Sealpost-Tag: t\r\n";

    fn sorted(mark: Mark, outside: Outside, added: &str) -> [String; 3] {
        let policy = HeaderPolicy { outside, ..HeaderPolicy::default() };
        let plan = Plan { mark, policy: &policy, edits: &Edits::default(), added: added.as_bytes() };
        let composed = compose(MESSAGE.as_bytes(), &plan);
        [composed.inner, composed.told, composed.outer].map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_is_encrypted_has_all_fields_inside_and_few_outside() {
        let [inner, told, outer] = sorted(Mark::Cipher, Outside::Known, "");
        assert_eq!(inner, "From: a@x.example\r\nSubject: Your\r\n results\r\nKeywords: k\r\nX-Record: 7\r\n");
        assert_eq!(told, "HP-Outer: From: a@x.example\r\nHP-Outer: Subject: [...]\r\n");
        assert_eq!(outer, "Received: from x\r\nFrom: a@x.example\r\nSubject: [...]\r\n");
        let [_, _, outer] = sorted(Mark::Cipher, Outside::Baseline, "");
        assert_eq!(outer, "Received: from x\r\nFrom: a@x.example\r\nSubject: [...]\r\nX-Record: 7\r\n");
    }

    #[test]
    fn what_is_only_signed_has_its_fields_on_both_sides() {
        let [inner, told, outer] = sorted(Mark::Clear, Outside::Known, "");
        assert_eq!(inner, "From: a@x.example\r\nSubject: Your\r\n results\r\nKeywords: k\r\nX-Record: 7\r\n");
        assert_eq!(told, "");
        assert_eq!(outer, format!("Received: from x\r\n{inner}"));
    }

    #[test]
    fn an_added_field_replaces_those_of_its_name() {
        let [inner, told, _] = sorted(Mark::Cipher, Outside::Known, "X-Record: 8\r\nReply-To: r@x.example\r\n");
        assert!(inner.ends_with("Keywords: k\r\nX-Record: 8\r\nReply-To: r@x.example\r\n"), "{inner}");
        assert!(told.ends_with("HP-Outer: Reply-To: r@x.example\r\n"), "{told}");
    }

    #[test]
    fn what_the_reader_is_shown_and_is_hidden_is_told() {
        let plan = Plan { mark: Mark::Cipher, policy: &HeaderPolicy::default(), edits: &Edits::default(), added: b"" };
        let hidden = compose(MESSAGE.as_bytes(), &plan).hidden;
        assert_eq!(hidden, [("Subject".into(), "Your results".into()), ("Keywords".into(), "k".into())]);
    }

    #[test]
    fn a_long_field_is_told_on_a_line_of_its_own() {
        let mut out = Vec::new();
        told(format!("X: {}\r\n", "y".repeat(990)).as_bytes(), &mut out);
        assert!(String::from_utf8(out).unwrap().split("\r\n").all(|line| line.len() <= 998));
    }
}
