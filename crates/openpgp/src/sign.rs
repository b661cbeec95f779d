//! Detached signatures (RFC 9580 §10.4), as PGP/MIME has them.

use jiff::Timestamp;
use mail::Entropy;

use crate::{SealError, SigningIdentity};

/// A signature apart from what it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detached {
    /// The armored signature.
    pub armored: String,
    /// The `micalg` parameter of RFC 3156: `pgp-sha256`.
    pub micalg: &'static str,
}

/// Signs `data` as it is: the caller has made it canonical.
pub fn sign_detached(
    data: &[u8],
    identity: &SigningIdentity,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Detached, SealError> {
    let _ = (data, identity, now, entropy);
    Err(SealError::NoRecipient)
}
