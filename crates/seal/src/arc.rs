//! ARC sets (RFC 8617): what this system found of a message before it changed
//! it, sealed with the organisation's DKIM key, so that the mail system behind
//! it need not judge a message by what is left of its signatures.

use jiff::Timestamp;
use mail::header::{self, Field};

use crate::base64;
use crate::dkim::{DkimKey, canonical_fields, fold, relaxed_body, relaxed_field};

/// How the chain stood when the message arrived (RFC 8617 §4.1.3, `cv=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// There was none.
    None,
    /// It verified.
    Pass,
    /// It did not. It is sealed so once, and then nobody seals it again.
    Fail,
}

impl Chain {
    const fn word(self) -> &'static str {
        match self {
            Chain::None => "none",
            Chain::Pass => "pass",
            Chain::Fail => "fail",
        }
    }
}

/// What a set says.
#[derive(Clone, Debug)]
pub struct ArcSet<'a> {
    /// The number of the set: one more than there are.
    pub instance: usize,
    /// How the chain stood.
    pub chain: Chain,
    /// The value of Authentication-Results (RFC 8601), folded.
    pub results: &'a str,
}

/// RFC 8617 §4.2.1: fifty sets are the most.
pub const SETS_MAX: usize = 50;

/// Fields that the message signature covers, as often as they occur.
/// Authentication-Results is none of them: those behind us take it out.
const SIGNED: [&str; 15] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Reply-To",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Sender",
    "List-Unsubscribe",
    "DKIM-Signature",
];

const FIELDS: [&str; 3] = ["ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"];

impl DkimKey {
    /// The three fields of a set for `message`, each with its CRLF, to be put
    /// on top. None where there are too many sets already.
    pub fn seal(&self, message: &[u8], set: &ArcSet<'_>, at: Timestamp) -> Option<String> {
        if set.instance == 0 || set.instance > SETS_MAX {
            return None;
        }
        let split = header::split(message);
        let fields: Vec<Field<'_>> = header::fields(split.header).collect();
        let instance = set.instance;
        let results = format!("ARC-Authentication-Results: i={instance}; {}\r\n", set.results);
        let signature = self.message_signature(&fields, split.body, instance, at);
        let unsigned = format!(
            "ARC-Seal: i={instance}; a={}; t={}; cv={};\r\n\td={}; s={};\r\n\tb=",
            self.algorithm(),
            at.as_second(),
            set.chain.word(),
            self.domain(),
            self.selector(),
        );
        let mut sealed = Vec::new();
        // A chain that failed is not vouched for (RFC 8617 §5.1.2).
        if set.chain != Chain::Fail {
            (1..instance).for_each(|earlier| sealed.extend_from_slice(&canonical_set(&fields, earlier)));
        }
        sealed.extend_from_slice(&canonical(&results));
        sealed.extend_from_slice(&canonical(&signature));
        sealed.extend_from_slice(canonical(&unsigned).trim_ascii_end());
        let seal = format!("{unsigned}{}\r\n", fold(&base64(&self.signature(&sealed))));
        Some(format!("{seal}{signature}{results}"))
    }

    /// RFC 8617 §4.1.2: a DKIM signature without a version, with an instance.
    fn message_signature(&self, fields: &[Field<'_>], body: &[u8], instance: usize, at: Timestamp) -> String {
        let count = |name: &str| fields.iter().filter(|field| field.is(name)).count();
        let names: Vec<&str> = SIGNED.iter().flat_map(|name| std::iter::repeat_n(*name, count(name))).collect();
        let body_hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &relaxed_body(body));
        let unsigned = format!(
            "ARC-Message-Signature: i={instance}; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};\r\n\th={};\r\n\tbh={};\r\n\tb=",
            self.algorithm(),
            self.domain(),
            self.selector(),
            at.as_second(),
            names.join(":\r\n\t "),
            base64(body_hash.as_ref()),
        );
        let mut signed = canonical_fields(fields, &names);
        signed.extend_from_slice(canonical(&unsigned).trim_ascii_end());
        format!("{unsigned}{}\r\n", fold(&base64(&self.signature(&signed))))
    }
}

/// The fields of an earlier set in the order in which a seal covers them
/// (RFC 8617 §5.1.1).
fn canonical_set(fields: &[Field<'_>], instance: usize) -> Vec<u8> {
    let of = |name: &str| fields.iter().find(|field| field.is(name) && instance_of(field) == Some(instance));
    FIELDS.iter().filter_map(|name| of(name)).flat_map(|field| relaxed_field(field)).collect()
}

/// `i=` of a field of a set.
fn instance_of(field: &Field<'_>) -> Option<usize> {
    let text = field.text();
    let tag = text.split(';').find_map(|tag| tag.trim().strip_prefix("i").map(str::trim_start)?.strip_prefix('='));
    tag?.trim().parse().ok()
}

fn canonical(field: &str) -> Vec<u8> {
    header::fields(field.as_bytes()).next().map(|field| relaxed_field(&field)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instance_of_a_field_is_found() {
        let check = |raw: &str, expect| {
            let found = header::fields(raw.as_bytes()).next().and_then(|field| instance_of(&field));
            assert_eq!(found, expect, "{raw}");
        };
        check("ARC-Seal: i=12; a=rsa-sha256\r\n", Some(12));
        check("ARC-Seal: a=rsa-sha256; cv=none;\r\n i = 3; b=x\r\n", Some(3));
        check("ARC-Authentication-Results: i=1; mx.example; spf=pass\r\n", Some(1));
        check("ARC-Seal: a=rsa-sha256\r\n", None);
    }
}
