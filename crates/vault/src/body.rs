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
use zeroize::Zeroizing;

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
    /// body tells which chunk is the last.
    waiting: Zeroizing<Vec<u8>>,
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
        let waiting = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
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
