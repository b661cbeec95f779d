//! Wrapped keys: AES-256-KWP (RFC 5649, NIST SP 800-38F §6.3) under a key that
//! HKDF derives for the one place where the wrapped key may stand.
//!
//! ```text
//! version 1 | algorithm 1 | id of the wrapping key 4 | KWP
//! ```
//!
//! KWP takes no associated data; deriving the wrapping key from organisation
//! and message binds it all the same: in another's row it does not unwrap.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use zeroize::Zeroizing;

use crate::envelope::{Algorithm, header, split};
use crate::error::VaultError;
use crate::secret::{KeyId, Secret};

/// KWP adds a block of 8 bytes and pads to a multiple of 8.
const OVERHEAD_BYTES: usize = 15;

pub(crate) fn wrap(wrapping: &Secret, id: KeyId, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
    let mut output = vec![0; plain.len() + OVERHEAD_BYTES];
    let wrapped =
        place.kek(wrapping).wrap_with_padding(plain, &mut output).expect("a key is within the reach of AES-256-KWP");
    let mut sealed = header(Algorithm::Wrap, id).to_vec();
    sealed.extend_from_slice(wrapped);
    sealed
}

/// Unwraps with `wrapping`, which the caller has found by [`wrapped_by`].
pub(crate) fn unwrap(wrapping: &Secret, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (_, wrapped) = split(sealed, Algorithm::Wrap)?;
    let mut output = Zeroizing::new(vec![0; wrapped.len()]);
    let len = place.kek(wrapping).unwrap_with_padding(wrapped, &mut output).map_err(|_| VaultError::Forged)?.len();
    output.truncate(len);
    Ok(output)
}

/// The key that wrapped this one.
pub(crate) fn wrapped_by(sealed: &[u8]) -> Result<KeyId, VaultError> {
    split(sealed, Algorithm::Wrap).map(|(id, _)| id)
}

/// Where a wrapped key stands.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// An organisation's row; the scope is its number.
    Organisation(&'a [u8; 4]),
    /// A message's row; the scope is organisation and message.
    Message(&'a [u8; 20]),
}

impl Place<'_> {
    fn kek(self, wrapping: &Secret) -> AesKek {
        let key = match self {
            Place::Organisation(scope) => wrapping.derive("wrap organisation", scope),
            Place::Message(scope) => wrapping.derive("wrap message", scope),
        };
        AesKek::new(&AES_256, key.bytes()).expect("32 bytes are a key of AES-256")
    }
}
