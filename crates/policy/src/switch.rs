//! The switches that a sender can set: `[secure]` and `+encrypt+` in the
//! subject, and the field `X-Sealpost-Protect`.
//!
//! A switch only ever raises what is needed.

use mail::Need;
use mail::header;

/// The field by which a sender asks for a level.
pub const PROTECT_FIELD: &str = "X-Sealpost-Protect";

/// The subject tags and the built-in rule that each stands for.
pub(crate) const TAGS: [(&str, &str); 2] = [("[secure]", "subject-secure"), ("+encrypt+", "subject-encrypt")];

/// The built-in rules whose tags a decoded subject holds.
pub(crate) fn tags_in(subject: &str) -> Vec<&'static str> {
    let subject = subject.to_ascii_lowercase();
    TAGS.iter().filter(|(tag, _)| subject.contains(tag)).map(|(_, rule)| *rule).collect()
}

/// A decoded subject without its switches; `None` if it has none.
///
/// One pass: what taking a switch out joins to another is taken out too.
pub fn clean_subject(subject: &str) -> Option<String> {
    if tags_in(subject).is_empty() {
        return None;
    }
    let mut cleaned = String::with_capacity(subject.len());
    let mut skip_spaces = false;
    for c in subject.chars() {
        if c == ' ' && skip_spaces {
            continue;
        }
        cleaned.push(c);
        skip_spaces = false;
        if let Some(kept) = TAGS.iter().find_map(|(tag, _)| len_before(&cleaned, tag)) {
            cleaned.truncate(kept);
            skip_spaces = cleaned.is_empty() || cleaned.ends_with(' ');
        }
    }
    Some(cleaned.trim().to_owned())
}

/// The length of what stands before `tag` at the end of `text`.
fn len_before(text: &str, tag: &str) -> Option<usize> {
    let kept = text.len().checked_sub(tag.len())?;
    text.as_bytes().get(kept..)?.eq_ignore_ascii_case(tag.as_bytes()).then_some(kept)
}

/// What each `X-Sealpost-Protect` field asks for; `None` for a word that is no level.
pub(crate) fn protect_fields(block: &[u8]) -> Vec<Option<Need>> {
    header::fields(block).filter(|field| field.is(PROTECT_FIELD)).map(|field| Need::from_word(&field.text())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(subject: &str, expect: Option<&str>) {
        assert_eq!(clean_subject(subject).as_deref(), expect, "{subject}");
    }

    #[test]
    fn switches_are_taken_out_of_a_subject() {
        check("Hello", None);
        check("[secure] Hello", Some("Hello"));
        check("Hello [SECURE]", Some("Hello"));
        check("Re: [Secure] your visit", Some("Re: your visit"));
        check("Re: +Encrypt+ your visit", Some("Re: your visit"));
        check("[secure]+encrypt+", Some(""));
        check("a [secure] b +encrypt+ c", Some("a b c"));
        check("[sec[secure]ure] x", Some("x"));
        check("Ä[secure]Ö", Some("ÄÖ"));
        check("[secured] x", None);
    }

    #[test]
    fn each_protect_field_counts() {
        let block = b"X-Sealpost-Protect: portal\r\nx-sealpost-protect: Anchored\r\nX-Sealpost-Protect: most\r\n";
        assert_eq!(protect_fields(block), [Some(Need::Portal), Some(Need::Anchored), None]);
    }
}
