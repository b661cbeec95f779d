//! Encrypted and protected data (RFC 9580 §5.13): version 1 with its
//! modification detection code, version 2 with authenticated encryption, and
//! GnuPG's own packet 20, which is read and never written.
//!
//! AES runs in the crypto provider; what the provider lacks (OCB, EAX, Twofish,
//! Camellia) runs in rPGP. Nothing is returned before all of it is proven.

use std::io::Read as _;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, digest, hkdf};
use pgp::bytes::BytesMut;
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::StreamDecryptor;
use pgp::types::Seipdv1ReadMode;
use zeroize::Zeroizing;

use crate::framing::tag;
use crate::{Integrity, algorithm};

/// Damaged, forged, or another key: never which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// The key that protects one content.
pub struct SessionKey {
    /// Version 2 names the cipher itself.
    pub cipher: Option<SymmetricKeyAlgorithm>,
    pub key: Zeroizing<Vec<u8>>,
}

const VERSION_1: u8 = 1;
const VERSION_2: u8 = 2;
const SALT: usize = 32;
const TAG: usize = 16;
/// A block of AES and its last two bytes again.
const PREFIX: usize = 18;
/// The head of a modification detection code (RFC 9580 §5.13.1).
const MDC_HEAD: [u8; 2] = [0xD3, 0x14];
const MDC: usize = MDC_HEAD.len() + digest::SHA1_OUTPUT_LEN;
/// What is authenticated at once in what we write: 256 KiB, as other software has it.
const CHUNK_EXPONENT: u8 = 12;
const CHUNK: usize = 1 << (CHUNK_EXPONENT + 6);

/// How a content is to be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    V1 { cipher: SymmetricKeyAlgorithm },
    V2 { cipher: SymmetricKeyAlgorithm, aead: AeadAlgorithm },
}

impl Format {
    pub const fn cipher(self) -> SymmetricKeyAlgorithm {
        match self {
            Self::V1 { cipher } | Self::V2 { cipher, .. } => cipher,
        }
    }

    pub const fn integrity(self) -> Integrity {
        match self {
            Self::V1 { .. } => Integrity::Mdc,
            Self::V2 { aead, .. } => Integrity::Aead(aead_name(aead)),
        }
    }

    /// How long the body of the packet will be.
    pub const fn sealed_length(self, content: usize) -> usize {
        match self {
            Self::V1 { .. } => content.saturating_add(1 + PREFIX + MDC),
            Self::V2 { .. } => {
                let chunks = content.div_ceil(CHUNK).saturating_add(1);
                content.saturating_add(4 + SALT).saturating_add(chunks.saturating_mul(TAG))
            }
        }
    }
}

const fn aead_name(aead: AeadAlgorithm) -> &'static str {
    match aead {
        AeadAlgorithm::Gcm => "GCM",
        AeadAlgorithm::Ocb => "OCB",
        AeadAlgorithm::Eax => "EAX",
        _ => "unknown",
    }
}

/// Appends the body of the packet to `out`. `random` has at least 32 unpredictable bytes.
pub fn seal(
    format: Format,
    key: &[u8],
    random: &[u8; SALT],
    content: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    match format {
        Format::V1 { cipher } => seal_v1(cipher, key, random, content, out),
        Format::V2 { cipher, aead } => seal_v2(cipher, aead, key, random, content, out),
    }
}

fn seal_v1(
    cipher: SymmetricKeyAlgorithm,
    key: &[u8],
    random: &[u8; SALT],
    content: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    out.push(VERSION_1);
    let start = out.len();
    let (block, _) = random.split_at(PREFIX - 2);
    out.extend(block);
    out.extend(block.iter().skip(PREFIX - 4));
    content.iter().for_each(|part| out.extend_from_slice(part));
    out.extend(MDC_HEAD);
    let plain = out.get_mut(start..).ok_or(Broken)?;
    let code = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, plain);
    out.extend(code.as_ref());
    let plain = out.get_mut(start..).ok_or(Broken)?;
    let key = EncryptingKey::cfb128(unbound(cipher, key)?).map_err(|_| Broken)?;
    key.less_safe_encrypt(plain, EncryptionContext::Iv128(FixedLength::from([0; 16]))).map_err(|_| Broken)?;
    Ok(())
}

fn unbound(cipher: SymmetricKeyAlgorithm, key: &[u8]) -> Result<UnboundCipherKey, Broken> {
    UnboundCipherKey::new(aes(cipher).ok_or(Broken)?, key).map_err(|_| Broken)
}

const fn aes(cipher: SymmetricKeyAlgorithm) -> Option<&'static Algorithm> {
    match cipher {
        SymmetricKeyAlgorithm::AES128 => Some(&AES_128),
        SymmetricKeyAlgorithm::AES192 => Some(&AES_192),
        SymmetricKeyAlgorithm::AES256 => Some(&AES_256),
        _ => None,
    }
}

/// Version 1 and its code, checked whole before anything is given back.
fn open_v1(session: &SessionKey, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let cipher = session.cipher.ok_or(Broken)?;
    let Some(_) = aes(cipher) else {
        let mode = Seipdv1ReadMode::CheckFirst { max_message_size: body.len() };
        let stream = StreamDecryptor::v1(cipher, mode, &session.key, body).map_err(|_| Broken)?;
        return drain(stream, body.len());
    };
    let mut plain = Zeroizing::new(body.to_vec());
    let key = DecryptingKey::cfb128(unbound(cipher, &session.key)?).map_err(|_| Broken)?;
    let start = DecryptionContext::Iv128(FixedLength::from([0; 16]));
    key.decrypt(&mut plain, start).map_err(|_| Broken)?;
    let hashed = plain.len().checked_sub(digest::SHA1_OUTPUT_LEN).ok_or(Broken)?;
    let (content, code) = plain.split_at(hashed);
    let head = content.len().checked_sub(MDC_HEAD.len()).filter(|end| *end >= PREFIX).ok_or(Broken)?;
    // The repeated bytes of the prefix are not looked at: that check is an oracle (RFC 9580 §13.4).
    let expected = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, content);
    let is_code = constant_time::verify_slices_are_equal(expected.as_ref(), code).is_ok();
    if !is_code || content.get(head..) != Some(&MDC_HEAD) {
        return Err(Broken);
    }
    plain.truncate(head);
    plain.drain(..PREFIX);
    Ok(plain)
}

/// The keyed parts of version 2 (RFC 9580 §5.13.2).
struct Chunks {
    cipher: SymmetricKeyAlgorithm,
    aead: AeadAlgorithm,
    head: [u8; 5],
    key: Zeroizing<Vec<u8>>,
    /// The first bytes of each nonce.
    iv: Vec<u8>,
    gcm: Option<LessSafeKey>,
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
        let gcm = match (aead, cipher) {
            (AeadAlgorithm::Gcm, SymmetricKeyAlgorithm::AES128) => UnboundKey::new(&AES_128_GCM, &derived).ok(),
            (AeadAlgorithm::Gcm, SymmetricKeyAlgorithm::AES256) => UnboundKey::new(&AES_256_GCM, &derived).ok(),
            _ => None,
        };
        Ok(Self { cipher, aead, head, key: derived, iv, gcm: gcm.map(LessSafeKey::new) })
    }

    fn nonce(&self, index: u64) -> Vec<u8> {
        [self.iv.as_slice(), &index.to_be_bytes()].concat()
    }

    /// Encrypts the bytes of `out` from `start` on and appends their tag.
    fn seal(&self, index: u64, data: &[u8], start: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
        let nonce = self.nonce(index);
        let part = out.get_mut(start..).ok_or(Broken)?;
        if let Some(key) = &self.gcm {
            let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| Broken)?;
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(data), part).map_err(|_| Broken)?;
            out.extend(tag.as_ref());
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
        if let Some(key) = &self.gcm {
            let start = out.len();
            out.extend_from_slice(chunk);
            let part = out.get_mut(start..).ok_or(Broken)?;
            let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| Broken)?;
            let length = key.open_in_place(nonce, Aad::from(data), part).map_err(|_| Broken)?.len();
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

fn seal_v2(
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
fn open_v2(session: &SessionKey, body: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Integrity), Broken> {
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

/// GnuPG's packet 20 (draft-koch-librepgp §5.16).
fn open_gnupg(session: &SessionKey, body: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Integrity), Broken> {
    let config = pgp::packet::GnupgAeadDataConfig::try_from_reader(body).map_err(|_| Broken)?;
    let is_same = session.cipher.is_none_or(|cipher| cipher == config.sym_alg);
    if !is_same || session.key.len() != config.sym_alg.key_size() {
        return Err(Broken);
    }
    let sealed = body.get(config.iv.len().saturating_add(4)..).ok_or(Broken)?;
    let stream =
        StreamDecryptor::gnupg_aead(config.sym_alg, config.aead, config.chunk_size, &session.key, &config.iv, sealed);
    let plain = drain(stream.map_err(|_| Broken)?, sealed.len())?;
    Ok((plain, Integrity::Aead(aead_name(config.aead))))
}

/// Reads to the end; what was decrypted before an error is wiped, not returned.
fn drain<R: std::io::BufRead>(mut stream: StreamDecryptor<R>, length: usize) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let mut plain = Zeroizing::new(Vec::with_capacity(length));
    stream.read_to_end(&mut plain).map_err(|_| Broken)?;
    Ok(plain)
}

/// What an encrypted packet says of itself before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    V1,
    V2(SymmetricKeyAlgorithm),
    Gnupg(SymmetricKeyAlgorithm),
}

/// None for what is no packet of encrypted and protected data.
pub fn sealing(packet: u8, body: &[u8]) -> Option<Sealing> {
    match (packet, body) {
        (tag::SEIPD, [VERSION_1, ..]) => Some(Sealing::V1),
        (tag::SEIPD, [VERSION_2, cipher, ..]) => Some(Sealing::V2(SymmetricKeyAlgorithm::from(*cipher))),
        (tag::GNUPG_AEAD, [1, cipher, ..]) => Some(Sealing::Gnupg(SymmetricKeyAlgorithm::from(*cipher))),
        _ => None,
    }
}

/// What was inside, and how that was proven.
pub fn open(
    sealing: Sealing,
    session: &SessionKey,
    body: &[u8],
) -> Result<(Zeroizing<Vec<u8>>, Integrity, SymmetricKeyAlgorithm), Broken> {
    let cipher = match sealing {
        Sealing::V1 => session.cipher.ok_or(Broken)?,
        Sealing::V2(cipher) | Sealing::Gnupg(cipher) => cipher,
    };
    if !algorithm::is_read(cipher) || session.key.len() != cipher.key_size() {
        return Err(Broken);
    }
    let (plain, integrity) = match sealing {
        Sealing::V1 => (open_v1(session, body.get(1..).ok_or(Broken)?)?, Integrity::Mdc),
        Sealing::V2(_) => open_v2(session, body.get(1..).ok_or(Broken)?)?,
        Sealing::Gnupg(_) => open_gnupg(session, body)?,
    };
    Ok((plain, integrity, cipher))
}
