//! The organisation's own keys: for whom each is, what it may still do, and
//! which one signs for an author.
//!
//! Every key opens what was sealed to it for as long as it is kept, whatever
//! became of it since; only an active one signs, and only while it is valid.

mod material;
mod written;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use mail::{Address, Domain, KeyFormat, OrgKeyId};
use serde::{Deserialize, Serialize};

pub use material::{NotFit, OrgMaterial, PrivateKey, SmimePair};
pub use written::{KeptElsewhere, NotAnOrgKey};

/// A key of the organisation's own.
#[derive(Clone, Debug)]
pub struct OrgKey {
    /// Its id here.
    pub id: OrgKeyId,
    /// For whom it signs: the first is whom it was made for.
    pub owners: Vec<Owner>,
    /// What it may still do.
    pub state: OrgKeyState,
    /// Whether its public part is published.
    pub is_published: bool,
    /// When and why it was revoked.
    pub revoked: Option<Revoked>,
    /// The private key and what is public of it.
    pub material: OrgMaterial,
    /// When it was made or imported.
    pub made_at: Timestamp,
}

/// For whom a key is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Owner {
    /// One sender.
    Address(Address),
    /// All senders of a domain, and of those below it, who have no key of their own.
    Domain(Domain),
}

/// Neither an address nor a domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a domain")]
pub struct NotAnOwner(String);

/// What a key may still do. Opening is never taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgKeyState {
    /// It waits for the certificate that was asked for.
    Pending = 0,
    /// It signs and opens.
    Active = 1,
    /// Another one took its place.
    Retired = 2,
    /// It was revoked, which everybody may know.
    Revoked = 3,
}

/// Why a key was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody else may have it: nothing that it ever signed counts any more.
    Compromised,
    /// Another one takes its place.
    Superseded,
    /// It is no longer used.
    Retired,
}

/// When and why a key was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// More of why, which is published with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Why nothing signs for an author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// There is no key.
    #[error("there is no {0} key of the sender's or of its domain's that signs")]
    NoKey(KeyFormat),
    /// There is one, and it can't be used.
    #[error("the key {0} can't sign: {1}")]
    Unfit(OrgKeyId, NotFit),
}

/// What signs for `author` in a format: the key of the very sender, else that
/// of the domain, else that of the nearest parent; of several, the newest.
pub fn signer_for<'k>(
    keys: impl IntoIterator<Item = &'k OrgKey>,
    author: &Address,
    format: KeyFormat,
    now: Timestamp,
) -> Result<&'k OrgKey, NotSigned> {
    let is_active = |key: &&OrgKey| key.format() == format && key.state == OrgKeyState::Active;
    let ranked = keys.into_iter().filter(is_active).filter_map(|key| Some((key.rank(author)?, key)));
    let mut ranked: Vec<(usize, &OrgKey)> = ranked.collect();
    ranked.sort_by_key(|(rank, key)| (std::cmp::Reverse(*rank), std::cmp::Reverse(key.id)));
    let mut because = NotSigned::NoKey(format);
    for (_, key) in ranked.iter().rev() {
        match key.material.check_signing(now) {
            Ok(()) => {}
            Err(why) => because = NotSigned::Unfit(key.id, why),
        }
    }
    let fit = ranked.into_iter().find(|(_, key)| key.material.check_signing(now).is_ok());
    fit.map(|(_, key)| key).ok_or(because)
}

impl OrgKey {
    /// Its format.
    pub const fn format(&self) -> KeyFormat {
        self.material.format()
    }

    /// Its fingerprint in upper-case hexadecimal digits, as [`crate::Material::fingerprint`] gives it.
    pub fn fingerprint(&self) -> String {
        self.material.fingerprint()
    }

    /// When it stops signing by itself, if it does.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.material.expires_at(now)
    }

    /// Whether it signs now, if it is asked to.
    pub fn check_signing(&self, now: Timestamp) -> Result<(), NotFit> {
        match self.state {
            OrgKeyState::Active => self.material.check_signing(now),
            OrgKeyState::Pending => Err(NotFit::NoCertificate),
            OrgKeyState::Retired => Err(NotFit::Retired),
            OrgKeyState::Revoked => Err(NotFit::Revoked),
        }
    }

    /// Whether it is this address's, by itself or by its domain.
    pub fn is_for(&self, address: &Address) -> bool {
        self.rank(address).is_some()
    }

    /// How closely it is the author's; none where it is somebody else's.
    fn rank(&self, author: &Address) -> Option<usize> {
        self.owners.iter().filter_map(|owner| owner.rank(author)).max()
    }
}

impl Owner {
    fn rank(&self, author: &Address) -> Option<usize> {
        match self {
            // The own mailboxes are known: letters in upper case are no other sender.
            Owner::Address(own) => (own.folded() == author.folded()).then_some(usize::MAX),
            Owner::Domain(own) => author.domain().is_within(own).then_some(own.as_str().len()),
        }
    }

    /// The domain in which it is.
    pub fn domain(&self) -> &Domain {
        match self {
            Owner::Address(address) => address.domain(),
            Owner::Domain(domain) => domain,
        }
    }
}

impl FromStr for Owner {
    type Err = NotAnOwner;

    fn from_str(text: &str) -> Result<Self, NotAnOwner> {
        let read = match text.contains('@') {
            true => Address::parse(text).map(Owner::Address),
            false => Domain::parse(text).map(Owner::Domain),
        };
        read.map_err(|_| NotAnOwner(text.to_owned()))
    }
}

impl TryFrom<String> for Owner {
    type Error = NotAnOwner;

    fn try_from(text: String) -> Result<Self, NotAnOwner> {
        text.parse()
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.to_string()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Address(address) => address.fmt(f),
            Owner::Domain(domain) => domain.fmt(f),
        }
    }
}

impl OrgKeyState {
    /// The number that the database keeps.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            OrgKeyState::Pending => "pending",
            OrgKeyState::Active => "active",
            OrgKeyState::Retired => "retired",
            OrgKeyState::Revoked => "revoked",
        }
    }
}

impl Reason {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Compromised => "compromised",
            Reason::Superseded => "superseded",
            Reason::Retired => "retired",
        }
    }

    /// As OpenPGP says it.
    pub const fn openpgp(self) -> openpgp::RevocationReason {
        match self {
            Reason::Compromised => openpgp::RevocationReason::Compromised,
            Reason::Superseded => openpgp::RevocationReason::Superseded,
            Reason::Retired => openpgp::RevocationReason::Retired,
        }
    }
}

#[cfg(test)]
mod tests {
    use mail::Entropy;

    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(1..).for_each(|(byte, count)| *byte = count);
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const MADE: &str = "2026-01-01T00:00:00Z";
    const NOW: &str = "2026-06-01T00:00:00Z";

    fn key(number: u8, owner: &str, ends: Option<&str>) -> OrgKey {
        let id = OrgKeyId::from_bytes([number; 16]);
        let made = openpgp::SecretIdentity::generate(
            "Care <care@clinic.example>",
            openpgp::KeyKind::V4,
            ends.map(at),
            at(MADE),
            &Counting,
        );
        OrgKey {
            id,
            owners: vec![owner.parse().unwrap()],
            state: OrgKeyState::Active,
            is_published: false,
            revoked: None,
            material: OrgMaterial::OpenPgp(made.unwrap()),
            made_at: at(MADE),
        }
    }

    fn check(keys: &[OrgKey], author: &str, expect: Result<u8, &str>) {
        let found = signer_for(keys, &author.parse().unwrap(), KeyFormat::OpenPgp, at(NOW));
        let found = found.map(|key| key.id.as_bytes()[0]).map_err(|why| why.to_string());
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{author}"),
            (Err(why), Err(expect)) => assert!(why.contains(expect), "{author}: {why}"),
            (found, expect) => panic!("{author}: {found:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn the_nearest_key_signs() {
        let keys = [
            key(1, "clinic.example", None),
            key(2, "lab.clinic.example", None),
            key(3, "nurse@clinic.example", None),
            key(4, "clinic.example", None),
        ];
        check(&keys, "Nurse@clinic.example", Ok(3));
        check(&keys, "doctor@clinic.example", Ok(4));
        check(&keys, "a@x.lab.clinic.example", Ok(2));
        check(&keys, "a@notclinic.example", Err("no openpgp key"));
        check(&keys, "nurse@clinic.example.evil.example", Err("no openpgp key"));
    }

    #[test]
    fn what_has_ended_or_is_out_of_use_never_signs() {
        let ended = key(3, "nurse@clinic.example", Some("2026-05-01T00:00:00Z"));
        check(std::slice::from_ref(&ended), "nurse@clinic.example", Err("expired"));
        check(&[ended, key(1, "clinic.example", None)], "nurse@clinic.example", Ok(1));
        for state in [OrgKeyState::Pending, OrgKeyState::Retired, OrgKeyState::Revoked] {
            let key = OrgKey { state, ..key(1, "clinic.example", None) };
            assert!(key.check_signing(at(NOW)).is_err());
            check(&[key], "nurse@clinic.example", Err("no openpgp key"));
        }
    }

    #[test]
    fn a_key_comes_back_from_its_bytes() {
        let revoked = Some(Revoked { at: at(NOW), reason: Reason::Superseded, note: "moved".to_owned() });
        let before = OrgKey { is_published: true, revoked, ..key(7, "nurse@clinic.example", Some(NOW)) };
        let after = OrgKey::from_bytes(before.id, &before.to_bytes().unwrap()).unwrap();
        assert_eq!(after.fingerprint(), before.fingerprint());
        assert_eq!((after.owners, after.state, after.is_published), (before.owners, before.state, true));
        assert_eq!((after.revoked, after.made_at), (before.revoked, before.made_at));
        assert!(after.material.openpgp().unwrap().can_decrypt(at(MADE)));
        assert!(matches!(OrgKey::from_bytes(before.id, b"{}"), Err(NotAnOrgKey::Malformed(_))));
    }
}
