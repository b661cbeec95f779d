//! An own private key with what is public of it.

use std::sync::Arc;

use jiff::Timestamp;
use mail::private_key::{Decrypter, Signer};
use mail::{Address, KeyFormat};
use smime::algorithm::{KeyAlgorithm, PublicKey};
use smime::trust::{Purpose, Trust, validate};
use smime::{Certificate, DecryptionIdentity, SigningIdentity, SoftwareKey};

/// The private key and what is public of it, in either format.
#[derive(Clone)]
pub enum OrgMaterial {
    /// OpenPGP.
    OpenPgp(openpgp::SecretIdentity),
    /// S/MIME.
    Smime(SmimePair),
}

/// A private key of S/MIME, wherever it is.
#[derive(Clone)]
pub enum PrivateKey {
    /// In this process, and kept in the vault.
    Software(Arc<SoftwareKey>),
    /// In an HSM or a key service.
    Elsewhere {
        /// Its public half.
        public: Arc<PublicKey>,
        /// What signs with it.
        signer: Arc<dyn Signer>,
        /// What decrypts with it.
        decrypter: Arc<dyn Decrypter>,
    },
}

/// A private key of S/MIME with its certificates.
#[derive(Clone)]
pub struct SmimePair {
    /// The private key.
    pub key: PrivateKey,
    /// Its certificates, the newest first: mail that was sealed under an
    /// earlier one names that. None while the first one is waited for.
    pub certificates: Vec<Certificate>,
    /// Certificates of authorities above the newest.
    pub chain: Vec<Certificate>,
}

/// Why a key can't sign now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFit {
    /// OpenPGP.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::Unusable),
    /// S/MIME.
    #[error(transparent)]
    Smime(#[from] smime::trust::Invalid),
    /// The certificate that was asked for is not there yet.
    #[error("its certificate is not there yet")]
    NoCertificate,
    /// It is not in use any more.
    #[error("it is retired")]
    Retired,
    /// It was revoked.
    #[error("it is revoked")]
    Revoked,
}

impl PrivateKey {
    /// The public half.
    pub fn public(&self) -> &PublicKey {
        match self {
            PrivateKey::Software(key) => key.public(),
            PrivateKey::Elsewhere { public, .. } => public,
        }
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.public().algorithm()
    }

    /// What signs with it.
    pub fn signer(&self) -> &dyn Signer {
        match self {
            PrivateKey::Software(key) => key.as_ref(),
            PrivateKey::Elsewhere { signer, .. } => signer.as_ref(),
        }
    }

    /// What decrypts with it.
    pub fn decrypter(&self) -> &dyn Decrypter {
        match self {
            PrivateKey::Software(key) => key.as_ref(),
            PrivateKey::Elsewhere { decrypter, .. } => decrypter.as_ref(),
        }
    }
}

impl SmimePair {
    /// The certificate in use.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificates.first()
    }

    /// What signs.
    pub fn signing(&self) -> Option<SigningIdentity<'_>> {
        let certificate = self.certificate()?;
        Some(SigningIdentity { certificate, chain: &self.chain, signer: self.key.signer(), encryption: None })
    }

    /// What opens, one for each certificate; one without where there is none.
    pub fn decryption(&self) -> Vec<DecryptionIdentity<'_>> {
        let one = |certificate| DecryptionIdentity { certificate, decrypter: self.key.decrypter() };
        match self.certificates.is_empty() {
            true => vec![one(None)],
            false => self.certificates.iter().map(|certificate| one(Some(certificate))).collect(),
        }
    }

    /// Whether the certificate is for this key.
    pub fn fits(&self, certificate: &Certificate) -> bool {
        self.key.public().is_same(certificate.public_key())
    }

    /// The dates and the uses of the certificate. Whom others believe about it is theirs to judge.
    fn check_signing(&self, now: Timestamp) -> Result<(), NotFit> {
        let certificate = self.certificate().ok_or(NotFit::NoCertificate)?;
        let trust = Trust::new(Vec::new()).pinning(certificate.fingerprint_sha256());
        validate(certificate, &[], &trust, now, Purpose::Sign, None)?;
        Ok(())
    }
}

impl OrgMaterial {
    /// Its format.
    pub const fn format(&self) -> KeyFormat {
        match self {
            OrgMaterial::OpenPgp(_) => KeyFormat::OpenPgp,
            OrgMaterial::Smime(_) => KeyFormat::Smime,
        }
    }

    /// Its fingerprint in upper-case hexadecimal digits: of the primary key for
    /// OpenPGP, SHA-256 of the certificate for S/MIME; of the public key, where
    /// there is no certificate yet.
    pub fn fingerprint(&self) -> String {
        match self {
            OrgMaterial::OpenPgp(identity) => identity.certificate().fingerprint().to_string(),
            OrgMaterial::Smime(pair) => match pair.certificate() {
                Some(certificate) => hex(&certificate.fingerprint_sha256()),
                None => hex(&pair.key.public().fingerprint_sha256()),
            },
        }
    }

    /// Whether its private key is in an HSM or a key service: using it may take
    /// long, and may fail.
    pub fn is_elsewhere(&self) -> bool {
        match self {
            OrgMaterial::OpenPgp(identity) => identity.is_elsewhere(),
            OrgMaterial::Smime(pair) => matches!(pair.key, PrivateKey::Elsewhere { .. }),
        }
    }

    /// The OpenPGP key.
    pub const fn openpgp(&self) -> Option<&openpgp::SecretIdentity> {
        match self {
            OrgMaterial::OpenPgp(identity) => Some(identity),
            OrgMaterial::Smime(_) => None,
        }
    }

    /// The key of S/MIME.
    pub const fn smime(&self) -> Option<&SmimePair> {
        match self {
            OrgMaterial::OpenPgp(_) => None,
            OrgMaterial::Smime(pair) => Some(pair),
        }
    }

    /// The addresses that its public part names.
    pub fn addresses(&self, now: Timestamp) -> Vec<Address> {
        match self {
            OrgMaterial::OpenPgp(identity) => identity.certificate().addresses(now),
            OrgMaterial::Smime(pair) => pair.certificate().map(|one| one.addresses().to_vec()).unwrap_or_default(),
        }
    }

    /// When it stops signing or being sealed to, whichever comes first.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            OrgMaterial::OpenPgp(identity) => {
                let certificate = identity.certificate();
                let sealing = certificate.usable_for_encryption(now).ok().and_then(|plan| plan.expires_at);
                [certificate.expires_at(now), sealing].into_iter().flatten().min()
            }
            OrgMaterial::Smime(pair) => pair.certificate().map(Certificate::not_after),
        }
    }

    /// How it signs, for people: `Ed25519`, `RSA-3072`.
    pub fn algorithm(&self, now: Timestamp) -> String {
        match self {
            OrgMaterial::OpenPgp(identity) => {
                let plan = identity.certificate().usable_for_signing(now);
                plan.map(|plan| plan.algorithm).unwrap_or_default()
            }
            OrgMaterial::Smime(pair) => pair.key.algorithm().to_string(),
        }
    }

    /// Whether it signs now.
    pub(super) fn check_signing(&self, now: Timestamp) -> Result<(), NotFit> {
        match self {
            OrgMaterial::OpenPgp(identity) => Ok(identity.signing(now).map(drop)?),
            OrgMaterial::Smime(pair) => pair.check_signing(now),
        }
    }

    /// The public part as text, for people to hand on: an OpenPGP certificate
    /// in armor, or a chain of certificates in PEM. None without a certificate.
    pub fn to_text(&self) -> Option<String> {
        match self {
            OrgMaterial::OpenPgp(identity) => Some(identity.certificate().to_armor()),
            OrgMaterial::Smime(pair) => {
                let certificate = pair.certificate()?;
                Some(std::iter::once(certificate).chain(&pair.chain).map(Certificate::to_pem).collect())
            }
        }
    }
}

impl std::fmt::Debug for OrgMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "own {} {}", self.format(), self.fingerprint())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
