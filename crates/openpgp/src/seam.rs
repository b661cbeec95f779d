//! A [`Signer`] as rPGP signs with it.

use mail::private_key::{HashName, KeyUse, SignatureScheme, Signer};
use pgp::bytes::Bytes;
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::{Error, Result};
use pgp::types::{
    Fingerprint, KeyDetails, KeyId, KeyVersion, Mpi, Password, PublicParams, SignatureBytes, SigningKey, Timestamp,
};

use crate::component::Component;

/// A component whose private half is behind the seam.
pub struct SeamKey<'a> {
    component: Component<'a>,
    signer: &'a dyn Signer,
    hash: HashAlgorithm,
}

impl<'a> SeamKey<'a> {
    pub fn new(component: Component<'a>, signer: &'a dyn Signer) -> Self {
        // As strong as the key, and no stronger than what everybody reads.
        let is_p384 = matches!(component.public_params(), PublicParams::ECDSA(key) if key.curve() == ECCCurve::P384);
        let hash = if is_p384 { HashAlgorithm::Sha384 } else { HashAlgorithm::Sha256 };
        Self { component, signer, hash }
    }
}

impl SigningKey for SeamKey<'_> {
    fn sign(&self, _: &Password, hash: HashAlgorithm, digest: &[u8]) -> Result<SignatureBytes> {
        let scheme = scheme(self.component.public_params(), hash).ok_or_else(|| error(KeyUse::Unfit))?;
        let signature = self.signer.sign(scheme, digest).map_err(error)?;
        written(self.component.public_params(), &signature).ok_or_else(|| error(KeyUse::Failed))
    }

    fn hash_alg(&self) -> HashAlgorithm {
        self.hash
    }
}

fn error(reason: KeyUse) -> Error {
    std::io::Error::other(reason).into()
}

fn scheme(params: &PublicParams, hash: HashAlgorithm) -> Option<SignatureScheme> {
    let name = match hash {
        HashAlgorithm::Sha256 => HashName::Sha256,
        HashAlgorithm::Sha384 => HashName::Sha384,
        HashAlgorithm::Sha512 => HashName::Sha512,
        _ => return None,
    };
    match params {
        PublicParams::RSA(_) => Some(SignatureScheme::RsaPkcs1(name)),
        PublicParams::ECDSA(key) if key.curve() == ECCCurve::P256 => Some(SignatureScheme::EcdsaP256(name)),
        PublicParams::ECDSA(key) if key.curve() == ECCCurve::P384 => Some(SignatureScheme::EcdsaP384(name)),
        PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) => Some(SignatureScheme::Ed25519),
        _ => None,
    }
}

/// A signature as OpenPGP writes it (RFC 9580 §5.2.3).
fn written(params: &PublicParams, signature: &[u8]) -> Option<SignatureBytes> {
    match params {
        PublicParams::RSA(_) => Some(vec![Mpi::from_slice(signature)].into()),
        PublicParams::ECDSA(_) => {
            let (r, s) = ecdsa_numbers(signature)?;
            Some(vec![Mpi::from_slice(r), Mpi::from_slice(s)].into())
        }
        PublicParams::EdDSALegacy(_) => {
            let (r, s) = signature.split_at_checked(32)?;
            Some(vec![Mpi::from_slice(r), Mpi::from_slice(s)].into())
        }
        PublicParams::Ed25519(_) => Some(Bytes::copy_from_slice(signature).into()),
        _ => None,
    }
}

/// The two numbers of a DER signature (RFC 3279 §2.2.3).
fn ecdsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = match der {
        [0x30, 0x81, length, inner @ ..] | [0x30, length, inner @ ..] if usize::from(*length) == inner.len() => inner,
        _ => return None,
    };
    let (r, rest) = der_number(inner)?;
    let (s, rest) = der_number(rest)?;
    rest.is_empty().then_some((r, s))
}

fn der_number(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length, rest @ ..] = der else {
        return None;
    };
    rest.split_at_checked(usize::from(*length))
}

impl std::fmt::Debug for SeamKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SeamKey").field(&self.component.name()).finish()
    }
}

impl KeyDetails for SeamKey<'_> {
    fn version(&self) -> KeyVersion {
        self.component.version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.component.legacy_key_id()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.component.fingerprint()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.component.algorithm()
    }

    fn created_at(&self) -> Timestamp {
        self.component.created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        None
    }

    fn public_params(&self) -> &PublicParams {
        self.component.public_params()
    }
}
