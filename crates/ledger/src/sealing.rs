//! What a copy was sealed with end to end: for the timeline, with the
//! fingerprint of the recipient's key, and for a receipt, with a salted digest
//! of it. A fingerprint leads to its owner, and a receipt names nobody.

use mail::{KeyFormat, KeySource, OrgKeyId, RecipientKeyId};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Salt};

/// A fingerprint is digested apart from recipients and content.
const KEY_DOMAIN: &[u8] = b"sealpost-receipt-key-v1\n";

/// A recipient's key, as the timeline names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyNamed {
    /// Its id here.
    pub id: RecipientKeyId,
    /// Its format.
    pub format: KeyFormat,
    /// Its fingerprint in hexadecimal digits: of the primary key for OpenPGP,
    /// SHA-256 of the certificate for S/MIME.
    pub fingerprint: String,
    /// Where it came from.
    pub source: KeySource,
}

/// What protects the integrity of what is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SealIntegrity {
    /// Authenticated encryption.
    Aead,
    /// A modification detection code within the encryption (RFC 4880 §5.14).
    Mdc,
    /// Nothing but the signature inside, if there is one: CBC of S/MIME.
    None,
}

impl SealIntegrity {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            SealIntegrity::Aead => "aead",
            SealIntegrity::Mdc => "mdc",
            SealIntegrity::None => "none",
        }
    }
}

/// How one recipient's copy was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealing {
    /// In which format.
    pub format: KeyFormat,
    /// The fingerprint of the recipient's key, in hexadecimal digits.
    pub fingerprint: String,
    /// How the session key was sealed: `X25519`, `RSA-OAEP`.
    pub algorithm: String,
    /// How the content was: `AES-256-GCM`.
    pub cipher: String,
    /// What protects its integrity.
    pub integrity: SealIntegrity,
    /// The fingerprint of the organisation's key that signed; none for a copy
    /// that is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

/// The same in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// In which format.
    pub format: KeyFormat,
    /// Salted digest of the fingerprint: [`key_digest`].
    pub key_sha256: Digest,
    /// How the session key was sealed.
    pub algorithm: String,
    /// How the content was.
    pub cipher: String,
    /// What protects its integrity.
    pub integrity: SealIntegrity,
    /// The fingerprint of the organisation's key that signed.
    pub signed_by: Option<String>,
}

impl Seal {
    /// What a receipt says of a sealing.
    pub fn new(sealing: &Sealing, salt: &Salt) -> Self {
        Self {
            format: sealing.format,
            key_sha256: key_digest(salt, &sealing.fingerprint),
            algorithm: sealing.algorithm.clone(),
            cipher: sealing.cipher.clone(),
            integrity: sealing.integrity,
            signed_by: sealing.signed_by.clone(),
        }
    }

    /// Whether `salt` shows that it was sealed to the key with this fingerprint.
    pub fn is_to_key(&self, salt: &Salt, fingerprint: &str) -> bool {
        key_digest(salt, fingerprint) == self.key_sha256
    }
}

/// The salted digest of a key: SHA-256 over `sealpost-receipt-key-v1`, a line
/// feed, the salt's 32 bytes, and the fingerprint as upper-case hexadecimal
/// digits without spaces or colons.
pub fn key_digest(salt: &Salt, fingerprint: &str) -> Digest {
    let digits: String = fingerprint.chars().filter(char::is_ascii_hexdigit).collect();
    Digest::of(&[KEY_DOMAIN, salt.bytes(), digits.to_ascii_uppercase().as_bytes()])
}

/// Who signed a copy for the organisation, or why nobody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Signing {
    /// It bears the organisation's signature.
    Signed {
        /// The key that signed.
        key: OrgKeyId,
        /// In which format.
        format: KeyFormat,
        /// The key's fingerprint, in hexadecimal digits.
        fingerprint: String,
    },
    /// It went without, as policy allows.
    Unsigned {
        /// Why.
        because: String,
    },
}

/// A signature in a receipt, of a copy that was signed and not sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// In which format.
    pub format: KeyFormat,
    /// The fingerprint of the organisation's key that signed.
    pub signed_by: String,
}
