//! The id in a portal link: 128 random bits, unrelated to any other id.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use mail::Entropy;
use mail::seam::random;

/// Crockford's alphabet in lower case: no character that is mistaken for
/// another, and none that a mail client cuts off the end of a link.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const CHARS: usize = 26;

/// What `/m/{id}` names. Only a keyed hash of it is ever stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId([u8; 16]);

/// The text is no link id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link id is 26 letters and digits")]
pub struct LinkIdError;

impl LinkId {
    /// A new id.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(random(entropy))
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A short name for the link's cookie that says nothing of the id.
    pub fn tag(&self) -> String {
        let hash = digest::digest(&digest::SHA256, &self.0);
        hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The bytes to be hashed.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        (0..CHARS).rev().try_for_each(|digit| {
            let index = usize::try_from((value >> (digit * 5)) & 31).unwrap_or(0);
            fmt::Write::write_char(f, char::from(ALPHABET[index]))
        })
    }
}

/// A link id opens the first door to a message, so it stays out of logs.
impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkId(…)")
    }
}

impl FromStr for LinkId {
    type Err = LinkIdError;

    /// Reads the 26 characters; upper case, and the letters that Crockford
    /// takes for digits, are read too, for ids that were typed by hand.
    fn from_str(text: &str) -> Result<Self, LinkIdError> {
        if text.len() != CHARS || text.as_bytes().first().is_none_or(|first| !matches!(digit(*first), Some(0..=7))) {
            return Err(LinkIdError);
        }
        let read = |value: u128, byte| digit(byte).map(|digit| (value << 5) | u128::from(digit));
        text.bytes().try_fold(0, read).map(|value| Self(value.to_be_bytes())).ok_or(LinkIdError)
    }
}

fn digit(byte: u8) -> Option<u8> {
    let byte = match byte.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        byte => byte,
    };
    ALPHABET.iter().position(|known| *known == byte).and_then(|at| u8::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_printed_form() {
        for bytes in [[0; 16], [0xff; 16], *b"0123456789abcdef"] {
            let id = LinkId(bytes);
            assert_eq!(id.to_string().len(), CHARS);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        let zero = "00000000000000000000000001".parse::<LinkId>().unwrap();
        assert_eq!("OoOOOOOOOOOOOOOOOOOOOOOOOl".parse(), Ok(zero));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in ["", "0", "80000000000000000000000000", "0000000000000000000000000u", "000000000000000000000000000"]
        {
            assert_eq!(bad.parse::<LinkId>(), Err(LinkIdError), "{bad}");
        }
    }

    #[test]
    fn an_id_is_not_debugged() {
        assert_eq!(format!("{:?}", LinkId([7; 16])), "LinkId(…)");
    }
}
