//! An opened message as it is passed on inside: with the fields that were
//! protected in the place of those outside, and the content in clear.

use mail::entity::Entity;
use mail::header;

use super::headers::{inner_block, shown};
use super::{Covers, Opened, Scheme};
use crate::edits::is_private;
use crate::protect::{is_structural, unmarked};

/// The message that `opened` came from as one in clear. None where only a part
/// was protected or what is inside is no entity: such a message is passed on as
/// it is, since its parts must not be joined (EFAIL).
pub fn restored(message: &[u8], opened: &Opened) -> Option<Vec<u8>> {
    if opened.report.covers == Covers::Part || !opened.is_entity {
        return None;
    }
    let payload = Entity::read(&opened.entity);
    let scheme = opened.report.headers.as_ref().map(|headers| headers.by);
    let block = scheme.map(|scheme| inner_block(&payload, scheme)).unwrap_or_default();
    let mut out = Vec::with_capacity(opened.entity.len() + 4_096);
    for field in header::fields(Entity::read(message).header) {
        let is_inside =
            shown(block).any(|own| own.name.trim_ascii_end().eq_ignore_ascii_case(field.name.trim_ascii_end()));
        if !is_structural(&field) && !is_inside {
            out.extend_from_slice(field.raw);
        }
    }
    // Hidden recipients, and what only this system may write, come from nowhere.
    shown(block).filter(|field| !is_private(field)).for_each(|field| out.extend_from_slice(field.raw));
    if scheme == Some(Scheme::Wrapped) {
        let inner = Entity::read(payload.body);
        return Some(with_body(out, &inner));
    }
    Some(with_body(out, &payload))
}

/// MIME's own fields and the body.
fn with_body(mut out: Vec<u8>, entity: &Entity<'_>) -> Vec<u8> {
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    for field in header::fields(entity.header).filter(is_structural).filter(|field| !field.is("MIME-Version")) {
        match field.is("Content-Type").then(|| unmarked(&field)).flatten() {
            Some(kind) => out.extend_from_slice(&kind),
            None => out.extend_from_slice(field.raw),
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(entity.body);
    out
}
