//! Finds a path from a certificate to an anchor (RFC 4158), depth first, within
//! bounds.

use std::cell::Cell;

use jiff::Timestamp;

use super::invalid::{Invalid, Reason};
use super::policies::InitialPolicies;
use super::revocation::{self, State};
use super::rules;
use super::{Chain, Crl, Revocation, Trust, Unknown};
use crate::certificate::{Certificate, ExtendedUsage};

/// Certificates in a path, with both ends.
const LENGTH_MAX: usize = 10;
/// Signatures that are verified for one question, of certificates, lists and answers.
const SIGNATURES_MAX: u32 = 100;

/// A search for paths, with all that is known.
pub(super) struct Search<'a> {
    pub(super) trust: &'a Trust,
    pub(super) intermediates: &'a [Certificate],
    crls: &'a [Crl],
    pub(super) now: Timestamp,
    usage: Option<ExtendedUsage>,
    policies: &'a InitialPolicies,
    signatures_left: Cell<u32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        trust: &'a Trust,
        intermediates: &'a [Certificate],
        crls: &'a [Crl],
        now: Timestamp,
        usage: Option<ExtendedUsage>,
        policies: &'a InitialPolicies,
    ) -> Self {
        Self { trust, intermediates, crls, now, usage, policies, signatures_left: Cell::new(SIGNATURES_MAX) }
    }

    /// Every revocation list that is known and can be relied on now, the newest first: an older one that someone sent
    /// along must not hide what a newer one says.
    pub(super) fn crls(&self) -> Vec<&'a Crl> {
        let mut lists: Vec<&Crl> = self.trust.crls.iter().chain(self.crls).collect();
        lists.retain(|list| list.is_usable(self.now));
        lists.sort_by_key(|list| std::cmp::Reverse(list.this_update()));
        lists
    }

    /// Every certificate that is known.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &'a Certificate> {
        self.intermediates.iter().chain(&self.trust.intermediates).chain(&self.trust.anchors)
    }

    /// Takes one from the signatures that may still be verified.
    pub(super) fn spend(&self) -> Result<(), Reason> {
        let left = self.signatures_left.get().checked_sub(1).ok_or(Reason::Costly)?;
        self.signatures_left.set(left);
        Ok(())
    }

    /// A valid chain, with its state of revocation.
    pub(super) fn chain_of(&self, certificate: &Certificate) -> Result<Chain, Invalid> {
        let accept = |path: &[Certificate]| {
            rules::check(path, self.now, self.usage, self.policies)?;
            let state = revocation::of_path(self, path)?;
            match (state, self.trust.unknown) {
                (State::Unknown(certificate), Unknown::Refuse) => {
                    Err(Invalid::of(&certificate, Reason::RevocationUnknown))
                }
                (State::Unknown(_), Unknown::Accept) => Ok(Revocation::Unknown),
                (State::Good, _) => Ok(Revocation::Good),
            }
        };
        let (certificates, revocation) = self.walk(certificate, &accept)?;
        Ok(Chain { certificates, revocation, is_pinned: false })
    }

    /// The first path that `accept` accepts, or why the nearest was not.
    pub(super) fn walk<T>(
        &self,
        certificate: &Certificate,
        accept: &dyn Fn(&[Certificate]) -> Result<T, Invalid>,
    ) -> Result<(Vec<Certificate>, T), Invalid> {
        let mut path = vec![certificate.clone()];
        let mut nearest = Invalid::of(certificate, Reason::NoChain);
        if self.trust.anchors.contains(certificate) {
            return accept(&path).map(|found| (path, found));
        }
        match self.extend(&mut path, accept, &mut nearest) {
            Some(found) => Ok((path, found)),
            None => Err(nearest),
        }
    }

    /// Adds issuers to the path until it ends in an anchor and is accepted; leaves it as it was otherwise.
    fn extend<T>(
        &self,
        path: &mut Vec<Certificate>,
        accept: &dyn Fn(&[Certificate]) -> Result<T, Invalid>,
        nearest: &mut Invalid,
    ) -> Option<T> {
        let last = path.last()?.clone();
        for anchor in self.trust.anchors.iter().filter(|anchor| anchor.subject().matches(last.issuer())) {
            if !self.is_signed(&last, anchor, nearest) {
                continue;
            }
            path.push(anchor.clone());
            match accept(path) {
                Ok(found) => return Some(found),
                Err(invalid) if is_hopeless(&invalid, path) => *nearest = invalid,
                Err(invalid) => closer(nearest, invalid),
            }
            path.pop();
            if is_hopeless(nearest, path) {
                return None;
            }
        }
        if path.len() + 1 >= LENGTH_MAX {
            closer(nearest, Invalid::of(&last, Reason::Costly));
            return None;
        }
        for issuer in self.intermediates.iter().chain(&self.trust.intermediates) {
            let is_candidate =
                issuer.subject().matches(last.issuer()) && !path.iter().any(|used| is_same(used, issuer));
            if !is_candidate || !self.is_signed(&last, issuer, nearest) {
                continue;
            }
            path.push(issuer.clone());
            let found = self.extend(path, accept, nearest);
            if found.is_some() || is_hopeless(nearest, path) {
                return found;
            }
            path.pop();
        }
        None
    }

    /// Whether `issuer` signed `certificate`, if that may still be asked.
    fn is_signed(&self, certificate: &Certificate, issuer: &Certificate, nearest: &mut Invalid) -> bool {
        let verified =
            self.spend().and_then(|()| certificate.verify_signature(issuer.public_key()).map_err(Reason::Signature));
        verified.map_err(|reason| closer(nearest, Invalid::of(certificate, reason))).is_ok()
    }
}

/// Two certificates of one authority with one key are one step of a path (RFC 4158 §2.4.2): going through both would
/// only make it longer.
fn is_same(one: &Certificate, other: &Certificate) -> bool {
    one.subject().matches(other.subject()) && one.public_key() == other.public_key()
}

/// The certificate itself is revoked: that another path leads elsewhere changes nothing.
fn is_hopeless(invalid: &Invalid, path: &[Certificate]) -> bool {
    matches!(invalid.reason, Reason::Revoked { .. }) && invalid.certificate.as_ref() == path.first()
}

/// Keeps the reason of the path that came nearest to being valid.
fn closer(nearest: &mut Invalid, invalid: Invalid) {
    if invalid.reason > nearest.reason {
        *nearest = invalid;
    }
}
