//! Opens sealed content.
//!
//! Whatever goes wrong once a recipient was found is one error: a sender who
//! could tell bad padding from bad content would have an oracle.

use std::borrow::Cow;
use std::ops::Range;

use mail::Wiped;
use mail::private_key::Decrypter;
use zeroize::Zeroizing;

use super::found::{Found, Side};
use super::unwrap;
use crate::algorithm::content::{NONCE_BYTES, TAG_BYTES, TAG_BYTES_MIN};
use crate::algorithm::{ContentCipher, Identifier, KeyTransport};
use crate::asn1::{Oid, Reader, range_in, tag, write};
use crate::certificate::Certificate;
use crate::content_info::{self, DATA, Kind};
use crate::limits::{Limits, OpenError};

/// A private key to open messages with, and its certificate, by which messages name it.
///
/// Without a certificate the key is tried on what it fits: on the only recipient, or on those where a wrong key shows.
/// Where it would not show (RSA with PKCS#1 v1.5 and CBC), the content must begin as a MIME entity does.
#[derive(Clone, Copy)]
pub struct DecryptionIdentity<'a> {
    /// The certificate.
    pub certificate: Option<&'a Certificate>,
    /// The private key.
    pub decrypter: &'a dyn Decrypter,
}

/// What proves that the content is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// It was sealed with an AEAD.
    Aead,
    /// Nothing: parts of it may be a stranger's (EFAIL).
    None,
}

/// An opened message.
pub struct Opened {
    /// The content: a MIME entity, if [`Opened::is_data`].
    pub content: Wiped,
    /// What proves that it is unchanged.
    pub integrity: Integrity,
    /// What it was sealed with.
    pub cipher: ContentCipher,
    /// How its key reached us.
    pub transport: KeyTransport,
    /// Which of the keys opened it.
    pub key: usize,
    /// Whether the content is plain data, as S/MIME has it, and not another CMS structure.
    pub is_data: bool,
}

/// Opens a message that is sealed for one of `keys`.
pub fn decrypt(message: &[u8], keys: &[DecryptionIdentity<'_>], limits: &Limits) -> Result<Opened, OpenError> {
    if message.len() > limits.bytes_max {
        return Err(OpenError::TooLarge);
    }
    decrypt_in_place(message.to_vec(), keys, limits)
}

/// The same where the message stands: its memory becomes that of the content.
pub fn decrypt_in_place(
    message: Vec<u8>,
    keys: &[DecryptionIdentity<'_>],
    limits: &Limits,
) -> Result<Opened, OpenError> {
    if message.len() > limits.bytes_max {
        return Err(OpenError::TooLarge);
    }
    let envelope = Envelope::of(&message)?;
    let found = super::found::among(envelope.recipients, keys, limits)?;
    let Some((last, others)) = found.split_last() else { return Err(OpenError::NotForUs) };
    let mut failure = OpenError::NotForUs;
    for found in others {
        // A key that is none spoils the content, and the next one may be right.
        let opened = envelope.unlocked(found, keys).and_then(|key| key.open(Place::Apart(envelope.content.to_vec())));
        match opened {
            Ok(opened) => return Ok(opened),
            Err(error) => failure = more_telling(failure, error),
        }
    }
    let unlocked = envelope.unlocked(last, keys).map_err(|error| more_telling(failure, error))?;
    let content = match envelope.content {
        Cow::Borrowed(content) => Err(range_in(&message, content)),
        Cow::Owned(content) => Ok(content),
    };
    drop(found);
    let place = content.map_or_else(|range| Place::Within(message, range), Place::Apart);
    unlocked.open(place).map_err(|error| more_telling(failure, error))
}

/// The more telling of two failures: for us and broken, before for us and unsupported, before not for us.
fn more_telling(before: OpenError, now: OpenError) -> OpenError {
    if now == OpenError::Failed || before == OpenError::NotForUs { now } else { before }
}

/// An EnvelopedData or AuthEnvelopedData as it was read.
struct Envelope<'a> {
    recipients: Reader<'a>,
    content_type: Oid,
    cipher: ContentCipher,
    seal: ContentSeal,
    content: Cow<'a, [u8]>,
}

/// What opens the content besides its key.
#[derive(Clone)]
enum ContentSeal {
    Gcm { nonce: [u8; NONCE_BYTES], aad: Vec<u8>, tag: Vec<u8> },
    Cbc { vector: Vec<u8> },
}

/// Where the sealed content stands.
enum Place {
    /// In memory of its own.
    Apart(Vec<u8>),
    /// In a part of the message.
    Within(Vec<u8>, Range<usize>),
}

/// All that opens the content.
struct Unlocked {
    transport: KeyTransport,
    key: Zeroizing<Vec<u8>>,
    /// Which of our keys, and whether that was a guess.
    of: (usize, bool),
    cipher: ContentCipher,
    seal: ContentSeal,
    is_data: bool,
}

impl<'a> Envelope<'a> {
    fn of(message: &'a [u8]) -> Result<Self, OpenError> {
        let (kind, mut outer) = content_info::open(message)?;
        let is_authenticated = match kind {
            Kind::Enveloped => false,
            Kind::AuthEnveloped => true,
            _ => return Err(OpenError::Kind),
        };
        Self::read(outer.sequence()?, is_authenticated)
    }

    fn read(mut inside: Reader<'a>, is_authenticated: bool) -> Result<Self, OpenError> {
        inside.small()?;
        inside.optional(tag::context(0))?;
        let recipients = inside.set()?;
        let mut info = inside.sequence()?;
        let content_type = info.oid()?;
        let algorithm = Identifier::read(&mut info)?;
        let content = match info.any()? {
            element if element.tag == tag::implicit(0) || element.tag == tag::context(0) => element.octets()?,
            _ => return Err(OpenError::Malformed),
        };
        let cipher = ContentCipher::from_oid(&algorithm.oid).ok_or(OpenError::Cipher)?;
        let parameters = algorithm.parameters.ok_or(OpenError::Malformed)?;
        let seal = match (is_authenticated, cipher.is_aead()) {
            (true, true) => gcm(parameters.sequence()?, &mut inside)?,
            (false, false) => ContentSeal::Cbc { vector: parameters.octets()?.into_owned() },
            // A GCM without its tag proves nothing, and a CBC with one is nothing that is known.
            (true, false) | (false, true) => return Err(OpenError::Cipher),
        };
        Ok(Self { recipients, content_type, cipher, seal, content })
    }

    /// Gets the key of the content.
    fn unlocked(&self, found: &Found<'_>, keys: &[DecryptionIdentity<'_>]) -> Result<Unlocked, OpenError> {
        let identity = keys.get(found.key).ok_or(OpenError::NotForUs)?;
        let (transport, key) = match &found.side {
            Side::Transport(info) => unwrap::transport(info, identity.decrypter, self.cipher.key_bytes())?,
            Side::Agreement(info) => unwrap::agreement(info, identity.decrypter, self.cipher.key_bytes())?,
        };
        Ok(Unlocked {
            transport,
            key,
            of: (found.key, found.is_guess),
            cipher: self.cipher,
            seal: self.seal.clone(),
            is_data: self.content_type == DATA,
        })
    }
}

impl Unlocked {
    fn open(self, place: Place) -> Result<Opened, OpenError> {
        let (mut bytes, range) = match place {
            Place::Apart(bytes) => {
                let range = 0..bytes.len();
                (bytes, range)
            }
            Place::Within(bytes, range) => (bytes, range),
        };
        let content = bytes.get_mut(range.clone()).ok_or(OpenError::Failed)?;
        let len = match &self.seal {
            ContentSeal::Gcm { nonce, aad, tag } => {
                self.cipher.open(&self.key, *nonce, aad, content, tag).map(|()| content.len())
            }
            ContentSeal::Cbc { vector } => self.cipher.open_cbc(&self.key, vector, content),
        };
        // What did not open is wiped as well.
        let opened = Wiped::of(bytes, range.start..range.start.saturating_add(*len.as_ref().unwrap_or(&0)));
        len.map_err(|_| OpenError::Failed)?;
        let (key, is_guess) = self.of;
        // With another's key one content in 256 opens by chance, to noise.
        if is_guess && !self.cipher.is_aead() && !looks_like_entity(&opened) {
            return Err(OpenError::Failed);
        }
        Ok(Opened {
            content: opened,
            integrity: if self.cipher.is_aead() { Integrity::Aead } else { Integrity::None },
            cipher: self.cipher,
            transport: self.transport,
            key,
            is_data: self.is_data,
        })
    }
}

/// Whether content begins as a MIME entity does: with the name of a header field, or with the empty line after none.
fn looks_like_entity(content: &[u8]) -> bool {
    let name = content.split(|byte| matches!(byte, b':' | b'\n')).next().unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r');
    content.len() > name.len() && name.iter().all(is_name)
}

/// GCMParameters (RFC 5084 §3.2), and what follows the content of AuthEnvelopedData (RFC 5083 §2.1).
fn gcm(mut parameters: Reader<'_>, rest: &mut Reader<'_>) -> Result<ContentSeal, OpenError> {
    let nonce = parameters.octets()?;
    let tag_bytes = if parameters.is_empty() { TAG_BYTES_MIN as u64 } else { parameters.small()? };
    let nonce: [u8; NONCE_BYTES] = nonce.as_ref().try_into().map_err(|_| OpenError::Cipher)?;
    // What is authenticated besides the content has the tag of a SET (RFC 5083 §2.2).
    let aad = match rest.optional(tag::context(1))? {
        Some(attributes) => write::element(tag::SET, &[attributes.value]),
        None => Vec::new(),
    };
    let tag = rest.octets()?.into_owned();
    let is_fit = (TAG_BYTES_MIN..=TAG_BYTES).contains(&tag.len()) && tag.len() as u64 == tag_bytes;
    if is_fit { Ok(ContentSeal::Gcm { nonce, aad, tag }) } else { Err(OpenError::Cipher) }
}
