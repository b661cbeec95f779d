//! AES in CFB mode from nothing (RFC 9580 §5.13.1, §13.9), by modes that the
//! crypto provider is fast at: its own CFB goes block by block through a
//! function that takes twice as long as the cipher.
//!
//! With C₀ = 0, a sealed block is Cᵢ = Pᵢ ⊕ E(Cᵢ₋₁). Call Sᵢ = E(Cᵢ₋₁), the stream:
//!
//! - To encrypt, Sᵢ₊₁ = E(Pᵢ ⊕ Sᵢ), which is CBC over the plain text with S₁ in
//!   front of it.
//! - To decrypt, every Cᵢ₋₁ is there, so that all of the stream is made at once.

use aws_lc_rs::cipher::{
    AES_CBC_IV_LEN, Algorithm, EncryptingKey, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use zeroize::optimization_barrier;

use super::Broken;

const BLOCK: usize = AES_CBC_IV_LEN;

/// How much of the stream is made at once: it stays in the nearest cache.
const PART: usize = 4096;

/// The stream of a part, with a block before it and one that the provider may want behind it.
type Stream = [u8; PART + 2 * BLOCK];

/// Encrypts where it stands.
pub fn encrypt(cipher: &'static Algorithm, key: &[u8], text: &mut [u8]) -> Result<(), Broken> {
    let mut stream: Stream = [0; _];
    let done = fill_and_encrypt(cipher, key, text, &mut stream);
    wipe(&mut stream);
    done
}

/// Decrypts where it stands.
pub fn decrypt(cipher: &'static Algorithm, key: &[u8], text: &mut [u8]) -> Result<(), Broken> {
    let mut stream: Stream = [0; _];
    let done = fill_and_decrypt(cipher, key, text, &mut stream);
    wipe(&mut stream);
    done
}

/// Who has the stream and the message has the text.
fn wipe(stream: &mut Stream) {
    stream.fill(0);
    optimization_barrier(stream);
}

fn fill_and_encrypt(
    cipher: &'static Algorithm,
    key: &[u8],
    text: &mut [u8],
    stream: &mut Stream,
) -> Result<(), Broken> {
    let mut block = [0; BLOCK];
    let single = EncryptingKey::ecb(unbound(cipher, key)?).map_err(|_| Broken)?;
    single.less_safe_encrypt(&mut block, EncryptionContext::None).map_err(|_| Broken)?;
    let chain = EncryptingKey::cbc(unbound(cipher, key)?).map_err(|_| Broken)?;
    for part in text.chunks_mut(PART) {
        // The stream of the next part begins with what these blocks make last.
        let whole = part.len() / BLOCK * BLOCK;
        let (first, rest) = stream.split_first_chunk_mut::<BLOCK>().ok_or(Broken)?;
        *first = block;
        let made = rest.get_mut(..whole).ok_or(Broken)?;
        made.copy_from_slice(part.get(..whole).ok_or(Broken)?);
        chain.less_safe_encrypt(made, EncryptionContext::Iv128(FixedLength::from(block))).map_err(|_| Broken)?;
        block = made.last_chunk().copied().unwrap_or(block);
        mix(part, stream);
    }
    Ok(())
}

fn fill_and_decrypt(
    cipher: &'static Algorithm,
    key: &[u8],
    text: &mut [u8],
    stream: &mut Stream,
) -> Result<(), Broken> {
    let mut blocks = StreamingEncryptingKey::ecb_pkcs7(unbound(cipher, key)?).map_err(|_| Broken)?;
    let mut before = [0; BLOCK];
    for part in text.chunks_mut(PART) {
        let after_first = part.len().saturating_sub(1) / BLOCK * BLOCK;
        blocks.update(&before, stream).map_err(|_| Broken)?;
        let rest = stream.get_mut(BLOCK..).ok_or(Broken)?;
        blocks.update(part.get(..after_first).ok_or(Broken)?, rest).map_err(|_| Broken)?;
        before = part.last_chunk().copied().unwrap_or(before);
        mix(part, stream);
    }
    Ok(())
}

fn mix(part: &mut [u8], stream: &Stream) {
    part.iter_mut().zip(stream).for_each(|(byte, other)| *byte ^= other);
}

fn unbound(cipher: &'static Algorithm, key: &[u8]) -> Result<UnboundCipherKey, Broken> {
    UnboundCipherKey::new(cipher, key).map_err(|_| Broken)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::{AES_128, AES_192, AES_256};

    use super::*;

    /// What the provider's own CFB makes of it.
    fn plainly(cipher: &'static Algorithm, key: &[u8], text: &mut [u8]) {
        let key = EncryptingKey::cfb128(unbound(cipher, key).unwrap()).unwrap();
        key.less_safe_encrypt(text, EncryptionContext::Iv128(FixedLength::from([0; BLOCK]))).unwrap();
    }

    #[test]
    fn is_the_same_as_the_providers_own() {
        for (cipher, key) in [(&AES_128, &[7; 16][..]), (&AES_192, &[8; 24]), (&AES_256, &[9; 32])] {
            let ends = [0, 1, 15, 16, 17, 32, 4095, 4096, 4097, 4112, 4113, 8192, 8193, 20_000];
            for length in ends {
                let text: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
                let (mut expect, mut found) = (text.clone(), text.clone());
                plainly(cipher, key, &mut expect);
                encrypt(cipher, key, &mut found).unwrap();
                assert_eq!(found, expect, "{length}");
                decrypt(cipher, key, &mut found).unwrap();
                assert_eq!(found, text, "{length}");
            }
        }
    }
}
