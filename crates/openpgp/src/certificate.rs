//! A certificate: a primary key, user ids, subkeys and the signatures that bind
//! them (RFC 9580 §10.1.1).

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use mail::Address;
use pgp::composed::SignedPublicKey;
use pgp::ser::Serialize;
use pgp::types::KeyDetails;

use crate::armor::{self, Reader};
use crate::component::{Component, Known};
use crate::facts::Facts;
use crate::judge::{Purpose, View};
use crate::{ArmorKind, Fingerprint, KeyError, KeyId, Revocation, Unusable, UserId, UserIdState, keyring, time};

/// An OpenPGP certificate, cheap to clone. What of it counts is judged when it
/// is asked, at the time that is handed in.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    key: SignedPublicKey,
    fingerprint: Fingerprint,
    facts: OnceLock<Facts>,
    /// Of the primary key, then of each subkey.
    known: Vec<Known>,
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

/// A primary key or a subkey, and what it is good for at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub key: Fingerprint,
    /// Its algorithm: `Ed25519`, `RSA-3072`.
    pub algorithm: String,
    /// When it was made, as its owner says.
    pub created_at: Timestamp,
    /// Whether one can encrypt to it, or why not.
    pub encryption: Result<(), Unusable>,
    /// Whether what it signs counts, or why not.
    pub signing: Result<(), Unusable>,
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
    /// merged. A private key yields its public half. What can't be read as a
    /// key of version 4 or 6 is passed over, as long as anything is left.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, KeyError> {
        keyring::certificates(bytes)
    }

    /// None for versions other than 4 and 6.
    pub(crate) fn from_key(key: SignedPublicKey) -> Option<Self> {
        let fingerprint = Fingerprint::of(&key.primary_key)?;
        let known = std::iter::repeat_with(Known::default).take(key.public_subkeys.len().saturating_add(1)).collect();
        Some(Self { inner: Arc::new(Inner { key, fingerprint, facts: OnceLock::new(), known }) })
    }

    /// What both know of one key: user ids, subkeys and signatures of either.
    pub fn merge(&self, other: &Self) -> Result<Self, KeyError> {
        if self.fingerprint() != other.fingerprint() {
            return Err(KeyError::Different);
        }
        let mut key = self.key().clone();
        keyring::merge(&mut key, other.key());
        Self::from_key(key).ok_or(KeyError::Malformed)
    }

    /// The certificate with a revocation that stands alone, as GnuPG keeps one
    /// for a bad day: armored or binary.
    pub fn with_revocation(&self, revocation: &[u8]) -> Result<Self, KeyError> {
        let mut key = self.key().clone();
        keyring::add_revocation(&mut key, revocation)?;
        Self::from_key(key).ok_or(KeyError::Malformed)
    }

    pub(crate) fn key(&self) -> &SignedPublicKey {
        &self.inner.key
    }

    pub(crate) fn facts(&self) -> &Facts {
        self.inner.facts.get_or_init(|| Facts::of(&self.inner.key))
    }

    pub(crate) fn primary(&self) -> Component<'_> {
        Component::primary(&self.inner.key.primary_key).with(self.inner.known.first())
    }

    /// Every component with its place among the subkeys.
    pub(crate) fn components(&self) -> impl Iterator<Item = (Component<'_>, Option<usize>)> {
        let subkeys = self.inner.key.public_subkeys.iter().zip(self.inner.known.iter().skip(1)).enumerate();
        let subkeys =
            subkeys.map(|(index, (subkey, known))| (Component::subkey(&subkey.key).with(Some(known)), Some(index)));
        std::iter::once((self.primary(), None)).chain(subkeys)
    }

    /// The fingerprint of the primary key.
    pub fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint
    }

    /// The id of the primary key.
    pub fn key_id(&self) -> KeyId {
        self.fingerprint().key_id()
    }

    /// The version of the key: 4 or 6.
    pub fn version(&self) -> u8 {
        match self.fingerprint() {
            Fingerprint::V4(_) => 4,
            Fingerprint::V6(_) => 6,
        }
    }

    /// The algorithm of the primary key: `Ed25519`, `RSA-3072`.
    pub fn algorithm(&self) -> String {
        self.primary().algorithm_name()
    }

    /// When the primary key was made, as its owner says.
    pub fn created_at(&self) -> Timestamp {
        time::from_packet(self.key().primary_key.created_at())
    }

    /// When the certificate expires, as its newest signature says.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        View::now(self, now).expires_at()
    }

    /// The revocation of the whole certificate, if there is one.
    pub fn revocation(&self, now: Timestamp) -> Option<Revocation> {
        View::now(self, now).revocation()
    }

    /// All user ids with their states.
    pub fn user_ids(&self, now: Timestamp) -> Vec<UserId> {
        View::now(self, now).user_ids()
    }

    /// The addresses for which the key speaks: of valid user ids alone.
    pub fn addresses(&self, now: Timestamp) -> Vec<Address> {
        let valid = self.user_ids(now).into_iter().filter(|user_id| user_id.state == UserIdState::Valid);
        valid.filter_map(|user_id| user_id.address).collect()
    }

    /// Whether the key speaks for `address`: its domain exactly (as A-label),
    /// its local part exactly.
    pub fn speaks_for(&self, address: &Address, now: Timestamp) -> bool {
        self.addresses(now).contains(address)
    }

    /// Which component to encrypt to now, or why there is none.
    pub fn usable_for_encryption(&self, now: Timestamp) -> Result<EncryptionPlan, Unusable> {
        let view = View::now(self, now);
        let usable = view.component(Purpose::Encryption)?;
        Ok(EncryptionPlan {
            key: usable.component.name().ok_or(Unusable::NoPart)?,
            algorithm: usable.component.algorithm_name(),
            protection: view.abilities().protection,
            expires_at: usable.expires_at,
        })
    }

    /// Which component signs now, or why there is none.
    pub fn usable_for_signing(&self, now: Timestamp) -> Result<SigningPlan, Unusable> {
        let usable = View::now(self, now).component(Purpose::Signing)?;
        Ok(SigningPlan {
            key: usable.component.name().ok_or(Unusable::NoPart)?,
            algorithm: usable.component.algorithm_name(),
            expires_at: usable.expires_at,
        })
    }

    /// The primary key and every subkey, in their order.
    pub fn parts(&self, now: Timestamp) -> Vec<Part> {
        let view = View::now(self, now);
        let parts = self.components().filter_map(|(component, index)| {
            let usable = |purpose| view.usable(component, index, purpose).map(|_| ());
            Some(Part {
                key: component.name()?,
                algorithm: component.algorithm_name(),
                created_at: time::from_packet(component.created_at()),
                encryption: usable(Purpose::Encryption),
                signing: usable(Purpose::Signing),
            })
        });
        parts.collect()
    }

    /// The certificate in binary, with everything that was read.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to memory fails for lengths alone, which reading has bounded.
        match self.key().to_writer(&mut bytes) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }

    /// The certificate in armor, with everything that was read.
    pub fn to_armor(&self) -> String {
        armor::armored(ArmorKind::PublicKey, &self.to_bytes(), self.reader())
    }

    /// Who reads what this key makes.
    pub(crate) fn reader(&self) -> Reader {
        match self.fingerprint() {
            Fingerprint::V4(_) => Reader::Any,
            Fingerprint::V6(_) => Reader::Modern,
        }
    }

    /// The least that a correspondent needs: the primary key, the user id of
    /// `address`, the components in use, the newest signature of each and all
    /// revocations. For WKD and Autocrypt. None if no valid user id has the address.
    pub fn minimal(&self, address: &Address, now: Timestamp) -> Option<Self> {
        keyring::minimal(self, address, now)
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificate").field(&self.fingerprint()).finish()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Certificate {}
