//! Addresses and domains (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! A domain is kept as its lower-case A-label, so that two spellings of one
//! domain are equal and a homograph never is. A local part is kept exactly as
//! written: only the receiving host may fold its case.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no address or no domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `@` between a local part and a domain.
    #[error("an address is local-part@domain")]
    Form,
    /// The local part is empty, longer than 64 bytes or has bytes that RFC 5321 forbids.
    #[error("the part before the @ is not a local part of RFC 5321")]
    LocalPart,
    /// The domain is empty, too long, or not a name of letters, digits and hyphens.
    #[error("not a domain name")]
    Domain,
}

/// A domain as its lower-case A-label: `clinic.example`, `xn--bcher-kva.example`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// Reads a domain in A-label or U-label form. Address literals are no domains.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let ascii = idna::domain_to_ascii_strict(text).map_err(|_| AddressError::Domain)?;
        let is_label = |label: &str| !label.is_empty() && label.len() <= 63;
        if ascii.len() > 253 || !ascii.split('.').all(is_label) {
            return Err(AddressError::Domain);
        }
        Ok(Self(ascii))
    }

    /// The A-label form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `parent` or lies below it.
    pub fn is_within(&self, parent: &Domain) -> bool {
        self.0.strip_suffix(parent.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Domain {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> String {
        domain.0
    }
}

/// A mailbox: an exact local part at a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    local: String,
    domain: Domain,
}

impl Address {
    /// Reads `local@domain`; the local part may be a quoted string.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Form)?;
        if !is_local_part(local) {
            return Err(AddressError::LocalPart);
        }
        Ok(Self { local: local.to_owned(), domain: Domain::parse(domain)? })
    }

    /// The local part, exactly as written.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Whether the address can cross a server without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii()
    }

    /// The address with its local part in lower case, to find what may be
    /// about it. Never to send to and never to compare with: only the receiving
    /// host knows whether two spellings are one mailbox.
    pub fn folded(&self) -> Address {
        Self { local: self.local.to_ascii_lowercase(), domain: self.domain.clone() }
    }

    /// The form for people: `p•••@example.com`.
    pub fn masked(&self) -> String {
        let first = self.local.chars().next().unwrap_or('•');
        format!("{first}•••@{}", self.domain)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

/// A dot-string or a quoted string of RFC 5321, or a UTF-8 dot-string of RFC 6531.
fn is_local_part(local: &str) -> bool {
    if local.is_empty() || local.len() > 64 {
        return false;
    }
    match local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => is_quoted_content(quoted),
        None => local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char)),
    }
}

fn is_atom_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

fn is_quoted_content(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let fine = match c {
            '\\' => matches!(chars.next(), Some(' '..='~')),
            '"' => false,
            c => matches!(c, ' '..='~') || (!c.is_ascii() && !c.is_control()),
        };
        if !fine {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, AddressError>) {
        let found = Address::parse(text).map(|address| address.to_string());
        assert_eq!(found, expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn addresses_are_read() {
        check("p@example.com", Ok("p@example.com"));
        check("P.Case@Example.COM", Ok("P.Case@example.com"));
        check("\"a b\"@example.com", Ok("\"a b\"@example.com"));
        check("\"a@b\"@example.com", Ok("\"a@b\"@example.com"));
        check("jörg@bücher.example", Ok("jörg@xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        check("p", Err(AddressError::Form));
        check("@example.com", Err(AddressError::LocalPart));
        check("a..b@example.com", Err(AddressError::LocalPart));
        check("a b@example.com", Err(AddressError::LocalPart));
        check("\"a\"b\"@example.com", Err(AddressError::LocalPart));
        check("a\r\nb@example.com", Err(AddressError::LocalPart));
        check("p@", Err(AddressError::Domain));
        check("p@-x.example", Err(AddressError::Domain));
        check("p@a_b.example", Err(AddressError::Domain));
        check("p@[127.0.0.1]", Err(AddressError::Domain));
        check("p@example..com", Err(AddressError::Domain));
        check(&format!("{}@example.com", "a".repeat(65)), Err(AddressError::LocalPart));
    }

    #[test]
    fn folding_changes_letters_of_ascii_in_the_local_part_only() {
        let folded = |text: &str| Address::parse(text).unwrap().folded().to_string();
        assert_eq!(folded("Ann.Doe@example.com"), "ann.doe@example.com");
        assert_eq!(folded("JÖrg@bücher.example"), "jÖrg@xn--bcher-kva.example");
    }

    #[test]
    fn a_homograph_is_another_domain() {
        assert_ne!(Domain::parse("cl\u{456}nic.example"), Domain::parse("clinic.example"));
    }

    #[test]
    fn a_domain_lies_within_its_parent_only_at_a_label() {
        let parent = Domain::parse("clinic.example").unwrap();
        assert!(Domain::parse("mail.clinic.example").unwrap().is_within(&parent));
        assert!(!Domain::parse("notclinic.example").unwrap().is_within(&parent));
    }
}
