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

/// What locks a file. Some programs write none at all where others write an empty text.
#[derive(Clone, Copy)]
pub(crate) enum Secret<'a> {
    Text(&'a str),
    Nothing,
}

impl Secret<'_> {
    /// As PKCS#12 hashes it: UTF-16, big-endian, with its end.
    fn bmp(self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Text(text) => Zeroizing::new(text.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect()),
            Self::Nothing => Zeroizing::default(),
        }
    }

    /// As PBKDF2 hashes it.
    pub(crate) fn utf8(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Nothing => &[],
        }
    }
}

/// Repeats `bytes` until a whole number of blocks is full.
fn fill(bytes: &[u8], block: usize) -> impl Iterator<Item = u8> {
    bytes.iter().copied().cycle().take(bytes.len().div_ceil(block) * block)
}

/// `len` bytes from a secret.
pub(crate) fn derive(
    digest: DigestName,
    secret: Secret<'_>,
    salt: &[u8],
    iterations: NonZeroU32,
    purpose: Use,
    len: usize,
) -> Zeroizing<Vec<u8>> {
    let block = digest.algorithm().block_len();
    let diversifier = vec![purpose as u8; block];
    let mut input: Zeroizing<Vec<u8>> = Zeroizing::new(fill(salt, block).chain(fill(&secret.bmp(), block)).collect());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn known_answers() {
        let check = |passphrase, salt: [u8; 8], count, purpose, len, expect: &str| {
            let count = NonZeroU32::new(count).unwrap();
            let derived = derive(DigestName::Sha1, Secret::Text(passphrase), &salt, count, purpose, len);
            assert_eq!(hex(&derived), expect);
        };
        // The vectors that every implementation is tested with, first posted to the list of OpenSSL's users in 1999.
        let salt = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f];
        check("smeg", salt, 1, Use::Key, 24, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
        check("smeg", salt, 1, Use::Vector, 8, "79993dfe048d3b76");
        let salt = [0x05, 0xde, 0xc9, 0x59, 0xac, 0xff, 0x72, 0xf7];
        check("queeg", salt, 1000, Use::Key, 24, "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4");
        check("queeg", salt, 1000, Use::Vector, 8, "11dedad7758d4860");
    }

    #[test]
    fn an_empty_text_is_not_nothing() {
        let derive = |secret| derive(DigestName::Sha256, secret, &[1; 8], NonZeroU32::MIN, Use::Mac, 32);
        assert_ne!(derive(Secret::Text("")), derive(Secret::Nothing));
    }
}
