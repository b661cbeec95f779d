//! Private keys from PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) and SEC 1 (RFC 5915).

use aws_lc_rs::agreement::{self, PrivateKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use mail::private_key::{HashName, SignatureScheme};
use zeroize::Zeroizing;

use super::{Key, RsaKey, SoftwareKey};
use crate::algorithm::public_key::{
    EC_PUBLIC_KEY, ED25519, P256, P384, P521, RSA_ENCRYPTION, RSA_OAEP, RSA_PSS, X25519,
};
use crate::algorithm::{DigestName, Identifier, PublicKey, bare, with_null};
use crate::asn1::{Element, Malformed, Oid, Reader, tag, write};
use crate::pbe::{LockError, unlock_key};
use crate::pkcs12::derivation::Secret;

/// A private key that the provider refuses is broken, too short, or on another curve than it says.
fn refused<T>(_: T) -> LockError {
    LockError::Key
}

impl SoftwareKey {
    /// Reads a private key in DER: PKCS#8, locked or not, PKCS#1 for RSA, or SEC 1 for curves.
    pub fn from_der(der: &[u8], passphrase: Option<&str>) -> Result<Self, LockError> {
        let mut inside = Reader::sequence_in(der)?;
        if inside.next_is(tag::SEQUENCE) {
            let passphrase = passphrase.ok_or(LockError::PassphraseNeeded)?;
            let unlocked = unlock_key(der, Secret::Text(passphrase))?;
            // Once in 256 tries a wrong passphrase leaves noise with padding that looks right.
            return Self::from_pkcs8(&unlocked).map_err(|why| match why {
                LockError::Malformed => LockError::Passphrase,
                why => why,
            });
        }
        inside.integer()?;
        match inside {
            _ if inside.next_is(tag::SEQUENCE) => Self::from_pkcs8(der),
            _ if inside.next_is(tag::INTEGER) => Self::rsa(der, Restriction::None),
            _ => Self::curve(der, None),
        }
    }

    /// Reads PrivateKeyInfo.
    fn from_pkcs8(der: &[u8]) -> Result<Self, LockError> {
        let mut inside = Reader::sequence_in(der)?;
        inside.small()?;
        let identifier = Identifier::read(&mut inside)?;
        let key = inside.take(tag::OCTET_STRING)?.value;
        match identifier.oid {
            RSA_ENCRYPTION => Self::rsa(key, Restriction::None),
            RSA_PSS => Self::rsa(key, Restriction::Pss),
            RSA_OAEP => Self::rsa(key, Restriction::Oaep),
            EC_PUBLIC_KEY => Self::curve(key, identifier.parameters),
            ED25519 => Self::ed25519(key),
            X25519 => Self::x25519(key),
            _ => Err(LockError::Key),
        }
    }

    /// From RSAPrivateKey (RFC 8017 §A.1.2).
    pub(super) fn rsa(der: &[u8], restriction: Restriction) -> Result<Self, LockError> {
        let mut inside = Reader::sequence_in(der)?;
        inside.small()?;
        let (modulus, exponent) = (inside.integer()?, inside.integer()?);
        let public = write::sequence(&[&write::unsigned(modulus), &write::unsigned(exponent)]);
        // The provider knows keys without restriction only.
        let encoded =
            |identifier: &[u8]| Zeroizing::new(write::sequence(&[&write::small(0), identifier, &write::octets(der)]));
        let decrypting = PrivateDecryptingKey::from_pkcs8(&encoded(&with_null(&RSA_ENCRYPTION))).map_err(refused)?;
        let rejection = DigestName::Sha256.of(der);
        let key = RsaKey {
            signing: RsaKeyPair::from_der(der).map_err(refused)?,
            pkcs1: Pkcs1PrivateDecryptingKey::new(decrypting.clone()).map_err(refused)?,
            oaep: OaepPrivateDecryptingKey::new(decrypting).map_err(refused)?,
            rejection: hmac::Key::new(hmac::HMAC_SHA256, rejection.as_ref()),
        };
        let hashes = [HashName::Sha256, HashName::Sha384, HashName::Sha512];
        let pkcs1 = hashes.into_iter().map(SignatureScheme::RsaPkcs1);
        let pss = hashes.into_iter().map(SignatureScheme::RsaPss);
        let (identifier, schemes): (_, Vec<SignatureScheme>) = match restriction {
            Restriction::None => (with_null(&RSA_ENCRYPTION), pkcs1.chain(pss).collect()),
            Restriction::Pss => (bare(&RSA_PSS), pss.collect()),
            Restriction::Oaep => (bare(&RSA_OAEP), Vec::new()),
        };
        Self::of(&identifier, &public, schemes, Key::Rsa(Box::new(key)), encoded(&identifier))
    }

    /// From ECPrivateKey (RFC 5915 §3), whose curve may stand outside.
    fn curve(der: &[u8], outside: Option<Element<'_>>) -> Result<Self, LockError> {
        let mut inside = Reader::sequence_in(der)?;
        inside.small()?;
        let scalar = inside.take(tag::OCTET_STRING)?.value;
        let curve = match (outside, inside.explicit(0)?) {
            (Some(curve), _) if curve.tag == tag::OID => Oid::from_value(curve.value)?,
            // A curve that is spelled out may be any (CVE-2020-0601).
            (None, Some(mut curve)) => curve.oid().map_err(refused)?,
            _ => return Err(LockError::Key),
        };
        Self::scalar(curve, scalar)
    }

    /// From the private number of a curve.
    pub(super) fn scalar(curve: Oid, scalar: &[u8]) -> Result<Self, LockError> {
        let (agreement, signing, schemes, bytes): (_, Option<&'static EcdsaSigningAlgorithm>, _, _) = match curve {
            P256 => {
                let scheme = SignatureScheme::EcdsaP256(HashName::Sha256);
                (&agreement::ECDH_P256, Some(&ECDSA_P256_SHA256_ASN1_SIGNING), vec![scheme], 32)
            }
            P384 => {
                let scheme = SignatureScheme::EcdsaP384(HashName::Sha384);
                (&agreement::ECDH_P384, Some(&ECDSA_P384_SHA384_ASN1_SIGNING), vec![scheme], 48)
            }
            P521 => (&agreement::ECDH_P521, None, Vec::new(), 66),
            _ => return Err(LockError::Key),
        };
        let scalar = of_length(scalar, bytes)?;
        let agreement = PrivateKey::from_private_key(agreement, &scalar).map_err(refused)?;
        let point = agreement.compute_public_key().map_err(refused)?;
        let signing = match signing {
            Some(algorithm) => {
                let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &scalar, point.as_ref());
                Some(pair.map_err(refused)?)
            }
            None => None,
        };
        let identifier = write::sequence(&[&write::oid(&EC_PUBLIC_KEY), &write::oid(&curve)]);
        let key = Zeroizing::new(write::sequence(&[
            &write::small(1),
            &write::octets(&scalar),
            &write::context(1, &[&write::bits(point.as_ref())]),
        ]));
        let encoded = Zeroizing::new(write::sequence(&[&write::small(0), &identifier, &write::octets(&key)]));
        Self::of(&identifier, point.as_ref(), schemes, Key::Ec { signing, agreement }, encoded)
    }

    /// From CurvePrivateKey (RFC 8410 §7).
    fn ed25519(key: &[u8]) -> Result<Self, LockError> {
        Self::seed(crate::asn1::octets_in(key)?)
    }

    /// From the seed of an Ed25519 key.
    pub(super) fn seed(seed: &[u8]) -> Result<Self, LockError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(refused)?;
        let public = pair.public_key().as_ref().to_vec();
        let schemes = vec![SignatureScheme::Ed25519];
        Self::of(&bare(&ED25519), &public, schemes, Key::Ed25519(pair), encode_bytes(&ED25519, seed))
    }

    /// From CurvePrivateKey (RFC 8410 §7).
    fn x25519(key: &[u8]) -> Result<Self, LockError> {
        Self::montgomery(crate::asn1::octets_in(key)?)
    }

    /// From the private number of X25519.
    pub(super) fn montgomery(scalar: &[u8]) -> Result<Self, LockError> {
        let agreement = PrivateKey::from_private_key(&agreement::X25519, scalar).map_err(refused)?;
        let public = agreement.compute_public_key().map_err(refused)?.as_ref().to_vec();
        Self::of(&bare(&X25519), &public, Vec::new(), Key::X25519(agreement), encode_bytes(&X25519, scalar))
    }

    fn of(
        identifier: &[u8],
        public: &[u8],
        schemes: Vec<SignatureScheme>,
        key: Key,
        encoded: Zeroizing<Vec<u8>>,
    ) -> Result<Self, LockError> {
        let public = PublicKey::from_der(&write::sequence(&[identifier, &write::bits(public)]))?;
        Ok(Self { public, schemes, key, encoded })
    }
}

/// What an RSA key may be used for by its name (RFC 4055 §1.2).
#[derive(Clone, Copy)]
pub(super) enum Restriction {
    None,
    Pss,
    Oaep,
}

fn encode_bytes(oid: &Oid, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = Zeroizing::new(write::octets(key));
    Zeroizing::new(write::sequence(&[&write::small(0), &bare(oid), &write::octets(&key)]))
}

/// A number with as many bytes as its curve has: old programs leave zeros out, or add one.
fn of_length(number: &[u8], bytes: usize) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let significant = number.get(start..).unwrap_or_default();
    let zeros = bytes.checked_sub(significant.len()).ok_or(Malformed)?;
    let mut padded = Zeroizing::new(vec![0; zeros]);
    padded.extend_from_slice(significant);
    Ok(padded)
}
