//! Name constraints (RFC 5280 §4.2.1.10): which names an authority may issue
//! for. A certificate for mail is worth as much as the checks on its addresses,
//! so these are checked whether or not the extension is critical.

use mail::{Address, Domain};

use super::invalid::Reason;
use crate::certificate::extensions::GeneralName;
use crate::certificate::{Certificate, EMAIL_ADDRESS};

/// Names times constraints that are compared for one path, at most.
const COMPARISONS_MAX: usize = 50_000;

/// What the authorities of a path allow.
#[derive(Default)]
pub(super) struct Constraints {
    /// One list for each authority: a name must be within one of each.
    permitted: Vec<Vec<GeneralName>>,
    excluded: Vec<GeneralName>,
    comparisons: usize,
}

/// A name or a constraint that can't be compared is as good as broken.
struct Incomparable;

impl From<Incomparable> for Reason {
    fn from(_: Incomparable) -> Self {
        Self::NameConstraints
    }
}

impl Constraints {
    /// Adds what an authority allows.
    pub(super) fn add(&mut self, authority: &Certificate) -> Result<(), Reason> {
        let Some(constraints) = &authority.extensions().name_constraints else { return Ok(()) };
        if !constraints.permitted.is_empty() {
            self.permitted.push(constraints.permitted.clone());
        }
        self.excluded.extend(constraints.excluded.iter().cloned());
        Ok(())
    }

    /// Whether all names of a certificate are allowed.
    pub(super) fn check(&mut self, certificate: &Certificate) -> Result<(), Reason> {
        if self.permitted.is_empty() && self.excluded.is_empty() {
            return Ok(());
        }
        let names = names(certificate);
        let constraints = self.excluded.len() + self.permitted.iter().map(Vec::len).sum::<usize>();
        self.comparisons = self.comparisons.saturating_add(names.len().saturating_mul(constraints));
        if self.comparisons > COMPARISONS_MAX {
            return Err(Reason::Costly);
        }
        for name in &names {
            self.check_name(name)?;
        }
        Ok(())
    }

    fn check_name(&self, name: &GeneralName) -> Result<(), Reason> {
        for excluded in self.excluded.iter().filter(|excluded| is_same_kind(name, excluded)) {
            if is_within(name, excluded, Side::Excluded)? {
                return Err(Reason::NameConstraints);
            }
        }
        for permitted in &self.permitted {
            let mut of_kind = permitted.iter().filter(|permitted| is_same_kind(name, permitted)).peekable();
            // RFC 5280 §4.2.1.10: without a constraint of its kind, a name is allowed.
            if of_kind.peek().is_none() {
                continue;
            }
            let mut is_permitted = false;
            for permitted in of_kind {
                is_permitted |= is_within(name, permitted, Side::Permitted)?;
            }
            if !is_permitted {
                return Err(Reason::NameConstraints);
            }
        }
        Ok(())
    }
}

/// Every name of a certificate: its subject, the addresses in it, and its alternative names.
fn names(certificate: &Certificate) -> Vec<GeneralName> {
    let mut names = certificate.extensions().alternative_names.clone().unwrap_or_default();
    let subject = certificate.subject();
    if !subject.is_empty() {
        names.push(GeneralName::Directory(subject.clone()));
    }
    names.extend(subject.values(EMAIL_ADDRESS).map(|text| GeneralName::Mail(text.to_owned())));
    names
}

/// Whether a constraint is about names of this kind. Both kinds of addresses are one (RFC 9598 §6).
fn is_same_kind(name: &GeneralName, constraint: &GeneralName) -> bool {
    use GeneralName::{Directory, Dns, Ip, Mail, MailUtf8, Other, Unsupported, Uri};
    match (name, constraint) {
        (Mail(_) | MailUtf8(_), Mail(_) | MailUtf8(_))
        | (Dns(_), Dns(_))
        | (Directory(_), Directory(_))
        | (Uri(_), Uri(_))
        | (Ip(_), Ip(_)) => true,
        (Other(name), Other(constraint)) => name == constraint,
        (Unsupported(name), Unsupported(constraint)) => name == constraint,
        _ => false,
    }
}

/// Whether a name need be within a constraint wholly, or only in part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Permitted,
    Excluded,
}

fn is_within(name: &GeneralName, constraint: &GeneralName, side: Side) -> Result<bool, Incomparable> {
    use GeneralName::{Directory, Dns, Ip, Mail, MailUtf8, Uri};
    match (name, constraint) {
        (Mail(name) | MailUtf8(name), Mail(constraint)) => mail(name, constraint),
        (Dns(name), Dns(constraint)) => dns(name, constraint, side),
        (Directory(name), Directory(constraint)) => Ok(name.is_within(constraint)),
        (Uri(name), Uri(constraint)) => uri(name, constraint),
        (Ip(name), Ip(constraint)) => ip(name, constraint),
        // Kinds that are not understood: neither in nor out can be shown.
        _ => Err(Incomparable),
    }
}

fn domain(text: &str) -> Result<Domain, Incomparable> {
    Domain::parse(text).map_err(|_| Incomparable)
}

/// `user@host`, `host`, or `.domain` for all hosts below it.
fn mail(name: &str, constraint: &str) -> Result<bool, Incomparable> {
    let name = Address::parse(name).map_err(|_| Incomparable)?;
    if constraint.contains('@') {
        let constraint = Address::parse(constraint).map_err(|_| Incomparable)?;
        return Ok(name == constraint);
    }
    host(name.domain(), constraint)
}

/// A host, or `.domain` for all hosts below it.
fn host(name: &Domain, constraint: &str) -> Result<bool, Incomparable> {
    match constraint.strip_prefix('.') {
        Some(parent) => {
            let parent = domain(parent)?;
            Ok(*name != parent && name.is_within(&parent))
        }
        None => Ok(*name == domain(constraint)?),
    }
}

/// A domain and all below it. A wildcard is within what is permitted if its domain is, and in what is excluded if it
/// could stand for any of it.
fn dns(name: &str, constraint: &str, side: Side) -> Result<bool, Incomparable> {
    if constraint.is_empty() {
        return Ok(true);
    }
    let constraint = domain(constraint)?;
    match (name.strip_prefix("*."), side) {
        (Some(parent), Side::Permitted) => Ok(domain(parent)?.is_within(&constraint)),
        (Some(parent), Side::Excluded) => {
            let parent = domain(parent)?;
            Ok(parent.is_within(&constraint) || constraint.is_within(&parent))
        }
        (None, _) => Ok(domain(name)?.is_within(&constraint)),
    }
}

/// The host of a URI; one without a host that is a name can't be compared (RFC 5280 §4.2.1.10).
fn uri(name: &str, constraint: &str) -> Result<bool, Incomparable> {
    let (_, after) = name.split_once("://").ok_or(Incomparable)?;
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let name = host_and_port.split(':').next().unwrap_or_default();
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(Incomparable);
    }
    host(&domain(name)?, constraint)
}

/// An address and a mask, each 4 or 16 bytes long.
fn ip(name: &[u8], constraint: &[u8]) -> Result<bool, Incomparable> {
    let is_length = |bytes: &[u8]| matches!(bytes.len(), 4 | 16);
    let (network, mask) = constraint.split_at_checked(constraint.len() / 2).ok_or(Incomparable)?;
    if !is_length(name) || !is_length(network) || network.len() != mask.len() || !is_prefix(mask) {
        return Err(Incomparable);
    }
    let is_equal = |((name, network), mask): ((&u8, &u8), &u8)| name & mask == network & mask;
    Ok(name.len() == network.len() && name.iter().zip(network).zip(mask).all(is_equal))
}

/// Ones, then zeros.
fn is_prefix(mask: &[u8]) -> bool {
    let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let leading: u32 = match mask.iter().position(|byte| *byte != 0xff) {
        Some(at) => at as u32 * 8 + mask.get(at).map_or(0, |byte| byte.leading_ones()),
        None => mask.len() as u32 * 8,
    };
    ones == leading
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        within: impl Fn(&str, &str) -> Result<bool, Incomparable>,
        name: &str,
        constraint: &str,
        expect: Option<bool>,
    ) {
        assert_eq!(within(name, constraint).ok(), expect, "{name} within {constraint}");
    }

    #[test]
    fn addresses() {
        check(mail, "u@example.com", "u@example.com", Some(true));
        check(mail, "U@example.com", "u@example.com", Some(false));
        check(mail, "u@EXAMPLE.com", "u@example.com", Some(true));
        check(mail, "u@example.com", "example.com", Some(true));
        check(mail, "u@sub.example.com", "example.com", Some(false));
        check(mail, "u@sub.example.com", ".example.com", Some(true));
        check(mail, "u@example.com", ".example.com", Some(false));
        check(mail, "u@badexample.com", ".example.com", Some(false));
        check(mail, "u@b\u{fc}cher.example", "xn--bcher-kva.example", Some(true));
        check(mail, "u", "example.com", None);
        check(mail, "u@example.com", "a@b@example.com", None);
        check(mail, "u@example.com", "", None);
    }

    #[test]
    fn domains() {
        let permitted = |name: &str, constraint: &str| dns(name, constraint, Side::Permitted);
        let excluded = |name: &str, constraint: &str| dns(name, constraint, Side::Excluded);
        check(permitted, "a.example.com", "example.com", Some(true));
        check(permitted, "example.com", "example.com", Some(true));
        check(permitted, "badexample.com", "example.com", Some(false));
        check(permitted, "*.example.com", "example.com", Some(true));
        check(permitted, "*.example.com", "a.example.com", Some(false));
        check(excluded, "*.example.com", "a.example.com", Some(true));
        check(excluded, "*.example.org", "a.example.com", Some(false));
        check(excluded, "any.example", "", Some(true));
        check(permitted, "a.example.com", ".example.com", None);
        check(permitted, "a.*.example.com", "example.com", None);
    }

    #[test]
    fn hosts_of_uris() {
        check(uri, "http://host.example.com/path", ".example.com", Some(true));
        check(uri, "http://user@example.com:80?x", "example.com", Some(true));
        check(uri, "http://example.org/example.com", "example.com", Some(false));
        check(uri, "http://example.com@evil.example/", "example.com", Some(false));
        check(uri, "http://127.0.0.1/", ".example.com", None);
        check(uri, "urn:x", ".example.com", None);
    }

    #[test]
    fn networks() {
        let check =
            |name: &[u8], constraint: &[u8], expect| assert_eq!(ip(name, constraint).ok(), expect, "{constraint:?}");
        check(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0], Some(true));
        check(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0], Some(false));
        check(&[10, 1, 2, 3], &[0; 8], Some(true));
        check(&[10, 1, 2, 3], &[10, 1, 2, 3, 255, 255, 255, 255], Some(true));
        check(&[0; 16], &[10, 0, 0, 0, 255, 0, 0, 0], Some(false));
        check(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 255, 0], None);
        check(&[10, 1, 2], &[10, 0, 0, 0, 255, 0, 0, 0], None);
        check(&[10, 1, 2, 3], &[10, 0, 0, 255, 0, 0], None);
    }
}
