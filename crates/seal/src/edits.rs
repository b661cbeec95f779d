//! What is changed between the stored original and a recipient's copy.
//!
//! Only whole header fields are removed or replaced; every other byte of the
//! message stays as it was received, so that signatures of the sender survive.

use std::borrow::Cow;

use mail::header::{self, Field};
use serde::{Deserialize, Serialize};

use crate::marks::{Marks, is_ours};
use crate::{banner, quotes};

/// The changes for one recipient's copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edits {
    /// The value of the Subject field instead of the sender's, encoded for the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the gateway writes into inbound mail, and takes out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
    /// What stands above the text: of mail from outside, or where a reply is safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// Whether what the text quotes of earlier messages is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unquoted: bool,
}

impl Edits {
    /// The recipient's copy of `stored`.
    pub fn apply(&self, stored: &[u8]) -> Vec<u8> {
        // Before the subject is replaced, which tells a forward.
        let stored = self.shortened(stored);
        let message = header::split(&stored);
        let mut copy = Vec::with_capacity(stored.len() + 64);
        if let Some(marks) = &self.marks {
            copy.extend_from_slice(marks.above.as_bytes());
        }
        for field in header::fields(message.header).filter(|field| !self.removes(field)) {
            copy.extend_from_slice(&self.field(&field).unwrap_or_default());
        }
        copy.extend_from_slice(b"\r\n");
        copy.extend_from_slice(message.body);
        match self.banner.as_deref().map(|banner| banner::add(&copy, banner)) {
            Some(Cow::Owned(changed)) => changed,
            Some(Cow::Borrowed(_)) | None => copy,
        }
    }

    /// Whether anything that `stored` quotes is left out of its copy.
    pub fn cuts(&self, stored: &[u8]) -> bool {
        self.unquoted && quotes::is_cut(stored)
    }

    fn shortened<'m>(&self, message: &'m [u8]) -> Cow<'m, [u8]> {
        if self.unquoted { quotes::leave_out(message) } else { Cow::Borrowed(message) }
    }

    /// The message as it was stored with all that changes in its text.
    pub(crate) fn text<'m>(&self, message: &'m [u8]) -> Cow<'m, [u8]> {
        match (&self.banner, self.shortened(message)) {
            (None, message) => message,
            (Some(banner), Cow::Borrowed(message)) => banner::add(message, banner),
            (Some(banner), Cow::Owned(message)) => Cow::Owned(banner::add(&message, banner).into_owned()),
        }
    }

    fn removes(&self, field: &Field<'_>) -> bool {
        match &self.marks {
            Some(marks) => marks.removes(field),
            None => is_private(field),
        }
    }

    /// The field in the recipient's copy, if it is there at all.
    pub(crate) fn field<'a>(&self, field: &Field<'a>) -> Option<Cow<'a, [u8]>> {
        match &self.subject {
            Some(subject) if field.is("Subject") => Some(Cow::Owned(format!("Subject: {subject}\r\n").into_bytes())),
            // Outlook repeats the subject in Thread-Topic.
            Some(_) if field.is("Thread-Topic") => None,
            _ => Some(Cow::Borrowed(field.raw)),
        }
    }
}

/// Fields that are for this system or for the sender alone: a Bcc field would
/// tell every recipient of the hidden ones.
pub(crate) fn is_private(field: &Field<'_>) -> bool {
    is_ours(field) || field.is("Bcc") || field.is("Resent-Bcc") || field.is("Return-Path")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(subject: Option<&str>, stored: &str, expect: &str) {
        let edits = Edits { subject: subject.map(str::to_owned), ..Edits::default() };
        assert_eq!(String::from_utf8(edits.apply(stored.as_bytes())).unwrap(), expect);
    }

    #[test]
    fn private_fields_are_removed_and_the_rest_is_kept() {
        check(
            None,
            "A: 1\r\n x\r\nbCC: h@x.example\r\nX-Sealpost-Stream: a\r\n b\r\nTo: y\r\n\r\nBcc: in body\r\n",
            "A: 1\r\n x\r\nTo: y\r\n\r\nBcc: in body\r\n",
        );
    }

    #[test]
    fn the_subject_is_replaced_whole() {
        check(
            Some("Hello"),
            "Subject: [secure]\r\n SSN\r\nThread-Topic: SSN\r\nTo: y\r\n\r\nb",
            "Subject: Hello\r\nTo: y\r\n\r\nb",
        );
    }

    #[test]
    fn a_forward_stays_whole_though_its_subject_is_replaced() {
        let edits = Edits { subject: Some("Hello".to_owned()), unquoted: true, ..Edits::default() };
        let reply = "Subject: Re: a\r\nReferences: <a@x.example>\r\n\r\nYes.\r\n\r\n> b\r\n> c\r\n";
        let forward = reply.replace("Re:", "Fwd:");
        for (stored, is_cut) in [(reply, true), (&forward, false)] {
            let copy = edits.apply(stored.as_bytes());
            assert!(copy.starts_with(b"Subject: Hello\r\n"));
            assert_eq!(!copy.ends_with(b"> b\r\n> c\r\n"), is_cut, "{stored}");
            assert_eq!(edits.cuts(stored.as_bytes()), is_cut);
        }
    }

    #[test]
    fn inbound_mail_is_marked_and_otherwise_kept() {
        let marks = Marks { above: "Received: us\r\n".to_owned(), own_names: vec!["us.example".to_owned()] };
        let stored = "Return-Path: <x>\r\nBcc: a\r\nX-Sealpost-Warning: none\r\n\
            Authentication-Results: us.example; spf=pass\r\nAuthentication-Results: o.example; none\r\n\r\nb";
        let copy = Edits { marks: Some(marks), ..Edits::default() }.apply(stored.as_bytes());
        let expect = "Received: us\r\nBcc: a\r\nAuthentication-Results: o.example; none\r\n\r\nb";
        assert_eq!(String::from_utf8(copy).unwrap(), expect);
    }
}
