//! Header protection on the reading side (RFC 9788 §4): the fields that came
//! inside, and how those outside differ from what the sender left there.

use mail::entity::Entity;
use mail::header::{self, Field};
use mail::mailbox;
use mail::reading::unstructured;

use super::report::{ProtectedFields, Scheme};
use crate::protect::is_structural;

/// Fields that readers are shown (RFC 9788 §1.1.2), which are compared.
const SHOWN: [&str; 10] =
    ["From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "Comments", "Keywords"];

/// The protected fields of a payload, if it has any; `outer` is the header
/// block of the message that it came in.
pub(super) fn protected(payload: &Entity<'_>, outer: &[u8]) -> Option<ProtectedFields> {
    let scheme = scheme(payload)?;
    let block = inner_block(payload, scheme);
    let told = told(block);
    let (inside, around) = (header::fields(block).collect::<Vec<_>>(), header::fields(outer).collect::<Vec<_>>());
    let (mut hidden, mut mismatch) = (Vec::new(), Vec::new());
    for name in SHOWN {
        let (inner, outside) = (values(&inside, name), values(&around, name));
        // What the sender left outside (RFC 9788 §4.3); where nobody says, what is there.
        let left = match (scheme, &told) {
            (Scheme::Cipher, Some(told)) => {
                told.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).collect()
            }
            (Scheme::Clear, _) => inner.clone(),
            (Scheme::Cipher | Scheme::V1 | Scheme::Wrapped, _) => outside.clone(),
        };
        if inner != left && (told.is_some() || !inner.is_empty()) {
            hidden.push(name.to_owned());
        }
        // Whose message it is, nobody may hide or change (RFC 9788 §4.4).
        if outside != left || (name == "From" && !inner.is_empty() && inner != outside) {
            mismatch.push(name.to_owned());
        }
    }
    let subject = inside.iter().find(|field| field.is("Subject")).map(|field| unstructured(field.value));
    Some(ProtectedFields { by: scheme, subject, from: mailbox::author(block), hidden, mismatch })
}

/// The block of fields that a payload protects.
pub(super) fn inner_block<'a>(payload: &Entity<'a>, scheme: Scheme) -> &'a [u8] {
    match scheme {
        Scheme::Wrapped => Entity::read(payload.body).header,
        Scheme::Cipher | Scheme::Clear | Scheme::V1 => payload.header,
    }
}

fn scheme(payload: &Entity<'_>) -> Option<Scheme> {
    match payload.parameter("hp").map(str::to_ascii_lowercase).as_deref() {
        Some("cipher") => return Some(Scheme::Cipher),
        Some("clear") => return Some(Scheme::Clear),
        _ => {}
    }
    if payload.parameter("protected-headers").is_some_and(|version| version.eq_ignore_ascii_case("v1")) {
        return Some(Scheme::V1);
    }
    let is_wrapped = payload.kind() == "message/rfc822"
        && payload.parameter("forwarded").is_some_and(|value| value.eq_ignore_ascii_case("no"))
        && payload.encoding().is_empty();
    is_wrapped.then_some(Scheme::Wrapped)
}

/// The fields of the payload that are shown instead of the outer ones.
pub(super) fn shown<'a>(block: &'a [u8]) -> impl Iterator<Item = Field<'a>> {
    header::fields(block).filter(|field| !is_structural(field) && !field.is("HP-Outer"))
}

/// Values as they are compared: decoded, without regard to blanks.
fn values(fields: &[Field<'_>], name: &str) -> Vec<String> {
    fields.iter().filter(|field| field.is(name)).map(|field| plain(field.value)).collect()
}

/// What the payload says was left outside; none where it says nothing of it.
fn told(block: &[u8]) -> Option<Vec<(String, String)>> {
    let told: Vec<(String, String)> = header::fields(block)
        .filter(|field| field.is("HP-Outer"))
        .filter_map(|field| {
            let colon = field.value.iter().position(|byte| *byte == b':')?;
            let (name, value) = field.value.split_at(colon);
            Some((String::from_utf8_lossy(name).trim().to_owned(), plain(value.get(1..)?)))
        })
        .collect();
    (!told.is_empty()).then_some(told)
}

fn plain(value: &[u8]) -> String {
    unstructured(value).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, outer: &str, expect: Option<(Scheme, &str, &[&str], &[&str])>) {
        let found = protected(&Entity::read(payload.as_bytes()), outer.as_bytes());
        let told = found.as_ref().map(|found| {
            let names = |list: &[String]| list.join(" ");
            (found.by, found.subject.clone().unwrap_or_default(), names(&found.hidden), names(&found.mismatch))
        });
        let expect = expect
            .map(|(by, subject, hidden, mismatch)| (by, subject.to_owned(), hidden.join(" "), mismatch.join(" ")));
        assert_eq!(told, expect, "{payload}");
    }

    const PAYLOAD: &str = "From: a@x.example\r\nSubject: results\r\nContent-Type: text/plain; hp=\"cipher\"\r\n\
        HP-Outer: From: a@x.example\r\nHP-Outer: Subject: [...]\r\n\r\nx";

    #[test]
    fn what_was_hidden_is_told_apart_from_what_was_changed() {
        let outer = "From: a@x.example\r\nSubject: [...]\r\n";
        check(PAYLOAD, outer, Some((Scheme::Cipher, "results", &["Subject"], &[])));
        check(
            PAYLOAD,
            "From: a@x.example\r\nSubject: Pay\r\n",
            Some((Scheme::Cipher, "results", &["Subject"], &["Subject"])),
        );
        check(
            PAYLOAD,
            "From: b@x.example\r\nSubject: [...]\r\n",
            Some((Scheme::Cipher, "results", &["Subject"], &["From"])),
        );
        let added = format!("{outer}Reply-To: b@x.example\r\n");
        check(PAYLOAD, &added, Some((Scheme::Cipher, "results", &["Subject"], &["Reply-To"])));
    }

    #[test]
    fn a_signed_payload_is_compared_with_the_outside() {
        let payload = "From: a@x.example\r\nSubject: s\r\nContent-Type: text/plain; hp=clear\r\n\r\nx";
        check(payload, "From: a@x.example\r\nSubject: s\r\n", Some((Scheme::Clear, "s", &[], &[])));
        check(payload, "From: a@x.example\r\nSubject: t\r\n", Some((Scheme::Clear, "s", &[], &["Subject"])));
    }

    #[test]
    fn older_schemes_are_read() {
        let v1 = "Subject: s\r\nFrom: b@x.example\r\nContent-Type: text/plain; protected-headers=\"v1\"\r\n\r\nx";
        check(v1, "From: a@x.example\r\nSubject: ...\r\n", Some((Scheme::V1, "s", &["From", "Subject"], &["From"])));
        let wrapped = "Content-Type: message/rfc822; forwarded=no\r\n\r\nSubject: s\r\n\r\nx";
        check(wrapped, "Subject: ...\r\n", Some((Scheme::Wrapped, "s", &["Subject"], &[])));
        let few = "Subject: s\r\nContent-Type: text/plain; protected-headers=v1\r\n\r\nx";
        check(few, "From: a@x.example\r\nSubject: s\r\n", Some((Scheme::V1, "s", &[], &[])));
        check("Subject: s\r\nContent-Type: text/plain\r\n\r\nx", "Subject: t\r\n", None);
        check("Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nx", "Subject: t\r\n", None);
    }
}
