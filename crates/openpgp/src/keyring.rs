//! Keys as they lie in files and on the wire: packets grouped around primary
//! keys (RFC 9580 §10.1), merged and cut down.

use jiff::Timestamp;
use mail::Address;
use pgp::composed::{SignedKeyDetails, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PacketHeader, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureType, UserId};
use pgp::types::{KeyDetails, SignedUser, Tag};

use crate::component::Component;
use crate::framing::{Packet, Packets, tag};
use crate::judge::View;
use crate::{ArmorKind, Certificate, Fingerprint, KeyError, armor};

/// A file of keys larger than this is not read.
const BYTES_MAX: usize = 32 << 20;
/// The most user ids and the most subkeys that are looked at.
const PARTS_MAX: usize = 64;
/// The most signatures of one component that are kept.
const SIGNATURES_MAX: usize = 256;

/// A primary key and what follows it.
pub struct Group {
    pub key: SignedPublicKey,
    pub secrets: Secrets,
}

/// The private halves that were among the packets.
#[derive(Default)]
pub struct Secrets {
    pub primary: Option<SecretKey>,
    pub subkeys: Vec<SecretSubkey>,
}

/// See [`Certificate::parse`].
pub fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>, KeyError> {
    let mut found: Vec<Certificate> = Vec::new();
    for group in groups(bytes)? {
        let Some(certificate) = Certificate::from_key(group.key) else {
            continue;
        };
        match found.iter_mut().find(|known| known.fingerprint() == certificate.fingerprint()) {
            Some(known) => *known = known.merge(&certificate)?,
            None => found.push(certificate),
        }
    }
    if found.is_empty() { Err(KeyError::None) } else { Ok(found) }
}

/// Every key in `bytes`, armored or binary.
pub fn groups(bytes: &[u8]) -> Result<Vec<Group>, KeyError> {
    if bytes.len() > BYTES_MAX {
        return Err(KeyError::TooLarge);
    }
    if armor::is_binary(bytes) {
        return read(bytes);
    }
    let blocks = armor::blocks(bytes)?;
    let keys = blocks.iter().filter(|block| matches!(block.kind, ArmorKind::PublicKey | ArmorKind::PrivateKey));
    let mut groups = Vec::new();
    for block in keys {
        groups.extend(read(&block.bytes)?);
    }
    if groups.is_empty() && blocks.is_empty() { Err(KeyError::Malformed) } else { Ok(groups) }
}

fn read(bytes: &[u8]) -> Result<Vec<Group>, KeyError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut place = Place::Nowhere;
    for packet in Packets::new(bytes) {
        let packet = packet.map_err(|_| KeyError::Malformed)?;
        if matches!(packet.tag, tag::PUBLIC_KEY | tag::SECRET_KEY) {
            let group = primary(&packet);
            place = if group.is_some() { Place::Primary } else { Place::Nowhere };
            groups.extend(group);
        } else if !matches!(place, Place::Nowhere)
            && let Some(group) = groups.last_mut()
        {
            place = group.take(&packet, place);
        }
    }
    Ok(groups)
}

/// Which component the next signatures belong to.
#[derive(Clone, Copy)]
enum Place {
    /// Before any key that can be read.
    Nowhere,
    Primary,
    User,
    Subkey,
    /// After a component that is passed over.
    Skipped,
}

/// The key of a packet that opens a group; none for one that can't be read.
fn primary(packet: &Packet<'_>) -> Option<Group> {
    let body = packet.body.as_ref();
    let (key, secret) = if packet.tag == tag::SECRET_KEY {
        let secret = SecretKey::try_from_reader(head(Tag::SecretKey, body)?, body).ok()?;
        (secret.public_key().clone(), Some(secret))
    } else {
        (PublicKey::try_from_reader(head(Tag::PublicKey, body)?, body).ok()?, None)
    };
    Fingerprint::of(&key)?;
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let key = SignedPublicKey { primary_key: key, details, public_subkeys: Vec::new() };
    Some(Group { key, secrets: Secrets { primary: secret, subkeys: Vec::new() } })
}

impl Group {
    fn take(&mut self, packet: &Packet<'_>, place: Place) -> Place {
        let body = packet.body.as_ref();
        match packet.tag {
            tag::SIGNATURE => {
                self.take_signature(body, place);
                place
            }
            tag::USER_ID => self.take_user(body).map_or(Place::Skipped, |()| Place::User),
            tag::PUBLIC_SUBKEY => self.take_subkey(body).map_or(Place::Skipped, |()| Place::Subkey),
            tag::SECRET_SUBKEY => self.take_secret_subkey(body).map_or(Place::Skipped, |()| Place::Subkey),
            tag if tag::is_skipped(tag) => place,
            // User attributes are pictures; nothing here is decided by them.
            _ => Place::Skipped,
        }
    }

    fn take_user(&mut self, body: &[u8]) -> Option<()> {
        let users = &mut self.key.details.users;
        let id = UserId::try_from_reader(head(Tag::UserId, body)?, body).ok()?;
        (users.len() < PARTS_MAX).then(|| users.push(SignedUser { id, signatures: Vec::new() }))
    }

    fn take_subkey(&mut self, body: &[u8]) -> Option<()> {
        let key = PublicSubkey::try_from_reader(head(Tag::PublicSubkey, body)?, body).ok()?;
        self.push_subkey(key)
    }

    fn take_secret_subkey(&mut self, body: &[u8]) -> Option<()> {
        let secret = SecretSubkey::try_from_reader(head(Tag::SecretSubkey, body)?, body).ok()?;
        self.push_subkey(secret.public_key().clone())?;
        self.secrets.subkeys.push(secret);
        Some(())
    }

    fn push_subkey(&mut self, key: PublicSubkey) -> Option<()> {
        Fingerprint::of(&key)?;
        let subkeys = &mut self.key.public_subkeys;
        (subkeys.len() < PARTS_MAX).then(|| subkeys.push(SignedPublicSubKey { key, signatures: Vec::new() }))
    }

    /// Only what the owner says of his own key is kept: nothing here relies on
    /// what others certify, and anybody can heap it up.
    fn take_signature(&mut self, body: &[u8], place: Place) {
        let signature = head(Tag::Signature, body).and_then(|head| Signature::try_from_reader(head, body).ok());
        let Some(signature) = signature else {
            return;
        };
        let is_revocation = signature.typ() == Some(SignatureType::KeyRevocation);
        if !is_revocation && !is_by(&signature, &self.key.primary_key) {
            return;
        }
        let details = &mut self.key.details;
        let list = match place {
            Place::Primary if is_revocation => Some(&mut details.revocation_signatures),
            Place::Primary => Some(&mut details.direct_signatures),
            Place::User => details.users.last_mut().map(|user| &mut user.signatures),
            Place::Subkey => self.key.public_subkeys.last_mut().map(|subkey| &mut subkey.signatures),
            Place::Nowhere | Place::Skipped => None,
        };
        if let Some(list) = list.filter(|list| list.len() < SIGNATURES_MAX) {
            list.push(signature);
        }
    }
}

/// Whether the signature names this key as its maker, or nobody.
fn is_by(signature: &Signature, key: &PublicKey) -> bool {
    let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    (ids.is_empty() && fingerprints.is_empty())
        || ids.iter().any(|id| **id == key.legacy_key_id())
        || fingerprints.iter().any(|fingerprint| **fingerprint == key.fingerprint())
}

fn head(tag: Tag, body: &[u8]) -> Option<PacketHeader> {
    u32::try_from(body.len()).ok().map(|length| PacketHeader::new_fixed(tag, length))
}

/// Adds to `key` what `other`, the same key, has beyond it.
pub fn merge(key: &mut SignedPublicKey, other: &SignedPublicKey) {
    add(&mut key.details.revocation_signatures, &other.details.revocation_signatures);
    add(&mut key.details.direct_signatures, &other.details.direct_signatures);
    for user in &other.details.users {
        match key.details.users.iter_mut().find(|known| known.id.id() == user.id.id()) {
            Some(known) => add(&mut known.signatures, &user.signatures),
            None => key.details.users.push(user.clone()),
        }
    }
    for subkey in &other.public_subkeys {
        let is_same = |known: &&mut SignedPublicSubKey| known.key.fingerprint() == subkey.key.fingerprint();
        match key.public_subkeys.iter_mut().find(is_same) {
            Some(known) => add(&mut known.signatures, &subkey.signatures),
            None => key.public_subkeys.push(subkey.clone()),
        }
    }
}

/// See [`Certificate::with_revocation`].
pub fn add_revocation(key: &mut SignedPublicKey, bytes: &[u8]) -> Result<(), KeyError> {
    let blocks = if armor::is_binary(bytes) { vec![bytes.to_vec()] } else { blocks(bytes)? };
    let packets = blocks.iter().flat_map(|block| Packets::new(block).map_while(Result::ok));
    let signatures = packets.filter(|packet| packet.tag == tag::SIGNATURE).filter_map(|packet| {
        let body = packet.body.as_ref();
        Signature::try_from_reader(head(Tag::Signature, body)?, body).ok()
    });
    let revocations: Vec<Signature> =
        signatures.filter(|signature| signature.typ() == Some(SignatureType::KeyRevocation)).collect();
    if revocations.is_empty() {
        return Err(KeyError::None);
    }
    let primary = Component::primary(&key.primary_key);
    let fitting: Vec<Signature> =
        revocations.into_iter().filter(|signature| signature.verify_key(&primary).is_ok()).collect();
    if fitting.is_empty() {
        return Err(KeyError::Different);
    }
    add(&mut key.details.revocation_signatures, &fitting);
    Ok(())
}

fn blocks(text: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    Ok(armor::blocks(text)?.into_iter().map(|block| block.bytes).collect())
}

fn add(list: &mut Vec<Signature>, more: &[Signature]) {
    for signature in more {
        if !list.contains(signature) {
            list.push(signature.clone());
        }
    }
}

/// See [`Certificate::minimal`].
pub fn minimal(certificate: &Certificate, address: &Address, now: Timestamp) -> Option<Certificate> {
    let view = View::now(certificate, now);
    let source = certificate.key();
    let users = source.details.users.iter().zip(view.user_ids()).enumerate();
    let users: Vec<SignedUser> = users
        .filter(|(_, (_, judged))| judged.names(address))
        .map(|(index, (user, _))| SignedUser {
            id: user.id.clone(),
            signatures: kept(&user.signatures, view.user_statement(index)),
        })
        .collect();
    if users.is_empty() {
        return None;
    }
    let subkeys = source.public_subkeys.iter().enumerate().filter(|(index, _)| view.is_told(*index));
    let public_subkeys = subkeys
        .map(|(index, subkey)| SignedPublicSubKey {
            key: subkey.key.clone(),
            signatures: kept(&subkey.signatures, view.subkey_statement(index)),
        })
        .collect();
    let details = SignedKeyDetails {
        revocation_signatures: source.details.revocation_signatures.clone(),
        direct_signatures: kept(&source.details.direct_signatures, view.direct_statement()),
        users,
        user_attributes: Vec::new(),
    };
    Certificate::from_key(SignedPublicKey { primary_key: source.primary_key.clone(), details, public_subkeys })
}

/// The statement in force, and every revocation.
fn kept(signatures: &[Signature], in_force: Option<&Signature>) -> Vec<Signature> {
    let is_kept = |signature: &&Signature| {
        in_force == Some(*signature)
            || matches!(signature.typ(), Some(SignatureType::CertRevocation | SignatureType::SubkeyRevocation))
    };
    signatures.iter().filter(is_kept).cloned().collect()
}
