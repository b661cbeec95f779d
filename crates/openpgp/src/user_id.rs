//! User ids (RFC 9580 §5.11) and the addresses in them.

use jiff::Timestamp;
use mail::Address;

/// A user id of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserId {
    /// The text as the owner wrote it; what is no UTF-8 is replaced. Not trusted.
    pub text: String,
    /// The one address that it names, if it names exactly one.
    pub address: Option<Address>,
    /// Whether it counts.
    pub state: UserIdState,
    /// Whether it is the one that speaks for the key's preferences.
    pub is_primary: bool,
}

impl UserId {
    /// Whether it counts and names this address, exactly.
    pub fn names(&self, address: &Address) -> bool {
        self.state == UserIdState::Valid && self.address.as_ref() == Some(address)
    }
}

/// Whether a user id counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserIdState {
    /// The key's owner signed it.
    Valid,
    /// The owner took it back.
    Revoked,
    /// The owner's signature ended at this time.
    Expired(Timestamp),
    /// No signature of the owner that counts: anybody may have added it.
    Unsigned,
}

/// The address of `Name <local@domain>` or of a bare `local@domain`.
///
/// Anything that could be read in two ways has none: several angle brackets,
/// another address in the name, control characters.
pub fn address(user_id: &str) -> Option<Address> {
    let text = user_id.trim();
    if text.chars().any(char::is_control) {
        return None;
    }
    let Some(inner) = text.strip_suffix('>') else {
        return Address::parse(text).ok();
    };
    let (name, address) = inner.split_once('<')?;
    if name.contains('>') || address.contains(['<', '>']) {
        return None;
    }
    let address = Address::parse(address).ok()?;
    // Programs write an address as its own name; another one there would deceive.
    let is_fine =
        !name.contains('@') || Address::parse(name.trim().trim_matches('"')).is_ok_and(|name| name == address);
    is_fine.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(user_id: &str, expect: Option<&str>) {
        assert_eq!(address(user_id).map(|address| address.to_string()).as_deref(), expect, "{user_id}");
    }

    #[test]
    fn one_address_is_found() {
        check("Alice Lovelace <alice@openpgp.example>", Some("alice@openpgp.example"));
        check("<alice@openpgp.example>", Some("alice@openpgp.example"));
        check("alice@openpgp.example", Some("alice@openpgp.example"));
        check("alice@openpgp.example <alice@openpgp.example>", Some("alice@openpgp.example"));
        check("Dr. Jörg (Praxis) <jörg@bücher.example>", Some("jörg@xn--bcher-kva.example"));
        check(" Alice <alice@OpenPGP.Example> ", Some("alice@openpgp.example"));
    }

    #[test]
    fn what_is_ambiguous_has_none() {
        check("Alice", None);
        check("", None);
        check("boss@clinic.example <mallory@evil.example>", None);
        check("Boss <boss@clinic.example> <mallory@evil.example>", None);
        check("<boss@clinic.example> mallory@evil.example", None);
        check("Boss <boss@clinic.example", None);
        check("Boss\u{0}<mallory@evil.example>", None);
        check("boss@clinic.example, mallory@evil.example", None);
        check("Boss <boss@clinic.example>, Mallory", None);
    }

    #[test]
    fn a_homograph_is_another_address() {
        let cyrillic = address("Clinic <a@cl\u{456}nic.example>").unwrap();
        assert_ne!(cyrillic, Address::parse("a@clinic.example").unwrap());
    }
}
