//! Decide: what is known of a message goes to `policy`, which judges it.
//!
//! The same function serves a message that is coming in, one that was accepted
//! and waits, and the explanation of either.

use std::borrow::Cow;

use mail::Address;
use mail::reading::{self, Limits, Reading, ReadingError};
use policy::{Because, Decision, Facts, SubjectAction, Verdict};
use seal::Edits;

use crate::case::Case;
use crate::inbound;
use crate::manifest::Manifest;
use crate::organisation::Organisation;

/// The stored bytes as their reader sees them.
pub fn read(stored: &[u8], limits: &Limits) -> Result<Reading, ReadingError> {
    reading::read(stored, limits)
}

/// The stored bytes as they are judged: of inbound mail without what only this
/// server may write.
pub(crate) fn view<'s>(case: &Case<'_>, stored: &'s [u8]) -> Cow<'s, [u8]> {
    match case.manifest.is_inbound() {
        true => Cow::Owned(inbound::view(case, stored)),
        false => Cow::Borrowed(stored),
    }
}

/// Judges a message for each of its recipients.
pub fn judge(
    organisation: &Organisation,
    manifest: &Manifest,
    stored: &[u8],
    read: &Result<Reading, ReadingError>,
) -> Verdict {
    let facts = Facts {
        direction: manifest.direction(),
        sender: manifest.envelope.sender.0.as_ref(),
        requiretls: manifest.envelope.requiretls,
        header: reading::header_block(stored),
        reading: read.as_ref(),
        body_bytes: stored.len() as u64,
        organisation: &organisation.profile.name,
    };
    let recipients: Vec<Address> =
        manifest.envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect();
    let mut verdict = policy::decide(&organisation.policy, &facts, &recipients);
    let looped = |address: &Address| manifest.looped.contains(address);
    for (_, decision) in verdict.recipients.iter_mut().filter(|(address, _)| looped(address)) {
        let reason = Some("the recipient was sent this message before: it goes round in a loop".to_owned());
        let because = vec![Because { rule: "loop".to_owned(), reason, exempts: Vec::new() }];
        *decision = Decision { action: policy::Action::Refuse, released: None, because, banners: Vec::new() };
    }
    verdict
}

/// What changes in the copies that are sent.
pub fn edits(organisation: &Organisation, verdict: &Verdict) -> Edits {
    let subject = match &verdict.subject {
        SubjectAction::Keep => None,
        SubjectAction::Clean(subject) | SubjectAction::Replace(subject) => Some(mail::header::encoded(subject)),
    };
    Edits { subject, unquoted: !organisation.policy.replies.quotes, ..Edits::default() }
}

/// What changes in the copies that are sealed end to end, and what stands in
/// the Subject field outside. Inside is the sender's own subject, without the
/// switches that it may hold: nobody but the recipient reads it there.
pub fn sealed_edits(organisation: &Organisation, verdict: &Verdict, header: &[u8]) -> (Edits, String) {
    let edits = match &verdict.subject {
        SubjectAction::Keep | SubjectAction::Clean(_) => edits(organisation, verdict),
        SubjectAction::Replace(_) => {
            let subject = mail::header::fields(header).find(|field| field.is("Subject"));
            let subject = subject.map(|field| reading::unstructured(field.value));
            let cleaned = subject.as_deref().and_then(policy::clean_subject);
            Edits {
                subject: cleaned.map(|subject| mail::header::encoded(&subject)),
                unquoted: !organisation.policy.replies.quotes,
                ..Edits::default()
            }
        }
    };
    let outside = organisation.policy.subject.replaced(&organisation.profile.name);
    (edits, mail::header::encoded(&outside))
}
