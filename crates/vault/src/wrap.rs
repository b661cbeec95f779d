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

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn plain(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 7 + 3) as u8).collect()
    }

    /// RFC 5649 §6 has vectors for 192-bit keys only; these are OpenSSL's
    /// (`id-aes256-wrap-pad`), which gives the RFC's for theirs.
    #[test]
    fn aes_256_kwp_gives_the_bytes_of_openssl() {
        let kek: Vec<u8> = (0..32).collect();
        for (len, expected) in [
            (7, "a7d96382b36a1207f9f1ab88e4a59456"),
            (20, "e335aab1860eededb6c7a1779553a950a2f24e7bbf403666627c932487b2e4cc"),
            (32, "978db231bbcd8a4e569ea466f592bffa93588a75f63b4bdf83dd73ccee1647a0f057d455b01a5956"),
            (
                97,
                "25fffd25d401b43bb58f87094e4c60c3e751bb955afc8a27e501394c241631b3d5fe0b14b8361a177220bed1a5e555b789c9c1481dfb55cffe3bd96dc883f48f2dd2981fb9a090137db1bebc6c82c4c55f026d4e4430e1d1186a2555391a41e463094ee415e28b15bd16f12543e55ee0",
            ),
        ] {
            let mut output = vec![0; len + OVERHEAD_BYTES];
            let kek = AesKek::new(&AES_256, &kek).unwrap();
            assert_eq!(hex(kek.wrap_with_padding(&plain(len), &mut output).unwrap()), expected);
        }
    }

    #[test]
    fn a_key_unwraps_in_its_own_place_only() {
        let (key, other) = (Secret::from_slice(&[1; 32]).unwrap(), Secret::from_slice(&[2; 32]).unwrap());
        let (here, there) = ([1; 20], [2; 20]);
        let sealed = wrap(&key, key.id(), Place::Message(&here), &plain(32));
        assert_eq!(wrapped_by(&sealed).unwrap(), key.id());
        assert_eq!(*unwrap(&key, Place::Message(&here), &sealed).unwrap(), plain(32));
        let org = [1; 4];
        for refused in [
            unwrap(&key, Place::Message(&there), &sealed),
            unwrap(&key, Place::Organisation(&org), &sealed),
            unwrap(&other, Place::Message(&here), &sealed),
        ] {
            assert!(matches!(refused, Err(VaultError::Forged)));
        }
    }

    #[test]
    fn every_flip_and_cut_of_a_wrapped_key_is_refused() {
        let key = Secret::from_slice(&[1; 32]).unwrap();
        let place = [1; 20];
        let sealed = wrap(&key, key.id(), Place::Message(&place), &plain(32));
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 0x40;
            // The id names the key and is not secret: the caller finds another or none.
            let is_id = (2..6).contains(&at);
            assert_eq!(unwrap(&key, Place::Message(&place), &flipped).is_ok(), is_id, "byte {at}");
            assert!(unwrap(&key, Place::Message(&place), &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
