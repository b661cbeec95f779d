//! What is to be asked about revocation, and what was learned, kept apart from
//! the lists and answers that said so: they are large, and it is small.

use jiff::Timestamp;

use super::invalid::{Invalid, Reason};
use super::path::Search;
use super::policies::InitialPolicies;
use super::revocation::{self, State, Status};
use super::{Crl, OcspResponse, Revocation, Trust, Unknown, rules};
use crate::algorithm::DigestName;
use crate::certificate::{Certificate, ExtendedUsage};

/// What the issuer of a certificate said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// SHA-256 of the certificate.
    pub certificate: [u8; 32],
    /// SHA-256 of the public key that issued it: another issuer's word does not count.
    pub issuer: [u8; 32],
    /// What was said.
    pub said: Said,
    /// Until when it holds that a certificate is good.
    pub until: Timestamp,
}

/// What was said of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is not revoked.
    Good,
    /// It is revoked.
    Revoked {
        /// Since when.
        since: Timestamp,
    },
}

impl Standing {
    /// What an issuer said of a certificate.
    pub fn new(certificate: &Certificate, issuer: &Certificate, said: Said, until: Timestamp) -> Self {
        Self { certificate: certificate.fingerprint_sha256(), issuer: key_sha256(issuer), said, until }
    }

    /// Whether it is about this certificate of this issuer.
    pub fn is_about(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.certificate == certificate.fingerprint_sha256() && self.issuer == key_sha256(issuer)
    }
}

/// Lists and answers, as they were fetched.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Revocation lists.
    pub crls: Vec<Crl>,
    /// Answers of OCSP.
    pub ocsp: Vec<OcspResponse>,
}

/// The chain whose certificates are to be asked about, the anchor last: to an anchor where there is one, else only to
/// the certificate's issuer, if that is known. Whether any of them is revoked is not looked at.
pub fn chain_to_ask(
    certificate: &Certificate,
    intermediates: &[Certificate],
    trust: &Trust,
    now: Timestamp,
) -> Vec<Certificate> {
    let policies = InitialPolicies::default();
    let usage = Some(ExtendedUsage::EmailProtection);
    let search = Search::new(trust, intermediates, &[], now, usage, &policies);
    if let Ok((path, ())) = search.walk(certificate, &|path| rules::check(path, now, usage, &policies)) {
        return path;
    }
    // The search may have spent what it had.
    let search = Search::new(trust, intermediates, &[], now, usage, &policies);
    let is_issuer = |issuer: &&Certificate| {
        issuer.subject().matches(certificate.issuer())
            && search.spend().is_ok()
            && certificate.verify_signature(issuer.public_key()).is_ok()
    };
    let issuer = search.certificates().filter(|known| *known != certificate).find(is_issuer);
    std::iter::once(certificate).chain(issuer).cloned().collect()
}

/// What the evidence says of the certificate at `at` in a chain; nothing where it does not say. Evidence counts only
/// with the signature of those who may speak for the certificate's issuer.
pub fn standing(chain: &[Certificate], at: usize, evidence: &Evidence, now: Timestamp) -> Option<Standing> {
    let (certificate, issuer) = (chain.get(at)?, chain.get(at.checked_add(1)?)?);
    let trust = Trust::new(chain.last().cloned().into_iter().collect())
        .with_crls(evidence.crls.iter().cloned())
        .with_ocsp(evidence.ocsp.iter().cloned());
    let policies = InitialPolicies::default();
    let search = Search::new(&trust, chain, &[], now, None, &policies);
    let (said, until) = match revocation::of_place(&search, chain, at) {
        Ok(Status::Good(until)) => (Said::Good, until),
        Err(Reason::Revoked { since }) => (Said::Revoked { since }, now),
        Ok(Status::Unknown) | Err(_) => return None,
    };
    Some(Standing::new(certificate, issuer, said, until))
}

/// Whether a certificate that somebody vouches for, so that it needs no chain, was revoked by an issuer that is known.
/// Where it names no place to ask, nobody can tell, and nobody is asked.
pub fn vouched(
    certificate: &Certificate,
    intermediates: &[Certificate],
    trust: &Trust,
    now: Timestamp,
) -> Result<Revocation, Invalid> {
    let chain = chain_to_ask(certificate, intermediates, trust, now);
    let policies = InitialPolicies::default();
    let search = Search::new(trust, intermediates, &[], now, None, &policies);
    let unknown = match revocation::of_path(&search, &chain)? {
        State::Good if chain.len() > 1 => return Ok(Revocation::Good),
        State::Good => certificate.clone(),
        State::Unknown(of) => of,
    };
    let is_silent = unknown.ocsp_urls().next().is_none() && unknown.crl_urls().next().is_none();
    match trust.unknown {
        Unknown::Refuse if !is_silent => Err(Invalid::of(&unknown, Reason::RevocationUnknown)),
        Unknown::Refuse | Unknown::Accept => Ok(Revocation::Unknown),
    }
}

fn key_sha256(certificate: &Certificate) -> [u8; 32] {
    let mut digest = [0; 32];
    let made = DigestName::Sha256.of(certificate.public_key().to_der());
    digest.iter_mut().zip(made.as_ref()).for_each(|(to, from)| *to = *from);
    digest
}
