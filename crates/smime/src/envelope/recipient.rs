//! A recipient's certificate made ready to be sealed to: what is computed once,
//! however many messages go there.

use aws_lc_rs::agreement::{self, ParsedPublicKey, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey,
};
use jiff::Timestamp;
use mail::private_key::OaepHash;

use super::SealError;
use crate::algorithm::agreement::{Derivation, shared_info};
use crate::algorithm::transport::{oaep_identifier, pkcs1_identifier};
use crate::algorithm::wrap::{Wrap, wrap_aes_256};
use crate::algorithm::{ContentCipher, KeyAlgorithm, KeyTransport, PublicKey, bare, public_key, with_null};
use crate::asn1::write;
use crate::certificate::{Capabilities, Certificate, KeyUsage};

/// Why nothing can be sealed to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYet,
    /// It has expired.
    #[error("the certificate has expired")]
    Expired,
    /// Its key usage allows no sealing, or its key can only sign.
    #[error("the certificate's key is not for sealing")]
    KeyUsage,
    /// Its key is RSA below 2048 bits or above 8192.
    #[error("the certificate's key is too short or too long")]
    Weak,
    /// Its key is of a kind that is not known here.
    #[error("the certificate's key is of a kind that is not supported")]
    Unsupported,
}

/// A recipient that content can be sealed to, and what its holder announced.
pub struct Recipient {
    certificate: Certificate,
    identifier: Vec<u8>,
    key: Prepared,
    capabilities: Vec<Capabilities>,
}

/// A public key, parsed once.
enum Prepared {
    Pkcs1(Pkcs1PublicEncryptingKey),
    Oaep(OaepPublicEncryptingKey, OaepHash),
    Agreement { transport: KeyTransport, public: ParsedPublicKey },
}

impl Certificate {
    /// Whether content can be sealed to this certificate now, and how: by its dates, its key usage and its key. Whether
    /// it is to be trusted is another question: [`crate::trust::validate`].
    pub fn usable_for_encryption(&self, now: Timestamp) -> Result<Recipient, Unusable> {
        if now < self.not_before() {
            return Err(Unusable::NotYet);
        }
        if now > self.not_after() {
            return Err(Unusable::Expired);
        }
        let algorithm = self.public_key().algorithm();
        let needed = match algorithm.rsa_bits() {
            Some(_) => KeyUsage::KEY_ENCIPHERMENT,
            None => KeyUsage::KEY_AGREEMENT,
        };
        if self.key_usage().is_some_and(|usage| !usage.allows_any(needed) || usage.allows_any(KeyUsage::DECIPHER_ONLY))
        {
            return Err(Unusable::KeyUsage);
        }
        let capabilities: Vec<Capabilities> = self.capabilities().cloned().into_iter().collect();
        Ok(Recipient {
            identifier: issuer_and_serial(self),
            key: Prepared::new(self.public_key(), &capabilities)?,
            capabilities,
            certificate: self.clone(),
        })
    }
}

/// IssuerAndSerialNumber (RFC 5652 §10.2.4), which every program understands.
pub(crate) fn issuer_and_serial(certificate: &Certificate) -> Vec<u8> {
    let serial = write::element(crate::asn1::tag::INTEGER, &[certificate.serial()]);
    write::sequence(&[certificate.issuer().to_der(), &serial])
}

impl Recipient {
    /// Adds what the holder announced elsewhere, such as in a signed message.
    pub fn announced(mut self, capabilities: Capabilities) -> Result<Self, Unusable> {
        self.capabilities.push(capabilities);
        self.key = Prepared::new(self.certificate.public_key(), &self.capabilities)?;
        Ok(self)
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// How the key of the content will reach the recipient.
    pub fn transport(&self) -> KeyTransport {
        match &self.key {
            Prepared::Pkcs1(_) => KeyTransport::RsaPkcs1,
            Prepared::Oaep(_, hash) => KeyTransport::RsaOaep(*hash),
            Prepared::Agreement { transport, .. } => *transport,
        }
    }

    /// Whether the holder announced to read content sealed with `cipher`.
    pub fn reads(&self, cipher: ContentCipher) -> bool {
        self.capabilities.iter().any(|capabilities| capabilities.reads(cipher))
    }

    /// The strongest cipher that the holder can read: AES-256-GCM or AES-128-GCM where announced, AES-256-CBC
    /// otherwise, which RFC 8551 §2.7 has all programs read.
    pub fn content_cipher(&self) -> ContentCipher {
        let announced = [ContentCipher::Aes256Gcm, ContentCipher::Aes128Gcm];
        announced.into_iter().find(|cipher| self.reads(*cipher)).unwrap_or(ContentCipher::Aes256Cbc)
    }

    /// Whether its RecipientInfo is a plain KeyTransRecipientInfo, which sets the message's version.
    pub(super) fn is_key_transport(&self) -> bool {
        !matches!(self.key, Prepared::Agreement { .. })
    }

    /// A RecipientInfo (RFC 5652 §6.2) with the key of the content.
    pub(super) fn seal_key(&self, key: &[u8]) -> Result<Vec<u8>, SealError> {
        match &self.key {
            Prepared::Pkcs1(public) => {
                let mut sealed = vec![0; public.ciphertext_size()];
                public.encrypt(key, &mut sealed).map_err(|_| SealError::Crypto)?;
                Ok(self.key_transport(&pkcs1_identifier(), &sealed))
            }
            Prepared::Oaep(public, hash) => {
                let mut sealed = vec![0; public.ciphertext_size()];
                public.encrypt(oaep(*hash), key, &mut sealed, None).map_err(|_| SealError::Crypto)?;
                Ok(self.key_transport(&oaep_identifier(*hash), &sealed))
            }
            Prepared::Agreement { transport, public } => self.key_agreement(*transport, public, key),
        }
    }

    /// KeyTransRecipientInfo (RFC 5652 §6.2.1).
    fn key_transport(&self, algorithm: &[u8], sealed: &[u8]) -> Vec<u8> {
        write::sequence(&[&write::small(0), &self.identifier, algorithm, &write::octets(sealed)])
    }

    /// KeyAgreeRecipientInfo (RFC 5652 §6.2.2, RFC 5753 §3.1.1) with a key of its own for the sender's side.
    fn key_agreement(
        &self,
        transport: KeyTransport,
        public: &ParsedPublicKey,
        key: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let (derivation, scheme) = match transport {
            KeyTransport::X25519 => (Derivation::HKDF_SHA256, bare(&public_key::X25519)),
            // The curve is the recipient's (RFC 5753 §7.1.2).
            _ => (Derivation::X963_SHA256, with_null(&public_key::EC_PUBLIC_KEY)),
        };
        // Drawn by the provider: one that is handed in costs it another multiplication to check.
        let ours = PrivateKey::generate(public.alg()).map_err(|_| SealError::Crypto)?;
        let point = ours.compute_public_key().map_err(|_| SealError::Crypto)?;
        let wrap = bare(&Wrap::Aes256.oid());
        let info = shared_info(&wrap, None, Wrap::Aes256.key_bytes());
        let wrapped = agreement::agree(&ours, public.clone(), SealError::Crypto, |secret| {
            let derivation = Derivation::from_oid(&derivation).ok_or(SealError::Crypto)?;
            let with = derivation.derive(secret, &info, Wrap::Aes256.key_bytes()).ok_or(SealError::Crypto)?;
            wrap_aes_256(&with, key).ok_or(SealError::Crypto)
        })?;
        let originator = write::context(1, &[&scheme, &write::bits(point.as_ref())]);
        let algorithm = write::sequence(&[&write::oid(&derivation), &wrap]);
        let recipient = write::sequence(&[&self.identifier, &write::octets(&wrapped)]);
        Ok(write::context(
            1,
            &[&write::small(3), &write::context(0, &[&originator]), &algorithm, &write::sequence(&[&recipient])],
        ))
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

impl Prepared {
    fn new(key: &PublicKey, capabilities: &[Capabilities]) -> Result<Self, Unusable> {
        let agreement = |transport, curve| {
            // A point that is not on its curve shows here, and not when a message waits.
            let public = ParsedPublicKey::try_from(UnparsedPublicKey::new(curve, key.key()));
            public.map(|public| Self::Agreement { transport, public }).map_err(|_| Unusable::Unsupported)
        };
        let announced = capabilities.iter().flat_map(Capabilities::oaep).copied().max_by_key(|hash| strength(*hash));
        match (key.algorithm(), announced) {
            (algorithm, _) if !algorithm.is_strong() && algorithm != KeyAlgorithm::Unknown => Err(Unusable::Weak),
            (KeyAlgorithm::Rsa { .. }, None) => {
                let public = Pkcs1PublicEncryptingKey::new(parse(key)?).map_err(|_| Unusable::Unsupported)?;
                Ok(Self::Pkcs1(public))
            }
            // RFC 4055 §4.1: such a key may be used with nothing else; SHA-1 is what every program reads.
            (KeyAlgorithm::RsaOaep { .. } | KeyAlgorithm::Rsa { .. }, announced) => {
                let public = OaepPublicEncryptingKey::new(parse(key)?).map_err(|_| Unusable::Unsupported)?;
                Ok(Self::Oaep(public, announced.unwrap_or(OaepHash::Sha1)))
            }
            (KeyAlgorithm::P256, _) => agreement(KeyTransport::EcdhP256, &agreement::ECDH_P256),
            (KeyAlgorithm::P384, _) => agreement(KeyTransport::EcdhP384, &agreement::ECDH_P384),
            (KeyAlgorithm::X25519, _) => agreement(KeyTransport::X25519, &agreement::X25519),
            (KeyAlgorithm::RsaPss { .. } | KeyAlgorithm::Ed25519, _) => Err(Unusable::KeyUsage),
            (KeyAlgorithm::P521 | KeyAlgorithm::Unknown, _) => Err(Unusable::Unsupported),
        }
    }
}

/// SHA-256 before SHA-1, and before the longer ones, which fewer programs read.
fn strength(hash: OaepHash) -> u8 {
    match hash {
        OaepHash::Sha256 => 3,
        OaepHash::Sha384 => 2,
        OaepHash::Sha512 => 1,
        OaepHash::Sha1 => 0,
    }
}

/// The provider reads keys of rsaEncryption only, so one for OAEP is given that name.
fn parse(key: &PublicKey) -> Result<PublicEncryptingKey, Unusable> {
    let der = write::sequence(&[&pkcs1_identifier(), &write::bits(key.key())]);
    PublicEncryptingKey::from_der(&der).map_err(|_| Unusable::Unsupported)
}
