//! Whom a message pretends to come from: an own domain that nothing proves, a
//! domain that looks like an own or a partner's, a staff member's name, an own
//! address where the name should stand. Pure.

use std::fmt;

use mail::{Address, Domain};
use serde::{Deserialize, Serialize};

use crate::lookalike::Protected;
use crate::names::StaffName;

/// One pretence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Impersonation {
    /// From names an own domain, and nothing proves that it is meant.
    OwnDomain {
        /// The domain.
        domain: Domain,
    },
    /// From names a domain that looks like this one.
    Lookalike {
        /// The domain in From.
        domain: Domain,
        /// The own or partner's domain that it looks like.
        of: Domain,
    },
    /// The name in From is that of somebody on the staff, the address is not
    /// an own one.
    StaffName {
        /// The name on the list.
        name: String,
    },
    /// The name in From is, or holds, an own address.
    OwnAddress {
        /// The own domain.
        domain: Domain,
    },
}

impl Impersonation {
    /// Every word, as policies and the warning field have them.
    pub const WORDS: [&'static str; 4] = ["own-domain", "lookalike", "staff-name", "own-address"];

    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Impersonation::OwnDomain { .. } => "own-domain",
            Impersonation::Lookalike { .. } => "lookalike",
            Impersonation::StaffName { .. } => "staff-name",
            Impersonation::OwnAddress { .. } => "own-address",
        }
    }
}

/// A sentence for whoever reads a header or a timeline.
impl fmt::Display for Impersonation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Impersonation::OwnDomain { domain } => write!(f, "From names {domain}, and nothing proves it"),
            Impersonation::Lookalike { domain, of } => write!(f, "{domain} looks like {of}"),
            Impersonation::StaffName { .. } => f.write_str("the name in From is that of somebody on the staff"),
            Impersonation::OwnAddress { domain } => write!(f, "the name in From holds an address of {domain}"),
        }
    }
}

/// What must not be pretended.
#[derive(Clone, Debug, Default)]
pub struct Known {
    own: Vec<Domain>,
    partners: Vec<Domain>,
    protected: Vec<Protected>,
    staff: Vec<StaffName>,
}

impl Known {
    /// An organisation's own domains, those of its partners, and the names of
    /// its staff.
    pub fn new(own: Vec<Domain>, partners: Vec<Domain>, staff: &[String]) -> Self {
        let protected = own.iter().chain(&partners).map(Protected::new).collect();
        let staff = staff.iter().filter_map(|name| StaffName::new(name)).collect();
        Self { own, partners, protected, staff }
    }

    /// What a message pretends: `authors` are the addresses of From and `shown`
    /// is its value as a reader sees it, decoded; `is_proven` says whether the
    /// author's domain answers for the message.
    pub fn judge(&self, authors: &[Address], shown: &str, is_proven: bool) -> Vec<Impersonation> {
        let mut found = Vec::new();
        for domain in authors.iter().map(Address::domain) {
            match self.own(domain) {
                Some(_) if is_proven => {}
                Some(_) => found.push(Impersonation::OwnDomain { domain: domain.clone() }),
                None => found.extend(self.lookalike(domain)),
            }
        }
        if authors.iter().all(|author| self.own(author.domain()).is_none()) {
            let name = displayed(shown);
            found.extend(self.staff_name(&name));
            found.extend(self.own_address(&name));
        }
        found.dedup();
        found
    }

    fn own(&self, domain: &Domain) -> Option<&Domain> {
        self.own.iter().find(|own| domain.is_within(own))
    }

    fn lookalike(&self, domain: &Domain) -> Option<Impersonation> {
        if self.partners.iter().any(|partner| domain.is_within(partner)) {
            return None;
        }
        let of = self.protected.iter().find(|protected| protected.looks_like(domain))?;
        Some(Impersonation::Lookalike { domain: domain.clone(), of: of.domain.clone() })
    }

    fn staff_name(&self, name: &str) -> Option<Impersonation> {
        let staff = self.staff.iter().find(|staff| staff.is_in(name))?;
        Some(Impersonation::StaffName { name: staff.written.clone() })
    }

    fn own_address(&self, name: &str) -> Option<Impersonation> {
        let words = name.split(|c: char| c.is_whitespace() || "<>()\"',;:[]".contains(c));
        let domains = words.filter_map(|word| Domain::parse(word.rsplit_once('@')?.1).ok());
        let domain = domains.into_iter().find(|domain| self.own(domain).is_some())?;
        Some(Impersonation::OwnAddress { domain })
    }
}

/// What stands outside of the last angle brackets: the name, as it is shown.
fn displayed(shown: &str) -> String {
    match (shown.rfind('<'), shown.rfind('>')) {
        (Some(open), Some(close)) if open < close => {
            format!("{} {}", shown.get(..open).unwrap_or_default(), shown.get(close + 1..).unwrap_or_default())
        }
        // Without brackets the address itself is what is shown.
        _ => shown.split_whitespace().filter(|word| !word.contains('@')).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    /// The words for a From field.
    fn check(name: &str, address: &str, is_proven: bool, expect: &[&str]) {
        let staff = ["Dr. Ann Lee".to_owned(), "José García".to_owned(), "Al".to_owned()];
        let known = Known::new(vec![domain("lakeside-clinic.example")], vec![domain("labcorp.example")], &staff);
        let shown = format!("{name} <{address}>");
        let found = known.judge(&[Address::parse(address).unwrap()], &shown, is_proven);
        assert_eq!(found.iter().map(Impersonation::word).collect::<Vec<_>>(), expect, "{shown}");
    }

    #[test]
    fn an_own_domain_must_be_proven() {
        check("Boss", "boss@lakeside-clinic.example", true, &[]);
        check("Boss", "boss@lakeside-clinic.example", false, &["own-domain"]);
        check("Boss", "boss@mail.lakeside-clinic.example", false, &["own-domain"]);
        check("Ann Lee", "ann@lakeside-clinic.example", false, &["own-domain"]);
    }

    #[test]
    fn staff_writes_from_own_addresses() {
        for name in
            ["Ann Lee", "\"Lee, Ann\"", "Dr Ann Lee, MD", "ANN  LEE", "Αnn Lее", "Ann Lee (via portal)", "Jose Garcia"]
        {
            check(name, "x@else.example", true, &["staff-name"]);
        }
        for name in ["Ann", "Ann Leeson", "Lee's Annex", "Al", "Alan", "Ann and Bob of Lee County Water Supply", ""] {
            check(name, "x@else.example", true, &[]);
        }
    }

    #[test]
    fn an_own_address_is_no_name() {
        check("boss@lakeside-clinic.example", "x@else.example", true, &["own-address"]);
        check("\"Boss (boss@Lakeside-Clinic.Example)\"", "x@else.example", true, &["own-address"]);
        check("x@other.example", "x@else.example", true, &[]);
    }

    #[test]
    fn partners_are_who_they_are_and_their_lookalikes_are_not() {
        check("Lab", "x@labcorp.example", true, &[]);
        check("Lab", "x@mail.labcorp.example", true, &[]);
        check("Lab", "x@1abcorp.example", true, &["lookalike"]);
        check("Lab", "x@labc0rp.example", true, &["lookalike"]);
    }
}
