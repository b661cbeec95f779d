//! Whether a certificate is to be trusted, for what, and for whom: chains to
//! configured anchors (RFC 5280 §6), revocation by lists and by OCSP.
//!
//! The certificate's own qualities come first, so that the reason that is told
//! is the nearest one. Work is bounded: a message's sender chooses the
//! certificates, and must not choose how long we search.

mod constraints;
mod crl;
mod invalid;
pub mod ocsp;
mod path;
mod points;
mod policies;
mod revocation;
mod rules;
mod standing;
#[cfg(test)]
mod suites;

use jiff::Timestamp;
use mail::Address;

pub use crl::Crl;
pub use invalid::{Invalid, Reason};
pub use ocsp::OcspResponse;
pub use standing::{Evidence, Said, Standing, chain_to_ask, standing, vouched};

use crate::algorithm::KeyAlgorithm;
use crate::certificate::{Certificate, ExtendedUsage, KeyUsage};
use path::Search;
use policies::InitialPolicies;

/// What is trusted, and what is known besides.
#[derive(Clone, Default)]
pub struct Trust {
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    pinned: Vec<[u8; 32]>,
    crls: Vec<Crl>,
    ocsp: Vec<OcspResponse>,
    standings: Vec<Standing>,
    unknown: Unknown,
}

/// What it means that nobody says whether a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unknown {
    /// It is taken as not revoked, and the chain says so.
    #[default]
    Accept,
    /// It is refused.
    Refuse,
}

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing mail to it.
    Encrypt,
    /// Verifying the mail that it signed.
    Sign,
}

/// Whether every certificate of a chain is known not to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// A fresh list or answer says so, for each but the anchor.
    Good,
    /// For at least one there was no fresh list and no fresh answer.
    Unknown,
}

/// A chain that was found valid.
#[derive(Clone, Debug)]
pub struct Chain {
    /// From the certificate itself to the anchor; the certificate alone where it is pinned.
    pub certificates: Vec<Certificate>,
    /// What is known of revocation.
    pub revocation: Revocation,
    /// Whether the certificate is trusted by itself, without a chain.
    pub is_pinned: bool,
}

impl Trust {
    /// Trusts these anchors.
    pub fn new(anchors: Vec<Certificate>) -> Self {
        Self { anchors, ..Self::default() }
    }

    /// Knows more certificates to build chains with, and to find a signer's among.
    #[must_use]
    pub fn with_intermediates(mut self, intermediates: impl IntoIterator<Item = Certificate>) -> Self {
        self.intermediates.extend(intermediates);
        self
    }

    /// Knows these revocation lists. Each is judged when it is used.
    #[must_use]
    pub fn with_crls(mut self, crls: impl IntoIterator<Item = Crl>) -> Self {
        self.crls.extend(crls);
        self
    }

    /// Knows these answers of OCSP. Each is judged when it is used.
    #[must_use]
    pub fn with_ocsp(mut self, answers: impl IntoIterator<Item = OcspResponse>) -> Self {
        self.ocsp.extend(answers);
        self
    }

    /// Knows what was learned before. Each is judged when it is used.
    #[must_use]
    pub fn with_standings(mut self, standings: impl IntoIterator<Item = Standing>) -> Self {
        self.standings.extend(standings);
        self
    }

    /// Trusts a certificate by itself, by its SHA-256: it needs no chain, and may be signed by anybody. Its dates, its
    /// usage and its address are still checked.
    #[must_use]
    pub fn pinning(mut self, fingerprint: [u8; 32]) -> Self {
        self.pinned.push(fingerprint);
        self
    }

    /// Says what an unknown state of revocation means.
    #[must_use]
    pub fn unknown_revocation(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// The certificates that are known besides those of a message.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Certificate> {
        self.intermediates.iter().chain(&self.anchors)
    }
}

/// Judges a certificate: dates, key usage, extended key usage, the address if one is given, a chain to an anchor, and
/// revocation. `intermediates` are what came with it.
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

/// The same, with revocation lists that came along.
pub(crate) fn validate_with(
    certificate: &Certificate,
    intermediates: &[Certificate],
    crls: &[Crl],
    trust: &Trust,
    now: Timestamp,
    purpose: Purpose,
    address: Option<&Address>,
) -> Result<Chain, Invalid> {
    let invalid = |reason| Err(Invalid::of(certificate, reason));
    if address.is_some_and(|address| !certificate.names(address)) {
        return invalid(Reason::Address);
    }
    if let Err(reason) = rules::is_current(certificate, now).and_then(|()| is_for(certificate, purpose)) {
        return invalid(reason);
    }
    if trust.pinned.contains(&certificate.fingerprint_sha256()) {
        let certificates = vec![certificate.clone()];
        return Ok(Chain { certificates, revocation: Revocation::Unknown, is_pinned: true });
    }
    let policies = InitialPolicies::default();
    let extended = Some(ExtendedUsage::EmailProtection);
    Search::new(trust, intermediates, crls, now, extended, &policies).chain_of(certificate)
}

/// Whether key usage and extended key usage allow the purpose (RFC 8550 §4.4.2, §4.4.4). Without the extension anything
/// is allowed, and the purpose "any" includes mail.
fn is_for(certificate: &Certificate, purpose: Purpose) -> Result<(), Reason> {
    let algorithm = certificate.public_key().algorithm();
    if !algorithm.is_strong() {
        return Err(Reason::Key);
    }
    let (usage, can) = match purpose {
        Purpose::Sign => {
            let cannot = matches!(algorithm, KeyAlgorithm::X25519 | KeyAlgorithm::RsaOaep { .. });
            (KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::CONTENT_COMMITMENT), !cannot)
        }
        Purpose::Encrypt => {
            let cannot = matches!(algorithm, KeyAlgorithm::Ed25519 | KeyAlgorithm::RsaPss { .. });
            let is_rsa = algorithm.rsa_bits().is_some();
            (if is_rsa { KeyUsage::KEY_ENCIPHERMENT } else { KeyUsage::KEY_AGREEMENT }, !cannot)
        }
    };
    if !can || certificate.key_usage().is_some_and(|allowed| !allowed.allows_any(usage)) {
        return Err(Reason::KeyUsage);
    }
    rules::allows(certificate, ExtendedUsage::EmailProtection)
}
