//! Signatures: their names and their verification.

use std::fmt;

use aws_lc_rs::signature as provider;
use aws_lc_rs::signature::{RsaParameters, RsaPssSaltLength, UnparsedPublicKey, VerificationAlgorithm};
use mail::private_key::{HashName, KeyUse, SignatureScheme, Signer};

use super::public_key::{EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION, RSA_PSS};
use super::{DigestName, Identifier, KeyAlgorithm, PublicKey, bare, with_null};
use crate::asn1::{Oid, Reader, write};

const PKCS1: Oid = Oid::new(&[1, 2, 840, 113549, 1, 1]);
const SHA1_WITH_RSA: Oid = PKCS1.arc(5);
const SHA256_WITH_RSA: Oid = PKCS1.arc(11);
const SHA384_WITH_RSA: Oid = PKCS1.arc(12);
const SHA512_WITH_RSA: Oid = PKCS1.arc(13);
const MGF1: Oid = PKCS1.arc(8);
const ECDSA_WITH_SHA1: Oid = Oid::new(&[1, 2, 840, 10045, 4, 1]);
const ECDSA_WITH_SHA2: Oid = Oid::new(&[1, 2, 840, 10045, 4, 3]);
const ECDSA_WITH_SHA256: Oid = ECDSA_WITH_SHA2.arc(2);
const ECDSA_WITH_SHA384: Oid = ECDSA_WITH_SHA2.arc(3);
const ECDSA_WITH_SHA512: Oid = ECDSA_WITH_SHA2.arc(4);

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(DigestName),
    /// RSASSA-PSS; MGF1 with the same digest.
    RsaPss {
        /// The digest, of the content and of the mask.
        digest: DigestName,
        /// The salt's length in bytes.
        salt_bytes: u16,
    },
    /// ECDSA; the curve is the key's.
    Ecdsa(DigestName),
    /// Ed25519.
    Ed25519,
    /// Something else.
    Unknown,
}

/// Why a signature counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum BadSignature {
    /// It does not fit content and key.
    #[error("the signature does not match")]
    Mismatch,
    /// It is made with what can be forged: SHA-1, a short RSA key.
    #[error("the signature is made with what can be forged today")]
    Weak,
    /// The algorithm is not known here, or does not fit the key.
    #[error("the signature's algorithm is not supported")]
    Unsupported,
}

impl SignatureAlgorithm {
    /// Reads an AlgorithmIdentifier of a certificate, a revocation list or an answer of OCSP.
    pub(crate) fn from_identifier(identifier: &Identifier<'_>) -> Self {
        use DigestName::{Sha1, Sha256, Sha384, Sha512};
        match identifier.oid {
            SHA1_WITH_RSA if identifier.is_bare() => Self::RsaPkcs1(Sha1),
            SHA256_WITH_RSA if identifier.is_bare() => Self::RsaPkcs1(Sha256),
            SHA384_WITH_RSA if identifier.is_bare() => Self::RsaPkcs1(Sha384),
            SHA512_WITH_RSA if identifier.is_bare() => Self::RsaPkcs1(Sha512),
            RSA_PSS => pss(identifier).unwrap_or(Self::Unknown),
            ECDSA_WITH_SHA1 if identifier.is_bare() => Self::Ecdsa(Sha1),
            ECDSA_WITH_SHA256 if identifier.is_bare() => Self::Ecdsa(Sha256),
            ECDSA_WITH_SHA384 if identifier.is_bare() => Self::Ecdsa(Sha384),
            ECDSA_WITH_SHA512 if identifier.is_bare() => Self::Ecdsa(Sha512),
            ED25519 if identifier.parameters.is_none() => Self::Ed25519,
            _ => Self::Unknown,
        }
    }

    /// Reads the signatureAlgorithm of a SignerInfo, which may name the key's algorithm alone (RFC 8551 §2.2, RFC 3370
    /// §3.2); the digest then stands beside it.
    pub(crate) fn of_signer(identifier: &Identifier<'_>, digest: DigestName) -> Self {
        match identifier.oid {
            RSA_ENCRYPTION if identifier.is_bare() => Self::RsaPkcs1(digest),
            EC_PUBLIC_KEY => Self::Ecdsa(digest),
            _ => Self::from_identifier(identifier),
        }
    }

    /// The digest that it is made over; none for Ed25519, which takes the content as it is.
    pub fn digest(self) -> Option<DigestName> {
        match self {
            Self::RsaPkcs1(digest) | Self::RsaPss { digest, .. } | Self::Ecdsa(digest) => Some(digest),
            Self::Ed25519 | Self::Unknown => None,
        }
    }

    /// Whether `signature` was made over `message` with the private half of `key`.
    pub(crate) fn verify(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if self.digest() == Some(DigestName::Sha1) || key.algorithm().rsa_bits().is_some_and(is_short) {
            return Err(BadSignature::Weak);
        }
        let algorithm = self.provider(key.algorithm()).ok_or(BadSignature::Unsupported)?;
        UnparsedPublicKey::new(algorithm, key.key()).verify(message, signature).map_err(|_| BadSignature::Mismatch)
    }

    fn provider(self, key: KeyAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
        match (self, key) {
            (Self::RsaPkcs1(digest), KeyAlgorithm::Rsa { .. }) => pkcs1_parameters(digest),
            (Self::RsaPss { digest, salt_bytes }, KeyAlgorithm::Rsa { bits } | KeyAlgorithm::RsaPss { bits }) => {
                pss_parameters(digest, salt_bytes, bits)
            }
            (Self::Ecdsa(digest), key) => ecdsa(digest, key),
            (Self::Ed25519, KeyAlgorithm::Ed25519) => Some(&provider::ED25519),
            (Self::RsaPkcs1(_) | Self::RsaPss { .. } | Self::Ed25519 | Self::Unknown, _) => None,
        }
    }
}

fn is_short(bits: u32) -> bool {
    bits < KeyAlgorithm::RSA_BITS_MIN
}

fn pkcs1_parameters(digest: DigestName) -> Option<&'static dyn VerificationAlgorithm> {
    match digest {
        DigestName::Sha1 => None,
        DigestName::Sha256 => Some(&provider::RSA_PKCS1_2048_8192_SHA256),
        DigestName::Sha384 => Some(&provider::RSA_PKCS1_2048_8192_SHA384),
        DigestName::Sha512 => Some(&provider::RSA_PKCS1_2048_8192_SHA512),
    }
}

/// The provider takes salt lengths as constants; these are all that signers use: the digest's length, the most that
/// fits (OpenSSL's default), none, and the lengths of the other digests.
fn pss_parameters(digest: DigestName, salt_bytes: u16, bits: u32) -> Option<&'static dyn VerificationAlgorithm> {
    /// The parameters of one digest, by length of the salt.
    macro_rules! salts {
        ($parameters:expr, $most:expr) => {{
            const PARAMETERS: RsaParameters = $parameters;
            match salt_bytes {
                0 => Some(&const { PARAMETERS.with_pss_salt_length(RsaPssSaltLength::Custom(0)) }),
                20 => Some(&const { PARAMETERS.with_pss_salt_length(RsaPssSaltLength::Custom(20)) }),
                32 => Some(&const { PARAMETERS.with_pss_salt_length(RsaPssSaltLength::Custom(32)) }),
                48 => Some(&const { PARAMETERS.with_pss_salt_length(RsaPssSaltLength::Custom(48)) }),
                64 => Some(&const { PARAMETERS.with_pss_salt_length(RsaPssSaltLength::Custom(64)) }),
                salt if u32::from(salt) == $most => {
                    Some(&const { PARAMETERS.with_pss_salt_length(RsaPssSaltLength::Max) })
                }
                _ => None,
            }
        }};
    }
    // RFC 8017 §9.1.1: emBits is one less than the modulus' length.
    let encoded_bytes = bits.checked_sub(1)?.div_ceil(8);
    let most = encoded_bytes.checked_sub(digest.algorithm().output_len() as u32 + 2)?;
    match digest {
        DigestName::Sha1 => None,
        DigestName::Sha256 => salts!(provider::RSA_PSS_2048_8192_SHA256, most),
        DigestName::Sha384 => salts!(provider::RSA_PSS_2048_8192_SHA384, most),
        DigestName::Sha512 => salts!(provider::RSA_PSS_2048_8192_SHA512, most),
    }
}

fn ecdsa(digest: DigestName, key: KeyAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    use DigestName::{Sha256, Sha384, Sha512};
    match (key, digest) {
        (KeyAlgorithm::P256, Sha256) => Some(&provider::ECDSA_P256_SHA256_ASN1),
        (KeyAlgorithm::P256, Sha384) => Some(&provider::ECDSA_P256_SHA384_ASN1),
        (KeyAlgorithm::P256, Sha512) => Some(&provider::ECDSA_P256_SHA512_ASN1),
        (KeyAlgorithm::P384, Sha256) => Some(&provider::ECDSA_P384_SHA256_ASN1),
        (KeyAlgorithm::P384, Sha384) => Some(&provider::ECDSA_P384_SHA384_ASN1),
        (KeyAlgorithm::P384, Sha512) => Some(&provider::ECDSA_P384_SHA512_ASN1),
        (KeyAlgorithm::P521, Sha256) => Some(&provider::ECDSA_P521_SHA256_ASN1),
        (KeyAlgorithm::P521, Sha384) => Some(&provider::ECDSA_P521_SHA384_ASN1),
        (KeyAlgorithm::P521, Sha512) => Some(&provider::ECDSA_P521_SHA512_ASN1),
        _ => None,
    }
}

/// RSASSA-PSS-params (RFC 4055 §3.1). None where the mask has another digest, or the trailer is another.
fn pss(identifier: &Identifier<'_>) -> Option<SignatureAlgorithm> {
    let mut reader = identifier.parameters?.sequence().ok()?;
    let digest = match reader.explicit(0).ok()? {
        Some(mut inside) => DigestName::from_identifier(&Identifier::read(&mut inside).ok()?)?,
        None => DigestName::Sha1,
    };
    let mask = match reader.explicit(1).ok()? {
        Some(mut inside) => mask_digest(&mut inside)?,
        None => DigestName::Sha1,
    };
    let salt_bytes = match reader.explicit(2).ok()? {
        Some(mut inside) => u16::try_from(inside.small().ok()?).ok()?,
        None => 20,
    };
    let trailer = match reader.explicit(3).ok()? {
        Some(mut inside) => inside.small().ok()?,
        None => 1,
    };
    let is_known = mask == digest && trailer == 1 && reader.is_empty();
    is_known.then_some(SignatureAlgorithm::RsaPss { digest, salt_bytes })
}

/// The digest of a MaskGenAlgorithm (RFC 4055 §2.2).
pub(crate) fn mask_digest(reader: &mut Reader<'_>) -> Option<DigestName> {
    let mask = Identifier::read(reader).ok()?;
    let digest = Identifier::inside(mask.parameters?).ok()?;
    (mask.oid == MGF1).then(|| DigestName::from_identifier(&digest)).flatten()
}

/// A MaskGenAlgorithm with this digest.
pub(crate) fn mask(digest: DigestName) -> Vec<u8> {
    write::sequence(&[&write::oid(&MGF1), &with_null(&digest.oid())])
}

/// The AlgorithmIdentifier of a signature that we make.
pub(crate) fn identifier(scheme: SignatureScheme) -> Vec<u8> {
    match scheme {
        SignatureScheme::RsaPkcs1(HashName::Sha256) => with_null(&SHA256_WITH_RSA),
        SignatureScheme::RsaPkcs1(HashName::Sha384) => with_null(&SHA384_WITH_RSA),
        SignatureScheme::RsaPkcs1(HashName::Sha512) => with_null(&SHA512_WITH_RSA),
        SignatureScheme::RsaPss(hash) => {
            let digest = DigestName::from(hash);
            let parameters = write::sequence(&[
                &write::context(0, &[&with_null(&digest.oid())]),
                &write::context(1, &[&mask(digest)]),
                &write::context(2, &[&write::small(digest.algorithm().output_len() as u64)]),
            ]);
            write::sequence(&[&write::oid(&RSA_PSS), &parameters])
        }
        SignatureScheme::EcdsaP256(hash) | SignatureScheme::EcdsaP384(hash) => match hash {
            HashName::Sha256 => bare(&ECDSA_WITH_SHA256),
            HashName::Sha384 => bare(&ECDSA_WITH_SHA384),
            HashName::Sha512 => bare(&ECDSA_WITH_SHA512),
        },
        SignatureScheme::Ed25519 => bare(&ED25519),
    }
}

/// The first of the signer's schemes that `key`, which must be its public half, can verify.
pub(crate) fn fitting_scheme(signer: &dyn Signer, key: &PublicKey) -> Option<SignatureScheme> {
    let held = PublicKey::from_der(signer.public_key()).ok()?;
    let fits = |scheme: &&SignatureScheme| match scheme {
        SignatureScheme::RsaPkcs1(_) => matches!(key.algorithm(), KeyAlgorithm::Rsa { .. }),
        SignatureScheme::RsaPss(_) => matches!(key.algorithm(), KeyAlgorithm::Rsa { .. } | KeyAlgorithm::RsaPss { .. }),
        SignatureScheme::EcdsaP256(_) => key.algorithm() == KeyAlgorithm::P256,
        SignatureScheme::EcdsaP384(_) => key.algorithm() == KeyAlgorithm::P384,
        SignatureScheme::Ed25519 => key.algorithm() == KeyAlgorithm::Ed25519,
    };
    signer.schemes().iter().find(fits).filter(|_| held.key() == key.key()).copied()
}

/// Signs a message: its digest, or for Ed25519 the message as it is.
pub(crate) fn make(signer: &dyn Signer, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, KeyUse> {
    match scheme {
        SignatureScheme::Ed25519 => signer.sign(scheme, message),
        _ => signer.sign(scheme, scheme_digest(scheme).of(message).as_ref()),
    }
}

/// The digest that a scheme is made over; Ed25519 goes with SHA-512 (RFC 8419 §3.1).
pub(crate) fn scheme_digest(scheme: SignatureScheme) -> DigestName {
    match scheme {
        SignatureScheme::RsaPkcs1(hash)
        | SignatureScheme::RsaPss(hash)
        | SignatureScheme::EcdsaP256(hash)
        | SignatureScheme::EcdsaP384(hash) => hash.into(),
        SignatureScheme::Ed25519 => DigestName::Sha512,
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RsaPkcs1(digest) => write!(f, "RSA with {}", digest.micalg()),
            Self::RsaPss { digest, .. } => write!(f, "RSA-PSS with {}", digest.micalg()),
            Self::Ecdsa(digest) => write!(f, "ECDSA with {}", digest.micalg()),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
