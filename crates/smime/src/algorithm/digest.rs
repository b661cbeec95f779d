//! Digests.

use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use mail::private_key::HashName;

use super::Identifier;
use crate::asn1::Oid;

const SHA_1: Oid = Oid::new(&[1, 3, 14, 3, 2, 26]);
const NIST_HASH: Oid = Oid::new(&[2, 16, 840, 1, 101, 3, 4, 2]);
const SHA_256: Oid = NIST_HASH.arc(1);
const SHA_384: Oid = NIST_HASH.arc(2);
const SHA_512: Oid = NIST_HASH.arc(3);

/// A digest that is known here. SHA-1 is only read, and never makes a signature valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestName {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestName {
    pub(crate) fn from_oid(oid: &Oid) -> Option<Self> {
        match *oid {
            SHA_1 => Some(Self::Sha1),
            SHA_256 => Some(Self::Sha256),
            SHA_384 => Some(Self::Sha384),
            SHA_512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Parameters are absent or NULL (RFC 5754 §2).
    pub(crate) fn from_identifier(identifier: &Identifier<'_>) -> Option<Self> {
        Self::from_oid(&identifier.oid).filter(|_| identifier.is_bare())
    }

    pub(crate) fn oid(self) -> Oid {
        match self {
            Self::Sha1 => SHA_1,
            Self::Sha256 => SHA_256,
            Self::Sha384 => SHA_384,
            Self::Sha512 => SHA_512,
        }
    }

    pub(crate) fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> digest::Digest {
        digest::digest(self.algorithm(), bytes)
    }

    /// The name for the parameter `micalg` of multipart/signed (RFC 8551 §3.5.3.2).
    pub fn micalg(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }
}

impl From<HashName> for DigestName {
    fn from(hash: HashName) -> Self {
        match hash {
            HashName::Sha256 => Self::Sha256,
            HashName::Sha384 => Self::Sha384,
            HashName::Sha512 => Self::Sha512,
        }
    }
}
