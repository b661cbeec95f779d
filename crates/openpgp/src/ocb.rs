//! OCB with a nonce of 120 bits and a tag of 128 (RFC 7253), over the AES of
//! the crypto provider. What rPGP brings for it does 50 MB/s.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::constant_time;

use crate::container::Broken;

const BLOCK: usize = 16;
pub const NONCE: usize = 15;
pub const TAG: usize = 16;

/// How many blocks go through the cipher at once.
const BATCH: usize = 256;

/// Bits of a count of blocks.
const DOUBLINGS: usize = 64;

/// A key of OCB.
pub struct Ocb {
    encrypting: EncryptingKey,
    decrypting: DecryptingKey,
    /// `L_*`, `L_$` and each `L_i`.
    star: u128,
    dollar: u128,
    doubled: [u128; DOUBLINGS],
}

/// Where a text is: its last offset, and the sum of its blocks so far.
struct Progress {
    offset: u128,
    sum: u128,
    blocks: u64,
}

#[derive(Clone, Copy)]
enum Direction {
    Seal,
    Open,
}

impl Ocb {
    pub fn new(key: &[u8]) -> Result<Self, Broken> {
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return Err(Broken),
        };
        let unbound = || UnboundCipherKey::new(algorithm, key).map_err(|_| Broken);
        let encrypting = EncryptingKey::ecb(unbound()?).map_err(|_| Broken)?;
        let decrypting = DecryptingKey::ecb(unbound()?).map_err(|_| Broken)?;
        let mut ocb = Self { encrypting, decrypting, star: 0, dollar: 0, doubled: [0; DOUBLINGS] };
        ocb.star = ocb.block(0)?;
        ocb.dollar = doubled(ocb.star);
        let mut last = ocb.dollar;
        for place in &mut ocb.doubled {
            last = doubled(last);
            *place = last;
        }
        Ok(ocb)
    }

    fn block(&self, block: u128) -> Result<u128, Broken> {
        let mut bytes = block.to_be_bytes();
        self.encrypting.less_safe_encrypt(&mut bytes, EncryptionContext::None).map_err(|_| Broken)?;
        Ok(u128::from_be_bytes(bytes))
    }

    /// Encrypts in place and gives the tag.
    pub fn seal(&self, nonce: &[u8; NONCE], data: &[u8], text: &mut [u8]) -> Result<[u8; TAG], Broken> {
        self.pass(Direction::Seal, nonce, data, text)
    }

    /// Decrypts in place; what stands there after an error is not to be used.
    pub fn open(&self, nonce: &[u8; NONCE], data: &[u8], text: &mut [u8], tag: &[u8]) -> Result<(), Broken> {
        let expected = self.pass(Direction::Open, nonce, data, text)?;
        constant_time::verify_slices_are_equal(&expected, tag).map_err(|_| Broken)
    }

    /// RFC 7253 §4.2 and §4.3.
    fn pass(
        &self,
        direction: Direction,
        nonce: &[u8; NONCE],
        data: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG], Broken> {
        let mut progress = Progress { offset: self.first_offset(nonce)?, sum: 0, blocks: 0 };
        let whole = text.len().saturating_sub(text.len() % BLOCK);
        let (blocks, rest) = text.split_at_mut_checked(whole).ok_or(Broken)?;
        for batch in blocks.chunks_mut(BATCH * BLOCK) {
            self.batch(direction, batch, &mut progress)?;
        }
        if !rest.is_empty() {
            progress.offset ^= self.star;
            let pad = self.block(progress.offset)?.to_be_bytes();
            if matches!(direction, Direction::Seal) {
                progress.sum ^= padded(rest);
            }
            rest.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
            if matches!(direction, Direction::Open) {
                progress.sum ^= padded(rest);
            }
        }
        let tag = self.block(progress.sum ^ progress.offset ^ self.dollar)? ^ self.hash(data)?;
        Ok(tag.to_be_bytes())
    }

    fn first_offset(&self, nonce: &[u8; NONCE]) -> Result<u128, Broken> {
        let mut bytes = [0; BLOCK];
        // The length of the tag, as 0 for 128 bits, and a one before the nonce.
        if let Some((first, rest)) = bytes.split_first_mut() {
            *first = 1;
            rest.copy_from_slice(nonce);
        }
        let nonce = u128::from_be_bytes(bytes);
        let bottom = u32::try_from(nonce & 0b11_1111).map_err(|_| Broken)?;
        let top = self.block(nonce & !0b11_1111)?;
        // 192 bits, of which 128 are taken from `bottom` on.
        let stretch = (top >> 64) ^ ((top >> 56) & u128::from(u64::MAX));
        let low = (stretch << 64).checked_shr(128_u32.saturating_sub(bottom)).unwrap_or_default();
        Ok((top << bottom) | low)
    }

    fn batch(&self, direction: Direction, batch: &mut [u8], progress: &mut Progress) -> Result<(), Broken> {
        let mut offsets = [0_u128; BATCH];
        let (blocks, _) = batch.as_chunks_mut::<BLOCK>();
        for (block, offset) in blocks.iter_mut().zip(&mut offsets) {
            progress.blocks = progress.blocks.saturating_add(1);
            let place = usize::try_from(progress.blocks.trailing_zeros()).map_err(|_| Broken)?;
            progress.offset ^= self.doubled.get(place).ok_or(Broken)?;
            *offset = progress.offset;
            let text = u128::from_be_bytes(*block);
            if matches!(direction, Direction::Seal) {
                progress.sum ^= text;
            }
            *block = (text ^ progress.offset).to_be_bytes();
        }
        match direction {
            Direction::Seal => {
                self.encrypting.less_safe_encrypt(batch, EncryptionContext::None).map_err(|_| Broken)?;
            }
            Direction::Open => {
                self.decrypting.decrypt(batch, DecryptionContext::None).map_err(|_| Broken)?;
            }
        }
        let (blocks, _) = batch.as_chunks_mut::<BLOCK>();
        for (block, offset) in blocks.iter_mut().zip(offsets) {
            let text = u128::from_be_bytes(*block) ^ offset;
            if matches!(direction, Direction::Open) {
                progress.sum ^= text;
            }
            *block = text.to_be_bytes();
        }
        Ok(())
    }

    /// RFC 7253 §4.1.
    fn hash(&self, data: &[u8]) -> Result<u128, Broken> {
        let (blocks, rest) = data.as_chunks::<BLOCK>();
        let (mut offset, mut sum) = (0, 0);
        for (index, block) in (1_u64..).zip(blocks) {
            let place = usize::try_from(index.trailing_zeros()).map_err(|_| Broken)?;
            offset ^= self.doubled.get(place).ok_or(Broken)?;
            sum ^= self.block(u128::from_be_bytes(*block) ^ offset)?;
        }
        if !rest.is_empty() {
            sum ^= self.block(padded(rest) ^ offset ^ self.star)?;
        }
        Ok(sum)
    }
}

/// Twice, in the field of 2¹²⁸ elements; in constant time.
const fn doubled(value: u128) -> u128 {
    let carry = value >> 127;
    (value << 1) ^ (carry * 0x87)
}

/// Less than a block, a one bit, zeros.
fn padded(rest: &[u8]) -> u128 {
    let mut bytes = [0; BLOCK];
    bytes.iter_mut().zip(rest.iter().chain(&[0x80])).for_each(|(byte, value)| *byte = *value);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use pgp::bytes::BytesMut;
    use pgp::crypto::aead::AeadAlgorithm;
    use pgp::crypto::sym::SymmetricKeyAlgorithm;
    use proptest::prelude::*;

    use super::*;

    fn check(key: &[u8], nonce: [u8; NONCE], data: &[u8], text: &[u8]) {
        let cipher = match key.len() {
            16 => SymmetricKeyAlgorithm::AES128,
            24 => SymmetricKeyAlgorithm::AES192,
            _ => SymmetricKeyAlgorithm::AES256,
        };
        let mut expect = BytesMut::from(text);
        AeadAlgorithm::Ocb.encrypt_in_place(&cipher, key, &nonce, data, &mut expect).unwrap();
        let ocb = Ocb::new(key).unwrap();
        let mut found = text.to_vec();
        let tag = ocb.seal(&nonce, data, &mut found).unwrap();
        assert_eq!([found.as_slice(), &tag].concat(), expect);
        ocb.open(&nonce, data, &mut found, &tag).unwrap();
        assert_eq!(found, text);
        let mut wrong = tag;
        wrong[0] ^= 1;
        let mut again = found.clone();
        ocb.seal(&nonce, data, &mut again).unwrap();
        assert_eq!(ocb.open(&nonce, data, &mut again, &wrong), Err(Broken));
    }

    proptest! {
        #[test]
        fn is_the_same_as_another_implementation(
            key: [u8; 32],
            length in prop::sample::select(vec![16_usize, 24, 32]),
            nonce: [u8; NONCE],
            data in prop::collection::vec(any::<u8>(), 0..70),
            text in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            check(&key[..length], nonce, &data, &text);
        }
    }

    #[test]
    fn long_texts_cross_batches() {
        for length in [BATCH * BLOCK - 1, BATCH * BLOCK, BATCH * BLOCK + 1, 5 * BATCH * BLOCK + 7] {
            let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            check(&[9; 32], [3; NONCE], b"data", &text);
        }
    }

    #[test]
    fn every_bottom_of_a_nonce_is_right() {
        for bottom in 0..64 {
            let mut nonce = [7; NONCE];
            nonce[NONCE - 1] = bottom;
            check(&[1; 16], nonce, b"", b"text");
        }
    }
}
