//! The key derivation of PKCS#12 (RFC 7292 §B.2).

use std::num::NonZeroU32;

use aws_lc_rs::digest::Context;
use zeroize::Zeroizing;

use crate::algorithm::DigestName;

/// What the derived bytes are for (RFC 7292 §B.3).
#[derive(Clone, Copy)]
pub(crate) enum Use {
    Key = 1,
    Vector = 2,
    Mac = 3,
}

/// A passphrase as PKCS#12 hashes it: UTF-16, big-endian, with its end.
fn bmp(passphrase: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(passphrase.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect())
}

/// Repeats `bytes` until a whole number of blocks is full.
fn fill(bytes: &[u8], block: usize) -> impl Iterator<Item = u8> {
    bytes.iter().copied().cycle().take(bytes.len().div_ceil(block) * block)
}

/// `len` bytes from a passphrase.
pub(crate) fn derive(
    digest: DigestName,
    passphrase: &str,
    salt: &[u8],
    iterations: NonZeroU32,
    purpose: Use,
    len: usize,
) -> Zeroizing<Vec<u8>> {
    derive_from(digest, &bmp(passphrase), salt, iterations, purpose, len)
}

/// The same, from a passphrase that is none at all, as some programs write for an empty one.
pub(crate) fn derive_from_nothing(
    digest: DigestName,
    salt: &[u8],
    iterations: NonZeroU32,
    purpose: Use,
    len: usize,
) -> Zeroizing<Vec<u8>> {
    derive_from(digest, &[], salt, iterations, purpose, len)
}

fn derive_from(
    digest: DigestName,
    passphrase: &[u8],
    salt: &[u8],
    iterations: NonZeroU32,
    purpose: Use,
    len: usize,
) -> Zeroizing<Vec<u8>> {
    let block = digest.algorithm().block_len();
    let diversifier = vec![purpose as u8; block];
    let mut input: Zeroizing<Vec<u8>> = Zeroizing::new(fill(salt, block).chain(fill(passphrase, block)).collect());
    let mut output = Zeroizing::new(Vec::with_capacity(len + 64));
    loop {
        let mut context = Context::new(digest.algorithm());
        context.update(&diversifier);
        context.update(&input);
        let mut hash = context.finish();
        for _ in 1..iterations.get() {
            hash = digest.of(hash.as_ref());
        }
        output.extend_from_slice(hash.as_ref());
        if output.len() >= len {
            output.truncate(len);
            return output;
        }
        let addend: Zeroizing<Vec<u8>> = Zeroizing::new(hash.as_ref().iter().copied().cycle().take(block).collect());
        input.chunks_mut(block).for_each(|chunk| add_one_more(chunk, &addend));
    }
}

/// `number` plus `addend` plus one, big-endian, without the carry that leaves it.
fn add_one_more(number: &mut [u8], addend: &[u8]) {
    let mut carry = 1_u16;
    for (byte, add) in number.iter_mut().zip(addend).rev() {
        carry += u16::from(*byte) + u16::from(*add);
        *byte = carry as u8;
        carry >>= 8;
    }
}
