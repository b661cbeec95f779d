//! Opens sealed content.
//!
//! Whatever goes wrong once a recipient was found is one error: a sender who
//! could tell bad padding from bad content would have an oracle.

use std::borrow::Cow;

use mail::private_key::Decrypter;
use zeroize::Zeroizing;

use super::found::{Found, Side};
use super::unwrap;
use crate::algorithm::content::{NONCE_BYTES, TAG_BYTES, TAG_BYTES_MIN};
use crate::algorithm::{ContentCipher, Identifier, KeyTransport};
use crate::asn1::{Oid, Reader, tag, write};
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
    pub content: Zeroizing<Vec<u8>>,
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
    let (kind, mut outer) = content_info::open(message)?;
    let is_authenticated = match kind {
        Kind::Enveloped => false,
        Kind::AuthEnveloped => true,
        _ => return Err(OpenError::Kind),
    };
    let envelope = Envelope::read(outer.sequence()?, is_authenticated)?;
    let found = super::found::among(envelope.recipients, keys, limits)?;
    let mut failure = OpenError::NotForUs;
    for found in &found {
        match envelope.open(found, keys) {
            Ok(opened) => return Ok(opened),
            // The most telling of several: for us and broken, before for us and unsupported, before not for us.
            Err(OpenError::Failed) => failure = OpenError::Failed,
            Err(error) if failure == OpenError::NotForUs => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

/// An EnvelopedData or AuthEnvelopedData as it was read.
struct Envelope<'a> {
    recipients: Reader<'a>,
    content_type: Oid,
    cipher: ContentCipher,
    seal: ContentSeal<'a>,
    content: Cow<'a, [u8]>,
}

/// What opens the content besides its key.
enum ContentSeal<'a> {
    Gcm { nonce: [u8; NONCE_BYTES], aad: Vec<u8>, tag: Cow<'a, [u8]> },
    Cbc { vector: Cow<'a, [u8]> },
}

impl<'a> Envelope<'a> {
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
            (false, false) => ContentSeal::Cbc { vector: parameters.octets()? },
            // A GCM without its tag proves nothing, and a CBC with one is nothing that is known.
            (true, false) | (false, true) => return Err(OpenError::Cipher),
        };
        Ok(Self { recipients, content_type, cipher, seal, content })
    }

    fn open(&self, found: &Found<'_>, keys: &[DecryptionIdentity<'_>]) -> Result<Opened, OpenError> {
        let identity = keys.get(found.key).ok_or(OpenError::NotForUs)?;
        let (transport, key) = match &found.side {
            Side::Transport(info) => unwrap::transport(info, identity.decrypter, self.cipher.key_bytes())?,
            Side::Agreement(info) => unwrap::agreement(info, identity.decrypter, self.cipher.key_bytes())?,
        };
        let mut content = Zeroizing::new(self.content.to_vec());
        let opened = match &self.seal {
            ContentSeal::Gcm { nonce, aad, tag } => self.cipher.open(&key, *nonce, aad, &mut content, tag),
            ContentSeal::Cbc { vector } => self.cipher.open_cbc(&key, vector, &mut content),
        };
        opened.map_err(|_| OpenError::Failed)?;
        // With another's key one content in 256 opens by chance, to noise.
        if found.is_guess && !self.cipher.is_aead() && !looks_like_entity(&content) {
            return Err(OpenError::Failed);
        }
        Ok(Opened {
            content,
            integrity: if self.cipher.is_aead() { Integrity::Aead } else { Integrity::None },
            cipher: self.cipher,
            transport,
            key: found.key,
            is_data: self.content_type == DATA,
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
fn gcm<'a>(mut parameters: Reader<'a>, rest: &mut Reader<'a>) -> Result<ContentSeal<'a>, OpenError> {
    let nonce = parameters.octets()?;
    let tag_bytes = if parameters.is_empty() { TAG_BYTES_MIN as u64 } else { parameters.small()? };
    let nonce: [u8; NONCE_BYTES] = nonce.as_ref().try_into().map_err(|_| OpenError::Cipher)?;
    // What is authenticated besides the content has the tag of a SET (RFC 5083 §2.2).
    let aad = match rest.optional(tag::context(1))? {
        Some(attributes) => write::element(tag::SET, &[attributes.value]),
        None => Vec::new(),
    };
    let tag = rest.octets()?;
    let is_fit = (TAG_BYTES_MIN..=TAG_BYTES).contains(&tag.len()) && tag.len() as u64 == tag_bytes;
    if is_fit { Ok(ContentSeal::Gcm { nonce, aad, tag }) } else { Err(OpenError::Cipher) }
}
