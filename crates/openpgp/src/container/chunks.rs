//! Version 2: authenticated encryption by chunks (RFC 9580 §5.13.2).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use pgp::bytes::BytesMut;
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use zeroize::Zeroizing;

use super::{Broken, SALT, SessionKey, VERSION_2, aead_name, aes};
use crate::Integrity;
use crate::framing::tag;
use crate::ocb::Ocb;

const TAG: usize = 16;
/// What is authenticated at once in what we write: 256 KiB, as other software has it.
const CHUNK_EXPONENT: u8 = 12;
const CHUNK: usize = 1 << (CHUNK_EXPONENT + 6);

/// How long the body of the packet with this content is.
pub const fn sealed_length(content: usize) -> usize {
    let chunks = content.div_ceil(CHUNK).saturating_add(1);
    content.saturating_add(4 + SALT).saturating_add(chunks.saturating_mul(TAG))
}

/// The keyed parts of version 2 (RFC 9580 §5.13.2).
struct Chunks {
    cipher: SymmetricKeyAlgorithm,
    aead: AeadAlgorithm,
    head: [u8; 5],
    key: Zeroizing<Vec<u8>>,
    /// The first bytes of each nonce.
    iv: Vec<u8>,
    fast: Option<Fast>,
}

/// What runs in the crypto provider.
enum Fast {
    Gcm(LessSafeKey),
    Ocb(Box<Ocb>),
}

impl Fast {
    fn new(cipher: SymmetricKeyAlgorithm, aead: AeadAlgorithm, key: &[u8]) -> Option<Self> {
        let gcm = |algorithm| UnboundKey::new(algorithm, key).ok().map(|key| Self::Gcm(LessSafeKey::new(key)));
        match (aead, cipher) {
            (AeadAlgorithm::Gcm, SymmetricKeyAlgorithm::AES128) => gcm(&AES_128_GCM),
            (AeadAlgorithm::Gcm, SymmetricKeyAlgorithm::AES256) => gcm(&AES_256_GCM),
            (AeadAlgorithm::Ocb, cipher) if aes(cipher).is_some() => {
                Ocb::new(key).ok().map(|key| Self::Ocb(Box::new(key)))
            }
            _ => None,
        }
    }

    fn seal(&self, nonce: &[u8], data: &[u8], part: &mut [u8]) -> Result<[u8; TAG], Broken> {
        match self {
            Self::Gcm(key) => {
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Broken)?;
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(data), part).map_err(|_| Broken)?;
                tag.as_ref().try_into().map_err(|_| Broken)
            }
            Self::Ocb(key) => key.seal(nonce.try_into().map_err(|_| Broken)?, data, part),
        }
    }

    /// The tag stands at the end of `part`; gives how long the text before it is.
    fn open(&self, nonce: &[u8], data: &[u8], part: &mut [u8]) -> Result<usize, Broken> {
        match self {
            Self::Gcm(key) => {
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Broken)?;
                Ok(key.open_in_place(nonce, Aad::from(data), part).map_err(|_| Broken)?.len())
            }
            Self::Ocb(key) => {
                let (text, tag) = part.split_last_chunk_mut::<TAG>().ok_or(Broken)?;
                key.open(nonce.try_into().map_err(|_| Broken)?, data, text, tag)?;
                Ok(text.len())
            }
        }
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Chunks {
    fn new(
        cipher: SymmetricKeyAlgorithm,
        aead: AeadAlgorithm,
        chunk: u8,
        session: &[u8],
        salt: &[u8],
    ) -> Result<Self, Broken> {
        if session.len() != cipher.key_size() || aead.nonce_size() < 8 {
            return Err(Broken);
        }
        let head = [0b1100_0000 | tag::SEIPD, VERSION_2, cipher.into(), aead.into(), chunk];
        let iv_length = aead.nonce_size().saturating_sub(8);
        let mut derived = Zeroizing::new(vec![0; cipher.key_size().saturating_add(iv_length)]);
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(session);
        let info = [head.as_slice()];
        let okm = prk.expand(&info, Length(derived.len())).map_err(|_| Broken)?;
        okm.fill(&mut derived).map_err(|_| Broken)?;
        let iv = derived.split_off(cipher.key_size());
        let fast = Fast::new(cipher, aead, &derived);
        Ok(Self { cipher, aead, head, key: derived, iv, fast })
    }

    fn nonce(&self, index: u64) -> Vec<u8> {
        [self.iv.as_slice(), &index.to_be_bytes()].concat()
    }

    /// Encrypts the bytes of `out` from `start` on and appends their tag.
    fn seal(&self, index: u64, data: &[u8], start: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
        let nonce = self.nonce(index);
        let part = out.get_mut(start..).ok_or(Broken)?;
        if let Some(fast) = &self.fast {
            let tag = fast.seal(&nonce, data, part)?;
            out.extend(tag);
            return Ok(());
        }
        let mut buffer = BytesMut::from(&*part);
        self.aead.encrypt_in_place(&self.cipher, &self.key, &nonce, data, &mut buffer).map_err(|_| Broken)?;
        out.truncate(start);
        out.extend_from_slice(&buffer);
        Ok(())
    }

    /// Decrypts one chunk with its tag at the end and appends it to `out`.
    fn open(&self, index: u64, data: &[u8], chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let nonce = self.nonce(index);
        if let Some(fast) = &self.fast {
            let start = out.len();
            out.extend_from_slice(chunk);
            let length = fast.open(&nonce, data, out.get_mut(start..).ok_or(Broken)?)?;
            out.truncate(start.saturating_add(length));
            return Ok(());
        }
        let mut buffer = BytesMut::from(chunk);
        self.aead.decrypt_in_place(&self.cipher, &self.key, &nonce, data, &mut buffer).map_err(|_| Broken)?;
        out.extend_from_slice(&buffer);
        Ok(())
    }

    /// What the last tag is over, beside no bytes: the head and the length of all.
    fn end_data(&self, total: usize) -> Result<Vec<u8>, Broken> {
        let total = u64::try_from(total).map_err(|_| Broken)?;
        Ok([self.head.as_slice(), &total.to_be_bytes()].concat())
    }
}

pub fn seal(
    cipher: SymmetricKeyAlgorithm,
    aead: AeadAlgorithm,
    key: &[u8],
    salt: &[u8; SALT],
    content: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    let chunks = Chunks::new(cipher, aead, CHUNK_EXPONENT, key, salt)?;
    out.extend([VERSION_2, cipher.into(), aead.into(), CHUNK_EXPONENT]);
    out.extend(salt);
    let mut index = 0_u64;
    let mut total = 0_usize;
    let mut start = out.len();
    for part in content {
        let mut rest = *part;
        while !rest.is_empty() {
            let filled = out.len().saturating_sub(start);
            let (now, later) = rest.split_at(rest.len().min(CHUNK.saturating_sub(filled)));
            out.extend_from_slice(now);
            total = total.saturating_add(now.len());
            rest = later;
            if out.len().saturating_sub(start) == CHUNK {
                chunks.seal(index, &chunks.head, start, out)?;
                index = index.saturating_add(1);
                start = out.len();
            }
        }
    }
    if out.len() > start {
        chunks.seal(index, &chunks.head, start, out)?;
        index = index.saturating_add(1);
    }
    chunks.seal(index, &chunks.end_data(total)?, out.len(), out)
}

/// Version 2: every chunk and the end are authenticated before anything is given back.
pub fn open(session: &SessionKey, body: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Integrity), Broken> {
    let (head, rest) = body.split_first_chunk::<3>().ok_or(Broken)?;
    let (salt, sealed) = rest.split_first_chunk::<SALT>().ok_or(Broken)?;
    let [cipher, aead, chunk] = *head;
    let (cipher, aead) = (SymmetricKeyAlgorithm::from(cipher), AeadAlgorithm::from(aead));
    let size = ChunkSize::try_from(chunk).map_err(|_| Broken)?.as_byte_size();
    let size = usize::try_from(size).map_err(|_| Broken)?.saturating_add(TAG);
    let chunks = Chunks::new(cipher, aead, chunk, &session.key, salt)?;
    let (sealed, end) = sealed.split_at_checked(sealed.len().checked_sub(TAG).ok_or(Broken)?).ok_or(Broken)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let mut index = 0_u64;
    for chunk in sealed.chunks(size) {
        chunks.open(index, &chunks.head, chunk, &mut plain)?;
        index = index.saturating_add(1);
    }
    let mut nothing = Vec::new();
    chunks.open(index, &chunks.end_data(plain.len())?, end, &mut nothing)?;
    Ok((plain, Integrity::Aead(aead_name(aead))))
}
