//! Passwords that people choose, kept as argon2id.
//!
//! SP 800-63B §3.1.1: 15 characters at least where nothing else proves who it
//! is, a blocklist, no rules of composition, no change by the calendar.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use mail::Entropy;
use mail::seam::random;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::secret;

/// Characters that a chosen password has at least (SP 800-63B §3.1.1.2).
pub const CHARS_MIN: usize = 15;
/// Bytes that it has at most; SP 800-63B wants 64 characters to be possible.
pub const BYTES_MAX: usize = 256;

/// The least that OWASP's password storage cheat sheet gives for argon2id:
/// 19 MiB, two passes, one lane. Some 30 ms, so that a few at a time neither
/// fill a small machine's memory nor its time.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a password is not taken. Its owner may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Too few characters.
    #[error("a password has at least {CHARS_MIN} characters")]
    TooShort,
    /// Too many bytes.
    #[error("a password has at most {BYTES_MAX} bytes")]
    TooLong,
    /// On the blocklist, or a pattern that guessers try first.
    #[error("this password is among the first that are guessed")]
    Common,
    /// It is the login and little else.
    #[error("a password is more than the login")]
    Login,
    /// It looks like a secret that was made here; those are never chosen.
    #[error("a password does not look like a generated secret")]
    Generated,
    /// It could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
}

/// What is kept of a chosen password: argon2id in the PHC string form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ChosenHash(String);

impl ChosenHash {
    /// Judges and hashes a password. Takes tens of milliseconds.
    pub(crate) fn new(login: &str, password: &str, entropy: &dyn Entropy) -> Result<Self, PasswordRefused> {
        let password = prepare(password);
        judge(login, &password)?;
        let salt: [u8; 16] = random(entropy);
        let hash: PasswordHash =
            hasher().hash_password_with_salt(password.as_bytes(), &salt).map_err(PasswordRefused::Hash)?;
        Ok(Self(hash.to_string()))
    }

    /// The hash of no password at all. To check one against it costs as much
    /// as against any other.
    pub(crate) fn unknown() -> Self {
        let salt = "A".repeat(22);
        let output = "A".repeat(43);
        Self(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}"))
    }

    /// Whether the password is this one. Takes tens of milliseconds, always.
    pub(crate) fn matches(&self, password: &str) -> bool {
        let password = if password.len() > BYTES_MAX { "" } else { password };
        let Ok(hash) = PasswordHash::new(&self.0) else { return false };
        hasher().verify_password(prepare(password).as_bytes(), &hash).is_ok()
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The OpaqueString of RFC 8265 §4.2.2: two keyboards that write one password
/// differently mean the same one.
fn prepare(password: &str) -> Zeroizing<String> {
    let mut prepared = Zeroizing::new(String::with_capacity(password.len() * 3));
    prepared.extend(password.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).nfc());
    prepared
}

fn judge(login: &str, password: &str) -> Result<(), PasswordRefused> {
    if secret::has_form(password) {
        return Err(PasswordRefused::Generated);
    }
    if password.chars().count() < CHARS_MIN {
        return Err(PasswordRefused::TooShort);
    }
    if password.len() > BYTES_MAX {
        return Err(PasswordRefused::TooLong);
    }
    let folded = Zeroizing::new(fold(password));
    let login = fold(login);
    let beside_login = folded.replace(&login, "");
    if !login.is_empty() && beside_login.len() < folded.len() && beside_login.chars().count() < CHARS_MIN / 2 {
        return Err(PasswordRefused::Login);
    }
    if is_listed(&folded) || is_pattern(&folded) {
        return Err(PasswordRefused::Common);
    }
    Ok(())
}

/// Letters and digits, in lower case: what guessers vary is left out.
fn fold(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_listed(folded: &str) -> bool {
    include_str!("blocklist.txt").lines().any(|listed| listed == folded)
}

/// Few different characters, one short piece over and over, or a run along
/// the alphabet or the digits.
fn is_pattern(folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    let mut different = chars.clone();
    different.sort_unstable();
    different.dedup();
    let repeats = |period: usize| chars.iter().zip(chars.iter().skip(period)).all(|(one, next)| one == next);
    let steps = chars.windows(2).filter(|pair| matches!(pair, [a, b] if u32::from(*a).abs_diff(u32::from(*b)) == 1));
    different.len() < 5 || (1..=chars.len() / 2).any(repeats) || steps.count() + 3 >= chars.len()
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

    fn check(password: &str, expect: Result<(), PasswordRefused>) {
        assert_eq!(judge("frontdesk", &prepare(password)), expect, "{password}");
    }

    #[test]
    fn passwords_are_judged() {
        check("kettle on the blue stove", Ok(()));
        check("Zx9!kettle#Blue$", Ok(()));
        check("пароль для приёмной", Ok(()));
        check("short", Err(PasswordRefused::TooShort));
        check("fourteen chars", Err(PasswordRefused::TooShort));
        check(&"long enough ".repeat(30), Err(PasswordRefused::TooLong));
        check("Password-1234567", Err(PasswordRefused::Common));
        check("correct horse battery staple", Err(PasswordRefused::Common));
        check("aaaaaaaaaaaaaaaaaaaa", Err(PasswordRefused::Common));
        check("kettlekettlekettle", Err(PasswordRefused::Common));
        check("0123456789012345", Err(PasswordRefused::Common));
        check("abcdefghijklmnopq", Err(PasswordRefused::Common));
        check("frontdesk-frontdesk1!", Err(PasswordRefused::Login));
        check("sp_aebagbafaydqqcikbmga2dqpcaireeyu", Err(PasswordRefused::Generated));
    }

    #[test]
    fn a_password_is_known_again_however_it_was_typed() {
        let kept = ChosenHash::new("ehr", "señora blue kettle", &Fixed(1)).unwrap();
        assert!(kept.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.0);
        assert!(kept.matches("señora blue kettle"));
        assert!(kept.matches("sen\u{303}ora\u{a0}blue kettle"));
        assert!(!kept.matches("Señora blue kettle"));
        assert!(!kept.matches(""));
        assert!(!kept.matches(&"x".repeat(10_000)));
    }

    #[test]
    fn the_hash_of_no_password_is_well_formed_and_matches_none() {
        let unknown = ChosenHash::unknown();
        assert!(PasswordHash::new(&unknown.0).is_ok());
        assert!(!unknown.matches("anything at all, really"));
        assert!(!ChosenHash("broken".into()).matches("anything at all, really"));
    }
}
