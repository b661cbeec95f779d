//! New private keys.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use mail::Entropy;
use zeroize::Zeroizing;

use super::SoftwareKey;
use crate::algorithm::public_key::{P256, P384};
use crate::pbe::LockError;

/// A kind of key that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits: what every mail program can use.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// Ed25519, to sign only.
    Ed25519,
    /// X25519, to open only.
    X25519,
}

impl SoftwareKey {
    /// Makes a key. RSA takes its randomness from the provider, which has no seam for it.
    pub fn generate(kind: KeyKind, entropy: &dyn Entropy) -> Result<Self, LockError> {
        match kind {
            KeyKind::Rsa2048 => Self::generate_rsa(KeySize::Rsa2048),
            KeyKind::Rsa3072 => Self::generate_rsa(KeySize::Rsa3072),
            KeyKind::Rsa4096 => Self::generate_rsa(KeySize::Rsa4096),
            // A number that is no scalar of the curve is as good as never drawn.
            KeyKind::P256 => Self::draw(32, entropy, |scalar| Self::scalar(P256, scalar)),
            KeyKind::P384 => Self::draw(48, entropy, |scalar| Self::scalar(P384, scalar)),
            KeyKind::Ed25519 => Self::draw(32, entropy, Self::seed),
            KeyKind::X25519 => Self::draw(32, entropy, Self::montgomery),
        }
    }

    fn generate_rsa(size: KeySize) -> Result<Self, LockError> {
        let key = PrivateDecryptingKey::generate(size).map_err(|_| LockError::Key)?;
        let encoded: Pkcs8V1Der<'static> = key.as_der().map_err(|_| LockError::Key)?;
        Self::from_der(encoded.as_ref(), None)
    }

    fn draw(
        bytes: usize,
        entropy: &dyn Entropy,
        read: impl Fn(&[u8]) -> Result<Self, LockError>,
    ) -> Result<Self, LockError> {
        let attempts = (0..64).map(|_| {
            let mut drawn = Zeroizing::new(vec![0; bytes]);
            entropy.fill(&mut drawn);
            read(&drawn)
        });
        attempts.into_iter().find_map(Result::ok).ok_or(LockError::Key)
    }
}
