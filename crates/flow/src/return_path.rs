//! Signed return paths: what a bounce comes back to, or bears as its envelope
//! id, names the message and the recipient, in a form that only the
//! organisation can write. A bounce that nobody was asked for proves nothing.
//! What somebody unsubscribes by has the same form, and is no return path.
//!
//! ```text
//! b-01k9x…(26)-0002-9f1c2a…(16)      of one recipient; ffff of several
//! u-01k9x…(26)-0002-77d0e1…(16)      what that recipient unsubscribes by
//! ```
//!
//! All of it is lower case and survives servers that fold local parts. It names
//! nobody: the place is that of an envelope which only the organisation opens.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use mail::{Address, Domain, MessageId, OrgId, Recipient};
use vault::{OrgVault, TagFor};

/// What a token is for. One of a purpose is none of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Return,
    Unsubscribe,
}

impl Purpose {
    const fn prefix(self) -> &'static str {
        match self {
            Purpose::Return => "b-",
            Purpose::Unsubscribe => "u-",
        }
    }

    const fn tag(self) -> TagFor {
        match self {
            Purpose::Return => TagFor::Return,
            Purpose::Unsubscribe => TagFor::Unsubscribe,
        }
    }
}

/// The place of a copy that several recipients share.
const SEVERAL: u16 = u16::MAX;
const TAG_BYTES: usize = 8;

/// A genuine return path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub org: OrgId,
    pub message: MessageId,
    /// The recipient's place in the envelope; none for a copy of several.
    pub place: Option<u16>,
}

/// The token of a copy for these of the envelope's recipients.
pub(crate) fn token(vault: &OrgVault, message: MessageId, envelope: &[Recipient], copy: &[Recipient]) -> String {
    write(vault, Purpose::Return, message, place(envelope, copy).unwrap_or(SEVERAL))
}

/// The token by which the one recipient of a copy unsubscribes; none of several.
pub(crate) fn unsubscribe_token(
    vault: &OrgVault,
    message: MessageId,
    envelope: &[Recipient],
    copy: &[Recipient],
) -> Option<String> {
    Some(write(vault, Purpose::Unsubscribe, message, place(envelope, copy)?))
}

fn place(envelope: &[Recipient], copy: &[Recipient]) -> Option<u16> {
    let [only] = copy else { return None };
    let place = envelope.iter().position(|one| one.address == only.address)?;
    u16::try_from(place).ok().filter(|place| *place != SEVERAL)
}

fn write(vault: &OrgVault, purpose: Purpose, message: MessageId, place: u16) -> String {
    let id = message.to_string().to_ascii_lowercase();
    let tag = u64::from_be_bytes(tag(vault, purpose, message, place));
    format!("{}{}-{place:04x}-{tag:016x}", purpose.prefix(), id.trim_start_matches(MessageId::PREFIX))
}

/// The same as an address at `domain`.
pub(crate) fn address(token: &str, domain: &Domain) -> Option<Address> {
    Address::parse(&format!("{token}@{domain}")).ok()
}

/// What a return path tells, if one of these organisations wrote it.
pub(crate) fn read<'v>(vaults: impl Iterator<Item = &'v OrgVault>, token: &str) -> Option<Returned> {
    read_for(Purpose::Return, vaults, token)
}

/// What a token for this purpose tells, if one of these organisations wrote it.
pub(crate) fn read_for<'v>(
    purpose: Purpose,
    mut vaults: impl Iterator<Item = &'v OrgVault>,
    token: &str,
) -> Option<Returned> {
    let token = token.to_ascii_lowercase();
    let mut parts = token.strip_prefix(purpose.prefix())?.split('-');
    let message: MessageId = format!("{}{}", MessageId::PREFIX, parts.next()?).parse().ok()?;
    let place = u16::from_str_radix(parts.next().filter(|text| text.len() == 4)?, 16).ok()?;
    let shown = u64::from_str_radix(parts.next().filter(|text| text.len() == 16)?, 16).ok()?.to_be_bytes();
    if parts.next().is_some() {
        return None;
    }
    let vault = vaults.find(|vault| verify_slices_are_equal(&tag(vault, purpose, message, place), &shown).is_ok())?;
    Some(Returned { org: vault.org(), message, place: (place != SEVERAL).then_some(place) })
}

/// A shortened HMAC is still one (RFC 2104 §5).
fn tag(vault: &OrgVault, purpose: Purpose, message: MessageId, place: u16) -> [u8; TAG_BYTES] {
    let tag = vault.tag(purpose.tag(), &[&message.as_bytes()[..], &place.to_be_bytes()].concat());
    std::array::from_fn(|at| tag[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Entropy;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn vault(org: u8) -> OrgVault {
        vault::RootKey::ephemeral(&Fixed(org)).new_org(OrgId(u32::from(org)), &Fixed(org)).0
    }

    #[test]
    fn a_return_path_names_its_message_and_recipient_and_nobody_else_writes_one() {
        let (own, other) = (vault(1), vault(2));
        let all: Vec<Recipient> =
            ["a@x.example", "b@x.example"].iter().map(|to| Recipient::new(Address::parse(to).unwrap())).collect();
        let message = MessageId::from_bytes([3; 16]);
        let read = |vaults: &[&OrgVault], token: &str| super::read(vaults.iter().copied(), token);
        for (copy, place) in [(&all[..1], Some(0)), (&all[1..], Some(1)), (&all[..], None)] {
            let token = token(&own, message, &all, copy);
            let expect = Returned { org: OrgId(1), message, place };
            assert_eq!(read(&[&other, &own], &token), Some(expect));
            assert_eq!(read(&[&own], &token.to_uppercase()), Some(expect), "a server folded it");
            assert_eq!(read(&[&other], &token), None);
            assert!(address(&token, &Domain::parse("bounces.clinic.example").unwrap()).is_some(), "{token}");
            for at in 0..token.len() {
                let mut edited = token.clone().into_bytes();
                edited[at] ^= 1;
                let edited = String::from_utf8(edited).unwrap();
                assert_eq!(read(&[&own], &edited), None, "{edited}");
            }
        }
        assert_eq!(read(&[&own], "b-"), None);
    }

    #[test]
    fn a_token_for_one_purpose_is_none_for_another_nor_of_another_organisation_or_recipient() {
        let (own, other, message) = (vault(1), vault(2), MessageId::from_bytes([3; 16]));
        let all: Vec<Recipient> =
            ["a@x.example", "b@x.example"].iter().map(|to| Recipient::new(Address::parse(to).unwrap())).collect();
        assert_eq!(unsubscribe_token(&own, message, &all, &all), None, "it would be everybody's");
        let token = unsubscribe_token(&own, message, &all, &all[1..]).unwrap();
        assert!(token.len() <= 64 && !token.contains("x.example"), "{token}");
        let read = |purpose, vault, token: &str| read_for(purpose, std::iter::once(vault), token);
        let expect = Returned { org: OrgId(1), message, place: Some(1) };
        assert_eq!(read(Purpose::Unsubscribe, &own, &token), Some(expect));
        assert_eq!(read(Purpose::Unsubscribe, &other, &token), None);
        assert_eq!(read(Purpose::Return, &own, &token), None);
        // The signed part of one is not that of the other either.
        assert_eq!(read(Purpose::Return, &own, &token.replacen("u-", "b-", 1)), None);
        assert_eq!(read(Purpose::Unsubscribe, &own, &token.replace("-0001-", "-0000-")), None);
    }
}
