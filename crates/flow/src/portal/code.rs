//! One-time codes: six random digits, kept as a keyed hash.

use std::fmt;

use aws_lc_rs::hmac;
use mail::Entropy;
use mail::seam::random;

const DIGITS: usize = 6;
const VALUES: u32 = 1_000_000;

/// Six digits that prove control of a mailbox, and no more.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// A uniform code. Values that would favour some codes are drawn again.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let fair_max = u32::MAX - u32::MAX % VALUES;
        loop {
            let value = u32::from_be_bytes(random(entropy));
            if value < fair_max {
                return Self(format!("{:06}", value % VALUES));
            }
        }
    }

    /// Reads what a person typed or pasted: six digits, with blanks or hyphens between.
    pub fn read(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(DIGITS + 1).collect();
        let is_code = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(digits))
    }

    /// The six digits.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The hash to keep. A million codes are tried in no time, so the hash
    /// protects only within the sealed state; the salt keeps equal codes apart.
    pub(super) fn hash(&self, salt: &[u8; 16]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(&key, self.0.as_bytes()).as_ref());
        hash
    }

    /// Whether this is the code with that hash, in constant time.
    pub(super) fn matches(&self, salt: &[u8; 16], hash: &[u8; 32]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
        hmac::verify(&key, self.0.as_bytes(), hash).is_ok()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Draws(Mutex<Vec<u32>>);
    impl Entropy for Draws {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.lock().unwrap().remove(0).to_be_bytes());
        }
    }

    fn drawn(draws: &[u32]) -> String {
        Code::new(&Draws(Mutex::new(draws.to_vec()))).0
    }

    #[test]
    fn codes_are_six_digits_and_uniform() {
        assert_eq!(drawn(&[0]), "000000");
        assert_eq!(drawn(&[1_000_042]), "000042");
        assert_eq!(drawn(&[4_293_999_999]), "999999");
        assert_eq!(drawn(&[u32::MAX, 4_294_000_000, 7]), "000007", "draws beyond the last whole million are not fair");
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for text in ["123456", " 123 456 ", "123-456", "1 2 3 4 5 6\r\n"] {
            assert_eq!(Code::read(text).map(|code| code.0).as_deref(), Some("123456"), "{text:?}");
        }
        for text in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "123456 123456"] {
            assert_eq!(Code::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_hash_belongs_to_one_code_and_one_salt() {
        let code = Code("123456".into());
        let hash = code.hash(&[1; 16]);
        assert!(code.matches(&[1; 16], &hash));
        assert!(!code.matches(&[2; 16], &hash));
        assert!(!Code("123457".into()).matches(&[1; 16], &hash));
    }
}
