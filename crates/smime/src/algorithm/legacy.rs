//! What is only read, and only because old programs still write it.

use des::TdesEde3;
use des::cipher::{BlockDecrypt, KeyInit, generic_array::GenericArray};
use rc2::Rc2;

/// Decrypts blocks of eight bytes in CBC where they stand. None when the lengths do not fit.
fn decrypt_cbc(
    cipher: &impl BlockDecrypt<BlockSize = des::cipher::consts::U8>,
    vector: &[u8],
    content: &mut [u8],
) -> Option<()> {
    let mut before: [u8; 8] = vector.try_into().ok()?;
    let (blocks, rest) = content.as_chunks_mut::<8>();
    if blocks.is_empty() || !rest.is_empty() {
        return None;
    }
    for block in blocks {
        let sealed = *block;
        cipher.decrypt_block(GenericArray::from_mut_slice(block));
        block.iter_mut().zip(before).for_each(|(byte, mask)| *byte ^= mask);
        before = sealed;
    }
    Some(())
}

/// The length without the padding of RFC 5652 §6.3.
fn unpadded(content: &[u8]) -> Option<usize> {
    let padding = usize::from(*content.last()?);
    let len = content.len().checked_sub(padding).filter(|_| (1..=8).contains(&padding))?;
    let is_padding = content.get(len..)?.iter().all(|byte| usize::from(*byte) == padding);
    is_padding.then_some(len)
}

/// Decrypts triple DES in CBC with three keys, and tells the length without the padding.
pub(crate) fn open_triple_des(key: &[u8], vector: &[u8], content: &mut [u8]) -> Option<usize> {
    decrypt_cbc(&TdesEde3::new_from_slice(key).ok()?, vector, content)?;
    unpadded(content)
}

/// The same for RC2. Only for PKCS#12, where Windows and OpenSSL wrote it until lately.
pub(crate) fn open_rc2(key: &[u8], vector: &[u8], content: &mut [u8]) -> Option<usize> {
    decrypt_cbc(&Rc2::new_with_eff_key_len(key, key.len() * 8), vector, content)?;
    unpadded(content)
}

/// Unwraps a triple DES key (RFC 3217 §3.2).
pub(crate) fn unwrap_triple_des(key: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    /// The vector of the outer encryption (RFC 3217 §3.1).
    const VECTOR: [u8; 8] = [0x4a, 0xdd, 0xa2, 0x2c, 0x79, 0xe8, 0x21, 0x05];
    let cipher = TdesEde3::new_from_slice(key).ok()?;
    let mut outer = wrapped.to_vec();
    if outer.len() != 40 {
        return None;
    }
    decrypt_cbc(&cipher, &VECTOR, &mut outer)?;
    outer.reverse();
    let (vector, inner) = outer.split_at_mut_checked(8)?;
    decrypt_cbc(&cipher, vector, inner)?;
    let (key, check) = inner.split_at_checked(24)?;
    let digest = super::DigestName::Sha1.of(key);
    let expected = digest.as_ref().get(..8)?;
    aws_lc_rs::constant_time::verify_slices_are_equal(expected, check).ok()?;
    Some(key.to_vec())
}
