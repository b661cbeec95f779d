//! What is inside an encrypted message, once its integrity is proven: one
//! literal, its signatures, perhaps compressed (RFC 9580 §10.3). Anything else
//! is refused: a message has one meaning.

use std::io::Read as _;

use pgp::packet::{Decompressor, OnePassSignature, PacketHeader, Signature};
use pgp::types::Tag;
use zeroize::Zeroizing;

use crate::framing::{Packet, Packets, tag};
use crate::{Limits, OpenError};

/// A literal content with the signatures around it.
pub struct Content {
    pub plain: Zeroizing<Vec<u8>>,
    /// The outermost first.
    pub signatures: Vec<Signature>,
}

/// Reads the packets of a message that is not, or no longer, encrypted.
pub fn read(packets: Zeroizing<Vec<u8>>, limits: &Limits) -> Result<Content, OpenError> {
    let mut signatures = Vec::new();
    let mut layer = packets;
    for _ in 0..=limits.depth_max {
        match read_layer(&layer, limits, &mut signatures)? {
            Inner::Literal(start, end) => {
                layer.truncate(end);
                layer.drain(..start);
                return Ok(Content { plain: layer, signatures });
            }
            Inner::Parts(plain) => return Ok(Content { plain, signatures }),
            Inner::Compressed(inner) => layer = inner,
        }
    }
    Err(OpenError::TooLarge)
}

/// The one thing in a layer that is no signature.
enum Inner {
    /// A literal that lies in the layer in one piece.
    Literal(usize, usize),
    /// One that came in parts.
    Parts(Zeroizing<Vec<u8>>),
    Compressed(Zeroizing<Vec<u8>>),
}

fn read_layer(layer: &[u8], limits: &Limits, signatures: &mut Vec<Signature>) -> Result<Inner, OpenError> {
    let mut inner = None;
    let mut announced = 0_usize;
    let mut after: Vec<Signature> = Vec::new();
    for packet in Packets::new(layer) {
        let packet = packet.map_err(|_| OpenError::Malformed)?;
        if signatures.len().saturating_add(announced).saturating_add(after.len()) > limits.packets_max {
            return Err(OpenError::TooLarge);
        }
        match (packet.tag, &inner) {
            (tag::ONE_PASS, None) => {
                announced = announced.saturating_add(usize::from(is_announcement(&packet)));
            }
            (tag::SIGNATURE, None) => signatures.extend(signature(&packet)),
            (tag::SIGNATURE, Some(_)) => after.extend(signature(&packet)),
            (tag::LITERAL, None) => inner = Some(literal(layer, packet, limits)?),
            (tag::COMPRESSED, None) => inner = Some(Inner::Compressed(decompressed(&packet, limits)?)),
            (other, _) if tag::is_skipped(other) => {}
            _ => return Err(OpenError::Malformed),
        }
    }
    if after.len() > announced {
        return Err(OpenError::Malformed);
    }
    // The last signature belongs to the first announcement.
    after.reverse();
    signatures.extend(after);
    inner.ok_or(OpenError::Malformed)
}

fn is_announcement(packet: &Packet<'_>) -> bool {
    let body = packet.body.as_ref();
    head(Tag::OnePassSignature, body).is_some_and(|head| OnePassSignature::try_from_reader(head, body).is_ok())
}

/// None for a version that is not known, which proves nothing and spoils nothing.
fn signature(packet: &Packet<'_>) -> Option<Signature> {
    let body = packet.body.as_ref();
    Signature::try_from_reader(head(Tag::Signature, body)?, body).ok()
}

fn head(tag: Tag, body: &[u8]) -> Option<PacketHeader> {
    u32::try_from(body.len()).ok().map(|length| PacketHeader::new_fixed(tag, length))
}

/// RFC 9580 §5.9: a kind, a name, a date, the content.
fn literal(layer: &[u8], packet: Packet<'_>, limits: &Limits) -> Result<Inner, OpenError> {
    let [_, name, ..] = *packet.body else {
        return Err(OpenError::Malformed);
    };
    let head = usize::from(name).saturating_add(6);
    let length = packet.body.len().checked_sub(head).ok_or(OpenError::Malformed)?;
    if length > limits.content_bytes_max {
        return Err(OpenError::TooLarge);
    }
    match packet.body {
        std::borrow::Cow::Borrowed(body) => {
            let start = body.as_ptr().addr().checked_sub(layer.as_ptr().addr()).ok_or(OpenError::Malformed)?;
            let start = start.saturating_add(head);
            Ok(Inner::Literal(start, start.saturating_add(length)))
        }
        std::borrow::Cow::Owned(mut body) => {
            body.drain(..head);
            Ok(Inner::Parts(Zeroizing::new(body)))
        }
    }
}

/// Stops at the limit, however little was compressed to reach it.
fn decompressed(packet: &Packet<'_>, limits: &Limits) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let reader = Decompressor::from_reader(packet.body.as_ref()).map_err(|_| OpenError::Malformed)?;
    let limit = u64::try_from(limits.content_bytes_max).unwrap_or(u64::MAX).saturating_add(OVERHEAD);
    let mut inner = Zeroizing::new(Vec::new());
    reader.take(limit.saturating_add(1)).read_to_end(&mut inner).map_err(|_| OpenError::Malformed)?;
    if u64::try_from(inner.len()).unwrap_or(u64::MAX) > limit { Err(OpenError::TooLarge) } else { Ok(inner) }
}

/// What signatures and heads may add to a content.
const OVERHEAD: u64 = 1 << 20;
