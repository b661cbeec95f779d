//! The tables `[policy.signing]` and `[policy.replies]`.

use mail::KeyFormat;
use toml::Value;

use super::table::{self, Keys, Mistakes};
use crate::signing::{ReplyPolicy, Sign, SigningPolicy};

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
    let policy = ReplyPolicy { key: keys.read("key", mistakes, table::boolean).unwrap_or(ReplyPolicy::default().key) };
    keys.end(mistakes);
    policy
}

fn sign(value: &Value) -> Result<Sign, String> {
    table::word(value, "rule for signatures", Sign::WORDS, Sign::from_word)
}

fn format(value: &Value) -> Result<KeyFormat, String> {
    let known: Vec<&str> = KeyFormat::ALL.iter().map(|format| format.word()).collect();
    table::word(value, "format", &known, KeyFormat::from_word)
}
