//! What can go wrong, grouped by blame: the key that was handed in, the
//! recipient's key at this moment, the message, and ours.

use jiff::Timestamp;

use crate::Fingerprint;

/// Bytes that are no usable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither armored nor binary OpenPGP, or damaged.
    #[error("not an OpenPGP key")]
    Malformed,
    /// There is OpenPGP, but no key of the wanted kind in it.
    #[error("no OpenPGP key of this kind is in there")]
    None,
    /// More bytes or packets than a key may have.
    #[error("the OpenPGP key is too large")]
    TooLarge,
    /// A private key is locked, and no passphrase or a wrong one was given.
    #[error("the private key is locked by another passphrase")]
    Locked,
    /// A private key does not fit its public key.
    #[error("the private key does not fit its public key")]
    Mismatch,
    /// An algorithm that can't be used for a private key here.
    #[error("the private key has an algorithm that is not supported")]
    Unsupported,
    /// The private key was refused or failed when it was used.
    #[error("the private key could not be used")]
    Private(#[from] mail::private_key::KeyUse),
    /// Two certificates of different keys can't be merged.
    #[error("these are certificates of different keys")]
    Different,
}

/// Why a certificate can't be used for a purpose now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The certificate itself is revoked.
    #[error("the key is revoked")]
    Revoked(Revocation),
    /// The certificate has expired.
    #[error("the key expired at {0}")]
    Expired(Timestamp),
    /// The certificate or its newest signatures are from the future.
    #[error("the key is not valid before {0}")]
    NotYet(Timestamp),
    /// No valid signature of the key over itself: nothing is known of it.
    #[error("the key has no valid signature over itself")]
    NotBound,
    /// No component of the certificate is meant for this purpose.
    #[error("the key has no part for this purpose")]
    NoPart,
    /// Components for the purpose are there, but all have expired.
    #[error("the key's part for this purpose expired at {0}")]
    PartExpired(Timestamp),
    /// Components for the purpose are there, but all are revoked.
    #[error("the key's part for this purpose is revoked")]
    PartRevoked(Revocation),
    /// An algorithm too weak to be relied on: `DSA`, `RSA-1024`, `ElGamal`.
    #[error("the key's algorithm is too weak: {0}")]
    Weak(String),
    /// An algorithm that is not known here.
    #[error("the key's algorithm is not supported: {0}")]
    Unsupported(String),
}

/// A revocation, and how far it reaches back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Whether nothing that the key ever signed counts any more (compromised,
    /// or no reason given). A soft one (superseded, retired) counts from `at`.
    pub hard: bool,
    /// When it was made.
    pub at: Timestamp,
    /// The reason as the owner wrote it, at most 256 characters; not trusted.
    pub reason: String,
}

/// A message could not be sealed or signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A recipient's key can't be used now.
    #[error("the key {fingerprint} can't be used: {reason}")]
    Recipient {
        /// Whose.
        fingerprint: Fingerprint,
        /// Why.
        #[source]
        reason: Unusable,
    },
    /// Nobody to seal for.
    #[error("there is no recipient")]
    NoRecipient,
    /// The session key could not be encrypted to this key: its public values
    /// are not on its curve, or such.
    #[error("could not encrypt to the key {0}")]
    Encrypt(Fingerprint),
    /// Our own signing key failed.
    #[error("could not sign")]
    Sign(#[source] KeyError),
    /// More content than one OpenPGP message may have here (4 GiB).
    #[error("the content is too large for one OpenPGP message")]
    TooLarge,
}

/// A message was not opened. Never says which step of the decryption failed,
/// nor how far it came: that would be an oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not an OpenPGP message.
    #[error("not an OpenPGP message")]
    Malformed,
    /// OpenPGP, but not encrypted.
    #[error("the message is not encrypted")]
    NotEncrypted,
    /// Encrypted, but to none of the given keys.
    #[error("the message is not encrypted to any of these keys")]
    NoKey,
    /// Encrypted with a password alone, which was not asked for.
    #[error("the message is encrypted with a password, not to a key")]
    PasswordOnly,
    /// Encrypted in a format without protection of integrity.
    #[error("the message has no protection of its integrity")]
    Unprotected,
    /// Larger than [`crate::Limits`] allow, or nested deeper.
    #[error("the message is larger or nested deeper than allowed")]
    TooLarge,
    /// Could not be decrypted: another key, damage, or a forgery.
    #[error("the message could not be decrypted")]
    Undecryptable,
}
