//! The rules of a path (RFC 5280 §6.1), but for policies and names.

use jiff::Timestamp;

use super::constraints::Constraints;
use super::invalid::{Invalid, Reason};
use super::policies::{InitialPolicies, Policies};
use crate::certificate::{Certificate, ExtendedUsage, KeyUsage};

/// Whether the present is between the certificate's dates, both included.
pub(super) fn is_current(certificate: &Certificate, now: Timestamp) -> Result<(), Reason> {
    // The last second lasts until the next begins.
    let last = certificate.not_after().saturating_add(jiff::SignedDuration::from_millis(999)).unwrap_or(Timestamp::MAX);
    match () {
        () if now < certificate.not_before() => Err(Reason::NotYet),
        () if now > last => Err(Reason::Expired),
        () => Ok(()),
    }
}

/// Whether extendedKeyUsage allows a use. RFC 8550 §4.4.4: absent, or with the use or "any" in it.
pub(super) fn allows(certificate: &Certificate, usage: ExtendedUsage) -> Result<(), Reason> {
    let is_allowed = |uses: &[ExtendedUsage]| uses.contains(&usage) || uses.contains(&ExtendedUsage::Any);
    if certificate.extended_key_usage().is_none_or(is_allowed) { Ok(()) } else { Err(Reason::ExtendedUsage) }
}

/// What every certificate of a path must be.
fn is_sound(certificate: &Certificate, now: Timestamp) -> Result<(), Reason> {
    is_current(certificate, now)?;
    let extensions = certificate.extensions();
    if let Some(oid) = extensions.unknown_critical.or(extensions.wrong_criticality) {
        return Err(Reason::Extension(oid));
    }
    if !certificate.public_key().algorithm().is_strong() {
        return Err(Reason::Key);
    }
    if certificate.issuer().is_empty() {
        return Err(Reason::NoChain);
    }
    // RFC 5280 §4.2.1.9: only an authority may sign certificates.
    let signs = certificate.key_usage().is_some_and(|usage| usage.allows_any(KeyUsage::CERTIFICATE_SIGN));
    if signs && !certificate.is_authority() {
        return Err(Reason::NotAuthority);
    }
    // RFC 5280 §4.1.2.6: without a subject the alternative names stand for it, and must be heeded.
    if certificate.subject().is_empty() && !extensions.alternative_names_critical {
        return Err(Reason::NameConstraints);
    }
    Ok(())
}

/// Whether a certificate may issue others (RFC 5280 §6.1.4 (k), (n)).
pub(super) fn is_authority(certificate: &Certificate) -> Result<(), Reason> {
    let may_sign = certificate.key_usage().is_none_or(|usage| usage.allows_any(KeyUsage::CERTIFICATE_SIGN));
    if certificate.is_authority() && may_sign && !certificate.subject().is_empty() {
        Ok(())
    } else {
        Err(Reason::NotAuthority)
    }
}

/// An anchor is trusted as it was configured: one of version 1 has no extensions to say that it is an authority; a
/// later one must not deny it.
fn is_anchor(certificate: &Certificate, now: Timestamp) -> Result<(), Reason> {
    is_sound(certificate, now)?;
    if certificate.version() < 2 { Ok(()) } else { is_authority(certificate) }
}

/// Checks a path whose signatures are verified: from the certificate to the anchor.
pub(super) fn check(
    path: &[Certificate],
    now: Timestamp,
    usage: Option<ExtendedUsage>,
    initial: &InitialPolicies,
) -> Result<(), Invalid> {
    let Some((anchor, below)) = path.split_last() else { return Ok(()) };
    if below.is_empty() {
        // The certificate is an anchor itself, and needs nobody to vouch for it.
        return is_sound(anchor, now).map_err(|reason| Invalid::of(anchor, reason));
    }
    is_anchor(anchor, now).map_err(|reason| Invalid::of(anchor, reason))?;
    let mut state = State {
        path_len: anchor.extensions().basic_constraints.and_then(|constraints| constraints.path_len),
        constraints: Constraints::default(),
        policies: Policies::new(initial, below.len()),
    };
    state.constraints.add(anchor).map_err(|reason| Invalid::of(anchor, reason))?;
    for (index, certificate) in below.iter().enumerate().rev() {
        let is_last = index == 0;
        state.step(certificate, is_last, now, usage).map_err(|reason| Invalid::of(certificate, reason))?;
    }
    Ok(())
}

/// What authorities above leave to those below.
struct State {
    path_len: Option<u64>,
    constraints: Constraints,
    policies: Policies,
}

impl State {
    fn step(
        &mut self,
        certificate: &Certificate,
        is_last: bool,
        now: Timestamp,
        usage: Option<ExtendedUsage>,
    ) -> Result<(), Reason> {
        is_sound(certificate, now)?;
        let is_self_issued = certificate.is_self_issued();
        // RFC 5280 §6.1.3 (b): a new key of the same authority is not bound by what it says of names.
        if !is_self_issued || is_last {
            self.constraints.check(certificate)?;
        }
        self.policies.step(certificate, is_last, is_self_issued)?;
        if is_last {
            // RFC 5280 §4.2.1.10: only authorities have constraints.
            let has_constraints = certificate.extensions().name_constraints.is_some();
            return if has_constraints && !certificate.is_authority() { Err(Reason::NameConstraints) } else { Ok(()) };
        }
        is_authority(certificate)?;
        if let Some(usage) = usage {
            // The extension of an authority binds those below it: no rule of RFC 5280, but what authorities mean by it.
            allows(certificate, usage)?;
        }
        self.constraints.add(certificate)?;
        self.shorten(certificate, is_self_issued)
    }

    /// RFC 5280 §6.1.4 (l), (m).
    fn shorten(&mut self, certificate: &Certificate, is_self_issued: bool) -> Result<(), Reason> {
        if !is_self_issued && let Some(left) = &mut self.path_len {
            *left = left.checked_sub(1).ok_or(Reason::PathLength)?;
        }
        let own = certificate.extensions().basic_constraints.and_then(|constraints| constraints.path_len);
        self.path_len = [self.path_len, own].into_iter().flatten().min();
        Ok(())
    }
}
