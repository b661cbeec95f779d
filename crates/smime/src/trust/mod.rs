//! Whether a certificate is to be trusted, for what, and for whom.

use jiff::Timestamp;
use mail::Address;

use crate::certificate::Certificate;

/// Anchors and what else is known.
#[derive(Default)]
pub struct Trust {
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    pinned: Vec<[u8; 32]>,
    crls: Vec<Crl>,
    unknown: Unknown,
}

/// What an unknown state of revocation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unknown {
    /// The certificate is taken as not revoked.
    #[default]
    Accept,
    /// The certificate is refused.
    Refuse,
}

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing to it.
    Encrypt,
    /// Verifying what it signed.
    Sign,
}

/// A revocation list.
#[derive(Clone)]
pub struct Crl {
    der: Vec<u8>,
}

impl Crl {
    /// Reads a list.
    pub fn from_der(der: &[u8]) -> Result<Self, crate::Malformed> {
        Ok(Self { der: der.to_vec() })
    }
}

/// The chain that was found.
#[derive(Clone, Debug)]
pub struct Chain {
    /// From the certificate to the anchor.
    pub certificates: Vec<Certificate>,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The signature is broken, so nobody is trusted by it.
    #[error("the signature is not intact")]
    Signature,
    /// No chain.
    #[error("no chain leads to an anchor")]
    NoChain,
}

impl Trust {
    /// These anchors.
    pub fn new(anchors: Vec<Certificate>) -> Self {
        Self { anchors, ..Self::default() }
    }

    /// More certificates, to build chains with.
    #[must_use]
    pub fn with_intermediates(mut self, intermediates: Vec<Certificate>) -> Self {
        self.intermediates.extend(intermediates);
        self
    }

    /// Revocation lists.
    #[must_use]
    pub fn with_crls(mut self, crls: Vec<Crl>) -> Self {
        self.crls.extend(crls);
        self
    }

    /// A certificate that is trusted by itself, by its SHA-256.
    #[must_use]
    pub fn pinning(mut self, fingerprint: [u8; 32]) -> Self {
        self.pinned.push(fingerprint);
        self
    }

    /// What an unknown state of revocation means.
    #[must_use]
    pub fn unknown_revocation(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    pub(crate) fn known(&self) -> impl Iterator<Item = &Certificate> {
        self.intermediates.iter().chain(&self.anchors)
    }
}

/// Judges a certificate.
pub fn validate(
    certificate: &Certificate,
    intermediates: &[Certificate],
    trust: &Trust,
    now: Timestamp,
    purpose: Purpose,
    address: Option<&Address>,
) -> Result<Chain, Invalid> {
    validate_with(certificate, intermediates, &[], trust, now, purpose, address)
}

pub(crate) fn validate_with(
    certificate: &Certificate,
    _intermediates: &[Certificate],
    _crls: &[Crl],
    trust: &Trust,
    _now: Timestamp,
    _purpose: Purpose,
    _address: Option<&Address>,
) -> Result<Chain, Invalid> {
    if trust.pinned.contains(&certificate.fingerprint_sha256()) {
        return Ok(Chain { certificates: vec![certificate.clone()] });
    }
    Err(Invalid::NoChain)
}
