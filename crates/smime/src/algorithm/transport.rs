//! How the key of the content reaches a recipient.

use std::fmt;

use mail::private_key::OaepHash;

use super::public_key::{RSA_ENCRYPTION, RSA_OAEP};
use super::signature::{mask, mask_digest};
use super::{DigestName, Identifier, with_null};
use crate::asn1::{Oid, octets_in, write};

/// Explicit label of OAEP (RFC 4055 §4.1).
const P_SPECIFIED: Oid = Oid::new(&[1, 2, 840, 113549, 1, 1, 9]);

/// How the key of the content is sealed for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyTransport {
    /// RSA with PKCS#1 v1.5.
    RsaPkcs1,
    /// RSA with OAEP.
    RsaOaep(OaepHash),
    /// ECDH on P-256.
    EcdhP256,
    /// ECDH on P-384.
    EcdhP384,
    /// ECDH on P-521; only read.
    EcdhP521,
    /// X25519.
    X25519,
}

impl fmt::Display for KeyTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RsaPkcs1 => "RSA with PKCS#1 v1.5",
            Self::RsaOaep(OaepHash::Sha1) => "RSA-OAEP with SHA-1",
            Self::RsaOaep(OaepHash::Sha256) => "RSA-OAEP with SHA-256",
            Self::RsaOaep(OaepHash::Sha384) => "RSA-OAEP with SHA-384",
            Self::RsaOaep(OaepHash::Sha512) => "RSA-OAEP with SHA-512",
            Self::EcdhP256 => "ECDH on P-256",
            Self::EcdhP384 => "ECDH on P-384",
            Self::EcdhP521 => "ECDH on P-521",
            Self::X25519 => "X25519",
        })
    }
}

/// RSA with PKCS#1 v1.5, by the name of the key.
pub(crate) const PKCS1: Oid = RSA_ENCRYPTION;

pub(crate) fn pkcs1_identifier() -> Vec<u8> {
    with_null(&RSA_ENCRYPTION)
}

/// RSAES-OAEP-params (RFC 4055 §4.1); SHA-1 is the default and is left out.
pub(crate) fn oaep_identifier(hash: OaepHash) -> Vec<u8> {
    let parameters = match digest_of(hash) {
        DigestName::Sha1 => write::sequence(&[]),
        digest => {
            write::sequence(&[&write::context(0, &[&with_null(&digest.oid())]), &write::context(1, &[&mask(digest)])])
        }
    };
    write::sequence(&[&write::oid(&RSA_OAEP), &parameters])
}

fn digest_of(hash: OaepHash) -> DigestName {
    match hash {
        OaepHash::Sha1 => DigestName::Sha1,
        OaepHash::Sha256 => DigestName::Sha256,
        OaepHash::Sha384 => DigestName::Sha384,
        OaepHash::Sha512 => DigestName::Sha512,
    }
}

/// How an RSA recipient's key is sealed. None where it is not known: another padding, a mask of another hash, a label.
pub(crate) fn rsa_of(identifier: &Identifier<'_>) -> Option<KeyTransport> {
    if identifier.oid == RSA_ENCRYPTION {
        return identifier.is_bare().then_some(KeyTransport::RsaPkcs1);
    }
    oaep_of(identifier).map(KeyTransport::RsaOaep)
}

/// The hash of OAEP.
pub(crate) fn oaep_of(identifier: &Identifier<'_>) -> Option<OaepHash> {
    if identifier.oid != RSA_OAEP {
        return None;
    }
    let Some(parameters) = identifier.parameters.filter(|_| !identifier.is_bare()) else {
        return Some(OaepHash::Sha1);
    };
    let mut reader = parameters.sequence().ok()?;
    let digest = match reader.explicit(0).ok()? {
        Some(mut inside) => DigestName::from_identifier(&Identifier::read(&mut inside).ok()?)?,
        None => DigestName::Sha1,
    };
    let mask = match reader.explicit(1).ok()? {
        Some(mut inside) => mask_digest(&mut inside)?,
        None => DigestName::Sha1,
    };
    let has_label = match reader.explicit(2).ok()? {
        Some(mut inside) => {
            let source = Identifier::read(&mut inside).ok()?;
            source.oid != P_SPECIFIED || !octets_in(source.parameters?.whole).ok()?.is_empty()
        }
        None => false,
    };
    if digest != mask || has_label || !reader.is_empty() {
        return None;
    }
    Some(match digest {
        DigestName::Sha1 => OaepHash::Sha1,
        DigestName::Sha256 => OaepHash::Sha256,
        DigestName::Sha384 => OaepHash::Sha384,
        DigestName::Sha512 => OaepHash::Sha512,
    })
}
