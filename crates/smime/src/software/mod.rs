//! Private keys in this process, over `aws-lc-rs`.

mod decode;
mod generate;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::digest::Digest;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey,
};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair, RsaSignatureEncoding};
use mail::private_key::{Decrypter, HashName, KeyUse, OaepHash, RsaPadding, SignatureScheme, Signer};
use zeroize::Zeroizing;

pub use generate::KeyKind;

use crate::algorithm::{DigestName, KeyAlgorithm, PublicKey};
use crate::asn1::pem;

/// A private key.
pub struct SoftwareKey {
    public: PublicKey,
    schemes: Vec<SignatureScheme>,
    key: Key,
    /// PrivateKeyInfo (RFC 5958), as it is kept.
    encoded: Zeroizing<Vec<u8>>,
}

enum Key {
    Rsa(Box<RsaKey>),
    Ec { signing: Option<EcdsaKeyPair>, agreement: PrivateKey },
    Ed25519(Ed25519KeyPair),
    X25519(PrivateKey),
}

struct RsaKey {
    signing: RsaKeyPair,
    pkcs1: Pkcs1PrivateDecryptingKey,
    oaep: OaepPrivateDecryptingKey,
    /// Makes what bad padding is answered with.
    rejection: hmac::Key,
}

impl SoftwareKey {
    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.public.algorithm()
    }

    /// The key as PrivateKeyInfo (PKCS#8, RFC 5958) in DER, to be kept under another key.
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.encoded
    }

    /// The key as PKCS#8 in PEM, in clear.
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem::encode("PRIVATE KEY", &self.encoded))
    }
}

impl std::fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftwareKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

impl Signer for SoftwareKey {
    fn public_key(&self) -> &[u8] {
        self.public.to_der()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        if !self.schemes.contains(&scheme) {
            return Err(KeyUse::Unfit);
        }
        match (&self.key, scheme) {
            (Key::Rsa(key), SignatureScheme::RsaPkcs1(hash)) => key.sign(pkcs1(hash), hash, input),
            (Key::Rsa(key), SignatureScheme::RsaPss(hash)) => key.sign(pss(hash), hash, input),
            (
                Key::Ec { signing: Some(signing), .. },
                SignatureScheme::EcdsaP256(hash) | SignatureScheme::EcdsaP384(hash),
            ) => {
                let signature = signing.sign_digest(&digest(hash, input)?).map_err(|_| KeyUse::Failed)?;
                Ok(signature.as_ref().to_vec())
            }
            (Key::Ed25519(key), SignatureScheme::Ed25519) => {
                let signature = key.try_sign(input).map_err(|_| KeyUse::Failed)?;
                Ok(signature.as_ref().to_vec())
            }
            _ => Err(KeyUse::Unfit),
        }
    }
}

impl Decrypter for SoftwareKey {
    fn public_key(&self) -> &[u8] {
        self.public.to_der()
    }

    fn decrypt_rsa(
        &self,
        padding: RsaPadding,
        sealed: &[u8],
        expected: &[usize],
    ) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        match (&self.key, padding) {
            (Key::Rsa(key), RsaPadding::Pkcs1) => Ok(key.open_pkcs1(sealed, expected)),
            (Key::Rsa(key), RsaPadding::Oaep(hash)) => key.open_oaep(hash, sealed),
            _ => Err(KeyUse::Unfit),
        }
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        let (Key::Ec { agreement: key, .. } | Key::X25519(key)) = &self.key else {
            return Err(KeyUse::Unfit);
        };
        let peer = UnparsedPublicKey::new(key.algorithm(), peer);
        agreement::agree(key, peer, KeyUse::Failed, |secret| Ok(Zeroizing::new(secret.to_vec())))
    }
}

impl RsaKey {
    fn sign(&self, encoding: &'static RsaSignatureEncoding, hash: HashName, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        let mut signature = vec![0; self.signing.public_modulus_len()];
        let digest = digest(hash, input)?;
        self.signing.sign_digest(encoding, &digest, &mut signature).map_err(|_| KeyUse::Failed)?;
        Ok(signature)
    }

    /// With bad padding, bytes that nobody can tell from a key, the same for the same ciphertext: whoever asks twice
    /// learns nothing (draft-irtf-cfrg-rsa-guidance §7). The provider's check of the padding is constant in time; which
    /// of the two results is taken is decided without a branch.
    fn open_pkcs1(&self, sealed: &[u8], expected: &[usize]) -> Zeroizing<Vec<u8>> {
        let longest = expected.iter().copied().max().unwrap_or_default();
        let mut key = self.rejected(sealed, longest);
        let mut opened = Zeroizing::new(vec![0; self.pkcs1.min_output_size()]);
        let len = self.pkcs1.decrypt(sealed, &mut opened).map_or(usize::MAX, |key| key.len());
        let fits = expected.iter().fold(0_u8, |fits, expected| fits | u8::from(len == *expected));
        let take = 0_u8.wrapping_sub(fits);
        for (byte, opened) in key.iter_mut().zip(opened.iter()) {
            *byte = (*byte & !take) | (opened & take);
        }
        let take = 0_usize.wrapping_sub(usize::from(fits));
        key.truncate((len & take) | (expected.first().copied().unwrap_or_default() & !take));
        key
    }

    fn rejected(&self, sealed: &[u8], expected: usize) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(expected + 32));
        for counter in 0_u32.. {
            if bytes.len() >= expected {
                break;
            }
            let mut context = hmac::Context::with_key(&self.rejection);
            context.update(&counter.to_be_bytes());
            context.update(sealed);
            bytes.extend_from_slice(context.sign().as_ref());
        }
        bytes.truncate(expected);
        bytes
    }

    fn open_oaep(&self, hash: OaepHash, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        let mut opened = Zeroizing::new(vec![0; self.oaep.min_output_size()]);
        let len = self.oaep.decrypt(oaep(hash), sealed, &mut opened, None).map_err(|_| KeyUse::Failed)?.len();
        opened.truncate(len);
        Ok(opened)
    }
}

fn digest(hash: HashName, input: &[u8]) -> Result<Digest, KeyUse> {
    Digest::import_less_safe(input, DigestName::from(hash).algorithm()).map_err(|_| KeyUse::Unfit)
}

fn pkcs1(hash: HashName) -> &'static RsaSignatureEncoding {
    match hash {
        HashName::Sha256 => &signature::RSA_PKCS1_SHA256,
        HashName::Sha384 => &signature::RSA_PKCS1_SHA384,
        HashName::Sha512 => &signature::RSA_PKCS1_SHA512,
    }
}

fn pss(hash: HashName) -> &'static RsaSignatureEncoding {
    match hash {
        HashName::Sha256 => &signature::RSA_PSS_SHA256,
        HashName::Sha384 => &signature::RSA_PSS_SHA384,
        HashName::Sha512 => &signature::RSA_PSS_SHA512,
    }
}

fn oaep(hash: OaepHash) -> &'static OaepAlgorithm {
    match hash {
        OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
        OaepHash::Sha384 => &OAEP_SHA384_MGF1SHA384,
        OaepHash::Sha512 => &OAEP_SHA512_MGF1SHA512,
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
    use mail::Entropy;

    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(1..).for_each(|(byte, count)| *byte = count);
        }
    }

    #[test]
    fn bad_padding_yields_a_key_that_opens_nothing() {
        let key = SoftwareKey::generate(KeyKind::Rsa2048, &Counting).unwrap();
        let public =
            Pkcs1PublicEncryptingKey::new(PublicEncryptingKey::from_der(key.public().to_der()).unwrap()).unwrap();
        let mut sealed = vec![0; 256];
        public.encrypt(&[7; 32], &mut sealed).unwrap();
        let open = |sealed: &[u8], expected| key.decrypt_rsa(RsaPadding::Pkcs1, sealed, &[expected]).unwrap().to_vec();
        assert_eq!(open(&sealed, 32), [7; 32]);
        // Of another length than expected, changed, of no length at all: always a key, and always the same one.
        let changed: Vec<u8> = sealed.iter().rev().copied().collect();
        for (sealed, expected) in [(&sealed[..], 16), (&sealed, 24), (&changed, 32), (&[], 32), (&sealed[1..], 32)] {
            let first = open(sealed, expected);
            assert_eq!(first.len(), expected);
            assert_eq!(first, open(sealed, expected));
            assert!(first != [7; 32][..expected]);
        }
        assert_ne!(open(&changed, 32), open(&[], 32));
        let any_of = |sealed: &[u8]| key.decrypt_rsa(RsaPadding::Pkcs1, sealed, &[24, 32, 16]).unwrap().to_vec();
        assert_eq!(any_of(&sealed), [7; 32]);
        assert_eq!(any_of(&changed).len(), 24);
        assert!(key.decrypt_rsa(RsaPadding::Oaep(OaepHash::Sha256), &sealed, &[32]).is_err());
    }

    #[test]
    fn a_key_does_only_what_it_can() {
        let [p256, ed25519, x25519] = [KeyKind::P256, KeyKind::Ed25519, KeyKind::X25519]
            .map(|kind| SoftwareKey::generate(kind, &Counting).unwrap());
        let scheme = SignatureScheme::EcdsaP256(HashName::Sha256);
        assert!(p256.sign(scheme, &[1; 32]).is_ok());
        assert_eq!(p256.sign(scheme, &[1; 31]), Err(KeyUse::Unfit));
        assert_eq!(p256.sign(SignatureScheme::Ed25519, &[1; 32]), Err(KeyUse::Unfit));
        assert_eq!(p256.decrypt_rsa(RsaPadding::Pkcs1, &[1; 256], &[32]), Err(KeyUse::Unfit));
        assert_eq!(ed25519.agree(&[1; 32]), Err(KeyUse::Unfit));
        // Points that are on no curve, or of an order so small that anybody could guess the secret.
        assert_eq!(p256.agree(&[4; 65]), Err(KeyUse::Failed));
        assert_eq!(p256.agree(&[]), Err(KeyUse::Failed));
        assert_eq!(x25519.agree(&[0; 32]), Err(KeyUse::Failed));
        assert_eq!(x25519.agree(&[1; 31]), Err(KeyUse::Failed));
    }
}
