//! The signatures of one message, checked as its body comes by.

use std::fmt;

use super::body::BodyHash;
use super::header;
use super::key::{Key, Verified};
use super::signature::{Algorithm, NoSignature, Signature};
use crate::Block;

/// More signatures than this are not looked at (RFC 6376 §6.1 lets a verifier
/// bound them).
const SIGNATURES_MAX: usize = 20;

/// What can be said of one DKIM-Signature field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No key was handed in for it.
    NoKey,
    /// It verifies.
    Valid {
        /// `l=`: only so many bytes of the body are signed; what follows them
        /// anybody may have added.
        body_bytes: Option<u64>,
    },
    /// The body is not the one that was signed.
    BodyChanged,
    /// A signed field is not the one that was signed, or the key is another.
    Mismatch,
    /// There is no body to compare with.
    NoBody,
    /// The key is revoked: its `p=` is empty.
    Revoked,
    /// RSA under 1024 bits, which proves nothing (RFC 8301 §3.2).
    SmallKey,
    /// SHA-1 or an algorithm that is not known, which proves nothing.
    Algorithm,
    /// The field can't be read: the tag that is missing or wrong.
    Malformed(&'static str),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("not checked: no key for it was given"),
            Self::Valid { body_bytes: None } => f.write_str("valid"),
            Self::Valid { body_bytes: Some(bytes) } => {
                write!(f, "valid for the first {bytes} bytes of the body; anybody may have added more")
            }
            Self::BodyChanged => f.write_str("not valid: the body was changed"),
            Self::Mismatch => f.write_str("not valid: a signed field was changed, or the key is another's"),
            Self::NoBody => f.write_str("not checked: the body is not there"),
            Self::Revoked => f.write_str("not valid: its key is revoked"),
            Self::SmallKey => f.write_str("proves nothing: its key is smaller than 1024 bits"),
            Self::Algorithm => f.write_str("proves nothing: its algorithm is obsolete or unknown"),
            Self::Malformed(tag) => write!(f, "can't be read: {tag}"),
        }
    }
}

/// The checks of one message, from its header block to the end of its body.
pub struct Checks {
    checks: Vec<Check>,
}

struct Check {
    outcome: Outcome,
    body: Option<(BodyHash, Vec<u8>)>,
}

impl Checks {
    /// Begins: what can be told from the header block is told now.
    pub fn begin(block: &Block<'_>, keys: &[Key]) -> Self {
        let fields = block.fields().iter().filter(|field| field.is("DKIM-Signature")).take(SIGNATURES_MAX);
        let checks = fields.map(|field| match Signature::read(&field.text()) {
            Err(NoSignature(tag)) => Check { outcome: Outcome::Malformed(tag), body: None },
            Ok(signature) => {
                let signed = || header::signed(block, &signature.signed, field, signature.header_form);
                check(&signature, keys, signed)
            }
        });
        Self { checks: checks.collect() }
    }

    /// Whether the body makes any difference.
    pub fn want_body(&self) -> bool {
        self.checks.iter().any(|check| check.body.is_some())
    }

    /// Takes the next piece of the body.
    pub fn body(&mut self, bytes: &[u8]) {
        for (hash, _) in self.checks.iter_mut().filter_map(|check| check.body.as_mut()) {
            hash.push(bytes);
        }
    }

    /// The body is over: one outcome for each DKIM-Signature field, from the
    /// top. `has_body` is false where only a header block was there to read.
    pub fn finish(self, has_body: bool) -> Vec<Outcome> {
        self.checks.into_iter().map(|check| check.finish(has_body)).collect()
    }
}

impl Check {
    fn finish(self, has_body: bool) -> Outcome {
        match self.body {
            None => self.outcome,
            Some(_) if !has_body => Outcome::NoBody,
            Some((hash, expected)) => {
                let (found, is_whole) = hash.finish();
                if found == expected && is_whole { self.outcome } else { Outcome::BodyChanged }
            }
        }
    }
}

/// Checks a signature as far as that goes without the body.
fn check(signature: &Signature, keys: &[Key], signed: impl FnOnce() -> Vec<u8>) -> Check {
    let outcome = verify(signature, keys, signed);
    let body = matches!(outcome, Outcome::Valid { .. })
        .then(|| (BodyHash::new(signature.body_form, signature.body_bytes), signature.body_hash.clone()));
    Check { outcome, body }
}

fn verify(signature: &Signature, keys: &[Key], signed: impl FnOnce() -> Vec<u8>) -> Outcome {
    if matches!(signature.algorithm, Algorithm::RsaSha1 | Algorithm::Unknown) {
        return Outcome::Algorithm;
    }
    let name = signature.key_name();
    let is_identity_strict = |key: &Key| !key.is_strict() || is_domain_itself(signature);
    let mut candidates: Vec<&Key> = keys.iter().filter(|key| key.may_be(&name)).collect();
    // A key that bears this name speaks for it alone.
    if candidates.iter().any(|key| key.is_named()) {
        candidates.retain(|key| key.is_named());
    }
    if candidates.is_empty() {
        return Outcome::NoKey;
    }
    let signed = signed();
    let results: Vec<Verified> = candidates
        .iter()
        .map(|key| match key.verify(signature.algorithm, &signed, &signature.signature) {
            Verified::Yes if !is_identity_strict(key) => Verified::No,
            verified => verified,
        })
        .collect();
    let any = |wanted: Verified| results.contains(&wanted);
    match () {
        () if any(Verified::Yes) => Outcome::Valid { body_bytes: signature.body_bytes },
        () if any(Verified::Revoked) => Outcome::Revoked,
        () if any(Verified::TooSmall) => Outcome::SmallKey,
        () if any(Verified::No) => Outcome::Mismatch,
        // Keys of another kind that bear no name are somebody else's.
        () if candidates.iter().any(|key| key.is_named()) => Outcome::Mismatch,
        () => Outcome::NoKey,
    }
}

/// RFC 6376 §3.6.1, flag `s`.
fn is_domain_itself(signature: &Signature) -> bool {
    signature.identity_domain.as_ref().is_none_or(|domain| *domain == signature.domain)
}
