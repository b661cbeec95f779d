//! The forms that values of requests have: one table, by which requests are
//! checked and from which the description of the API is completed, so that the
//! two can't differ.
//!
//! Patterns are of the regular expressions that ECMA-262, Python and Rust share.

use std::sync::LazyLock;

use flow::application::{FREE_FIELDS, HEADER_CHARS_MAX, HEADERS_MAX, OWN_PREFIX};
use regex::Regex;
use serde_json::{Map, Value, json};

use super::problem::Problem;

/// Control characters (Unicode's Cc): one of them would begin a field of its own.
macro_rules! control {
    () => {
        r"\u0000-\u001f\u007f-\u009f"
    };
}

/// White space that is no control character.
macro_rules! blank {
    () => {
        r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    };
}

/// What a text must be like.
pub(super) struct Form {
    chars_min: usize,
    chars_max: usize,
    pattern: &'static str,
    /// What no text may match.
    not: Option<&'static str>,
    /// The same for people.
    says: &'static str,
    /// The patterns, read once.
    read: LazyLock<(Regex, Option<Regex>), Read>,
}

/// What reads a form's patterns.
type Read = fn() -> (Regex, Option<Regex>);

macro_rules! form {
    ($name:ident, $chars:expr, $pattern:expr, $says:expr) => {
        form!($name, $chars, $pattern, not None, $says);
    };
    ($name:ident, $chars:expr, $pattern:expr, not $not:expr, $says:expr) => {
        pub(super) static $name: Form = Form {
            chars_min: *$chars.start(),
            chars_max: *$chars.end(),
            pattern: $pattern,
            not: $not,
            says: $says,
            read: LazyLock::new(|| (regex($pattern), $not.map(regex))),
        };
    };
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this file are read by a test")
}

form!(LINE, (0..=200), concat!("^[^", control!(), "]*$"), "one line of at most 200 characters");
form!(SUBJECT, (0..=1_000), concat!("^[^", control!(), "]*$"), "one line of at most 1,000 characters");
form!(
    WORD,
    (1..=200),
    concat!("^[^", control!(), blank!(), "]([^", control!(), "]*[^", control!(), blank!(), "])?$"),
    "1 to 200 characters on one line, without blanks around them"
);
form!(
    TAG,
    (1..=200),
    concat!("^[^,", control!(), blank!(), "]([^,", control!(), "]*[^,", control!(), blank!(), "])?$"),
    "1 to 200 characters on one line, without commas, and without blanks around them"
);
form!(
    FIELD_NAME,
    (1..=64),
    concat!("^[^=", control!(), blank!(), "]([^=", control!(), "]*[^=", control!(), blank!(), "])?$"),
    "1 to 64 characters on one line, without =, and without blanks around them"
);
form!(
    PASSPHRASE,
    (4..=200),
    concat!("^[", blank!(), "]*([^", control!(), blank!(), "][", blank!(), "]*){4}[^", control!(), "]*$"),
    "at least 4 characters that are no blanks, and at most 200 in all, on one line"
);
form!(
    REASON,
    (1..=1_000),
    concat!("^[", blank!(), "]*[^", control!(), blank!(), "][^", control!(), "]*$"),
    "one line of at most 1,000 characters"
);
form!(TEXT, (0..=usize::MAX), r"^[^\u0000]*$", "a text without zero characters");
form!(
    PROTECT,
    (1..=20),
    "^(none|encrypted|verified|anchored|end_to_end|openpgp|smime|portal)$",
    "no level of protection has that name"
);
form!(LANGUAGE, (2..=35), "^([Ee][Nn]|[Ee][Ss])([-_][A-Za-z0-9]{1,8})*$", "a language that the portal has: en, es");
form!(
    MEDIA_TYPE,
    (3..=200),
    "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$",
    not Some("^[Mm][Uu][Ll][Tt][Ii][Pp][Aa][Rr][Tt]/"),
    "a media type of one part: type/subtype"
);
form!(CONTENT_ID, (1..=200), "^[!-;=?-~]*$", "visible ASCII characters without angle brackets");
form!(
    BASE_64,
    (0..=usize::MAX),
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$",
    "no base 64"
);
form!(
    IDEMPOTENCY_KEY,
    (1..=255),
    "^[!-~]([ -~]*[!-~])?$",
    "1 to 255 visible ASCII characters, without blanks around them"
);
form!(SUPPRESSION_ID, (30..=30), "^sup_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$", "no cursor");
form!(
    SUPPRESSED_FOR,
    (1..=20),
    "^(hard_bounce|complaint|unsubscribe|manual)$",
    "hard_bounce, complaint, unsubscribe or manual"
);
form!(MESSAGE_ID, (30..=30), "^msg_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$", "no cursor");

impl Form {
    /// Whether the text has this form.
    pub(super) fn fits(&self, text: &str) -> bool {
        let (pattern, not) = &*self.read;
        // No text has more characters than bytes.
        let is_short = text.len() <= self.chars_max || text.chars().count() <= self.chars_max;
        is_short
            && text.chars().take(self.chars_min).count() == self.chars_min
            && pattern.is_match(text)
            && !not.as_ref().is_some_and(|not| not.is_match(text))
    }

    /// The text, if it has this form; else the problem at that place.
    pub(super) fn check(&self, pointer: &str, text: String) -> Result<String, Problem> {
        match self.fits(&text) {
            true => Ok(text),
            false => Err(Problem::field(pointer, self.says)),
        }
    }

    /// The same in JSON Schema.
    pub(super) fn schema(&self) -> Map<String, Value> {
        let mut schema = Map::new();
        if self.chars_min > 0 {
            schema.insert("minLength".to_owned(), self.chars_min.into());
        }
        if self.chars_max < usize::MAX {
            schema.insert("maxLength".to_owned(), self.chars_max.into());
        }
        schema.insert("pattern".to_owned(), self.pattern.into());
        if let Some(not) = self.not {
            // A pattern alone also holds for null, which then could not be left out by it.
            schema.insert("not".to_owned(), json!({ "type": "string", "pattern": not }));
        }
        schema
    }
}

/// Characters of an address.
pub(super) const ADDRESS_CHARS_MAX: usize = 320;
/// How many recipients of each kind.
pub(super) const RECIPIENTS_MAX: usize = 1_000;
/// How many tags, and how many fields of an application's own.
pub(super) const TAGS_MAX: usize = 50;
/// How many files.
pub(super) const ATTACHMENTS_MAX: usize = 100;

/// Completes the description of the API with what its requests are held to.
pub(super) fn describe(description: &mut Value) {
    let Some(schemas) = description.pointer_mut("/components/schemas") else { return };
    let address = json!({ "format": "idn-email", "minLength": 3, "maxLength": ADDRESS_CHARS_MAX });
    add(schemas, "/MailboxIn/oneOf/0", &address);
    add(schemas, "/NamedMailbox/properties/address", &address);
    add(schemas, "/SuppressionIn/properties/address", &address);
    add(schemas, "/SuppressionSearch/properties/address", &address);
    let forms: [(&str, &Form); 16] = [
        ("/SuppressionIn/properties/stream", &WORD),
        ("/SuppressionIn/properties/reason", &SUPPRESSED_FOR),
        ("/NamedMailbox/properties/name", &LINE),
        ("/AttachmentIn/properties/name", &LINE),
        ("/AttachmentIn/properties/content_type", &MEDIA_TYPE),
        ("/AttachmentIn/properties/content", &BASE_64),
        ("/AttachmentIn/properties/content_id", &CONTENT_ID),
        ("/MessageIn/properties/subject", &SUBJECT),
        ("/MessageIn/properties/text", &TEXT),
        ("/MessageIn/properties/html", &TEXT),
        ("/MessageIn/properties/stream", &WORD),
        ("/MessageIn/properties/campaign", &WORD),
        ("/MessageIn/properties/protect", &PROTECT),
        ("/MessageIn/properties/language", &LANGUAGE),
        ("/MessageIn/properties/passphrase", &PASSPHRASE),
        ("/MessageIn/properties/passphrase_hint", &LINE),
    ];
    for (place, form) in forms {
        add(schemas, place, &Value::Object(form.schema()));
    }
    add(schemas, "/MessageIn/properties/tags", &json!({ "maxItems": TAGS_MAX }));
    add(schemas, "/MessageIn/properties/tags/items", &Value::Object(TAG.schema()));
    add(schemas, "/JudgementIn/properties/reason", &Value::Object(REASON.schema()));
    add(schemas, "/MessageIn/properties/attachments", &json!({ "maxItems": ATTACHMENTS_MAX }));
    let (names, values) = (Value::Object(FIELD_NAME.schema()), typed(&LINE));
    let fields = json!({ "maxProperties": TAGS_MAX, "propertyNames": names, "additionalProperties": values });
    add(schemas, "/MessageIn/properties/fields", &fields);
    add(schemas, "/MessageIn/properties/headers", &headers());
    for list in ["to", "cc", "bcc", "reply_to"] {
        add(schemas, &format!("/MessageIn/properties/{list}"), &json!({ "maxItems": RECIPIENTS_MAX }));
    }
    // What `crate::inspect` takes for a message.
    let header = json!({ "pattern": "^[!-9;-~]+:" });
    add(schemas, "/HeaderIn/properties/message", &header);
    let somebody =
        ["to", "cc", "bcc"].map(|list| json!({ "required": [list], "properties": { list: { "minItems": 1 } } }));
    add(schemas, "/MessageIn", &json!({ "anyOf": somebody }));
    for kind in ["message~1rfc822", "text~1plain"] {
        add(description, &format!("/paths/~1v1~1inspect/post/requestBody/content/{kind}/schema"), &header);
    }
}

/// Fields that an application may add to its message (`flow::application`).
fn headers() -> Value {
    let any_case = |name: &str| -> String {
        let either = |c: char| format!("[{}{c}]", c.to_ascii_uppercase());
        name.chars().map(|c| if c.is_ascii_alphabetic() { either(c) } else { c.to_string() }).collect()
    };
    let free = FREE_FIELDS.iter().map(|name| match name.ends_with('-') {
        true => format!("{}[A-Za-z0-9-]+", any_case(name)),
        false => any_case(name),
    });
    let pattern = format!("^({})$", free.collect::<Vec<_>>().join("|"));
    let not = format!("^{}", any_case(OWN_PREFIX));
    let value = json!({ "type": "string", "maxLength": HEADER_CHARS_MAX, "pattern": LINE.pattern });
    json!({
        "maxProperties": HEADERS_MAX,
        "propertyNames": { "minLength": 1, "maxLength": 64, "pattern": pattern, "not": { "pattern": not } },
        "additionalProperties": value,
    })
}

fn typed(form: &Form) -> Value {
    let mut schema = form.schema();
    schema.insert("type".to_owned(), "string".into());
    Value::Object(schema)
}

/// Adds keywords to a schema that is there.
fn add(schemas: &mut Value, place: &str, keywords: &Value) {
    let schema = schemas.pointer_mut(place).and_then(Value::as_object_mut);
    let (Some(schema), Some(keywords)) = (schema, keywords.as_object()) else {
        tracing::error!(place, "the description of the API lacks a schema");
        return;
    };
    schema.extend(keywords.iter().map(|(name, value)| (name.clone(), value.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: &Form, fits: &[&str], others: &[&str]) {
        for text in fits {
            assert!(form.fits(text), "{text:?} fits {}", form.pattern);
        }
        for text in others {
            assert!(!form.fits(text), "{text:?} does not fit {}", form.pattern);
        }
    }

    #[test]
    fn each_form_takes_what_it_says() {
        let long = "é".repeat(200);
        check(&LINE, &["", " a ", long.as_str()], &["a\nb", "\u{85}", &format!("{long}é")]);
        check(&SUBJECT, &["", "Ünï"], &["a\rb", &"a".repeat(1_001)]);
        check(&WORD, &["a", "a b", "é"], &["", " a", "a ", "\u{a0}a", "a\tb"]);
        check(&TAG, &["a b"], &["a,b", ",", ""]);
        check(&FIELD_NAME, &["visit"], &["a=b", "", &"a".repeat(65)]);
        check(&PASSPHRASE, &["abcd", " a b c d ", "blue kettle"], &["abc", "a b c", "    ", "ab\ncd"]);
        check(&REASON, &["x", " x "], &["", "  ", "\u{2003}", "a\nb"]);
        check(&TEXT, &["", "a\r\nb\rc\n"], &["a\0"]);
        check(&LANGUAGE, &["en", "es-MX", "ES"], &["fr", "english", ""]);
        check(&MEDIA_TYPE, &["text/plain"], &["text", "/", "Multipart/mixed", "a/b;c=d"]);
        check(&CONTENT_ID, &["a@b"], &["", "<a>", "a b", "é"]);
        check(&BASE_64, &["", "aGVsbG8=", "aA=="], &["a", "aB==", "a GVs", "aGVsbG8"]);
        check(&IDEMPOTENCY_KEY, &["refill/8841", "a b"], &["", " a", "a\n", "é"]);
        check(&MESSAGE_ID, &["msg_01K0000000000000000000000A"], &["msg_", "msg_81K0000000000000000000000A"]);
    }

    #[test]
    fn every_level_of_protection_has_its_word() {
        let words = PROTECT.pattern.trim_matches(['^', '$', '(', ')']).split('|');
        for word in words {
            assert!(mail::Need::from_word(word).is_some(), "{word}");
        }
        assert!(!PROTECT.fits("verifie"));
    }

    #[test]
    fn every_reason_to_suppress_has_its_word() {
        for reason in mail::suppression::Reason::ALL {
            assert!(SUPPRESSED_FOR.fits(reason.word()), "{reason}");
        }
    }

    #[test]
    fn a_header_that_the_journey_refuses_is_described_as_such() {
        let headers = headers();
        let names = &headers["propertyNames"];
        let (free, not) = (regex(names["pattern"].as_str().unwrap()), regex(names["not"]["pattern"].as_str().unwrap()));
        let others =
            ["From", "bcc", "Content-Type", "x-SEALPOST-tag", "Message-ID", "Resent-From", "X-", "Toe", "ARC-Seal"];
        for name in
            others.into_iter().chain(["Disposition-Notification-To", "Autocrypt", "TLS-Required", "Delivered-To"])
        {
            assert!(not.is_match(name) || !free.is_match(name), "{name}");
        }
        for name in ["X-From", "List-Id", "list-unsubscribe", "In-Reply-To", "references", "Auto-Submitted"] {
            assert!(free.is_match(name) && !not.is_match(name), "{name}");
        }
    }
}
