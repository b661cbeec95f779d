//! Secrets that are made here: `sp_` and 160 random bits.
//!
//! Nobody guesses one, so a fast hash keeps it safe and no failure count is
//! needed. The prefix lets secret scanners and people know what it is.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use mail::Entropy;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const PREFIX: &str = "sp_";
const RANDOM_BYTES: usize = 20;
/// Base 32 of RFC 4648 §6 in lower case; 20 bytes are 32 digits, no padding.
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const TEXT_BYTES: usize = PREFIX.len() + 32;

/// A secret as its owner gets it, once. It is gone from memory when dropped.
pub struct GeneratedSecret(Zeroizing<String>);

impl GeneratedSecret {
    /// A new secret.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut random = Zeroizing::new([0; RANDOM_BYTES]);
        entropy.fill(random.as_mut());
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES));
        text.push_str(PREFIX);
        for five in random.chunks(5) {
            let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            text.extend((0..8).rev().map(|digit| char::from(DIGITS[(bits >> (digit * 5) & 31) as usize])));
        }
        Self(text)
    }

    /// The text, to be shown to its owner and to nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for GeneratedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedSecret(sp_…)")
    }
}

/// What is kept of a generated secret: its SHA-256.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretHash([u8; 32]);

impl SecretHash {
    fn of(text: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(hash)
    }

    /// The hash of no secret at all.
    pub(crate) const fn unknown() -> Self {
        Self([0; 32])
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        verify_slices_are_equal(&self.0, &SecretHash::of(text).0).is_ok()
    }
}

/// Whether a text has the form of a generated secret. What it costs to check
/// a login hangs on this alone, never on whose login it is.
pub(crate) fn has_form(text: &str) -> bool {
    let is_digit = |byte: u8| DIGITS.contains(&byte);
    text.len() == TEXT_BYTES && text.strip_prefix(PREFIX).is_some_and(|digits| digits.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(1..).for_each(|(byte, count)| *byte = count);
        }
    }

    #[test]
    fn a_secret_is_base32_of_its_random_bytes() {
        let secret = GeneratedSecret::new(&Counting);
        // RFC 4648 base 32 of 01 02 … 14, lower case.
        assert_eq!(secret.expose(), "sp_aebagbafaydqqcikbmga2dqpcaireeyu");
        assert!(has_form(secret.expose()));
        assert!(secret.hash().matches(secret.expose()));
        assert!(!secret.hash().matches("sp_aebagbafaydqqcikbmga2dqpcaireeya"));
        assert!(!format!("{secret:?}").contains("aeb"));
    }

    #[test]
    fn other_texts_have_another_form() {
        for other in ["", "sp_", "sp_AEBAGBAFAYDQQCIKBMGA2DQPCAIREEYU", "sp_aebagbafaydqqcikbmga2dqpcaireey1"] {
            assert!(!has_form(other), "{other}");
        }
        assert!(!has_form("correct horse battery staple, yes!!"));
    }
}
