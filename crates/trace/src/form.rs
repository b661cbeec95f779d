//! Servers that put no name in their fields and are known by the form alone.

use crate::dialect::cisco;
use crate::facts::Form;
use crate::network;
use crate::received::{Clauses, Place};
use crate::text;

/// Whether a field has that form.
pub(crate) fn is(form: Form, clauses: &Clauses<'_>) -> bool {
    match form {
        Form::Sendmail => clauses.comments().any(|comment| comment.place == Place::By && is_sendmail(comment.text)),
        Form::Qmail => is_qmail(clauses),
        Form::Zmailer => is_zmailer(clauses),
        Form::Cisco => cisco::is_form(clauses),
    }
}

/// `8.14.4/8.13.8`, `8.12.3 da nor stuldap/8.12.3`, `950413.SGI.8.6.12/8.6.9`,
/// `8.10.2+Sun/8.10.2`, `8.8.6 (PHNE_17135)/8.8.6`: versions of program and configuration.
pub(crate) fn is_sendmail(comment: &str) -> bool {
    if !comment.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let Some((program, _)) = text::cut(comment, b'/') else { return false };
    let is_plain = program.bytes().all(|byte| !matches!(byte, b':' | b'@' | b'='));
    is_plain && program.len() < 40 && text::has(program, b'.')
}

/// Whether a program on the machine handed it in: `8.14.4/8.13.8/Submit`.
pub(crate) fn is_submit(comment: &str) -> bool {
    comment.ends_with("/Submit") && is_sendmail(comment)
}

/// `from a (HELO b) (192.0.2.1) by h with SMTP; 4 Sep 2020 15:03:17 -0000`.
fn is_qmail(clauses: &Clauses<'_>) -> bool {
    let is_bare = clauses.id.is_empty() && clauses.via.is_empty() && matches!(clauses.with.all, "SMTP" | "ESMTP");
    let last = clauses.comments().filter(|comment| comment.place == Place::From).last();
    let is_plain =
        last.is_some_and(|comment| network::address(after_user(comment.text)).is_some() && !comment.text.contains('['));
    is_bare
        && is_plain
        && clauses.date.starts_with(|first: char| first.is_ascii_digit())
        && clauses.date.ends_with("-0000")
}

fn after_user(text: &str) -> &str {
    text::since(text, |byte| byte == b'@')
}

/// `([192.0.2.1]:34 "EHLO a" rhost-flags-OK-OK-OK-OK)`.
fn is_zmailer(clauses: &Clauses<'_>) -> bool {
    clauses.comments().any(|comment| {
        comment.place == Place::From && comment.text.starts_with('[') && comment.text.contains("rhost-flags")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sendmail_is_known_by_its_versions() {
        for comment in [
            "8.14.4/8.13.8",
            "8.12.3 da nor stuldap/8.12.3",
            "950413.SGI.8.6.12/8.6.9",
            "8.10.2+Sun/8.10.2",
            "8.8.6 (PHNE_17135)/8.8.6",
            "5.65/1.37",
        ] {
            assert!(is_sendmail(comment), "{comment}");
        }
        for comment in ["Postfix", "10.1.1.1", "Haraka/2.8", "2001:db8::/32", "trex/7.0", ""] {
            assert!(!is_sendmail(comment), "{comment}");
        }
        assert!(is_submit("8.14.4/8.13.8/Submit") && !is_submit("8.14.4/8.13.8"));
    }

    #[test]
    fn qmail_and_zmailer() {
        let check = |form, field| assert!(is(form, &Clauses::read(field)), "{field}");
        check(Form::Qmail, "from a (HELO b) (192.0.2.1) by h with SMTP; 4 Sep 2020 15:03:17 -0000");
        check(Form::Qmail, "from unknown (HELO b) (u@e.f@192.0.2.1) by 0 with SMTP; 4 Sep 2020 15:03:17 -0000");
        check(
            Form::Zmailer,
            "from a ([192.0.2.1]:34 \"EHLO a\" rhost-flags-OK-OK) by v with ESMTP id S1; Wed, 6 May 2020 03:00:37 -0400",
        );
    }
}
