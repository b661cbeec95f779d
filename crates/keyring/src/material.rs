//! The key itself, in either format.

use jiff::Timestamp;
use mail::{Address, KeyFormat};
use openpgp::Protection;
use smime::Capabilities;

/// The largest file that is looked at: a keyring of thousands.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Who sends a key with other signatures each time must not make it grow for ever.
const MERGED_BYTES_MAX: usize = 256 * 1024;

/// A recipient's certificate.
#[derive(Clone)]
pub enum Material {
    /// An OpenPGP certificate.
    OpenPgp(openpgp::Certificate),
    /// An S/MIME certificate.
    Smime(SmimeKey),
}

/// An S/MIME certificate with what came along.
#[derive(Clone)]
pub struct SmimeKey {
    /// The certificate.
    pub certificate: smime::Certificate,
    /// Certificates of authorities that came with it.
    pub chain: Vec<smime::Certificate>,
    /// What its holder's software announced that it reads.
    pub announced: Option<Capabilities>,
}

/// Bytes in which there is no key.
#[derive(Debug, thiserror::Error)]
pub enum NotAKey {
    /// More than is looked at.
    #[error("the file is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// No key in it.
    #[error("there is no key in it")]
    None,
    /// OpenPGP that gives no certificate.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::KeyError),
    /// No certificate.
    #[error(transparent)]
    Smime(#[from] smime::BadCertificate),
    /// What was announced can't be read.
    #[error("what the holder announced is malformed")]
    Announced(#[from] smime::Malformed),
}

/// Why a certificate can't be used now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUsable {
    /// OpenPGP.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::Unusable),
    /// S/MIME.
    #[error(transparent)]
    Smime(#[from] smime::Unusable),
    /// A certificate for something else: a web server, code.
    #[error("the certificate is not for mail (extendedKeyUsage)")]
    Purpose,
}

/// How a copy would be sealed with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usable {
    /// How the session key is sealed: `X25519`, `RSA-OAEP with SHA-256`.
    pub algorithm: String,
    /// How the content is protected. Who shares a copy with somebody who reads
    /// less gets less.
    pub content: String,
    /// Whether that is authenticated encryption.
    pub is_aead: bool,
    /// When it can't be used any more.
    pub expires_at: Option<Timestamp>,
}

impl SmimeKey {
    /// The certificate as content is sealed to it.
    pub fn recipient(&self, now: Timestamp) -> Result<smime::Recipient, smime::Unusable> {
        let recipient = self.certificate.usable_for_encryption(now)?;
        match &self.announced {
            Some(announced) => recipient.announced(announced.clone()),
            None => Ok(recipient),
        }
    }
}

impl Material {
    /// Every certificate in a file: armored or binary OpenPGP, PEM, DER or a
    /// bundle. Certificates of authorities come along with the others.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, NotAKey> {
        if file.len() > FILE_BYTES_MAX {
            return Err(NotAKey::TooLarge);
        }
        if looks_like_openpgp(file) {
            return Ok(openpgp::Certificate::parse(file)?.into_iter().map(Material::OpenPgp).collect());
        }
        let (chain, holders): (Vec<_>, Vec<_>) = smime::Certificate::read_all(file)?
            .into_iter()
            .partition(|certificate| certificate.is_authority() && certificate.addresses().is_empty());
        if holders.is_empty() {
            return Err(NotAKey::None);
        }
        let key = |certificate| Material::Smime(SmimeKey { certificate, chain: chain.clone(), announced: None });
        Ok(holders.into_iter().map(key).collect())
    }

    /// The certificate in binary.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Material::OpenPgp(certificate) => certificate.to_bytes(),
            Material::Smime(key) => key.certificate.to_der().to_vec(),
        }
    }

    /// The certificate as text, for people to hand on.
    pub fn to_text(&self) -> String {
        match self {
            Material::OpenPgp(certificate) => openpgp::armor(openpgp::ArmorKind::PublicKey, &certificate.to_bytes()),
            Material::Smime(key) => key.certificate.to_pem(),
        }
    }

    /// Its format.
    pub const fn format(&self) -> KeyFormat {
        match self {
            Material::OpenPgp(_) => KeyFormat::OpenPgp,
            Material::Smime(_) => KeyFormat::Smime,
        }
    }

    /// Its fingerprint in upper-case hexadecimal digits: of the primary key for
    /// OpenPGP, SHA-256 of the certificate for S/MIME.
    pub fn fingerprint(&self) -> String {
        match self {
            Material::OpenPgp(certificate) => certificate.fingerprint().to_string(),
            Material::Smime(key) => {
                key.certificate.fingerprint_sha256().iter().map(|byte| format!("{byte:02X}")).collect()
            }
        }
    }

    /// The addresses for which it speaks now.
    pub fn addresses(&self, now: Timestamp) -> Vec<Address> {
        match self {
            Material::OpenPgp(certificate) => certificate.addresses(now),
            Material::Smime(key) => key.certificate.addresses().to_vec(),
        }
    }

    /// When it ends by itself, if it does.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Material::OpenPgp(certificate) => {
                let usable = certificate.usable_for_encryption(now).ok();
                usable.map_or_else(|| certificate.expires_at(now), |plan| plan.expires_at)
            }
            Material::Smime(key) => Some(key.certificate.not_after()),
        }
    }

    /// Whether a copy can be sealed with it now, and how. Whom an S/MIME
    /// certificate is to be believed is another question.
    pub fn usable(&self, now: Timestamp) -> Result<Usable, NotUsable> {
        match self {
            Material::OpenPgp(certificate) => {
                let plan = certificate.usable_for_encryption(now)?;
                let is_aead = plan.protection == Protection::Aead;
                let content = if is_aead { "SEIPDv2" } else { "SEIPDv1" }.to_owned();
                Ok(Usable { algorithm: plan.algorithm, content, is_aead, expires_at: plan.expires_at })
            }
            Material::Smime(key) => {
                if !key.certificate.is_for_mail() {
                    return Err(NotUsable::Purpose);
                }
                let recipient = key.recipient(now)?;
                Ok(Usable {
                    algorithm: recipient.transport().to_string(),
                    content: recipient.content_cipher().to_string(),
                    is_aead: recipient.content_cipher().is_aead(),
                    expires_at: Some(key.certificate.not_after()),
                })
            }
        }
    }

    /// What both tell of one key: user ids, later ends, revocations, chains,
    /// what was announced. The other is the newer. None where they are not of
    /// one key.
    pub fn merged(&self, newer: &Self) -> Option<Self> {
        match (self, newer) {
            (Material::OpenPgp(one), Material::OpenPgp(other)) => one.merge(other).ok().map(Material::OpenPgp),
            (Material::Smime(one), Material::Smime(other)) if self.to_bytes() == newer.to_bytes() => {
                let chain = if other.chain.is_empty() { &one.chain } else { &other.chain };
                Some(Material::Smime(SmimeKey {
                    certificate: one.certificate.clone(),
                    chain: chain.clone(),
                    announced: other.announced.clone().or_else(|| one.announced.clone()),
                }))
            }
            _ => None,
        }
    }

    /// Whether it is no larger than what is kept of one that others keep adding to.
    pub(crate) fn is_of_bounded_size(&self) -> bool {
        match self {
            Material::OpenPgp(certificate) => certificate.to_bytes().len() <= MERGED_BYTES_MAX,
            Material::Smime(_) => true,
        }
    }

    /// Whether both say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Material::OpenPgp(one), Material::OpenPgp(other)) => one.to_bytes() == other.to_bytes(),
            (Material::Smime(one), Material::Smime(other)) => {
                let announced = |key: &SmimeKey| key.announced.as_ref().map(|all| all.to_der().to_vec());
                one.certificate.to_der() == other.certificate.to_der()
                    && one
                        .chain
                        .iter()
                        .map(smime::Certificate::to_der)
                        .eq(other.chain.iter().map(smime::Certificate::to_der))
                    && announced(one) == announced(other)
            }
            _ => false,
        }
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.format(), self.fingerprint())
    }
}

/// Armor, or the first byte of a packet (RFC 9580 §4.2).
fn looks_like_openpgp(file: &[u8]) -> bool {
    const ARMOR: &[u8] = b"-----BEGIN PGP ";
    file.first().is_some_and(|byte| byte & 0x80 != 0) || file.windows(ARMOR.len()).any(|window| window == ARMOR)
}
