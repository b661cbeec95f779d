//! The key that signs receipts and checkpoints: Ed25519 (RFC 8032).
//!
//! One key may serve both: a receipt signs two base64url texts with a dot
//! between, a checkpoint signs lines, so neither is ever the other.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use mail::Entropy;
use zeroize::Zeroizing;

use crate::jwk::Jwk;

/// A signing key. Its seed is a secret of the organisation, sealed by the
/// vault; it has no printed form.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    jwk: Jwk,
}

impl SigningKey {
    /// A new key, and its seed, to be sealed and kept.
    pub fn generate(entropy: &dyn Entropy) -> (Self, Zeroizing<[u8; 32]>) {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut());
        (Self::from_seed(&seed), seed)
    }

    /// The key with this seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed of Ed25519");
        let public = pair.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes");
        Self { pair, jwk: Jwk::new(public) }
    }

    /// Its public half.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    pub(crate) fn sign(&self, signed: &[u8]) -> [u8; 64] {
        self.pair.sign(signed).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.jwk.kid())
    }
}
