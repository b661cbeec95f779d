//! Signatures over data, judged: the bytes, the key that made it, and when.

use jiff::Timestamp;
use mail::Address;
use pgp::packet::{PacketHeader, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag};

use crate::algorithm::{self, Over};
use crate::component::Component;
use crate::facts::is_understood;
use crate::framing::{Packets, tag};
use crate::judge::{Purpose, View};
use crate::{ArmorKind, Certificate, Fingerprint, KeyId, Unusable, armor, time};

/// The most signatures over one content that are judged: each costs as much as the content is long.
pub const JUDGED_MAX: usize = 16;

/// What is known of one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureVerdict {
    /// The key that it names; a claim as long as the verdict is bad.
    pub issuer: Option<KeyId>,
    /// Who made it, where a known certificate has the key and the signature
    /// fits the data. Counts only where there is no flaw.
    pub by: Option<Signatory>,
    /// When it was made, as the signer says.
    pub created_at: Option<Timestamp>,
    /// Why it doesn't count; none for a valid one.
    pub flaw: Option<Flaw>,
}

impl SignatureVerdict {
    /// Whether the signature counts.
    pub const fn is_valid(&self) -> bool {
        self.flaw.is_none() && self.by.is_some()
    }

    /// Whether it counts and the signer's key speaks for `address`.
    pub fn is_by(&self, address: &Address) -> bool {
        self.is_valid() && self.by.as_ref().is_some_and(|by| by.addresses.contains(address))
    }
}

/// The maker of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatory {
    /// The certificate.
    pub certificate: Fingerprint,
    /// The component that signed.
    pub key: Fingerprint,
    /// The addresses of its valid user ids, now.
    pub addresses: Vec<Address>,
}

/// Why a signature doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// No known certificate has the key that it names.
    #[error("made by a key that is not known")]
    UnknownKey,
    /// It does not fit the data: changed, or forged.
    #[error("does not fit the content")]
    Mismatch,
    /// A version, a type or an algorithm that is not for signing data here.
    #[error("not a signature over data that is supported")]
    Unsupported,
    /// Made with a hash that can be forged: MD5, SHA-1.
    #[error("made with a weak hash")]
    WeakHash,
    /// Made with a key that can be forged: RSA below 2048 bits, DSA.
    #[error("made with a weak key")]
    WeakKey,
    /// The key was not meant for signing, or its owner's binding is missing.
    #[error("made by a key that is not meant for signing")]
    NotForSigning,
    /// The key was revoked.
    #[error("made by a key that was revoked")]
    KeyRevoked,
    /// The key had expired, or was not valid yet.
    #[error("made by a key outside of its time")]
    KeyExpired,
    /// The signature itself has expired.
    #[error("the signature has expired")]
    Expired,
    /// The signature is from the future.
    #[error("the signature is from the future")]
    NotYet,
    /// It was made for other recipients: the message was passed on.
    #[error("signed for other recipients")]
    OtherRecipients,
}

/// Judges every signature in `signature` (armored or binary) over `data`
/// against the `known` certificates. Empty if there is none to judge.
pub fn verify_detached(data: &[u8], signature: &[u8], known: &[Certificate], now: Timestamp) -> Vec<SignatureVerdict> {
    let dearmored = if armor::is_binary(signature) {
        Ok(signature.to_vec())
    } else {
        armor::dearmor(ArmorKind::Signature, signature)
    };
    let bytes = dearmored.unwrap_or_default();
    let packets = Packets::new(&bytes).map_while(Result::ok).filter(|packet| packet.tag == tag::SIGNATURE);
    let signatures = packets.filter_map(|packet| {
        let head = PacketHeader::new_fixed(Tag::Signature, u32::try_from(packet.body.len()).ok()?);
        Signature::try_from_reader(head, packet.body.as_ref()).ok()
    });
    let heard = Heard { data, by: None };
    signatures.take(JUDGED_MAX).map(|signature| judge(&signature, &heard, known, now)).collect()
}

/// What was signed, and to whom it came.
pub struct Heard<'a> {
    pub data: &'a [u8],
    /// Our certificate to which it was encrypted, if it was.
    pub by: Option<Fingerprint>,
}

/// See [`SignatureVerdict`].
pub fn judge(signature: &Signature, heard: &Heard<'_>, known: &[Certificate], now: Timestamp) -> SignatureVerdict {
    let issuer = issuer(signature);
    let created_at = signature.created().map(time::from_packet);
    let verdict = |by, flaw| SignatureVerdict { issuer, by, created_at, flaw };
    let is_over_data = matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text));
    let Some(at) = created_at.filter(|_| is_over_data && is_understood(signature)) else {
        return verdict(None, Some(Flaw::Unsupported));
    };
    let mut flaw = Flaw::UnknownKey;
    for certificate in known {
        for (component, index) in certificate.components().filter(|(component, _)| names(signature, component)) {
            flaw = Flaw::Mismatch;
            if signature.verify(&component, heard.data).is_ok() {
                let by = signatory(certificate, component, now);
                return verdict(by, weakness(signature, at, certificate, component, index, heard, now));
            }
        }
    }
    verdict(None, Some(flaw))
}

/// Whether the signature says that this key made it. One that says nothing is
/// not guessed at.
fn names(signature: &Signature, component: &Component<'_>) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if !fingerprints.is_empty() {
        return fingerprints.iter().any(|name| **name == component.fingerprint());
    }
    signature.issuer_key_id().iter().any(|id| **id == component.legacy_key_id())
}

fn issuer(signature: &Signature) -> Option<KeyId> {
    let fingerprint = signature.issuer_fingerprint().into_iter().find_map(Fingerprint::from_packet);
    let id = || signature.issuer_key_id().first().and_then(|id| id.as_ref().try_into().ok()).map(KeyId);
    fingerprint.map(|name| name.key_id()).or_else(id)
}

fn signatory(certificate: &Certificate, component: Component<'_>, now: Timestamp) -> Option<Signatory> {
    Some(Signatory {
        certificate: certificate.fingerprint(),
        key: component.name()?,
        addresses: certificate.addresses(now),
    })
}

/// Why a signature that fits doesn't count all the same.
fn weakness(
    signature: &Signature,
    at: Timestamp,
    certificate: &Certificate,
    component: Component<'_>,
    index: Option<usize>,
    heard: &Heard<'_>,
    now: Timestamp,
) -> Option<Flaw> {
    if !signature.hash_alg().is_some_and(|hash| algorithm::is_sound(hash, Over::Data, at)) {
        return Some(Flaw::WeakHash);
    }
    if at > time::latest(now) {
        return Some(Flaw::NotYet);
    }
    let life = signature.signature_expiration_time();
    if life.and_then(|life| time::end(at, life.as_secs())).is_some_and(|end| end <= now) {
        return Some(Flaw::Expired);
    }
    if !is_for(signature, heard) {
        return Some(Flaw::OtherRecipients);
    }
    let then = View::then(certificate, at);
    then.usable(component, index, Purpose::Signing).err().map(|reason| match reason {
        Unusable::Revoked(_) | Unusable::PartRevoked(_) => Flaw::KeyRevoked,
        Unusable::Expired(_) | Unusable::PartExpired(_) | Unusable::NotYet(_) => Flaw::KeyExpired,
        Unusable::Weak(_) => Flaw::WeakKey,
        Unusable::NotBound | Unusable::NoPart => Flaw::NotForSigning,
        Unusable::Unsupported(_) => Flaw::Unsupported,
    })
}

/// A signature that names its recipients counts for them alone (RFC 9580 §5.2.3.36).
fn is_for(signature: &Signature, heard: &Heard<'_>) -> bool {
    let Some(own) = heard.by else {
        return true;
    };
    let parts = signature.config().into_iter().flat_map(|config| config.hashed_subpackets());
    let mut intended = parts
        .filter_map(|part| match &part.data {
            SubpacketData::IntendedRecipientFingerprint(name) => Some(Fingerprint::from_packet(name)),
            _ => None,
        })
        .peekable();
    intended.peek().is_none() || intended.any(|name| name == Some(own))
}
