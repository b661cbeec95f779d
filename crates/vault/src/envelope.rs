//! Small sealed values: envelopes, parcels, journal entries, links, secrets.
//!
//! ```text
//! version 1 | algorithm 1 | key id 4 | label 1 | salt 32 | ciphertext | tag 16
//! ```
//!
//! The key of each sealing is HKDF-SHA256 over the holder's key with 32 random
//! bytes as salt, used once with AES-256-GCM, so its nonce is all zeroes: NIST
//! SP 800-38D asks that a pair of key and nonce never comes twice, and here the
//! key never does. Everything before the ciphertext, the holder (organisation
//! or message) and the caller's own associated data are authenticated.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use mail::Entropy;
use mail::seam::random;

use crate::error::VaultError;
use crate::secret::{KeyId, Secret};

/// The one version of all envelopes.
pub(crate) const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 6;

/// How a value is sealed: the second byte of every envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// A key wrapped by AES-256-KWP under a key derived by HKDF-SHA256.
    Wrap = 1,
    /// AES-256-GCM under a key derived by HKDF-SHA256 from a random salt.
    Seal = 2,
    /// As `Seal`, in chunks (see `body`).
    Body = 3,
}

/// What a sealed value is. It is part of the key's derivation and of what is
/// authenticated, so a value of one kind never opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// A message's envelope.
    Envelope = 1,
    /// A parcel.
    Parcel = 2,
    /// The payload of a journal entry. Those without a message are sealed by
    /// the organisation under a key that rotation keeps: the ledger covers
    /// their bytes, so they can never be sealed again.
    Journal = 3,
    /// The state of a portal link.
    Link = 4,
    /// A secret of the organisation: a signing key.
    Secret = 5,
    /// A login's credential.
    Credential = 6,
}

/// The bytes that begin every envelope.
pub(crate) fn header(algorithm: Algorithm, key: KeyId) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = key.0;
    [VERSION, algorithm as u8, a, b, c, d]
}

/// Reads the beginning of an envelope: the key it names and what follows.
pub(crate) fn split(sealed: &[u8], algorithm: Algorithm) -> Result<(KeyId, &[u8]), VaultError> {
    let (head, rest) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(VaultError::Truncated)?;
    let [version, found, a, b, c, d] = *head;
    if version != VERSION {
        return Err(VaultError::Version { found: version });
    }
    if found != algorithm as u8 {
        return Err(VaultError::Algorithm { found });
    }
    Ok((KeyId([a, b, c, d]), rest))
}

/// An AES-256-GCM key from 32 derived bytes.
pub(crate) fn gcm(key: &Secret) -> LessSafeKey {
    let unbound = UnboundKey::new(&AES_256_GCM, key.bytes()).expect("32 bytes are a key of AES-256");
    LessSafeKey::new(unbound)
}

/// Whose a sealed value is, and under which of its keys.
pub(crate) struct Holder<'a> {
    pub(crate) key: &'a Secret,
    pub(crate) id: KeyId,
    /// Organisation and message; zeroes for no message, which is no message's id.
    pub(crate) scope: [u8; 20],
}

impl Holder<'_> {
    pub(crate) fn seal(&self, label: Label, aad: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let salt: [u8; SALT_BYTES] = random(entropy);
        let mut sealed = Vec::with_capacity(HEADER_BYTES + 1 + SALT_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&header(Algorithm::Seal, self.id));
        sealed.push(label as u8);
        sealed.extend_from_slice(&salt);
        let aad = self.aad(&sealed, aad);
        let start = sealed.len();
        sealed.extend_from_slice(plain);
        let tag = gcm(&self.one_time_key(label, &salt))
            .seal_in_place_separate_tag(zero_nonce(), Aad::from(aad), &mut sealed[start..])
            .expect("a value in memory is within the reach of AES-GCM");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens what follows the header; the caller has found the key by its id.
    pub(crate) fn open(&self, label: Label, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (_, rest) = split(sealed, Algorithm::Seal)?;
        let (found, rest) = rest.split_first().ok_or(VaultError::Truncated)?;
        if *found != label as u8 {
            return Err(VaultError::Forged);
        }
        let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>().ok_or(VaultError::Truncated)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(VaultError::Truncated)?;
        let open = sealed.len() - rest.len();
        let mut plain = vec![0; ciphertext.len()];
        gcm(&self.one_time_key(label, salt))
            .open_separate_gather(zero_nonce(), Aad::from(self.aad(&sealed[..open], aad)), ciphertext, tag, &mut plain)
            .map_err(|_| VaultError::Forged)?;
        Ok(plain)
    }

    fn one_time_key(&self, label: Label, salt: &[u8; SALT_BYTES]) -> Secret {
        let mut context = vec![label as u8];
        context.extend_from_slice(&self.scope);
        self.key.derive_salted(salt, "seal", &context)
    }

    /// The open bytes and the scope have a fixed width, so the caller's data
    /// needs no length of its own.
    fn aad(&self, open: &[u8], aad: &[u8]) -> Vec<u8> {
        [open, &self.scope, aad].concat()
    }
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
