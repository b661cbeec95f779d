//! The sender addresses that a submitting client may use.

use std::fmt;
use std::str::FromStr;

use mail::{Address, AddressError, Domain, OrgId};
use serde::{Deserialize, Serialize};

use crate::principal::{Principal, Submitter};

/// One address, or every address of one domain: `refills@clinic.example`,
/// `*@clinic.example`. Subdomains are domains of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SenderPattern {
    /// Exactly this address; the case of the local part counts.
    Exact(Address),
    /// Any local part at this domain.
    Domain(Domain),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a sender pattern is local-part@domain or *@domain")]
pub struct PatternError(#[from] AddressError);

impl SenderPattern {
    /// Whether the pattern covers `address`.
    pub fn covers(&self, address: &Address) -> bool {
        match self {
            SenderPattern::Exact(allowed) => allowed == address,
            SenderPattern::Domain(domain) => domain == address.domain(),
        }
    }
}

impl FromStr for SenderPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Ok(match text.strip_prefix("*@") {
            Some(domain) => SenderPattern::Domain(Domain::parse(domain)?),
            None => SenderPattern::Exact(Address::parse(text)?),
        })
    }
}

impl fmt::Display for SenderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SenderPattern::Exact(address) => address.fmt(f),
            SenderPattern::Domain(domain) => write!(f, "*@{domain}"),
        }
    }
}

impl TryFrom<String> for SenderPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<SenderPattern> for String {
    fn from(pattern: SenderPattern) -> String {
        pattern.to_string()
    }
}

/// A recognised client of submission: its organisation, who it is, and the
/// addresses that it may send as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its organisation.
    pub org: OrgId,
    /// How it was recognised.
    pub by: Submitter,
    /// The addresses that it may use in MAIL FROM and From.
    pub senders: Vec<SenderPattern>,
}

impl Sender {
    /// The principal for [`crate::authorize`].
    pub fn principal(&self) -> Principal {
        Principal::Submission { org: self.org, by: self.by.clone() }
    }

    /// Whether the client may send as `address`.
    pub fn may_send_as(&self, address: &Address) -> bool {
        self.senders.iter().any(|pattern| pattern.covers(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, address: &str, expect: bool) {
        let pattern: SenderPattern = pattern.parse().unwrap();
        assert_eq!(pattern.covers(&address.parse().unwrap()), expect, "{pattern} {address}");
    }

    #[test]
    fn a_pattern_covers_its_address_or_its_domain_and_nothing_else() {
        check("refills@clinic.example", "refills@Clinic.Example", true);
        check("refills@clinic.example", "Refills@clinic.example", false);
        check("refills@clinic.example", "refills@evil.example", false);
        check("*@clinic.example", "anyone@clinic.example", true);
        check("*@clinic.example", "anyone@mail.clinic.example", false);
        check("*@clinic.example", "anyone@notclinic.example", false);
        check("*@clinic.example", "\"*\"@clinic.example", true);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", "*", "*@", "@clinic.example", "*@*", "*@[127.0.0.1]", "a b@clinic.example"] {
            assert!(bad.parse::<SenderPattern>().is_err(), "{bad}");
        }
    }
}
