//! Certificates (RFC 5280 §4), read as DER and kept as the bytes they came in.
//!
//! Reading judges the form only; whether to trust one is [`crate::trust`]'s.

mod addresses;
pub(crate) mod bundle;
mod capabilities;
pub(crate) mod extensions;
mod name;
mod usage;

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use mail::Address;

pub use capabilities::Capabilities;
pub(crate) use name::EMAIL_ADDRESS;
pub use name::Name;
pub use usage::{ExtendedUsage, KeyUsage};

use crate::algorithm::{BadSignature, DigestName, PublicKey, SignatureAlgorithm};
use crate::asn1::{Malformed, Oid, Reader, pem, range_in, read_time, tag};
use extensions::{Extension, Extensions};

/// Larger certificates are not read: 117 alternative names fit in 8 KiB.
const BYTES_MAX: usize = 128 * 1024;

/// What was given is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// There is no certificate in it.
    #[error("there is no certificate in it")]
    None,
    /// More than 128 KiB, or more certificates than a message or a file may have.
    #[error("the certificate is too large")]
    TooLarge,
    /// The form is not that of RFC 5280.
    #[error("the certificate is malformed")]
    Malformed,
    /// An extension that is understood here is malformed or comes twice.
    #[error("the certificate's extension {0} is malformed")]
    Extension(Oid),
}

impl From<Malformed> for BadCertificate {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A certificate. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    read: Arc<Read>,
}

/// What was read, once.
struct Read {
    der: Vec<u8>,
    signed: Range<usize>,
    signature: Range<usize>,
    algorithm: SignatureAlgorithm,
    version: u64,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: PublicKey,
    extensions: Extensions,
    addresses: Vec<Address>,
}

impl Certificate {
    /// Reads one certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, BadCertificate> {
        if der.len() > BYTES_MAX {
            return Err(BadCertificate::TooLarge);
        }
        Ok(Self { read: Arc::new(read(der)?) })
    }

    /// Reads the certificates of a file: PEM with one or many, one in DER, or a bundle of certificates without a
    /// signature (`.p7b`, `.p7c`). Other PEM blocks, private keys among them, are passed over.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, BadCertificate> {
        bundle::read_all(file)
    }

    /// The certificate in DER.
    pub fn to_der(&self) -> &[u8] {
        &self.read.der
    }

    /// The certificate in PEM.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.read.der)
    }

    /// SHA-256 over the whole certificate: what people compare.
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        let digest = DigestName::Sha256.of(&self.read.der);
        let mut fingerprint = [0; 32];
        fingerprint.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        fingerprint
    }

    /// Who it is for.
    pub fn subject(&self) -> &Name {
        &self.read.subject
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.read.issuer
    }

    /// The serial number, big-endian.
    pub fn serial(&self) -> &[u8] {
        &self.read.serial
    }

    /// The mail addresses it is for: those among the subject's alternative names (RFC 8550 §3), or, where there is
    /// none, the emailAddress of the subject. Local parts are exact, domains are A-labels.
    pub fn addresses(&self) -> &[Address] {
        &self.read.addresses
    }

    /// Whether it is for this address.
    pub fn names(&self, address: &Address) -> bool {
        self.read.addresses.contains(address)
    }

    /// The first second in which it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.read.not_before
    }

    /// The last second in which it is valid.
    pub fn not_after(&self) -> Timestamp {
        self.read.not_after
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.read.public_key
    }

    /// What the key may be used for; None where it is not said.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.read.extensions.key_usage
    }

    /// Whether it may be used for mail at all: RFC 8550 §4.4.4.
    pub fn is_for_mail(&self) -> bool {
        let is_mail = |uses: &[ExtendedUsage]| {
            uses.contains(&ExtendedUsage::EmailProtection) || uses.contains(&ExtendedUsage::Any)
        };
        self.extended_key_usage().is_none_or(is_mail)
    }

    /// What the certificate may be used for; None where it is not said.
    pub fn extended_key_usage(&self) -> Option<&[ExtendedUsage]> {
        self.read.extensions.extended_usage.as_deref()
    }

    /// What its holder's program can read, where the certificate says so (RFC 4262).
    pub fn capabilities(&self) -> Option<&Capabilities> {
        self.read.extensions.capabilities.as_ref()
    }

    /// Whether it says of itself that it issues certificates.
    pub fn is_authority(&self) -> bool {
        self.read.extensions.basic_constraints.is_some_and(|constraints| constraints.is_authority)
    }

    /// Whether subject and issuer have the same name.
    pub fn is_self_issued(&self) -> bool {
        self.subject().matches(self.issuer())
    }

    /// Whether its own key signed it.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.verify_signature(self.public_key()).is_ok()
    }

    /// Where its issuer publishes revocation lists: http URLs (RFC 5280 §4.2.1.13).
    pub fn crl_urls(&self) -> impl Iterator<Item = &str> {
        self.read.extensions.distribution_points.iter().flat_map(|point| point.urls.iter().map(String::as_str))
    }

    /// Where its issuer answers OCSP (RFC 5280 §4.2.2.1).
    pub fn ocsp_urls(&self) -> impl Iterator<Item = &str> {
        self.read.extensions.ocsp_urls.iter().map(String::as_str)
    }

    /// Where its issuer's certificate is (RFC 5280 §4.2.2.1).
    pub fn issuer_urls(&self) -> impl Iterator<Item = &str> {
        self.read.extensions.issuer_urls.iter().map(String::as_str)
    }

    /// The key identifier that it gives itself (RFC 5280 §4.2.1.2).
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.read.extensions.subject_key_identifier.as_deref()
    }

    /// The algorithm of the issuer's signature.
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.read.algorithm
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.read.extensions
    }

    pub(crate) fn version(&self) -> u64 {
        self.read.version
    }

    /// Whether the private half of `key` signed it.
    pub(crate) fn verify_signature(&self, key: &PublicKey) -> Result<(), BadSignature> {
        let signed = self.read.der.get(self.read.signed.clone()).unwrap_or_default();
        let signature = self.read.der.get(self.read.signature.clone()).unwrap_or_default();
        self.read.algorithm.verify(key, signed, signature)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.read.der == other.read.der
    }
}

impl Eq for Certificate {}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("subject", &self.read.subject).finish_non_exhaustive()
    }
}

fn read(der: &[u8]) -> Result<Read, BadCertificate> {
    let mut outer = Reader::sequence_in(der)?;
    let signed = outer.take(tag::SEQUENCE)?;
    let outer_algorithm = outer.take(tag::SEQUENCE)?;
    let signature = outer.bits()?;
    outer.end()?;

    let mut inner = signed.inside();
    let version = match inner.explicit(0)? {
        Some(mut version) => version.small()?,
        None => 0,
    };
    let serial = inner.integer()?;
    let inner_algorithm = inner.take(tag::SEQUENCE)?;
    // RFC 5280 §4.1.1.2: the two must be the same, or the outer could be exchanged.
    if inner_algorithm.whole != outer_algorithm.whole {
        return Err(BadCertificate::Malformed);
    }
    let issuer = Name::read(&mut inner)?;
    let mut validity = inner.sequence()?;
    let (not_before, not_after) = (read_time(&mut validity)?, read_time(&mut validity)?);
    validity.end()?;
    let subject = Name::read(&mut inner)?;
    let public_key = PublicKey::from_der(inner.take(tag::SEQUENCE)?.whole)?;
    // The unique identifiers of version 2 mean nothing today.
    inner.optional(tag::implicit(1))?;
    inner.optional(tag::implicit(2))?;
    let extensions = match inner.explicit(3)? {
        Some(extensions) if version == 2 => Extensions::read(Extension::read_list(extensions)?)?,
        Some(_) => return Err(BadCertificate::Malformed),
        None => Extensions::default(),
    };
    inner.end()?;
    if version > 2 {
        return Err(BadCertificate::Malformed);
    }
    let identifier = crate::algorithm::Identifier::inside(outer_algorithm)?;
    Ok(Read {
        signed: range_in(der, signed.whole),
        signature: range_in(der, signature),
        algorithm: SignatureAlgorithm::from_identifier(&identifier),
        version,
        serial: serial.to_vec(),
        addresses: addresses::of(&subject, &extensions),
        issuer,
        subject,
        not_before,
        not_after,
        public_key,
        extensions,
        der: der.to_vec(),
    })
}
