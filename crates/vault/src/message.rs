//! A message's key: it seals the message's envelope, body, parcels, journal
//! and links, and with it dies whatever only it could open.

use std::fmt;

use mail::{Entropy, MessageId, OrgId};

use crate::body::{self, BodySealer};
use crate::envelope::{Algorithm, Holder, Label, split};
use crate::error::VaultError;
use crate::secret::{KeyId, Secret};

/// The key of one message. Wiped when dropped; it has no printed form.
pub struct MessageKey {
    org: OrgId,
    message: MessageId,
    key: Secret,
    id: KeyId,
}

impl MessageKey {
    pub(crate) fn new(org: OrgId, message: MessageId, key: Secret) -> Self {
        let id = key.id();
        Self { org, message, key, id }
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.key
    }

    /// The message whose key this is.
    pub fn message(&self) -> MessageId {
        self.message
    }

    /// The name of this key, as what it sealed holds it.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// Seals a small value of this message. `aad` is authenticated and not
    /// stored: the caller's own binding, such as the parcel's id.
    pub fn seal(&self, label: Label, aad: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.holder().seal(label, aad, plain, entropy)
    }

    /// Opens what [`MessageKey::seal`] made with the same label and `aad`.
    pub fn open(&self, label: Label, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (id, _) = split(sealed, Algorithm::Seal)?;
        self.check(id)?;
        self.holder().open(label, aad, sealed)
    }

    /// The salt of the digests in this message's receipts: derived from the
    /// key, so that it dies with it and needs no place of its own.
    pub fn salt(&self) -> [u8; 32] {
        *self.key.derive("receipt salt", &scope(self.org, self.message)).bytes()
    }

    /// Begins to seal this message's body as it arrives.
    ///
    /// Each sealer has a fresh salt, so that a second try never repeats a pair
    /// of key and nonce over other bytes.
    pub fn body_sealer(&self, entropy: &dyn Entropy) -> BodySealer {
        BodySealer::new(&self.key, self.id, &scope(self.org, self.message), entropy)
    }

    /// Opens a whole body.
    pub fn open_body(&self, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.open_body_in_place(sealed.to_vec())
    }

    /// Opens a whole body in the memory that holds it sealed: half the memory
    /// of [`MessageKey::open_body`].
    pub fn open_body_in_place(&self, sealed: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        let (id, _) = split(&sealed, Algorithm::Body)?;
        self.check(id)?;
        body::open(&self.key, &scope(self.org, self.message), sealed)
    }

    fn holder(&self) -> Holder<'_> {
        Holder { key: &self.key, id: self.id, scope: scope(self.org, self.message) }
    }

    fn check(&self, id: KeyId) -> Result<(), VaultError> {
        // A message has one key for ever: another id is another message's value.
        if id == self.id { Ok(()) } else { Err(VaultError::Forged) }
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageKey({}, {}, {})", self.org, self.message, self.id)
    }
}

/// Organisation and message at their fixed width.
pub(crate) fn scope(org: OrgId, message: MessageId) -> [u8; 20] {
    let mut scope = [0; 20];
    let (head, tail) = scope.split_at_mut(4);
    head.copy_from_slice(&org.0.to_be_bytes());
    tail.copy_from_slice(message.as_bytes());
    scope
}
