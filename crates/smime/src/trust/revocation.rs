//! Whether the certificates of a path are revoked: by answers of OCSP and by
//! lists (RFC 5280 §6.3).

use jiff::{SignedDuration, Timestamp};

use super::crl::{Crl, Entry};
use super::invalid::{Invalid, Reason};
use super::path::Search;
use super::points::{ALL_REASONS, Point};
use super::standing::Said;
use super::{ocsp, rules};
use crate::certificate::{Certificate, KeyUsage};

/// Lists may be signed by other certificates than the path's, whose state is told by lists again; no further than this.
const NESTING_MAX: u8 = 2;

/// What the clocks of an issuer and ours may differ by.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The latest time at which something may have been issued that is known now.
pub(super) fn soon(now: Timestamp) -> Timestamp {
    now.saturating_add(SKEW).unwrap_or(Timestamp::MAX)
}

/// The state of a whole path.
pub(super) enum State {
    Good,
    /// Of this certificate nobody says anything.
    Unknown(Certificate),
}

/// The state of one certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is not revoked, and that holds so long.
    Good(Timestamp),
    Unknown,
}

impl Status {
    /// Of two that say nothing against each other, the one that holds longer.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Good(one), Self::Good(another)) => Self::Good(one.max(another)),
            (Self::Good(_), Self::Unknown) => self,
            (Self::Unknown, other) => other,
        }
    }
}

/// The state of a path; an error where a certificate is revoked. The anchor is trusted as it is.
pub(super) fn of_path(search: &Search<'_>, path: &[Certificate]) -> Result<State, Invalid> {
    of_path_within(search, path, 0)
}

fn of_path_within(search: &Search<'_>, path: &[Certificate], nesting: u8) -> Result<State, Invalid> {
    let mut state = State::Good;
    for at in (1..path.len()).rev() {
        let (below, above) = path.split_at_checked(at).unwrap_or_default();
        let Some(certificate) = below.last() else { continue };
        let status = Question { search, certificate, above, nesting }
            .status()
            .map_err(|reason| Invalid::of(certificate, reason))?;
        if status == Status::Unknown {
            state = State::Unknown(certificate.clone());
        }
    }
    Ok(state)
}

/// The state of the certificate at this place of a path.
pub(super) fn of_place(search: &Search<'_>, path: &[Certificate], at: usize) -> Result<Status, Reason> {
    let (Some(certificate), Some(above)) = (path.get(at), path.get(at.saturating_add(1)..)) else {
        return Ok(Status::Unknown);
    };
    Question { search, certificate, above, nesting: 0 }.status()
}

/// Is this certificate revoked?
struct Question<'a> {
    search: &'a Search<'a>,
    certificate: &'a Certificate,
    /// Its issuer, and so on up to the anchor.
    above: &'a [Certificate],
    nesting: u8,
}

impl Question<'_> {
    fn status(&self) -> Result<Status, Reason> {
        Ok(self.by_answers()?.or(self.by_lists()?).or(self.by_standings()?))
    }

    /// What was learned before.
    fn by_standings(&self) -> Result<Status, Reason> {
        let Some(issuer) = self.above.first() else { return Ok(Status::Unknown) };
        let standings = &self.search.trust.standings;
        let mut status = Status::Unknown;
        for standing in standings.iter().filter(|standing| standing.is_about(self.certificate, issuer)) {
            status = status.or(match standing.said {
                // RFC 5280 §3.3: what is revoked stays so, whatever the date of the list, unless a newer word undoes it.
                Said::Revoked { since } => return Err(Reason::Revoked { since }),
                Said::Good if self.search.now <= standing.until => Status::Good(standing.until),
                Said::Good => Status::Unknown,
            });
        }
        Ok(status)
    }

    fn by_answers(&self) -> Result<Status, Reason> {
        let Some(issuer) = self.above.first() else { return Ok(Status::Unknown) };
        let mut status = Status::Unknown;
        for answer in &self.search.trust.ocsp {
            match answer.status_of(self.certificate, issuer, self.search)? {
                Some(ocsp::Status::Good { until }) => status = status.or(Status::Good(until)),
                Some(ocsp::Status::Revoked(since)) => return Err(Reason::Revoked { since }),
                None => {}
            }
        }
        Ok(status)
    }

    /// RFC 5280 §6.3.3: lists are asked until one says that the certificate is revoked or all reasons are covered.
    fn by_lists(&self) -> Result<Status, Reason> {
        let lists = self.search.crls();
        let mut covered = 0;
        let mut until = Timestamp::MAX;
        for point in Point::of(self.certificate) {
            for list in lists.iter().filter(|list| !list.is_delta()) {
                let covers = point.covered_by(list, self.certificate);
                if covers & !covered == 0 {
                    continue;
                }
                let Some(signer) = self.signer_of(list)? else { continue };
                if let Some(Entry::Revoked(since)) = self.entry(list, &lists, &signer)? {
                    return Err(Reason::Revoked { since });
                }
                covered |= covers;
                until = until.min(list.next_update().unwrap_or(until));
            }
        }
        Ok(if covered == ALL_REASONS { Status::Good(until) } else { Status::Unknown })
    }

    /// What the list says, with the newest delta to it that is known.
    fn entry(&self, list: &Crl, lists: &[&Crl], signer: &Certificate) -> Result<Option<Entry>, Reason> {
        for delta in lists.iter().filter(|delta| delta.is_delta_of(list)) {
            if self.is_signed(delta, signer)? {
                return Ok(delta.find(self.certificate).or_else(|| list.find(self.certificate)));
            }
        }
        Ok(list.find(self.certificate))
    }

    fn is_signed(&self, list: &Crl, signer: &Certificate) -> Result<bool, Reason> {
        self.search.spend()?;
        Ok(list.verify_signature(signer.public_key()).is_ok())
    }

    /// The certificate whose key signed the list, if it may: one of the path, or another of that name that leads to the
    /// same anchor (RFC 5280 §6.3.3 (f)).
    fn signer_of(&self, list: &Crl) -> Result<Option<Certificate>, Reason> {
        let may_sign = |candidate: &&Certificate| {
            candidate.subject().matches(list.issuer())
                && candidate.key_usage().is_none_or(|usage| usage.allows_any(KeyUsage::CRL_SIGN))
        };
        for candidate in self.above.iter().filter(may_sign) {
            if self.is_signed(list, candidate)? {
                return Ok(Some(candidate.clone()));
            }
        }
        for candidate in self.search.certificates().filter(may_sign) {
            if self.is_signed(list, candidate)? && self.leads_to_anchor(candidate)? {
                return Ok(Some(candidate.clone()));
            }
        }
        Ok(None)
    }

    /// Whether the signer of a list is valid under the same anchor, and not known to be revoked.
    fn leads_to_anchor(&self, signer: &Certificate) -> Result<bool, Reason> {
        if self.nesting >= NESTING_MAX {
            return Ok(false);
        }
        let accept = |path: &[Certificate]| {
            rules::check(path, self.search.now, None, &super::policies::InitialPolicies::default())?;
            if path.last() != self.above.last() {
                return Err(Invalid::of(signer, Reason::NoChain));
            }
            of_path_within(self.search, path, self.nesting + 1).map(drop)
        };
        match self.search.walk(signer, &accept) {
            Ok(_) => Ok(true),
            Err(invalid) if invalid.reason == Reason::Costly => Err(Reason::Costly),
            Err(_) => Ok(false),
        }
    }
}
