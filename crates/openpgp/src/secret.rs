//! Own keys: read, made, extended, revoked.

use std::sync::Arc;

use jiff::Timestamp;
use mail::Entropy;
use mail::private_key::{Decrypter, Signer};
use zeroize::Zeroizing;

use crate::{Certificate, Fingerprint, KeyError, Unusable};

/// What kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Version 4, Ed25519 and Curve25519 as GnuPG 2.1 and later read them.
    V4,
    /// Version 6 of RFC 9580, Ed25519 and X25519. GnuPG can't read it.
    V6,
}

/// Why a key is revoked (RFC 9580 §5.2.3.31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// Nothing that it ever signed counts any more.
    Compromised,
    /// Another key takes its place.
    Superseded,
    /// It is no longer used.
    Retired,
}

/// A certificate with what uses its private keys.
#[derive(Clone)]
pub struct SecretIdentity {
    certificate: Certificate,
}

impl SecretIdentity {
    /// Every private key in `bytes`, armored or binary, unlocked by `passphrase`.
    pub fn parse(bytes: &[u8], passphrase: Option<&str>) -> Result<Vec<Self>, KeyError> {
        let _ = (bytes, passphrase);
        Err(KeyError::None)
    }

    /// A new key for `user_id` (`Clinic <mail@clinic.example>`), valid until `expires_at`.
    pub fn generate(
        user_id: &str,
        kind: KeyKind,
        expires_at: Option<Timestamp>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        let _ = (user_id, kind, expires_at, now, entropy);
        Err(KeyError::Unsupported)
    }

    /// A certificate whose private keys are kept elsewhere, each by the
    /// fingerprint of its component.
    pub fn kept_elsewhere(
        certificate: Certificate,
        signers: Vec<(Fingerprint, Arc<dyn Signer>)>,
        decrypters: Vec<(Fingerprint, Arc<dyn Decrypter>)>,
    ) -> Self {
        let _ = (signers, decrypters);
        Self { certificate }
    }

    /// The public half.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key in binary and in clear, for the vault; none for one that is kept elsewhere.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        None
    }

    /// What signs now, or why nothing does.
    pub fn signing(&self, now: Timestamp) -> Result<SigningIdentity, Unusable> {
        let _ = now;
        Err(Unusable::NoPart)
    }

    /// The same key, valid until `expires_at`, or for ever.
    pub fn extend(
        &self,
        expires_at: Option<Timestamp>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        let _ = (expires_at, now, entropy);
        Err(KeyError::Unsupported)
    }

    /// The certificate with its revocation, to be published.
    pub fn revoke(
        &self,
        reason: RevocationReason,
        words: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Certificate, KeyError> {
        let _ = (reason, words, now, entropy);
        Err(KeyError::Unsupported)
    }
}

impl std::fmt::Debug for SecretIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SecretIdentity").field(&self.certificate.fingerprint()).finish()
    }
}

/// The component of an own key that signs.
#[derive(Clone)]
pub struct SigningIdentity {
    certificate: Certificate,
}

impl SigningIdentity {
    /// The certificate for which it signs.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl std::fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningIdentity").field(&self.certificate.fingerprint()).finish()
    }
}
