//! Whether a revocation list is the one, or one of those, that a certificate
//! points to (RFC 5280 §6.3.3 (b)).

use super::crl::Crl;
use crate::certificate::extensions::{DistributionPoint, GeneralName, PointName};
use crate::certificate::{Certificate, Name};

/// All reasons for a revocation; the highest bit stands for none (RFC 5280 §4.2.1.13).
pub(super) const ALL_REASONS: u16 = 0x7f80;

/// Where a certificate's state may be told.
pub(super) struct Point<'a> {
    name: Option<&'a PointName>,
    reasons: u16,
    /// Who issues the list, if not the certificate's issuer.
    issuers: &'a [Name],
}

impl<'a> Point<'a> {
    /// Those of a certificate, and last the general one: any list of its issuer.
    pub(super) fn of(certificate: &'a Certificate) -> Vec<Self> {
        let named = certificate.extensions().distribution_points.iter().map(Self::named);
        named.chain([Self { name: None, reasons: ALL_REASONS, issuers: &[] }]).collect()
    }

    fn named(point: &'a DistributionPoint) -> Self {
        let reasons = point.reasons.unwrap_or(ALL_REASONS) & ALL_REASONS;
        Self { name: point.name.as_ref(), reasons, issuers: &point.issuers }
    }

    /// The reasons that `list` tells of for `certificate`; none where it is not for it.
    pub(super) fn covered_by(&self, list: &Crl, certificate: &Certificate) -> u16 {
        let point = list.point();
        let is_indirect = point.is_some_and(|point| point.is_indirect);
        let is_from = if self.issuers.is_empty() {
            list.issuer().matches(certificate.issuer())
        } else {
            is_indirect && self.issuers.iter().any(|issuer| issuer.matches(list.issuer()))
        };
        if !is_from {
            return 0;
        }
        let Some(point) = point else { return self.reasons };
        let is_authority = certificate.is_authority();
        let is_kind = !point.only_attributes && if is_authority { !point.only_users } else { !point.only_authorities };
        let is_named = match &point.name {
            Some(name) => self.is_named(name, list, certificate),
            None => true,
        };
        if is_kind && is_named { self.reasons & point.reasons.unwrap_or(ALL_REASONS) } else { 0 }
    }

    /// Whether one of the list's names is one of the point's, or of its issuers' where the point has none.
    fn is_named(&self, of_list: &PointName, list: &Crl, certificate: &Certificate) -> bool {
        let of_list = full(of_list, list.issuer());
        let of_point = match self.name {
            Some(name) => {
                // A relative name is relative to the list's issuer (RFC 5280 §4.2.1.13).
                let base = self.issuers.first().unwrap_or(certificate.issuer());
                full(name, base)
            }
            None if self.issuers.is_empty() => vec![GeneralName::Directory(certificate.issuer().clone())],
            None => self.issuers.iter().cloned().map(GeneralName::Directory).collect(),
        };
        of_list.iter().any(|name| of_point.contains(name))
    }
}

fn full(name: &PointName, issuer: &Name) -> Vec<GeneralName> {
    match name {
        PointName::Full(names) => names.clone(),
        PointName::Relative(part) => issuer.below(part).map(GeneralName::Directory).into_iter().collect(),
    }
}
