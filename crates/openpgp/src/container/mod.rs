//! Encrypted and protected data (RFC 9580 §5.13): version 1 with its
//! modification detection code, version 2 with authenticated encryption, and
//! GnuPG's own packet 20, which is read and never written.
//!
//! AES runs in the crypto provider; what the provider lacks (EAX, Twofish,
//! Camellia) runs in rPGP. Nothing is returned before all of it is proven.

mod cfb;
mod chunks;
mod mdc;

use std::io::Read as _;

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, Algorithm};
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::StreamDecryptor;
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
            Self::V1 { .. } => content.saturating_add(mdc::OVERHEAD),
            Self::V2 { .. } => chunks::sealed_length(content),
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
        Format::V1 { cipher } => mdc::seal(cipher, key, random, content, out),
        Format::V2 { cipher, aead } => chunks::seal(cipher, aead, key, random, content, out),
    }
}

const fn aes(cipher: SymmetricKeyAlgorithm) -> Option<&'static Algorithm> {
    match cipher {
        SymmetricKeyAlgorithm::AES128 => Some(&AES_128),
        SymmetricKeyAlgorithm::AES192 => Some(&AES_192),
        SymmetricKeyAlgorithm::AES256 => Some(&AES_256),
        _ => None,
    }
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
        Sealing::V1 => (mdc::open(session, body.get(1..).ok_or(Broken)?)?, Integrity::Mdc),
        Sealing::V2(_) => chunks::open(session, body.get(1..).ok_or(Broken)?)?,
        Sealing::Gnupg(_) => open_gnupg(session, body)?,
    };
    Ok((plain, integrity, cipher))
}
