//! New own keys, and requests for certificates.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keyring::org::{OrgKey, OrgKeyState, OrgMaterial, Owner, PrivateKey, SmimePair};
use mail::{Address, OrgKeyId};
use openpgp::SecretIdentity;
use smime::issue::{Draft, Role};
use smime::{KeyKind, SoftwareKey};

use crate::case::later;
use crate::journey::Journey;
use crate::organisation::Organisation;

/// A key that is to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// For whom: the first is whom the key names.
    pub owners: Vec<Owner>,
    /// The name that the key shows to people.
    pub name: String,
    /// What kind.
    pub kind: WantedKind,
    /// How long it is to be valid; an authority decides that for its certificates.
    pub life: Duration,
}

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedKind {
    /// OpenPGP.
    OpenPgp(openpgp::KeyKind),
    /// S/MIME, which waits for the certificate that an authority signs.
    Request(KeyKind),
    /// S/MIME with a certificate that only its own key vouches for.
    SelfSigned(KeyKind),
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// Nobody to make it for.
    #[error("say for whom: an address, or a domain")]
    Nobody,
    /// A domain that the organisation does not send from.
    #[error("{0} is in no domain of the organisation's")]
    ForeignOwner(Owner),
    /// OpenPGP.
    #[error("no OpenPGP key could be made")]
    OpenPgp(#[from] openpgp::KeyError),
    /// S/MIME.
    #[error("no private key could be made")]
    Private(#[from] smime::LockError),
    /// The certificate or the request could not be signed.
    #[error("no certificate could be made")]
    Certificate(#[from] smime::SealError),
    /// An OpenPGP key needs no certificate of an authority.
    #[error("only a key for S/MIME asks for a certificate")]
    NoRequest,
}

/// Makes a key; nothing is kept yet.
pub fn make(journey: &Journey, organisation: &Organisation, wanted: &Wanted) -> Result<OrgKey, NotMade> {
    let owners = &wanted.owners;
    let first = owners.first().ok_or(NotMade::Nobody)?;
    if let Some(foreign) = owners.iter().find(|owner| !may_own(journey, organisation, owner)) {
        return Err(NotMade::ForeignOwner(foreign.clone()));
    }
    let (now, entropy) = (journey.clock.now(), journey.entropy.as_ref());
    let ends_at = later(now, wanted.life);
    let (material, state) = match wanted.kind {
        WantedKind::OpenPgp(kind) => {
            let user_id = format!("{} <{}>", shown(&wanted.name), mailbox(first));
            let made = SecretIdentity::generate(&user_id, kind, Some(ends_at), now, entropy)?;
            (OrgMaterial::OpenPgp(made), OrgKeyState::Active)
        }
        WantedKind::Request(kind) => (pair(SoftwareKey::generate(kind, entropy)?, Vec::new()), OrgKeyState::Pending),
        WantedKind::SelfSigned(kind) => {
            let key = SoftwareKey::generate(kind, entropy)?;
            let addresses = mailboxes(owners);
            let certificate =
                draft(organisation, &wanted.name, &addresses, (now, ends_at)).self_signed(&key, entropy)?;
            (pair(key, vec![certificate]), OrgKeyState::Active)
        }
    };
    let id = OrgKeyId::new(now, entropy);
    let owners = owners.clone();
    Ok(OrgKey { id, owners, state, is_published: false, revoked: None, material, made_at: now })
}

/// Whether an organisation may have a key for an owner: whose domain is its own,
/// and not one that belongs to another organisation below it.
pub fn may_own(journey: &Journey, organisation: &Organisation, owner: &Owner) -> bool {
    journey.organisations.owner_of(owner.domain()) == Some(organisation.org)
}

/// A request for a certificate (PKCS#10, RFC 2986) for a key of S/MIME, in DER.
pub fn request(organisation: &Organisation, key: &OrgKey, name: &str, now: Timestamp) -> Result<Vec<u8>, NotMade> {
    let pair = key.material.smime().ok_or(NotMade::NoRequest)?;
    let addresses = mailboxes(&key.owners);
    Ok(draft(organisation, name, &addresses, (now, now)).request(pair.key.signer())?)
}

fn pair(key: SoftwareKey, certificates: Vec<smime::Certificate>) -> OrgMaterial {
    OrgMaterial::Smime(SmimePair { key: PrivateKey::Software(Arc::new(key)), certificates, chain: Vec::new() })
}

fn draft<'a>(
    organisation: &'a Organisation,
    name: &'a str,
    addresses: &'a [Address],
    (not_before, not_after): (Timestamp, Timestamp),
) -> Draft<'a> {
    let organisation = Some(organisation.profile.name.as_str());
    Draft { common_name: name, organisation, addresses, role: Role::Both, not_before, not_after }
}

fn mailboxes(owners: &[Owner]) -> Vec<Address> {
    owners.iter().map(mailbox).collect()
}

/// The address that a key names: of a domain's, the one that every domain has
/// (RFC 5321 §4.5.1).
fn mailbox(owner: &Owner) -> Address {
    match owner {
        Owner::Address(address) => address.clone(),
        Owner::Domain(domain) => {
            Address::parse(&format!("postmaster@{domain}")).expect("a domain has the address of its postmaster")
        }
    }
}

/// A name within a user id, which readers part from the address by brackets.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect::<String>().trim().to_owned()
}
