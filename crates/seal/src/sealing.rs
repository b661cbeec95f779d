//! Sealing a parcel's copy when it is sent: the keys are those that its tag
//! names, or it is not sealed.

use jiff::Timestamp;
use mail::Entropy;

use crate::edits::Edits;
use crate::opening::hex;
use crate::parcel::{BodyDigest, Forged, ParcelKey};
use crate::protect::{Facts, HeaderPolicy, Keys, ProtectError, Protected, Protection, Replies, protect};

/// What a copy that is sealed end to end is made of.
#[derive(Clone, Debug)]
pub struct SealedCopy {
    /// SHA-256 of the stored bytes.
    pub body_sha256: BodyDigest,
    /// What changes in the recipients' copy, inside what is sealed.
    pub edits: Edits,
    /// What changes in a copy that takes another method after all.
    pub open_edits: Edits,
    /// What stands in the Subject field outside, encoded for the wire.
    pub outer_subject: String,
}

/// With what a copy is sealed.
pub struct Sealing<'a> {
    /// The recipients' keys, in the order of the parcel, and the own key.
    pub keys: Keys<'a>,
    /// What makes a plain reply safe.
    pub replies: &'a Replies,
    /// Whether the text begins with the protected subject.
    pub is_displayed: bool,
    /// The present time.
    pub now: Timestamp,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
}

/// With what the original is signed, for a connection that is good enough for
/// it in clear.
pub struct SigningOnly<'a> {
    /// The own key, and nobody to seal for.
    pub keys: Keys<'a>,
    /// What makes a plain reply safe.
    pub replies: &'a Replies,
    /// The present time.
    pub now: Timestamp,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
}

impl SigningOnly<'_> {
    pub(crate) fn sign(&self, stored: &[u8], edits: &Edits) -> Result<Opened, NotOpened> {
        if !fingerprints(&self.keys).is_empty() {
            return Err(NotOpened::OtherKeys);
        }
        let headers = HeaderPolicy::default();
        let how = Protection { keys: self.keys, headers: &headers, edits, replies: self.replies };
        let Protected { bytes, facts } = protect(stored, &how, self.now, self.entropy)?;
        Ok(Opened { bytes, facts: Some(facts) })
    }
}

/// A copy as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The message, before DKIM.
    pub bytes: Vec<u8>,
    /// How it was sealed, if it was.
    pub facts: Option<Facts>,
}

/// Why a parcel gives no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The stored bytes are not those that were judged.
    #[error(transparent)]
    Forged(#[from] Forged),
    /// It is to be sealed, and no keys were given.
    #[error("the copy is to be sealed, and no keys are at hand")]
    NoKeys,
    /// The keys that were given are not those that the parcel names.
    #[error("the keys at hand are not those that the parcel names")]
    OtherKeys,
    /// It could not be sealed.
    #[error(transparent)]
    NotProtected(#[from] ProtectError),
}

impl Sealing<'_> {
    pub(crate) fn seal(
        &self,
        stored: &[u8],
        edits: &Edits,
        outer_subject: &str,
        keys: &[ParcelKey],
    ) -> Result<Opened, NotOpened> {
        let given = fingerprints(&self.keys);
        if keys.is_empty() || !given.iter().eq(keys.iter().map(|key| &key.fingerprint)) {
            return Err(NotOpened::OtherKeys);
        }
        let headers = HeaderPolicy {
            subject: outer_subject.to_owned(),
            is_displayed: self.is_displayed,
            ..HeaderPolicy::default()
        };
        let how = Protection { keys: self.keys, headers: &headers, edits, replies: self.replies };
        let Protected { bytes, facts } = protect(stored, &how, self.now, self.entropy)?;
        Ok(Opened { bytes, facts: Some(facts) })
    }
}

fn fingerprints(keys: &Keys<'_>) -> Vec<String> {
    match keys {
        Keys::OpenPgp { to, .. } => to.iter().map(|certificate| certificate.fingerprint().to_string()).collect(),
        Keys::Smime { to, .. } => {
            to.iter().map(|one| hex(&one.certificate().fingerprint_sha256()).to_ascii_uppercase()).collect()
        }
    }
}
