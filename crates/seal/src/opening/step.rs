//! One layer peeled: decrypted, or its signatures judged.

use std::borrow::Cow;
use std::ops::Range;

use jiff::Timestamp;
use mail::Wiped;
use mail::entity::Entity;

use super::cover::Cover;
use super::inline::Block;
use super::report::Format;
use super::verdict::Verdict;
use super::{Keys, Limits, Refused};
use crate::protect::{Integrity, crlf};

/// What peeling a layer gave.
pub(super) struct Step {
    pub format: Format,
    pub inside: Inside,
    /// The cipher, if it was encrypted, and what proves its content.
    pub encryption: Option<(String, Integrity)>,
    pub verdicts: Vec<Verdict>,
    /// Whether what is inside is a MIME entity.
    pub is_entity: bool,
}

/// What was inside a layer.
pub(super) enum Inside {
    /// A part of the entity, as it stands there.
    Range(Range<usize>),
    /// Bytes of their own.
    Bytes(Wiped),
}

/// Peels the outermost layer of `entity`, which is `cover`.
pub(super) fn step(
    entity: &Entity<'_>,
    cover: Cover<'_>,
    keys: &Keys<'_>,
    now: Timestamp,
    limits: &Limits,
) -> Result<Step, Refused> {
    match cover {
        Cover::Encrypted(message) => openpgp_encrypted(&message.decoded(), keys, now, limits),
        Cover::Signed(Format::Pgp, range, signature) => {
            let content = entity.raw.get(range.clone()).unwrap_or_default();
            Ok(Step::signed(Format::Pgp, Inside::Range(range), openpgp_signed(content, &signature, keys, now)))
        }
        Cover::Signed(Format::Smime, range, signature) => {
            let content = entity.raw.get(range.clone()).unwrap_or_default();
            let verdicts = smime_detached(content, &signature, keys, now, limits);
            Ok(Step::signed(Format::Smime, Inside::Range(range), verdicts))
        }
        Cover::Cms(message) => cms(message.decoded(), keys, now, limits),
        Cover::Inline(Block::Message(message)) => {
            Ok(Step { is_entity: false, ..openpgp_encrypted(&message, keys, now, limits)? })
        }
        Cover::Inline(Block::Signed { text, canonical, signature }) => {
            let verdicts = openpgp_signed(&canonical, &signature, keys, now);
            let inside = Inside::Bytes(Wiped::new(text));
            Ok(Step { is_entity: false, ..Step::signed(Format::Pgp, inside, verdicts) })
        }
    }
}

impl Step {
    fn signed(format: Format, inside: Inside, verdicts: Vec<Verdict>) -> Self {
        Self { format, inside, encryption: None, verdicts, is_entity: true }
    }
}

fn openpgp_encrypted(message: &[u8], keys: &Keys<'_>, now: Timestamp, limits: &Limits) -> Result<Step, Refused> {
    let limits = openpgp::Limits { content_bytes_max: limits.content_bytes_max, ..openpgp::Limits::default() };
    let opened = openpgp::decrypt(message, keys.openpgp, keys.openpgp_signers, now, &limits)?;
    let (integrity, mode) = match opened.integrity {
        openpgp::Integrity::Aead(mode) => (Integrity::Aead, mode),
        openpgp::Integrity::Mdc => (Integrity::Mdc, "CFB"),
    };
    Ok(Step {
        format: Format::Pgp,
        inside: Inside::Bytes(opened.plain.into()),
        encryption: Some((format!("{}-{mode}", opened.cipher), integrity)),
        verdicts: opened.signatures.into_iter().map(Verdict::OpenPgp).collect(),
        is_entity: true,
    })
}

/// As it stands first; then as its lines were before somebody stored them with
/// LF alone. What is signed has CRLF (RFC 3156 §5, RFC 8551 §3.1.1).
fn openpgp_signed(content: &[u8], signature: &[u8], keys: &Keys<'_>, now: Timestamp) -> Vec<Verdict> {
    let judge = |content: &[u8]| openpgp::verify_detached(content, signature, keys.openpgp_signers, now);
    let mut verdicts = judge(content);
    if let (Cow::Owned(canonical), true) = (crlf(content), verdicts.iter().all(|verdict| verdict.by.is_none())) {
        verdicts = judge(&canonical);
    }
    if verdicts.is_empty() {
        return vec![Verdict::Broken(Format::Pgp, "there is no signature that could be read".to_owned())];
    }
    verdicts.into_iter().map(Verdict::OpenPgp).collect()
}

fn smime_detached(content: &[u8], message: &[u8], keys: &Keys<'_>, now: Timestamp, limits: &Limits) -> Vec<Verdict> {
    let limits = smime_limits(limits);
    let judge = |content: &[u8]| smime::verify(message, Some(content), keys.smime_trust, now, &limits);
    let intact = |found: &smime::Verified<'_>| found.signatures.iter().any(|verdict| verdict.intact.is_ok());
    let mut found = judge(content);
    if let (Cow::Owned(canonical), false) = (crlf(content), found.as_ref().is_ok_and(intact)) {
        found = judge(&canonical);
    }
    match found {
        Ok(found) => found.signatures.into_iter().map(|verdict| Verdict::Smime(Box::new(verdict))).collect(),
        Err(error) => vec![Verdict::Broken(Format::Smime, error.to_string())],
    }
}

fn cms(message: Cow<'_, [u8]>, keys: &Keys<'_>, now: Timestamp, limits: &Limits) -> Result<Step, Refused> {
    let kind = smime::Kind::of(&message).map_err(smime::OpenError::from)?;
    match kind {
        smime::Kind::Signed => cms_signed(&message, keys, now, limits),
        _ => cms_encrypted(message.into_owned(), keys, limits),
    }
}

fn cms_signed(message: &[u8], keys: &Keys<'_>, now: Timestamp, limits: &Limits) -> Result<Step, Refused> {
    let found = smime::verify(message, None, keys.smime_trust, now, &smime_limits(limits))?;
    // Certificates alone are no message.
    let content = found.content.ok_or(Refused::Nothing)?;
    if !found.is_data {
        return Err(smime::OpenError::Kind.into());
    }
    let verdicts = found.signatures.into_iter().map(|verdict| Verdict::Smime(Box::new(verdict))).collect();
    Ok(Step::signed(Format::Smime, Inside::Bytes(Wiped::new(content.into_owned())), verdicts))
}

fn cms_encrypted(message: Vec<u8>, keys: &Keys<'_>, limits: &Limits) -> Result<Step, Refused> {
    let opened = smime::decrypt_in_place(message, keys.smime, &smime_limits(limits))?;
    if !opened.is_data {
        return Err(smime::OpenError::Kind.into());
    }
    let integrity = match opened.integrity {
        smime::Integrity::Aead => Integrity::Aead,
        smime::Integrity::None => Integrity::None,
    };
    Ok(Step {
        format: Format::Smime,
        inside: Inside::Bytes(opened.content),
        encryption: Some((opened.cipher.to_string(), integrity)),
        verdicts: Vec::new(),
        is_entity: true,
    })
}

fn smime_limits(limits: &Limits) -> smime::Limits {
    smime::Limits { bytes_max: limits.content_bytes_max, ..smime::Limits::default() }
}
