//! Names of keys (RFC 9580 §5.5.4).

use std::fmt;
use std::str::FromStr;

use pgp::types::KeyDetails;

/// The fingerprint of a key: 20 bytes of a version 4 key, 32 of a version 6 key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fingerprint {
    /// SHA-1 of a version 4 key.
    V4([u8; 20]),
    /// SHA-256 of a version 6 key.
    V6([u8; 32]),
}

/// Not the hexadecimal digits of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 40 or 64 hexadecimal digits")]
pub struct NotFingerprint;

impl Fingerprint {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// The 64 bits by which messages name the key: the last of a version 4
    /// fingerprint, the first of a version 6 one. Not collision-resistant.
    pub fn key_id(&self) -> KeyId {
        let bytes = match self {
            Self::V4(bytes) => bytes.last_chunk::<8>(),
            Self::V6(bytes) => bytes.first_chunk::<8>(),
        };
        KeyId(bytes.copied().unwrap_or_default())
    }

    /// The fingerprint of a key packet; none for versions 2, 3 and 5.
    pub(crate) fn of(key: &impl KeyDetails) -> Option<Self> {
        Self::from_packet(&key.fingerprint())
    }

    pub(crate) const fn from_packet(fingerprint: &pgp::types::Fingerprint) -> Option<Self> {
        match fingerprint {
            pgp::types::Fingerprint::V4(bytes) => Some(Self::V4(*bytes)),
            pgp::types::Fingerprint::V6(bytes) => Some(Self::V6(*bytes)),
            _ => None,
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(self.as_bytes(), f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(self.as_bytes(), f)
    }
}

impl FromStr for Fingerprint {
    type Err = NotFingerprint;

    /// Hexadecimal digits in either case; spaces between them are skipped.
    fn from_str(text: &str) -> Result<Self, NotFingerprint> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(NotFingerprint))
            .collect::<Result<_, _>>()?;
        let (pairs, rest) = digits.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| (high << 4) | low).collect();
        match (rest, <[u8; 20]>::try_from(bytes.as_slice()), <[u8; 32]>::try_from(bytes.as_slice())) {
            ([], Ok(bytes), _) => Ok(Self::V4(bytes)),
            ([], _, Ok(bytes)) => Ok(Self::V6(bytes)),
            _ => Err(NotFingerprint),
        }
    }
}

/// The 64 bits by which a message names a key. Two keys may share them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default().to_ascii_uppercase();
    // In one piece: a formatter is slow at single digits.
    let text: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    f.write_str(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, NotFingerprint>) {
        let found = text.parse::<Fingerprint>().map(|fingerprint| fingerprint.to_string());
        assert_eq!(found, expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn fingerprints_are_read() {
        let v4 = "EB85BB5FA33A75E15E944E63F231550C4F47E38E";
        check(v4, Ok(v4));
        check(&v4.to_lowercase(), Ok(v4));
        check("EB85 BB5F A33A 75E1 5E94  4E63 F231 550C 4F47 E38E", Ok(v4));
        let v6 = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9";
        check(v6, Ok(v6));
        check("F231550C4F47E38E", Err(NotFingerprint));
        check(&v4.replace('E', "G"), Err(NotFingerprint));
        check(&v4[1..], Err(NotFingerprint));
    }

    #[test]
    fn a_key_id_is_a_part_of_the_fingerprint() {
        let v4: Fingerprint = "EB85BB5FA33A75E15E944E63F231550C4F47E38E".parse().unwrap();
        assert_eq!(v4.key_id().to_string(), "F231550C4F47E38E");
        let v6: Fingerprint = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9".parse().unwrap();
        assert_eq!(v6.key_id().to_string(), "CB186C4F0609A697");
    }
}
