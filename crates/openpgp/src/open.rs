//! Opening: decrypt, prove the integrity, then look at what is inside.

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{Certificate, Fingerprint, OpenError, SecretIdentity, SignatureVerdict};

/// Bounds on what is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that a message may have, before and after decompression.
    pub content_bytes_max: usize,
    /// The most layers of compression and signatures within the encryption.
    pub depth_max: usize,
    /// The most session keys and signatures that are looked at.
    pub packets_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { content_bytes_max: 64 << 20, depth_max: 4, packets_max: 256 }
    }
}

/// How the integrity of a content was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// Authenticated encryption: `OCB`, `GCM` or `EAX`.
    Aead(&'static str),
    /// The modification detection code of version 1.
    Mdc,
}

/// A message that was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The content, byte for byte.
    pub plain: Zeroizing<Vec<u8>>,
    /// How its integrity was proven.
    pub integrity: Integrity,
    /// `AES-256`.
    pub cipher: &'static str,
    /// Our certificate that opened it; none for a password.
    pub opened_by: Option<Fingerprint>,
    /// One for each signature over the whole content, the outermost first.
    pub signatures: Vec<SignatureVerdict>,
}

/// Opens `message`, armored or binary, with the first of `keys` that fits, and
/// judges its signatures against `known`.
pub fn decrypt(
    message: &[u8],
    keys: &[SecretIdentity],
    known: &[Certificate],
    now: Timestamp,
    limits: &Limits,
) -> Result<Opened, OpenError> {
    let _ = (message, keys, known, now, limits);
    Err(OpenError::Malformed)
}

/// Opens a message that is encrypted with a password.
pub fn decrypt_with_password(
    message: &[u8],
    password: &str,
    known: &[Certificate],
    now: Timestamp,
    limits: &Limits,
) -> Result<Opened, OpenError> {
    let _ = (message, password, known, now, limits);
    Err(OpenError::Malformed)
}
