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
    /// What is known of a recipient's key.
    RecipientKey = 7,
    /// A private key of the organisation's own, for end-to-end protection.
    OrgKey = 8,
    /// What a round of the watch list found.
    WatchRound = 9,
    /// An MTA-STS policy that was had.
    StsPolicy = 10,
    /// A kind of TLS session that deliveries had, for reports to its domain.
    TlsSession = 11,
    /// A report that came in.
    Report = 12,
    /// What ACME keeps: its account, certificates and their keys.
    Acme = 13,
    /// Whom nothing more is sent to, and why.
    Suppression = 14,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_entropy::{Counted, message, message_key, vault};

    proptest! {
        #[test]
        fn what_is_sealed_opens(plain in prop::collection::vec(any::<u8>(), 0..500), aad in prop::collection::vec(any::<u8>(), 0..50)) {
            let entropy = Counted::default();
            let key = message_key(&entropy);
            let sealed = key.seal(Label::Parcel, &aad, &plain, &entropy);
            prop_assert_eq!(key.open(Label::Parcel, &aad, &sealed).unwrap(), plain);
        }

        #[test]
        fn any_bytes_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let entropy = Counted::default();
            prop_assert!(message_key(&entropy).open(Label::Parcel, b"", &bytes).is_err());
            prop_assert!(message_key(&entropy).open_body(&bytes).is_err());
            prop_assert!(vault(&entropy).open(Label::Secret, b"", &bytes).is_err());
            prop_assert!(vault(&entropy).open_message_key(message(1), &bytes).is_err());
        }
    }

    #[test]
    fn every_flip_cut_and_extension_is_refused() {
        let entropy = Counted::default();
        let key = message_key(&entropy);
        let sealed = key.seal(Label::Journal, b"row 7", b"what happened", &entropy);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(key.open(Label::Journal, b"row 7", &flipped).is_err(), "byte {at}");
            assert!(key.open(Label::Journal, b"row 7", &sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(key.open(Label::Journal, b"row 7", &[&sealed[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let entropy = Counted::default();
        let vault = vault(&entropy);
        let (mine, _) = vault.new_message_key(message(1), &entropy);
        let (other, _) = vault.new_message_key(message(2), &entropy);
        let sealed = mine.seal(Label::Parcel, b"parcel 1", b"text", &entropy);
        assert!(mine.open(Label::Parcel, b"parcel 2", &sealed).is_err());
        assert!(mine.open(Label::Link, b"parcel 1", &sealed).is_err());
        assert!(other.open(Label::Parcel, b"parcel 1", &sealed).is_err());
        assert!(vault.open(Label::Parcel, b"parcel 1", &sealed).is_err());
        // Even with the other label or the other key's id written in.
        let mut relabelled = sealed.clone();
        relabelled[6] = Label::Link as u8;
        assert!(mine.open(Label::Link, b"parcel 1", &relabelled).is_err());
        let mut dressed = sealed;
        dressed[..6].copy_from_slice(&other.seal(Label::Parcel, b"", b"", &entropy)[..6]);
        assert!(other.open(Label::Parcel, b"parcel 1", &dressed).is_err());
    }

    #[test]
    fn versions_and_algorithms_are_named() {
        let entropy = Counted::default();
        let key = message_key(&entropy);
        let sealed = key.seal(Label::Link, b"", b"", &entropy);
        assert_eq!(sealed[..2], [VERSION, Algorithm::Seal as u8]);
        let newer = [&[2], &sealed[1..]].concat();
        assert!(matches!(key.open(Label::Link, b"", &newer), Err(VaultError::Version { found: 2 })));
        let body = [&[1, Algorithm::Body as u8], &sealed[2..]].concat();
        assert!(matches!(key.open(Label::Link, b"", &body), Err(VaultError::Algorithm { found: 3 })));
    }

    #[test]
    fn each_sealing_has_its_own_salt() {
        let entropy = Counted::default();
        let key = message_key(&entropy);
        let [one, two] = [0, 1].map(|_| key.seal(Label::Link, b"", b"the same", &entropy));
        assert_ne!(one[7..39], two[7..39]);
        assert_ne!(one[39..], two[39..]);
    }
}
