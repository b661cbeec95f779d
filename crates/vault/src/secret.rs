//! 32 secret bytes, the ids that name them in the open, and what is derived
//! from them by HKDF-SHA256 (RFC 5869).

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use mail::Entropy;
use zeroize::Zeroizing;

/// Keeps this crate's derivations apart from any other use of the same key.
const EXTRACT_SALT: &[u8] = b"sealpost/vault/v1";

/// The name of a key: four bytes derived from it, which tell nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) [u8; 4]);

impl KeyId {
    /// The four bytes, as envelopes hold them.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A 256-bit key. Wiped when dropped; it has no printed form.
pub(crate) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    pub(crate) fn fresh(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut());
        Self(bytes)
    }

    /// The secret with these 32 bytes; none if there are more or fewer.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        if bytes.len() != secret.len() {
            return None;
        }
        secret.copy_from_slice(bytes);
        Some(Self(secret))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose. `context` is of fixed width for each purpose, so
    /// that no two inputs run together.
    pub(crate) fn derive(&self, purpose: &str, context: &[u8]) -> Secret {
        self.derive_salted(EXTRACT_SALT, purpose, context)
    }

    /// A key for one sealing: `salt` is 32 random bytes that travel with it.
    pub(crate) fn derive_salted(&self, salt: &[u8], purpose: &str, context: &[u8]) -> Secret {
        let mut key = Zeroizing::new([0; 32]);
        let prk = Salt::new(HKDF_SHA256, salt).extract(self.0.as_slice());
        prk.expand(&[purpose.as_bytes(), &[0], context], HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut()))
            .expect("32 bytes are within the reach of HKDF-SHA256");
        Secret(key)
    }

    /// The name of this key.
    pub(crate) fn id(&self) -> KeyId {
        let derived = self.derive("key id", &[]);
        let [a, b, c, d, ..] = *derived.bytes();
        KeyId([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 appendix A.1, the first 32 of 42 bytes: HKDF's output is a
    /// stream, so a shorter one is its beginning.
    #[test]
    fn hkdf_gives_the_bytes_of_rfc_5869() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut okm = [0; 32];
        let prk = Salt::new(HKDF_SHA256, &salt).extract(&[0x0b; 22]);
        prk.expand(&[&info], HKDF_SHA256).unwrap().fill(&mut okm).unwrap();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(okm.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    }

    #[test]
    fn purposes_contexts_and_salts_give_different_keys() {
        let secret = Secret::from_slice(&[7; 32]).unwrap();
        let keys = [
            *secret.derive("a", b"x").bytes(),
            *secret.derive("b", b"x").bytes(),
            *secret.derive("a", b"y").bytes(),
            *secret.derive_salted(&[1; 32], "a", b"x").bytes(),
            *Secret::from_slice(&[8; 32]).unwrap().derive("a", b"x").bytes(),
        ];
        assert!((0..keys.len()).all(|i| !keys[..i].contains(&keys[i])));
        assert_eq!(keys[0], *secret.derive("a", b"x").bytes());
    }
}
