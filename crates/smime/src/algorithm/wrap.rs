//! Keys wrapped in keys (RFC 3394, RFC 3565 §2.3.2).

use aws_lc_rs::cipher::{self, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap};
use zeroize::Zeroizing;

use super::legacy;
use crate::asn1::Oid;

const AES: Oid = Oid::new(&[2, 16, 840, 1, 101, 3, 4, 1]);
const AES_128_WRAP: Oid = AES.arc(5);
const AES_192_WRAP: Oid = AES.arc(25);
const AES_256_WRAP: Oid = AES.arc(45);
const TRIPLE_DES_WRAP: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 3, 6]);

/// A way to wrap a key. Only AES-256 is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

impl Wrap {
    pub(crate) fn from_oid(oid: &Oid) -> Option<Self> {
        match *oid {
            AES_128_WRAP => Some(Self::Aes128),
            AES_192_WRAP => Some(Self::Aes192),
            AES_256_WRAP => Some(Self::Aes256),
            TRIPLE_DES_WRAP => Some(Self::TripleDes),
            _ => None,
        }
    }

    pub(crate) fn oid(self) -> Oid {
        match self {
            Self::Aes128 => AES_128_WRAP,
            Self::Aes192 => AES_192_WRAP,
            Self::Aes256 => AES_256_WRAP,
            Self::TripleDes => TRIPLE_DES_WRAP,
        }
    }

    pub(crate) fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    /// Unwraps a key. None where it was wrapped with another.
    pub(crate) fn unwrap(self, with: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut key = Zeroizing::new(vec![0; wrapped.len()]);
        let kek = match self {
            Self::Aes128 => AesKek::new(&AES_128, with).ok()?,
            Self::Aes256 => AesKek::new(&AES_256, with).ok()?,
            Self::Aes192 => return unwrap_aes_192(with, wrapped),
            Self::TripleDes => return legacy::unwrap_triple_des(with, wrapped).map(Zeroizing::new),
        };
        let len = kek.unwrap(wrapped, &mut key).ok()?.len();
        key.truncate(len);
        Some(key)
    }
}

/// Wraps a key with AES-256.
pub(crate) fn wrap_aes_256(with: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mut wrapped = vec![0; key.len() + 8];
    let len = AesKek::new(&AES_256, with).ok()?.wrap(key, &mut wrapped).ok()?.len();
    wrapped.truncate(len);
    Some(wrapped)
}

/// RFC 3394 §2.2.2 with AES-192, which the provider does not wrap with.
fn unwrap_aes_192(with: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let block_cipher = DecryptingKey::ecb(UnboundCipherKey::new(&cipher::AES_192, with).ok()?).ok()?;
    let (blocks, rest) = wrapped.as_chunks::<8>();
    let (first, blocks) = blocks.split_first()?;
    if !rest.is_empty() || !(2..=8).contains(&blocks.len()) {
        return None;
    }
    let mut check = *first;
    let mut blocks = Zeroizing::new(blocks.to_vec());
    let count = blocks.len();
    for step in (1..=6 * count as u64).rev() {
        let block = blocks.get_mut((step as usize - 1) % count)?;
        check.iter_mut().zip(step.to_be_bytes()).for_each(|(byte, mask)| *byte ^= mask);
        let mut both = Zeroizing::new([check, *block].concat());
        block_cipher.decrypt(&mut both, DecryptionContext::None).ok()?;
        (check, *block) = (both.get(..8)?.try_into().ok()?, both.get(8..)?.try_into().ok()?);
    }
    verify_slices_are_equal(&check, &[0xa6; 8]).ok()?;
    Some(Zeroizing::new(blocks.concat()))
}
