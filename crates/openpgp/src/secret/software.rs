//! Private keys in this process, used by the crypto provider: in constant time,
//! and each checked against its public half, so that a tampered key is refused
//! before it signs anything that would betray it.

use std::sync::Arc;

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPairComponents, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
};
use mail::private_key::{Decrypter, HashName, KeyUse, RsaPadding, SignatureScheme, Signer};
use pgp::crypto::{ecdh, ecdsa, eddsa_legacy};
use pgp::types::{EcdhPublicParams, EcdsaPublicParams, EddsaLegacyPublicParams, PlainSecretParams, PublicParams};
use zeroize::{Zeroize as _, Zeroizing};

use super::modulo::modulo;
use crate::public::rsa_numbers;
use crate::session::Holder;
use crate::{KeyError, algorithm};

/// What a private key can do here.
#[derive(Clone, Default)]
pub struct Uses {
    pub signer: Option<Arc<dyn Signer>>,
    pub holder: Option<Holder>,
}

/// The uses of an unlocked private key; none for algorithms that are not known here.
pub fn uses(public: &PublicParams, secret: &PlainSecretParams) -> Result<Uses, KeyError> {
    match known_uses(public, secret) {
        Err(KeyError::Unsupported) => Ok(Uses::default()),
        uses => uses,
    }
}

fn known_uses(public: &PublicParams, secret: &PlainSecretParams) -> Result<Uses, KeyError> {
    match (public, secret) {
        (PublicParams::RSA(_), PlainSecretParams::RSA(secret)) if algorithm::is_strong_rsa(public) => {
            let rsa = Arc::new(Rsa::new(public, secret)?);
            Ok(Uses { signer: Some(rsa.clone()), holder: Some(Holder::Seam(rsa)) })
        }
        (PublicParams::Ed25519(public), PlainSecretParams::Ed25519(secret)) => {
            signs(Ed25519::new(secret.as_bytes(), public.key.as_bytes())?)
        }
        (
            PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }),
            PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret)),
        ) => signs(Ed25519::new(secret.as_bytes(), key.as_bytes())?),
        (PublicParams::ECDSA(public), PlainSecretParams::ECDSA(secret)) => signs(Ecdsa::new(public, secret)?),
        (PublicParams::X25519(public), PlainSecretParams::X25519(secret)) => {
            decrypts(Agreement::new(&X25519, secret.as_bytes(), public.key.as_bytes())?)
        }
        (PublicParams::ECDH(public), PlainSecretParams::ECDH(secret)) => decrypts(Agreement::of_ecdh(public, secret)?),
        (PublicParams::X448(_), PlainSecretParams::X448(_)) => {
            Ok(Uses { signer: None, holder: Some(Holder::Packet(Arc::new(secret.clone()))) })
        }
        _ => Err(KeyError::Unsupported),
    }
}

fn signs(signer: impl Signer + 'static) -> Result<Uses, KeyError> {
    Ok(Uses { signer: Some(Arc::new(signer)), holder: None })
}

fn decrypts(decrypter: impl Decrypter + 'static) -> Result<Uses, KeyError> {
    Ok(Uses { signer: None, holder: Some(Holder::Seam(Arc::new(decrypter))) })
}

fn spki<'a>(key: &impl AsDer<PublicKeyX509Der<'a>>) -> Result<Vec<u8>, KeyError> {
    Ok(key.as_der().map_err(|_| KeyError::Mismatch)?.as_ref().to_vec())
}

fn mismatch<E>(_: E) -> KeyError {
    KeyError::Mismatch
}

struct Rsa {
    pair: RsaKeyPair,
    opener: Pkcs1PrivateDecryptingKey,
    /// Makes what stands in for a badly padded plaintext.
    stand_in: hmac::Key,
    spki: Vec<u8>,
}

impl Rsa {
    fn new(public: &PublicParams, secret: &pgp::crypto::rsa::SecretKey) -> Result<Self, KeyError> {
        let (n, e) = rsa_numbers(public).ok_or(KeyError::Mismatch)?;
        let (mut d, mut p, mut q, mut u) = secret.to_bytes();
        // OpenPGP's u is p⁻¹ mod q (RFC 9580 §5.5.5.1); with p and q in each
        // other's place it is the coefficient that the provider wants.
        let (dp, dq) = (modulo(&d, &decremented(&q)), modulo(&d, &decremented(&p)));
        let public_key = PublicKeyComponents { n: n.as_slice(), e: e.as_slice() };
        let components = KeyPairComponents {
            public_key,
            d: d.as_slice(),
            p: q.as_slice(),
            q: p.as_slice(),
            dP: dp.as_slice(),
            dQ: dq.as_slice(),
            qInv: u.as_slice(),
        };
        let pair = RsaKeyPair::from_components(&components).map_err(mismatch);
        let stand_in = hmac::Key::new(hmac::HMAC_SHA256, digest::digest(&digest::SHA256, &d).as_ref());
        [&mut d, &mut p, &mut q, &mut u].into_iter().for_each(|number| number.zeroize());
        let pair = pair?;
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(mismatch)?;
        let opener = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).map_err(mismatch)?;
        let opener = Pkcs1PrivateDecryptingKey::new(opener).map_err(mismatch)?;
        let spki = spki(pair.public_key())?;
        Ok(Self { pair, opener, stand_in, spki })
    }

    /// Bytes that nobody can foretell, always the same for one ciphertext, as
    /// draft-irtf-cfrg-rsa-guidance §7 asks.
    fn stand_in(&self, sealed: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(digest::SHA256_OUTPUT_LEN)));
        let mut counter = 0_u32;
        while bytes.len() < length {
            let mut context = hmac::Context::with_key(&self.stand_in);
            context.update(&counter.to_be_bytes());
            context.update(sealed);
            bytes.extend(context.sign().as_ref());
            counter = counter.wrapping_add(1);
        }
        bytes.truncate(length);
        bytes
    }
}

fn decremented(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut number = Zeroizing::new(number.to_vec());
    // A prime beyond 2 is odd: taking one away borrows nothing.
    if let Some(last) = number.last_mut() {
        *last &= 0xFE;
    }
    number
}

impl Signer for Rsa {
    fn public_key(&self) -> &[u8] {
        &self.spki
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[
            SignatureScheme::RsaPkcs1(HashName::Sha256),
            SignatureScheme::RsaPkcs1(HashName::Sha384),
            SignatureScheme::RsaPkcs1(HashName::Sha512),
        ]
    }

    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        let encoding: &'static dyn RsaEncoding = match scheme {
            SignatureScheme::RsaPkcs1(HashName::Sha256) => &RSA_PKCS1_SHA256,
            SignatureScheme::RsaPkcs1(HashName::Sha384) => &RSA_PKCS1_SHA384,
            SignatureScheme::RsaPkcs1(HashName::Sha512) => &RSA_PKCS1_SHA512,
            _ => return Err(KeyUse::Unfit),
        };
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let digest = imported(scheme_hash(scheme).ok_or(KeyUse::Unfit)?, input)?;
        self.pair.sign_digest(encoding, &digest, &mut signature).map_err(|_| KeyUse::Failed)?;
        Ok(signature)
    }
}

impl Decrypter for Rsa {
    fn public_key(&self) -> &[u8] {
        &self.spki
    }

    fn decrypt_rsa(
        &self,
        padding: RsaPadding,
        sealed: &[u8],
        expected: &[usize],
    ) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        if padding != RsaPadding::Pkcs1 || sealed.len() != self.opener.key_size_bytes() {
            return Err(KeyUse::Unfit);
        }
        let longest = expected.iter().copied().max().unwrap_or_default();
        // Made in any case, so that the time doesn't tell whether it was needed.
        let mut chosen = self.stand_in(sealed, longest);
        let mut room = Zeroizing::new(vec![0; self.opener.min_output_size().max(longest)]);
        let length = self.opener.decrypt(sealed, &mut room).map_or(usize::MAX, |plain| plain.len());
        let fits = expected.iter().fold(0_u8, |fits, expected| fits | u8::from(length == *expected));
        let keep = fits.wrapping_neg();
        for (chosen, plain) in chosen.iter_mut().zip(room.iter()) {
            *chosen = (*chosen & !keep) | (*plain & keep);
        }
        let keep = usize::from(fits).wrapping_neg();
        chosen.truncate((length & keep) | (expected.first().copied().unwrap_or_default() & !keep));
        Ok(chosen)
    }

    fn agree(&self, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        Err(KeyUse::Unfit)
    }
}

const fn scheme_hash(scheme: SignatureScheme) -> Option<HashName> {
    match scheme {
        SignatureScheme::RsaPkcs1(hash)
        | SignatureScheme::RsaPss(hash)
        | SignatureScheme::EcdsaP256(hash)
        | SignatureScheme::EcdsaP384(hash) => Some(hash),
        SignatureScheme::Ed25519 => None,
    }
}

fn imported(hash: HashName, bytes: &[u8]) -> Result<Digest, KeyUse> {
    let algorithm = match hash {
        HashName::Sha256 => &digest::SHA256,
        HashName::Sha384 => &digest::SHA384,
        HashName::Sha512 => &digest::SHA512,
    };
    Digest::import_less_safe(bytes, algorithm).map_err(|_| KeyUse::Unfit)
}

struct Ed25519 {
    pair: Ed25519KeyPair,
    spki: Vec<u8>,
}

impl Ed25519 {
    fn new(seed: &[u8], public: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(mismatch)?;
        let spki = spki(pair.public_key())?;
        Ok(Self { pair, spki })
    }
}

impl Signer for Ed25519 {
    fn public_key(&self) -> &[u8] {
        &self.spki
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::Ed25519]
    }

    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        if scheme != SignatureScheme::Ed25519 {
            return Err(KeyUse::Unfit);
        }
        let signature = self.pair.try_sign(input).map_err(|_| KeyUse::Failed)?;
        Ok(signature.as_ref().to_vec())
    }
}

struct Ecdsa {
    pair: EcdsaKeyPair,
    scheme: [SignatureScheme; 1],
    spki: Vec<u8>,
}

impl Ecdsa {
    fn new(public: &EcdsaPublicParams, secret: &ecdsa::SecretKey) -> Result<Self, KeyError> {
        let (point, scheme, algorithm) = match public {
            EcdsaPublicParams::P256 { key } => {
                let scheme = SignatureScheme::EcdsaP256(HashName::Sha256);
                (key.to_sec1_bytes(), scheme, &ECDSA_P256_SHA256_ASN1_SIGNING)
            }
            EcdsaPublicParams::P384 { key } => {
                let scheme = SignatureScheme::EcdsaP384(HashName::Sha384);
                (key.to_sec1_bytes(), scheme, &ECDSA_P384_SHA384_ASN1_SIGNING)
            }
            _ => return Err(KeyError::Unsupported),
        };
        let secret = Zeroizing::new(match secret {
            ecdsa::SecretKey::P256(key) => key.to_bytes().to_vec(),
            ecdsa::SecretKey::P384(key) => key.to_bytes().to_vec(),
            _ => return Err(KeyError::Unsupported),
        });
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &secret, &point).map_err(mismatch)?;
        let spki = spki(pair.public_key())?;
        Ok(Self { pair, scheme: [scheme], spki })
    }
}

impl Signer for Ecdsa {
    fn public_key(&self) -> &[u8] {
        &self.spki
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.scheme
    }

    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        let [own] = self.scheme;
        let hash = scheme_hash(own).filter(|_| own == scheme).ok_or(KeyUse::Unfit)?;
        let signature = self.pair.sign_digest(&imported(hash, input)?).map_err(|_| KeyUse::Failed)?;
        Ok(signature.as_ref().to_vec())
    }
}

struct Agreement {
    key: PrivateKey,
    spki: Vec<u8>,
}

impl Agreement {
    fn new(algorithm: &'static agreement::Algorithm, secret: &[u8], public: &[u8]) -> Result<Self, KeyError> {
        let key = PrivateKey::from_private_key(algorithm, secret).map_err(mismatch)?;
        let own = key.compute_public_key().map_err(mismatch)?;
        if own.as_ref() != public {
            return Err(KeyError::Mismatch);
        }
        let spki = spki(&own)?;
        Ok(Self { key, spki })
    }

    fn of_ecdh(public: &EcdhPublicParams, secret: &ecdh::SecretKey) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(secret.to_bytes());
        match public {
            EcdhPublicParams::Curve25519Legacy { p, .. } => Self::new(&X25519, &bytes, p.as_bytes()),
            EcdhPublicParams::P256 { p, .. } => Self::new(&ECDH_P256, &bytes, &p.to_sec1_bytes()),
            EcdhPublicParams::P384 { p, .. } => Self::new(&ECDH_P384, &bytes, &p.to_sec1_bytes()),
            EcdhPublicParams::P521 { p, .. } => Self::new(&ECDH_P521, &bytes, &p.to_sec1_bytes()),
            _ => Err(KeyError::Unsupported),
        }
    }
}

impl Decrypter for Agreement {
    fn public_key(&self) -> &[u8] {
        &self.spki
    }

    fn decrypt_rsa(&self, _: RsaPadding, _: &[u8], _: &[usize]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        Err(KeyUse::Unfit)
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        let peer = UnparsedPublicKey::new(self.key.algorithm(), peer);
        agreement::agree(&self.key, peer, KeyUse::Failed, |shared| Ok(Zeroizing::new(shared.to_vec())))
    }
}
