//! SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).

use std::fmt;

use super::Identifier;
use crate::asn1::{Malformed, Oid, Reader, tag};

pub(crate) const RSA_ENCRYPTION: Oid = Oid::new(&[1, 2, 840, 113549, 1, 1, 1]);
pub(crate) const RSA_OAEP: Oid = Oid::new(&[1, 2, 840, 113549, 1, 1, 7]);
pub(crate) const RSA_PSS: Oid = Oid::new(&[1, 2, 840, 113549, 1, 1, 10]);
pub(crate) const EC_PUBLIC_KEY: Oid = Oid::new(&[1, 2, 840, 10045, 2, 1]);
pub(crate) const P256: Oid = Oid::new(&[1, 2, 840, 10045, 3, 1, 7]);
pub(crate) const P384: Oid = Oid::new(&[1, 3, 132, 0, 34]);
pub(crate) const P521: Oid = Oid::new(&[1, 3, 132, 0, 35]);
pub(crate) const X25519: Oid = Oid::new(&[1, 3, 101, 110]);
pub(crate) const ED25519: Oid = Oid::new(&[1, 3, 101, 112]);

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA for any use, with the modulus' length.
    Rsa {
        /// Length of the modulus.
        bits: u32,
    },
    /// RSA that may only be used with OAEP (RFC 4055 §4.1).
    RsaOaep {
        /// Length of the modulus.
        bits: u32,
    },
    /// RSA that may only be used with PSS (RFC 4055 §3.1).
    RsaPss {
        /// Length of the modulus.
        bits: u32,
    },
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// X25519: agreement only (RFC 8410).
    X25519,
    /// Ed25519: signatures only (RFC 8410).
    Ed25519,
    /// Something else: DSA, other curves.
    Unknown,
}

impl KeyAlgorithm {
    /// RSA below this is refused, to seal as to verify.
    pub(crate) const RSA_BITS_MIN: u32 = 2048;

    /// Above this, keys only cost time.
    pub(crate) const RSA_BITS_MAX: u32 = 8192;

    /// The modulus' length of an RSA key.
    pub fn rsa_bits(self) -> Option<u32> {
        match self {
            Self::Rsa { bits } | Self::RsaOaep { bits } | Self::RsaPss { bits } => Some(bits),
            Self::P256 | Self::P384 | Self::P521 | Self::X25519 | Self::Ed25519 | Self::Unknown => None,
        }
    }

    /// Whether the key is long enough to be relied on, and no longer than can be computed.
    pub fn is_strong(self) -> bool {
        self.rsa_bits().is_none_or(|bits| (Self::RSA_BITS_MIN..=Self::RSA_BITS_MAX).contains(&bits))
            && self != Self::Unknown
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::RsaOaep { bits } => write!(f, "RSA-{bits} (OAEP)"),
            Self::RsaPss { bits } => write!(f, "RSA-{bits} (PSS)"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::X25519 => f.write_str("X25519"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    der: Vec<u8>,
    algorithm: KeyAlgorithm,
    key: Vec<u8>,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::sequence_in(der)?;
        let identifier = Identifier::read(&mut reader)?;
        let key = reader.bits()?;
        reader.end()?;
        Ok(Self { der: der.to_vec(), algorithm: algorithm(&identifier, key)?, key: key.to_vec() })
    }

    /// The SubjectPublicKeyInfo.
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(super::DigestName::Sha256.of(&self.der).as_ref());
        digest
    }

    /// Whether both are one key, however its algorithm is written.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// The key itself: an RSAPublicKey, a point, or 32 bytes.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }
}

fn algorithm(identifier: &Identifier<'_>, key: &[u8]) -> Result<KeyAlgorithm, Malformed> {
    Ok(match identifier.oid {
        RSA_ENCRYPTION => KeyAlgorithm::Rsa { bits: modulus_bits(key)? },
        RSA_OAEP => KeyAlgorithm::RsaOaep { bits: modulus_bits(key)? },
        RSA_PSS => KeyAlgorithm::RsaPss { bits: modulus_bits(key)? },
        EC_PUBLIC_KEY => {
            let curve = identifier.parameters.filter(|parameters| parameters.tag == tag::OID);
            match curve.map(|curve| Oid::from_value(curve.value)).transpose()? {
                Some(P256) => KeyAlgorithm::P256,
                Some(P384) => KeyAlgorithm::P384,
                Some(P521) => KeyAlgorithm::P521,
                _ => KeyAlgorithm::Unknown,
            }
        }
        X25519 => KeyAlgorithm::X25519,
        ED25519 => KeyAlgorithm::Ed25519,
        _ => KeyAlgorithm::Unknown,
    })
}

/// The length of the modulus in an RSAPublicKey (RFC 8017 §A.1.1).
fn modulus_bits(key: &[u8]) -> Result<u32, Malformed> {
    let modulus = Reader::sequence_in(key)?.integer()?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let first = modulus.first().ok_or(Malformed)?;
    let bits = modulus.len().checked_mul(8).and_then(|bits| u32::try_from(bits).ok()).ok_or(Malformed)?;
    Ok(bits - first.leading_zeros())
}
