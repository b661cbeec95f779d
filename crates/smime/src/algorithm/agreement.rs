//! Agreement on a key that wraps the key of the content (RFC 5753, RFC 8418).

use aws_lc_rs::digest::Context;
use aws_lc_rs::hkdf::{HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, KeyType, Salt};
use zeroize::Zeroizing;

use super::DigestName;
use crate::asn1::{Oid, write};

/// dhSinglePass-stdDH-*: with the KDF of ANSI X9.63 (RFC 5753 §7.1.4).
const STANDARD: Oid = Oid::new(&[1, 3, 132, 1, 11]);
const STANDARD_SHA1: Oid = Oid::new(&[1, 3, 133, 16, 840, 63, 0, 2]);
/// dhSinglePass-cofactorDH-*: the same, since the cofactor of all curves here is one.
const COFACTOR: Oid = Oid::new(&[1, 3, 132, 1, 14]);
const COFACTOR_SHA1: Oid = Oid::new(&[1, 3, 133, 16, 840, 63, 0, 3]);
/// dhSinglePass-stdDH-hkdf-* (RFC 8418 §2.2).
const SMIME_ALGORITHM: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 3]);

/// How a key is derived from a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derivation {
    X963(DigestName),
    Hkdf(DigestName),
}

impl Derivation {
    pub(crate) fn from_oid(oid: &Oid) -> Option<Self> {
        use DigestName::{Sha1, Sha256, Sha384, Sha512};
        let known = [
            (STANDARD_SHA1, Self::X963(Sha1)),
            (COFACTOR_SHA1, Self::X963(Sha1)),
            (STANDARD.arc(1), Self::X963(Sha256)),
            (STANDARD.arc(2), Self::X963(Sha384)),
            (STANDARD.arc(3), Self::X963(Sha512)),
            (COFACTOR.arc(1), Self::X963(Sha256)),
            (COFACTOR.arc(2), Self::X963(Sha384)),
            (COFACTOR.arc(3), Self::X963(Sha512)),
            (SMIME_ALGORITHM.arc(19), Self::Hkdf(Sha256)),
            (SMIME_ALGORITHM.arc(20), Self::Hkdf(Sha384)),
            (SMIME_ALGORITHM.arc(21), Self::Hkdf(Sha512)),
        ];
        known.into_iter().find(|(known, _)| known == oid).map(|(_, derivation)| derivation)
    }

    /// What we write for curves.
    pub(crate) const X963_SHA256: Oid = STANDARD.arc(1);
    /// What we write for X25519.
    pub(crate) const HKDF_SHA256: Oid = SMIME_ALGORITHM.arc(19);

    /// `len` bytes of key from the shared secret.
    pub(crate) fn derive(self, secret: &[u8], info: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::X963(digest) => Some(x963(digest, secret, info, len)),
            Self::Hkdf(digest) => hkdf(digest, secret, info, len),
        }
    }
}

/// ANSI X9.63 (SEC 1 §3.6.1).
fn x963(digest: DigestName, secret: &[u8], info: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(len + 64));
    for counter in 1_u32.. {
        if key.len() >= len {
            break;
        }
        let mut context = Context::new(digest.algorithm());
        context.update(secret);
        context.update(&counter.to_be_bytes());
        context.update(info);
        key.extend_from_slice(context.finish().as_ref());
    }
    key.truncate(len);
    key
}

struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF without salt (RFC 8418 §2.2).
fn hkdf(digest: DigestName, secret: &[u8], info: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
    let algorithm = match digest {
        DigestName::Sha1 => return None,
        DigestName::Sha256 => HKDF_SHA256,
        DigestName::Sha384 => HKDF_SHA384,
        DigestName::Sha512 => HKDF_SHA512,
    };
    let mut key = Zeroizing::new(vec![0; len]);
    let extracted = Salt::new(algorithm, &[]).extract(secret);
    extracted.expand(&[info], Len(len)).and_then(|okm| okm.fill(&mut key)).ok()?;
    Some(key)
}

/// ECC-CMS-SharedInfo (RFC 5753 §7.2): the wrapping algorithm as it stands in the message, what the sender added, and
/// the length of the key.
pub(crate) fn shared_info(wrap: &[u8], added: Option<&[u8]>, key_bytes: usize) -> Vec<u8> {
    let added = added.map(|added| write::context(0, &[&write::octets(added)])).unwrap_or_default();
    let bits = u32::try_from(key_bytes).unwrap_or(0).saturating_mul(8).to_be_bytes();
    write::sequence(&[wrap, &added, &write::context(2, &[&write::octets(&bits)])])
}
