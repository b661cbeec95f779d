//! Bodies, sealed in chunks as they arrive and never clear on disk.
//!
//! ```text
//! version 1 | algorithm 1 | key id 4 | salt 32 | chunk … chunk
//! chunk: up to 64 KiB of ciphertext | tag 16
//! ```
//!
//! The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the
//! nonce of a chunk is seven zero bytes, its number and a flag that only the
//! last one carries. So a chunk that is missing, moved, repeated or added, and
//! a body cut at a chunk's border, all fail to open. Every chunk is full but
//! the last, which is empty only in an empty body: one body has one form. The
//! header, organisation and message are associated data of each chunk, and
//! part of the key's derivation.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use mail::Entropy;
use mail::seam::random;
use zeroize::Zeroize;

use crate::envelope::{Algorithm, gcm, header};
use crate::error::VaultError;
use crate::secret::{KeyId, Secret};

/// Bytes of plain text in every chunk but the last.
pub const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 32;
const OPEN_BYTES: usize = 6 + SALT_BYTES;
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// Seals one body, chunk by chunk.
pub struct BodySealer {
    key: LessSafeKey,
    aad: Vec<u8>,
    /// What is not yet sealed: at most one chunk, since only the end of the
    /// body tells which chunk is the last. Sealing writes over it; it never
    /// grows beyond its first room, so that no copy is left behind.
    waiting: Vec<u8>,
    chunk: u32,
    /// The header until the first chunk carries it out.
    open: Option<[u8; OPEN_BYTES]>,
}

impl BodySealer {
    pub(crate) fn new(key: &Secret, id: KeyId, scope: &[u8; 20], entropy: &dyn Entropy) -> Self {
        let salt: [u8; SALT_BYTES] = random(entropy);
        let mut open = [0; OPEN_BYTES];
        let (head, tail) = open.split_at_mut(OPEN_BYTES - SALT_BYTES);
        head.copy_from_slice(&header(Algorithm::Body, id));
        tail.copy_from_slice(&salt);
        let waiting = Vec::with_capacity(CHUNK_BYTES);
        Self { key: body_key(key, &salt, scope), aad: aad(&open, scope), waiting, chunk: 0, open: Some(open) }
    }

    /// Takes the next bytes of the body; appends what is sealed to `out`.
    pub fn push(&mut self, mut plain: &[u8], out: &mut Vec<u8>) {
        while self.waiting.len() + plain.len() > CHUNK_BYTES {
            let (now, later) = plain.split_at(CHUNK_BYTES - self.waiting.len());
            self.waiting.extend_from_slice(now);
            plain = later;
            self.seal(false, out);
        }
        self.waiting.extend_from_slice(plain);
    }

    /// Seals the last chunk; appends it to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.seal(true, out);
    }

    fn seal(&mut self, last: bool, out: &mut Vec<u8>) {
        out.reserve(OPEN_BYTES + self.waiting.len() + TAG_BYTES);
        if let Some(open) = self.open.take() {
            out.extend_from_slice(&open);
        }
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(self.chunk, last), Aad::from(&self.aad), &mut self.waiting)
            .expect("a chunk is within the reach of AES-GCM");
        out.extend_from_slice(&self.waiting);
        out.extend_from_slice(tag.as_ref());
        self.waiting.clear();
        self.chunk = self.chunk.checked_add(1).expect("a body has fewer than 2^32 chunks (256 TiB)");
    }
}

/// A body that was given up leaves nothing clear.
impl Drop for BodySealer {
    fn drop(&mut self) {
        self.waiting.as_mut_slice().zeroize();
    }
}

/// Opens a body in place.
pub(crate) fn open(key: &Secret, scope: &[u8; 20], mut sealed: Vec<u8>) -> Result<Vec<u8>, VaultError> {
    let open: [u8; OPEN_BYTES] = *sealed.first_chunk().ok_or(VaultError::Truncated)?;
    let plain_len = body_plain_len(sealed.len() as u64).ok_or(VaultError::Truncated)?;
    let aad = aad(&open, scope);
    let (_, salt) = open.split_last_chunk::<SALT_BYTES>().ok_or(VaultError::Truncated)?;
    let key = body_key(key, salt, scope);
    let (mut read, mut written, mut chunk) = (OPEN_BYTES, 0, 0u32);
    while read < sealed.len() {
        let end = sealed.len().min(read + SEALED_CHUNK_BYTES);
        let last = end == sealed.len();
        let plain = key
            .open_within(nonce(chunk, last), Aad::from(&aad), &mut sealed[written..end], read - written..)
            .map_err(|_| VaultError::Forged)?;
        written += plain.len();
        read = end;
        chunk = chunk.checked_add(1).ok_or(VaultError::Forged)?;
    }
    assert_eq!(written as u64, plain_len, "the length of a body follows from its sealed length");
    sealed.truncate(written);
    Ok(sealed)
}

/// The length of a body, from its length when sealed; none if no body has that.
pub fn body_plain_len(sealed_len: u64) -> Option<u64> {
    let chunks = sealed_len.checked_sub(OPEN_BYTES as u64)?;
    let (full, rest) = (chunks / SEALED_CHUNK_BYTES as u64, chunks % SEALED_CHUNK_BYTES as u64);
    match rest {
        0 => (full > 0).then_some(full * CHUNK_BYTES as u64),
        // An empty chunk is the whole of an empty body and nothing else.
        16 => (full == 0).then_some(0),
        _ => Some(full * CHUNK_BYTES as u64 + rest.checked_sub(TAG_BYTES as u64)?),
    }
}

/// The length of a body of `plain_len` bytes when sealed.
pub fn body_sealed_len(plain_len: u64) -> u64 {
    let chunks = plain_len.div_ceil(CHUNK_BYTES as u64).max(1);
    OPEN_BYTES as u64 + plain_len + chunks * TAG_BYTES as u64
}

fn body_key(key: &Secret, salt: &[u8], scope: &[u8; 20]) -> LessSafeKey {
    gcm(&key.derive_salted(salt, "body", scope))
}

fn aad(open: &[u8; OPEN_BYTES], scope: &[u8; 20]) -> Vec<u8> {
    [open.as_slice(), scope].concat()
}

fn nonce(chunk: u32, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 5..NONCE_LEN - 1].copy_from_slice(&chunk.to_be_bytes());
    nonce[NONCE_LEN - 1] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::MessageKey;
    use crate::test_entropy::{Counted, message, message_key, vault};

    fn seal(key: &MessageKey, entropy: &Counted, plain: &[u8], step: usize) -> Vec<u8> {
        let (mut sealer, mut sealed) = (key.body_sealer(entropy), Vec::new());
        plain.chunks(step.max(1)).for_each(|part| sealer.push(part, &mut sealed));
        sealer.finish(&mut sealed);
        sealed
    }

    fn plain(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at / 251 + at) as u8).collect()
    }

    fn refused(key: &MessageKey, sealed: Vec<u8>) -> bool {
        matches!(key.open_body(&sealed), Err(VaultError::Forged | VaultError::Truncated))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_body_opens_however_it_arrived(len in 0usize..3 * CHUNK_BYTES, step in 1usize..2 * CHUNK_BYTES) {
            let entropy = Counted::default();
            let (key, plain) = (message_key(&entropy), plain(len));
            let sealed = seal(&key, &entropy, &plain, step);
            prop_assert_eq!(sealed.len() as u64, body_sealed_len(len as u64));
            prop_assert_eq!(body_plain_len(sealed.len() as u64), Some(len as u64));
            prop_assert!(key.open_body(&sealed).unwrap() == plain);
        }

        #[test]
        fn a_flipped_bit_is_found(len in 0usize..2 * CHUNK_BYTES, at: prop::sample::Index, bit in 0u8..8) {
            let entropy = Counted::default();
            let key = message_key(&entropy);
            let mut sealed = seal(&key, &entropy, &plain(len), CHUNK_BYTES);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(key.open_body(&sealed).is_err());
        }

        #[test]
        fn a_cut_or_extended_body_is_refused(len in 0usize..3 * CHUNK_BYTES, at: prop::sample::Index, more in 1usize..100) {
            let entropy = Counted::default();
            let key = message_key(&entropy);
            let sealed = seal(&key, &entropy, &plain(len), CHUNK_BYTES);
            prop_assert!(refused(&key, sealed[..at.index(sealed.len())].to_vec()));
            prop_assert!(refused(&key, [sealed, vec![0; more]].concat()));
        }
    }

    #[test]
    fn lengths_at_the_borders_of_chunks_open() {
        let entropy = Counted::default();
        let key = message_key(&entropy);
        for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 1] {
            let sealed = seal(&key, &entropy, &plain(len), 1000);
            assert_eq!(sealed.len() as u64, body_sealed_len(len as u64), "{len}");
            assert!(key.open_body(&sealed).unwrap() == plain(len), "{len}");
        }
    }

    /// The chunks of a sealed body, its header apart.
    fn chunks(sealed: &[u8]) -> (&[u8], Vec<&[u8]>) {
        let (open, chunks) = sealed.split_at(OPEN_BYTES);
        (open, chunks.chunks(SEALED_CHUNK_BYTES).collect())
    }

    #[test]
    fn chunks_that_are_missing_moved_repeated_or_borrowed_are_refused() {
        let entropy = Counted::default();
        let key = message_key(&entropy);
        // Every chunk is full, so that each could stand in each place.
        let [one, two] = [0, 1].map(|_| seal(&key, &entropy, &plain(3 * CHUNK_BYTES), CHUNK_BYTES));
        let (open, one) = chunks(&one);
        let (_, two) = chunks(&two);
        let build = |parts: &[&[u8]]| [&[open], parts].concat().concat();
        assert!(key.open_body(&build(&one)).is_ok());
        for parts in [
            vec![one[0], one[1]],
            vec![one[0]],
            vec![one[1], one[2]],
            vec![one[0], one[2]],
            vec![one[1], one[0], one[2]],
            vec![one[0], one[2], one[1]],
            vec![one[0], one[1], one[1], one[2]],
            vec![one[0], one[1], one[2], one[2]],
            vec![one[0], two[1], one[2]],
            vec![one[0], one[1], two[2]],
            vec![],
        ] {
            assert!(refused(&key, build(&parts)), "{} chunks", parts.len());
        }
    }

    #[test]
    fn a_body_of_another_message_is_refused() {
        let entropy = Counted::default();
        let vault = vault(&entropy);
        let (mine, _) = vault.new_message_key(message(1), &entropy);
        let (other, _) = vault.new_message_key(message(2), &entropy);
        let sealed = seal(&other, &entropy, b"of another", 100);
        assert!(refused(&mine, sealed.clone()));
        // Even with the id of the key written over.
        let mut dressed = sealed;
        let mine_sealed = seal(&mine, &entropy, b"mine", 100);
        dressed[..6].copy_from_slice(&mine_sealed[..6]);
        assert!(refused(&mine, dressed));
    }

    #[test]
    fn two_sealings_of_one_body_share_no_bytes_of_key_or_text() {
        let entropy = Counted::default();
        let key = message_key(&entropy);
        let [one, two] = [0, 1].map(|_| seal(&key, &entropy, &plain(200), 100));
        assert_ne!(one[6..38], two[6..38], "each has its own salt");
        assert_ne!(one[38..], two[38..]);
        assert!(!one.windows(16).any(|window| plain(200).windows(16).any(|plain| plain == window)));
    }

    #[test]
    fn lengths_that_no_body_has_are_told() {
        let shortest = body_sealed_len(0);
        assert_eq!(body_plain_len(shortest), Some(0));
        assert_eq!(body_plain_len(shortest - 1), None);
        assert_eq!(body_plain_len(0), None);
        // A full chunk, then an empty one: the sealer never makes that.
        assert_eq!(body_plain_len(body_sealed_len(CHUNK_BYTES as u64) + 16), None);
        assert_eq!(body_plain_len(body_sealed_len(CHUNK_BYTES as u64) + 5), None);
    }
}
