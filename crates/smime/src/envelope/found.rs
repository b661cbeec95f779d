//! Finds the RecipientInfos (RFC 5652 §6.2) that are for our keys.

use std::borrow::Cow;

use super::DecryptionIdentity;
use crate::algorithm::{DigestName, Identifier, PublicKey};
use crate::asn1::{Element, Malformed, Reader, tag};
use crate::certificate::{Certificate, Name};
use crate::limits::{Limits, OpenError};

/// A sealed key for one of our keys.
pub(super) struct Found<'a> {
    /// Which of our keys.
    pub(super) key: usize,
    /// Whether the key may be another's: it was not named, and its sealing would not show it.
    pub(super) is_guess: bool,
    pub(super) side: Side<'a>,
}

/// How the key is sealed.
#[derive(Clone)]
pub(super) enum Side<'a> {
    Transport(Transport<'a>),
    Agreement(Agreement<'a>),
}

/// KeyTransRecipientInfo.
#[derive(Clone)]
pub(super) struct Transport<'a> {
    pub(super) algorithm: Identifier<'a>,
    pub(super) sealed: Cow<'a, [u8]>,
}

/// KeyAgreeRecipientInfo, as far as one recipient is concerned.
#[derive(Clone)]
pub(super) struct Agreement<'a> {
    /// The public key of the sender's side: a point, or 32 bytes.
    pub(super) originator: &'a [u8],
    pub(super) added: Option<Cow<'a, [u8]>>,
    pub(super) algorithm: Identifier<'a>,
    pub(super) wrapped: Cow<'a, [u8]>,
}

/// RecipientIdentifier.
enum Named<'a> {
    IssuerAndSerial(Name, &'a [u8]),
    KeyIdentifier(Cow<'a, [u8]>),
}

impl Named<'_> {
    fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial(issuer, serial) => {
                certificate.serial() == *serial && certificate.issuer().matches(issuer)
            }
            Self::KeyIdentifier(identifier) => match certificate.subject_key_identifier() {
                Some(known) => known == identifier.as_ref(),
                None => is_hash(certificate.public_key(), identifier),
            },
        }
    }
}

/// The usual key identifier: SHA-1 over the key (RFC 5280 §4.2.1.2).
fn is_hash(key: &PublicKey, identifier: &[u8]) -> bool {
    DigestName::Sha1.of(key.key()).as_ref() == identifier
}

/// The sealed keys that are for us, those that name us first. A key without a certificate is tried on what it can fit.
pub(super) fn among<'a>(
    mut recipients: Reader<'a>,
    keys: &[DecryptionIdentity<'_>],
    limits: &Limits,
) -> Result<Vec<Found<'a>>, OpenError> {
    let publics: Vec<Option<PublicKey>> =
        keys.iter().map(|key| PublicKey::from_der(key.decrypter.public_key()).ok()).collect();
    let (mut named, mut fitting) = (Vec::new(), Vec::new());
    let mut count = 0;
    while !recipients.is_empty() {
        for (name, side) in read(recipients.any()?)? {
            count += 1;
            if count > limits.recipients_max {
                return Err(OpenError::TooLarge);
            }
            for (key, (identity, public)) in keys.iter().zip(&publics).enumerate() {
                let is_guess = identity.certificate.is_none() && is_deniable(&side);
                let found = || Found { key, is_guess, side: side.clone() };
                match (identity.certificate, public) {
                    (Some(certificate), _) if name.is(certificate) => named.push(found()),
                    (None, Some(public)) if fits(&name, public, &side) => fitting.push(found()),
                    _ => {}
                }
            }
        }
    }
    // With one recipient that a nameless key can fit there is no doubt. With several there is: what RSA with PKCS#1
    // v1.5 yields from another's sealed key looks like a key.
    if named.is_empty() && fitting.len() > 1 {
        fitting.retain(|found| !found.is_guess);
    }
    named.append(&mut fitting);
    named.truncate(limits.attempts_max);
    Ok(named)
}

fn is_deniable(side: &Side<'_>) -> bool {
    match side {
        Side::Transport(info) => info.algorithm.oid == crate::algorithm::transport::PKCS1,
        Side::Agreement(_) => false,
    }
}

/// Whether a key without a certificate may be the one that is meant.
fn fits(name: &Named<'_>, public: &PublicKey, side: &Side<'_>) -> bool {
    let is_kind = match side {
        Side::Transport(info) => {
            public.algorithm().rsa_bits().is_some_and(|bits| bits.div_ceil(8) as usize == info.sealed.len())
        }
        Side::Agreement(info) => public.algorithm().rsa_bits().is_none() && info.originator.len() == public.key().len(),
    };
    match name {
        Named::KeyIdentifier(identifier) if is_kind && identifier.len() == 20 => is_hash(public, identifier),
        Named::KeyIdentifier(_) | Named::IssuerAndSerial(..) => is_kind,
    }
}

/// Each recipient of a RecipientInfo, with its sealed key. Other kinds (a shared key, a password) have none.
fn read(info: Element<'_>) -> Result<Vec<(Named<'_>, Side<'_>)>, Malformed> {
    match info.tag {
        tag::SEQUENCE => transport(info.inside()).map(|found| vec![found]),
        0xa1 => agreement(info.inside()),
        _ => Ok(Vec::new()),
    }
}

fn transport(mut inside: Reader<'_>) -> Result<(Named<'_>, Side<'_>), Malformed> {
    inside.small()?;
    let name = inside.any()?;
    let name = match name.tag {
        tag::SEQUENCE => issuer_and_serial(name.inside())?,
        0x80 | 0xa0 => Named::KeyIdentifier(name.octets()?),
        _ => return Err(Malformed),
    };
    let algorithm = Identifier::read(&mut inside)?;
    let sealed = inside.octets()?;
    Ok((name, Side::Transport(Transport { algorithm, sealed })))
}

fn issuer_and_serial(mut inside: Reader<'_>) -> Result<Named<'_>, Malformed> {
    Ok(Named::IssuerAndSerial(Name::read(&mut inside)?, inside.take(tag::INTEGER)?.value))
}

fn agreement(mut inside: Reader<'_>) -> Result<Vec<(Named<'_>, Side<'_>)>, Malformed> {
    inside.small()?;
    let mut originator = inside.explicit(0)?.ok_or(Malformed)?;
    // A sender's side that is named by a certificate (static keys) is used by no mail program.
    let Some(mut originator) = originator.optional(tag::context(1))?.map(Element::inside) else {
        return Ok(Vec::new());
    };
    Identifier::read(&mut originator)?;
    let originator = originator.bits()?;
    let added = match inside.explicit(1)? {
        Some(mut added) => Some(added.octets()?),
        None => None,
    };
    let algorithm = Identifier::read(&mut inside)?;
    let mut list = inside.sequence()?;
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut recipient = list.sequence()?;
        let name = recipient.any()?;
        let name = match name.tag {
            tag::SEQUENCE => issuer_and_serial(name.inside())?,
            0xa0 => Named::KeyIdentifier(name.inside().octets()?),
            _ => return Err(Malformed),
        };
        let wrapped = recipient.octets()?;
        let added = added.clone();
        found.push((name, Side::Agreement(Agreement { originator, added, algorithm, wrapped })));
    }
    Ok(found)
}
