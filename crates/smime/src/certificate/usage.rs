//! What a key and a certificate may be used for.

use crate::asn1::{Malformed, Oid, Reader, tag};

const KEY_PURPOSE: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 3]);
const ANY_PURPOSE: Oid = Oid::new(&[2, 5, 29, 37, 0]);

/// The bits of keyUsage (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// Signatures over messages.
    pub const DIGITAL_SIGNATURE: Self = Self(1 << 15);
    /// Signatures that cannot be denied: nonRepudiation, contentCommitment.
    pub const CONTENT_COMMITMENT: Self = Self(1 << 14);
    /// Sealing of keys, by RSA.
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 13);
    /// Agreement on keys, by ECDH.
    pub const KEY_AGREEMENT: Self = Self(1 << 11);
    /// Signatures on certificates.
    pub const CERTIFICATE_SIGN: Self = Self(1 << 10);
    /// Signatures on revocation lists.
    pub const CRL_SIGN: Self = Self(1 << 9);
    /// Agreement on keys only to decipher with them.
    pub const DECIPHER_ONLY: Self = Self(1 << 7);

    /// Both uses.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of `uses` is allowed.
    pub const fn allows_any(self, uses: Self) -> bool {
        self.0 & uses.0 != 0
    }

    pub(crate) fn read(value: &[u8]) -> Result<Self, Malformed> {
        let element = Reader::only(value)?;
        let bytes = match element.value {
            [unused @ 0..=7, bytes @ ..] if element.tag == tag::BIT_STRING && (*unused == 0 || !bytes.is_empty()) => {
                bytes
            }
            _ => return Err(Malformed),
        };
        let byte = |at| bytes.get(at).copied().unwrap_or(0);
        // RFC 5280 §4.2.1.3: at least one bit must be set.
        let bits = u16::from_be_bytes([byte(0), byte(1)]);
        if bits == 0 || bytes.len() > 2 { Err(Malformed) } else { Ok(Self(bits)) }
    }

    pub(crate) fn bits(self) -> u16 {
        self.0
    }
}

/// A purpose of extendedKeyUsage (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedUsage {
    /// Mail.
    EmailProtection,
    /// Any purpose.
    Any,
    /// Answers of OCSP.
    OcspSigning,
    /// TLS servers.
    ServerAuth,
    /// Another.
    Other(Oid),
}

impl ExtendedUsage {
    pub(crate) fn read_list(value: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut list = Reader::sequence_in(value)?;
        let mut uses = Vec::new();
        while !list.is_empty() {
            uses.push(Self::from_oid(list.oid()?));
        }
        if uses.is_empty() { Err(Malformed) } else { Ok(uses) }
    }

    fn from_oid(oid: Oid) -> Self {
        const SERVER_AUTH: Oid = ExtendedUsage::ServerAuth.oid();
        const EMAIL_PROTECTION: Oid = ExtendedUsage::EmailProtection.oid();
        const OCSP_SIGNING: Oid = ExtendedUsage::OcspSigning.oid();
        match oid {
            SERVER_AUTH => Self::ServerAuth,
            EMAIL_PROTECTION => Self::EmailProtection,
            OCSP_SIGNING => Self::OcspSigning,
            ANY_PURPOSE => Self::Any,
            oid => Self::Other(oid),
        }
    }

    pub(crate) const fn oid(self) -> Oid {
        match self {
            Self::ServerAuth => KEY_PURPOSE.arc(1),
            Self::EmailProtection => KEY_PURPOSE.arc(4),
            Self::OcspSigning => KEY_PURPOSE.arc(9),
            Self::Any => ANY_PURPOSE,
            Self::Other(oid) => oid,
        }
    }
}
