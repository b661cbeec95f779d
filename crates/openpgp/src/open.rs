//! Opening: decrypt, prove the integrity, then look at what is inside.

use std::borrow::Cow;

use jiff::Timestamp;
use pgp::composed::PlainSessionKey;
use pgp::packet::{PacketHeader, PublicKeyEncryptedSessionKey, Signature, SymKeyEncryptedSessionKey};
use pgp::types::{KeyId, Password, PkeskVersion, SkeskVersion, StringToKey, Tag};
use zeroize::Zeroizing;

use crate::container::{self, Sealing, SessionKey};
use crate::content::{self, Content};
use crate::framing::{Packets, tag};
use crate::verify::{Heard, JUDGED_MAX, judge};
use crate::{
    ArmorKind, Certificate, Fingerprint, OpenError, SecretIdentity, SignatureVerdict, algorithm, armor, session,
};

/// The most session keys that are opened, and with which a content is tried:
/// each costs a private key's work, and as much again as the content is long.
const TRIED_MAX: usize = 16;

/// The most memory that a password may cost: 2 GiB, as RFC 9106 §4 advises.
const ARGON2_EXPONENT_MAX: u8 = 21;

/// Bounds on what is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that a content may have, before and after decompression.
    pub content_bytes_max: usize,
    /// The most layers of compression within the encryption.
    pub depth_max: usize,
    /// The most session keys and signatures that are looked at.
    pub packets_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { content_bytes_max: 64 << 20, depth_max: 4, packets_max: 256 }
    }
}

/// How the integrity of a content was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// Authenticated encryption: `OCB`, `GCM` or `EAX`.
    Aead(&'static str),
    /// The modification detection code of version 1.
    Mdc,
}

/// A message that was opened.
#[derive(Clone)]
pub struct Opened {
    /// The content, byte for byte.
    pub plain: Zeroizing<Vec<u8>>,
    /// How its integrity was proven.
    pub integrity: Integrity,
    /// `AES-256`.
    pub cipher: &'static str,
    /// Our certificate that opened it; none for a password.
    pub opened_by: Option<Fingerprint>,
    /// One for each signature over the whole content, the outermost first.
    pub signatures: Vec<SignatureVerdict>,
}

impl std::fmt::Debug for Opened {
    /// Without the content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("integrity", &self.integrity)
            .field("cipher", &self.cipher)
            .field("opened_by", &self.opened_by)
            .field("signatures", &self.signatures)
            .finish_non_exhaustive()
    }
}

/// Opens `message`, armored or binary, with the first of `keys` that fits, and
/// judges its signatures against `known`.
pub fn decrypt(
    message: &[u8],
    keys: &[SecretIdentity],
    known: &[Certificate],
    now: Timestamp,
    limits: &Limits,
) -> Result<Opened, OpenError> {
    with_packets(&binary(message, limits)?, limits, |encrypted| {
        if encrypted.to_keys.is_empty() && !encrypted.to_passwords.is_empty() {
            return Err(OpenError::PasswordOnly);
        }
        let mut fitting: Vec<_> = encrypted.fitting(keys).take(limits.packets_max).collect();
        // What names a key of ours comes before what names nobody.
        fitting.sort_by_key(|(.., packet)| is_anonymous(packet));
        fitting.truncate(TRIED_MAX);
        if fitting.is_empty() {
            return Err(OpenError::NoKey);
        }
        let opened = fitting.into_iter().filter_map(|(identity, component, holder, packet)| {
            Some((
                session::open(component, holder, packet, encrypted.sealing)?,
                Some(identity.certificate().fingerprint()),
            ))
        });
        encrypted.opened(opened, known, now, limits)
    })
}

/// Opens a message that is encrypted with a password.
pub fn decrypt_with_password(
    message: &[u8],
    password: &str,
    known: &[Certificate],
    now: Timestamp,
    limits: &Limits,
) -> Result<Opened, OpenError> {
    with_packets(&binary(message, limits)?, limits, |encrypted| {
        let password = Password::from(password);
        let keys = encrypted.to_passwords.iter().filter_map(|packet| Some((password_key(packet, &password)?, None)));
        encrypted.opened(keys, known, now, limits)
    })
}

/// Reads a message that is signed, perhaps compressed, and not encrypted: its
/// content and what is known of its signatures.
pub fn read_signed(
    message: &[u8],
    known: &[Certificate],
    now: Timestamp,
    limits: &Limits,
) -> Result<(Vec<u8>, Vec<SignatureVerdict>), OpenError> {
    let packets = Zeroizing::new(binary(message, limits)?.into_owned());
    let Content { plain, signatures } = content::read(packets, limits)?;
    let verdicts = judged(&signatures, &Heard { data: &plain, by: None }, known, now);
    Ok((plain.to_vec(), verdicts))
}

fn judged(signatures: &[Signature], heard: &Heard<'_>, known: &[Certificate], now: Timestamp) -> Vec<SignatureVerdict> {
    signatures.iter().take(JUDGED_MAX).map(|signature| judge(signature, heard, known, now)).collect()
}

/// Whether a session key names no recipient (RFC 9580 §5.1.8).
fn is_anonymous(packet: &PublicKeyEncryptedSessionKey) -> bool {
    packet.id().is_ok_and(KeyId::is_wildcard) || packet.fingerprint().is_ok_and(|name| name.is_none())
}

/// The packets of an encrypted message (RFC 9580 §10.3).
struct Encrypted<'a> {
    sealing: Sealing,
    body: &'a [u8],
    to_keys: Vec<PublicKeyEncryptedSessionKey>,
    to_passwords: Vec<SymKeyEncryptedSessionKey>,
}

/// The packets of `message`, out of their armor.
fn binary<'a>(message: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, OpenError> {
    // Armor is a third longer than what it holds.
    let room = limits.content_bytes_max.saturating_add(limits.content_bytes_max / 2).saturating_add(1 << 20);
    if message.len() > room {
        return Err(OpenError::TooLarge);
    }
    if armor::is_binary(message) {
        return Ok(Cow::Borrowed(message));
    }
    armor::dearmor(ArmorKind::Message, message).map(Cow::Owned).map_err(|_| OpenError::Malformed)
}

fn with_packets<T>(
    message: &[u8],
    limits: &Limits,
    then: impl FnOnce(&Encrypted<'_>) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let mut to_keys = Vec::new();
    let mut to_passwords = Vec::new();
    let mut packets = Packets::new(message);
    let container = loop {
        let packet = packets.next().ok_or(OpenError::Malformed)?.map_err(|_| OpenError::Malformed)?;
        if to_keys.len().saturating_add(to_passwords.len()) > limits.packets_max {
            return Err(OpenError::TooLarge);
        }
        let body = packet.body.as_ref();
        match packet.tag {
            tag::PKESK => to_keys.extend(
                head(Tag::PublicKeyEncryptedSessionKey, body)
                    .and_then(|head| PublicKeyEncryptedSessionKey::try_from_reader(head, body).ok()),
            ),
            tag::SKESK => to_passwords.extend(
                head(Tag::SymKeyEncryptedSessionKey, body)
                    .and_then(|head| SymKeyEncryptedSessionKey::try_from_reader(head, body).ok()),
            ),
            tag::SEIPD | tag::GNUPG_AEAD => break packet,
            tag::SED => return Err(OpenError::Unprotected),
            tag::LITERAL | tag::COMPRESSED | tag::ONE_PASS | tag::SIGNATURE => return Err(OpenError::NotEncrypted),
            other if tag::is_skipped(other) => {}
            _ => return Err(OpenError::Malformed),
        }
    };
    // What stands behind the encrypted packet is protected by nothing.
    if packets.any(|packet| packet.is_err() || packet.is_ok_and(|packet| !tag::is_skipped(packet.tag))) {
        return Err(OpenError::Malformed);
    }
    let sealing = container::sealing(container.tag, &container.body).ok_or(OpenError::Malformed)?;
    to_keys.retain(|packet| fits_version(packet, sealing));
    to_passwords.retain(|packet| fits_password_version(packet, sealing));
    then(&Encrypted { sealing, body: &container.body, to_keys, to_passwords })
}

fn head(tag: Tag, body: &[u8]) -> Option<PacketHeader> {
    u32::try_from(body.len()).ok().map(|length| PacketHeader::new_fixed(tag, length))
}

/// A session key of another version is not for this content (RFC 9580 §10.3.2.1).
fn fits_version(packet: &PublicKeyEncryptedSessionKey, sealing: Sealing) -> bool {
    match sealing {
        Sealing::V1 | Sealing::Gnupg(_) => packet.version() == PkeskVersion::V3,
        Sealing::V2(_) => packet.version() == PkeskVersion::V6,
    }
}

fn fits_password_version(packet: &SymKeyEncryptedSessionKey, sealing: Sealing) -> bool {
    let version = packet.version();
    match sealing {
        Sealing::V1 => version == SkeskVersion::V4,
        Sealing::Gnupg(_) => matches!(version, SkeskVersion::V4 | SkeskVersion::V5),
        Sealing::V2(_) => version == SkeskVersion::V6,
    }
}

impl Encrypted<'_> {
    /// Every session key with a component of ours that it may be for.
    fn fitting<'a>(
        &'a self,
        keys: &'a [SecretIdentity],
    ) -> impl Iterator<
        Item = (
            &'a SecretIdentity,
            crate::component::Component<'a>,
            &'a session::Holder,
            &'a PublicKeyEncryptedSessionKey,
        ),
    > {
        self.to_keys.iter().flat_map(move |packet| {
            keys.iter().flat_map(move |identity| {
                let fitting = identity
                    .holders()
                    .filter(|(component, _)| packet.match_identity(component) && session::is_alike(component, packet));
                fitting.map(move |(component, holder)| (identity, component, holder, packet))
            })
        })
    }

    /// The content by the first session key that proves it. All failures look alike.
    fn opened(
        &self,
        keys: impl Iterator<Item = (SessionKey, Option<Fingerprint>)>,
        known: &[Certificate],
        now: Timestamp,
        limits: &Limits,
    ) -> Result<Opened, OpenError> {
        let mut tried = keys.take(TRIED_MAX).filter_map(|(key, by)| {
            let (packets, integrity, cipher) = container::open(self.sealing, &key, self.body).ok()?;
            Some((packets, integrity, cipher, by))
        });
        let (packets, integrity, cipher, opened_by) = tried.next().ok_or(OpenError::Undecryptable)?;
        let Content { plain, signatures } = content::read(packets, limits)?;
        let heard = Heard { data: &plain, by: opened_by };
        let signatures =
            signatures.iter().take(JUDGED_MAX).map(|signature| judge(signature, &heard, known, now)).collect();
        Ok(Opened { plain, integrity, cipher: algorithm::cipher_name(cipher), opened_by, signatures })
    }
}

/// The session key that a password opens (RFC 9580 §5.3).
fn password_key(packet: &SymKeyEncryptedSessionKey, password: &Password) -> Option<SessionKey> {
    if matches!(packet.s2k(), Some(StringToKey::Argon2 { m_enc, .. }) if *m_enc > ARGON2_EXPONENT_MAX) {
        return None;
    }
    let plain = pgp::composed::decrypt_session_key_with_password(packet, password).ok()?;
    let (cipher, key) = match &plain {
        PlainSessionKey::V3_4 { sym_alg, key } => (Some(*sym_alg), key),
        PlainSessionKey::V5 { key } | PlainSessionKey::V6 { key } => (None, key),
    };
    Some(SessionKey { cipher, key: Zeroizing::new(key.as_ref().to_vec()) })
}
