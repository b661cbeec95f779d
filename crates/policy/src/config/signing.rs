//! The tables `[policy.signing]`, `[policy.replies]` and `[policy.tls]`.

use mail::KeyFormat;
use toml::Value;

use super::table::{self, Keys, Mistakes};
use crate::signing::{Leads, ReplyPolicy, Sign, SigningPolicy, TlsPolicy, Unmet};

/// Reads `[policy.signing]`.
pub(super) fn signing(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> SigningPolicy {
    let default = SigningPolicy::default();
    let policy = SigningPolicy {
        end_to_end: keys.read("end_to_end", mistakes, sign).unwrap_or(default.end_to_end),
        transit: keys.read("transit", mistakes, sign).unwrap_or(default.transit),
        format: keys.read("format", mistakes, format).unwrap_or(default.format),
    };
    keys.end(mistakes);
    policy
}

/// Reads `[policy.replies]`.
pub(super) fn replies(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> ReplyPolicy {
    let default = ReplyPolicy::default();
    let policy = ReplyPolicy {
        key: keys.read("key", mistakes, table::boolean).unwrap_or(default.key),
        portal: keys.read("portal", mistakes, leads).unwrap_or(default.portal),
        quotes: keys.read("quotes", mistakes, table::boolean).unwrap_or(default.quotes),
    };
    keys.end(mistakes);
    policy
}

/// Reads `[policy.tls]`.
pub(super) fn tls(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> TlsPolicy {
    let default = TlsPolicy::default();
    let policy = TlsPolicy {
        requiretls_unmet: keys.read("requiretls_unmet", mistakes, unmet).unwrap_or(default.requiretls_unmet),
        required_no: keys.read("required_no", mistakes, table::boolean).unwrap_or(default.required_no),
    };
    keys.end(mistakes);
    policy
}

fn unmet(value: &Value) -> Result<Unmet, String> {
    table::word(value, "way for what is not met", Unmet::WORDS, Unmet::from_word)
}

fn sign(value: &Value) -> Result<Sign, String> {
    table::word(value, "rule for signatures", Sign::WORDS, Sign::from_word)
}

fn leads(value: &Value) -> Result<Leads, String> {
    table::word(value, "rule for replies", Leads::WORDS, Leads::from_word)
}

fn format(value: &Value) -> Result<KeyFormat, String> {
    let known: Vec<&str> = KeyFormat::ALL.iter().map(|format| format.word()).collect();
    table::word(value, "format", &known, KeyFormat::from_word)
}
