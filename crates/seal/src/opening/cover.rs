//! What covers an entity: which protection its outermost layer is, if any, and
//! where the protected bytes are. Only the exact forms of RFC 3156 and RFC 8551
//! count; what only resembles them is content.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::entity::Entity;

use super::inline;
use super::report::Format;

/// The outermost layer of an entity.
pub(super) enum Cover<'a> {
    /// PGP/MIME encryption: the message of the second part.
    Encrypted(Encoded<'a>),
    /// `multipart/signed`: the signed part, where it stands in the entity, and
    /// the signature of the second part.
    Signed(Format, Range<usize>, Cow<'a, [u8]>),
    /// `application/pkcs7-mime`: whatever CMS is in it.
    Cms(Encoded<'a>),
    /// OpenPGP in the text of a part.
    Inline(inline::Block),
}

/// Content that may stand in a transfer encoding, which is undone when it is
/// asked for: large messages are looked at more often than opened.
pub(super) enum Encoded<'a> {
    /// The body of an entity.
    Body(Box<Entity<'a>>),
    /// Bytes as they are.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Encoded<'a> {
    fn body(entity: &Entity<'a>) -> Self {
        Self::Body(Box::new(entity.clone()))
    }

    /// The content.
    pub fn decoded(self) -> Cow<'a, [u8]> {
        match self {
            Self::Body(entity) => entity.decoded(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn kind(&self) -> Option<smime::Kind> {
        let bytes = match self {
            Self::Body(entity) => entity.decoded(),
            Self::Bytes(bytes) => Cow::Borrowed(bytes.as_ref()),
        };
        smime::Kind::of(&bytes).ok()
    }
}

impl Cover<'_> {
    /// Whether something is to be decrypted.
    pub fn is_encrypted(&self) -> bool {
        match self {
            Cover::Encrypted(_) | Cover::Inline(inline::Block::Message(_)) => true,
            Cover::Cms(message) => message.kind() != Some(smime::Kind::Signed),
            Cover::Signed(..) | Cover::Inline(inline::Block::Signed { .. }) => false,
        }
    }

    /// Whether it is only signed.
    pub fn is_signed(&self) -> bool {
        !self.is_encrypted()
    }
}

/// The outermost layer of `entity`; `inline` says whether text is looked into.
pub(super) fn cover<'a>(entity: &Entity<'a>, inline: bool) -> Option<Cover<'a>> {
    // An entity with two types is read one way or the other (RFC 2045 §5).
    if entity.fields("Content-Type").count() > 1 {
        return None;
    }
    match entity.kind() {
        "multipart/encrypted" => encrypted(entity),
        "multipart/signed" => signed(entity),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => Some(Cover::Cms(Encoded::body(entity))),
        "application/octet-stream" if has_cms_name(entity) => Some(Cover::Cms(Encoded::body(entity))),
        "text/plain" if inline && !entity.is_attachment() => inline::find(&entity.decoded()).map(Cover::Inline),
        _ => None,
    }
}

/// A protected content without a mail around it, as programs write it into
/// files: CMS in DER or PEM, OpenPGP in binary or armor. None for a message.
pub(super) fn bare(bytes: &[u8]) -> Option<Cover<'_>> {
    const ARMOR: &[u8] = b"-----BEGIN PGP MESSAGE-----";
    let text = bytes.trim_ascii_start();
    match text.first()? {
        0x30 if smime::Kind::of(bytes).is_ok() => Some(Cover::Cms(Encoded::Bytes(Cow::Borrowed(bytes)))),
        // The first bit of each packet (RFC 9580 §4.2); no field begins so.
        0x80.. => Some(Cover::Encrypted(Encoded::Bytes(Cow::Borrowed(bytes)))),
        b'-' if text.starts_with(ARMOR) => Some(Cover::Encrypted(Encoded::Bytes(Cow::Borrowed(text)))),
        b'-' => pem(text).map(|der| Cover::Cms(Encoded::Bytes(Cow::Owned(der)))),
        _ => None,
    }
}

/// RFC 7468 §8 and §9.
fn pem(text: &[u8]) -> Option<Vec<u8>> {
    let rest =
        ["CMS", "PKCS7"].iter().find_map(|name| text.strip_prefix(format!("-----BEGIN {name}-----").as_bytes()))?;
    let content = rest.split(|byte| *byte == b'-').next()?;
    let digits: Vec<u8> = content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

/// RFC 3156 §4: exactly two parts, the first of which is a version.
fn encrypted<'a>(entity: &Entity<'a>) -> Option<Cover<'a>> {
    let [version, message] = two_parts(entity)?;
    let is_version = version.kind() == "application/pgp-encrypted"
        && version.decoded().trim_ascii_start().starts_with(b"Version: 1");
    let is_message = message.kind() == "application/octet-stream";
    (is_version && is_message).then(|| Cover::Encrypted(Encoded::body(&message)))
}

/// RFC 1847 §2.1: exactly two parts, the second of which is of the protocol.
fn signed<'a>(entity: &Entity<'a>) -> Option<Cover<'a>> {
    let [_, signature] = two_parts(entity)?;
    let protocol = entity.parameter("protocol").unwrap_or(signature.kind()).to_ascii_lowercase();
    let format = match (protocol.as_str(), signature.kind()) {
        ("application/pgp-signature", "application/pgp-signature") => Format::Pgp,
        (protocol, kind) if is_cms_signature(protocol) && is_cms_signature(kind) => Format::Smime,
        _ => return None,
    };
    let range = entity.part_ranges().first()?.clone();
    let body_at = entity.raw.len().saturating_sub(entity.body.len());
    Some(Cover::Signed(format, range.start + body_at..range.end + body_at, signature.decoded()))
}

fn is_cms_signature(kind: &str) -> bool {
    matches!(kind, "application/pkcs7-signature" | "application/x-pkcs7-signature")
}

fn two_parts<'a>(entity: &Entity<'a>) -> Option<[Entity<'a>; 2]> {
    let ranges = entity.part_ranges();
    let [first, second] = ranges.as_slice() else { return None };
    let part = |range: &Range<usize>| entity.body.get(range.clone()).map(Entity::read);
    Some([part(first)?, part(second)?])
}

/// Some relays lose the type; the name is left (RFC 8551 §3.2.1).
fn has_cms_name(entity: &Entity<'_>) -> bool {
    entity.name().is_some_and(|name| name.to_ascii_lowercase().ends_with(".p7m"))
}
