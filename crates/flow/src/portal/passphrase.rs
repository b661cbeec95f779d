//! A passphrase that sender and recipient know, kept as argon2id.
//!
//! It is folded before it is hashed (Unicode form, case, blanks), because a
//! phone's keyboard capitalises and spaces as it likes; ten tries in all, not
//! the alphabet, are what makes guessing hopeless.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use mail::Entropy;
use mail::seam::random;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Longer ones are refused: hashing takes time that grows with the length.
const CHARS_MAX: usize = 256;
const CHARS_MIN: usize = 4;
/// The longest hint that is kept.
pub const HINT_CHARS_MAX: usize = 200;

/// Why a text can't be a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Fewer than four characters that are no blanks.
    #[error("a passphrase has at least {CHARS_MIN} characters that are no blanks")]
    TooShort,
    /// More than 256 characters.
    #[error("a passphrase has at most {CHARS_MAX} characters")]
    TooLong,
    /// The hash could not be computed.
    #[error("the passphrase could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
}

/// What is kept of a passphrase.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passphrase {
    /// argon2id in the PHC string form.
    hash: String,
    /// What reminds the recipient of it; shown only after a right code.
    hint: Option<String>,
}

impl Passphrase {
    /// Hashes a sender's passphrase. Takes tens of milliseconds: not for the async threads.
    pub fn new(text: &str, hint: Option<&str>, entropy: &dyn Entropy) -> Result<Self, PassphraseError> {
        if text.chars().filter(|c| !c.is_whitespace()).count() < CHARS_MIN {
            return Err(PassphraseError::TooShort);
        }
        if is_long(text) {
            return Err(PassphraseError::TooLong);
        }
        let folded = fold(text);
        let salt: [u8; 16] = random(entropy);
        let hash: PasswordHash =
            hasher().hash_password_with_salt(folded.as_bytes(), &salt).map_err(PassphraseError::Hash)?;
        let hint = hint.map(|hint| hint.trim().chars().take(HINT_CHARS_MAX).collect::<String>());
        Ok(Self { hash: hash.to_string(), hint: hint.filter(|hint| !hint.is_empty()) })
    }

    /// Whether the text is the passphrase. Takes as long as [`Passphrase::new`], always.
    pub fn matches(&self, text: &str) -> bool {
        let text = if is_long(text) { "" } else { text };
        let Ok(hash) = PasswordHash::new(&self.hash) else { return false };
        hasher().verify_password(fold(text).as_bytes(), &hash).is_ok()
    }

    /// The hint, if the sender gave one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// 19 MiB, two passes, one lane: the least that OWASP's password storage cheat
/// sheet gives for argon2id, so that two at a time fit a small machine.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap_or_default())
}

fn is_long(text: &str) -> bool {
    text.chars().take(CHARS_MAX + 1).count() > CHARS_MAX
}

fn fold(text: &str) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_passphrase_is_known_again_as_phones_type_it() {
        let kept = Passphrase::new("Señora  blue Kettle", None, &Fixed(1)).unwrap();
        for text in
            ["señora blue kettle", " Señora Blue Kettle ", "sen\u{303}ora blue kettle", "SEÑORA\u{a0}BLUE KETTLE"]
        {
            assert!(kept.matches(text), "{text:?}");
        }
        for text in ["", "señora blue", "senora blue kettle", "señorabluekettle"] {
            assert!(!kept.matches(text), "{text:?}");
        }
    }

    #[test]
    fn what_can_be_no_passphrase_is_refused() {
        let check = |text: &str| Passphrase::new(text, None, &Fixed(1)).map(drop);
        assert_eq!(check("a b"), Err(PassphraseError::TooShort));
        assert_eq!(check("      "), Err(PassphraseError::TooShort));
        assert_eq!(check(&"x".repeat(257)), Err(PassphraseError::TooLong));
    }

    #[test]
    fn only_argon2id_with_its_parameters_is_kept() {
        let kept = Passphrase::new("blue kettle", Some("  the one we bought "), &Fixed(1)).unwrap();
        assert!(kept.hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.hash);
        assert_eq!(kept.hint(), Some("the one we bought"));
        assert!(!format!("{kept:?}").contains("argon2"));
        assert_ne!(kept, Passphrase::new("blue kettle", None, &Fixed(2)).unwrap());
    }

    #[test]
    fn a_damaged_hash_matches_nothing() {
        let kept = Passphrase { hash: "$argon2id$broken".into(), hint: None };
        assert!(!kept.matches("anything"));
    }
}
