//! The signatures of one message and its ARC chain, checked as its body comes
//! by.

use std::fmt;

use super::body::BodyHash;
use super::header;
use super::key::{Key, Verified};
use super::signature::{Algorithm, NoSignature, Signature, key_name};
use crate::Block;
use crate::evidence::arc::{Chain, Status};
use crate::header::Field;

/// More signatures than this are not looked at (RFC 6376 §6.1 lets a verifier
/// bound them).
pub(super) const SIGNATURES_MAX: usize = 20;

/// What can be said of one signature, or of an ARC chain.
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
    /// It was over when the message arrived.
    Expired,
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
            Self::Expired => f.write_str("proves nothing: it was over when the message arrived"),
            Self::Malformed(tag) => write!(f, "can't be read: {tag}"),
        }
    }
}

/// What the checks of one message came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// One for each DKIM-Signature field, from the top.
    pub dkim: Vec<Outcome>,
    /// The ARC chain's; none where there is no chain that could be checked.
    pub arc: Option<Outcome>,
}

/// The checks of one message, from its header block to the end of its body.
pub struct Checks {
    dkim: Vec<Check>,
    arc: Option<Check>,
}

struct Check {
    outcome: Outcome,
    body: Option<(BodyHash, Vec<u8>)>,
}

impl Checks {
    /// Begins: what can be told from the header block is told now.
    pub fn begin(block: &Block<'_>, keys: &[Key]) -> Self {
        let fields = block.fields().iter().filter(|field| field.is("DKIM-Signature")).take(SIGNATURES_MAX);
        let dkim = fields.map(|field| match Signature::read(&field.text()) {
            Err(NoSignature(tag)) => Check { outcome: Outcome::Malformed(tag), body: None },
            Ok(signature) => Check::of(&signature, block, field, keys),
        });
        Self { dkim: dkim.collect(), arc: chain(block, keys) }
    }

    /// Whether the body makes any difference.
    pub fn want_body(&self) -> bool {
        self.dkim.iter().chain(&self.arc).any(|check| check.body.is_some())
    }

    /// Takes the next piece of the body.
    pub fn body(&mut self, bytes: &[u8]) {
        for check in self.dkim.iter_mut().chain(&mut self.arc) {
            if let Some((hash, _)) = &mut check.body {
                hash.push(bytes);
            }
        }
    }

    /// The body is over. `has_body` is false where only a header block was
    /// there to read.
    pub fn finish(self, has_body: bool) -> Checked {
        Checked {
            dkim: self.dkim.into_iter().map(|check| check.finish(has_body)).collect(),
            arc: self.arc.map(|check| check.finish(has_body)),
        }
    }
}

impl Check {
    /// Checks a signature as far as that goes without the body.
    fn of(signature: &Signature, block: &Block<'_>, own: &Field<'_>, keys: &[Key]) -> Self {
        let claim = Claim {
            key_name: signature.key_name(),
            algorithm: signature.algorithm,
            signature: &signature.signature,
            // RFC 6376 §3.6.1, flag `s`.
            is_domain_itself: signature.identity_domain.as_ref().is_none_or(|domain| *domain == signature.domain),
        };
        let signed = || header::signed(block, &signature.signed, own, signature.header_form);
        match claim.refuse(keys, signed) {
            Some(outcome) => Self { outcome, body: None },
            None => Self {
                outcome: Outcome::Valid { body_bytes: signature.body_bytes },
                body: Some((BodyHash::new(signature.body_form, signature.body_bytes), signature.body_hash.clone())),
            },
        }
    }

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

/// RFC 8617 §5.2: the newest message signature, then every seal.
fn chain(block: &Block<'_>, keys: &[Key]) -> Option<Check> {
    let chain = Chain::collect(block)?.ok()?;
    let newest = chain.newest()?;
    let refused = chain.sets.iter().enumerate().rev().find_map(|(at, set)| {
        let claim = Claim {
            key_name: key_name(&set.seal.selector, &set.seal.domain),
            algorithm: set.seal.algorithm,
            signature: &set.seal.signature,
            is_domain_itself: true,
        };
        claim.refuse(keys, || chain.sealed(at))
    });
    // RFC 8617 §5.2 steps 2 and 3: a chain that says that it is broken is.
    let is_given_up = chain.sets.iter().any(|set| set.seal.status == Status::Fail);
    let refused = if is_given_up { Some(Outcome::Mismatch) } else { refused };
    Some(match refused {
        Some(outcome) => Check { outcome, body: None },
        None => Check::of(&newest.signature, block, newest.message_signature, keys),
    })
}

/// A signature over bytes, and whose it claims to be.
struct Claim<'s> {
    key_name: String,
    algorithm: Algorithm,
    signature: &'s [u8],
    is_domain_itself: bool,
}

impl Claim<'_> {
    /// Why the signature proves nothing; none where it verifies.
    fn refuse(&self, keys: &[Key], signed: impl FnOnce() -> Vec<u8>) -> Option<Outcome> {
        if matches!(self.algorithm, Algorithm::RsaSha1 | Algorithm::Unknown) {
            return Some(Outcome::Algorithm);
        }
        let mut candidates: Vec<&Key> = keys.iter().filter(|key| key.may_be(&self.key_name)).collect();
        // A key that bears this name speaks for it alone.
        let is_named = candidates.iter().any(|key| key.is_named());
        candidates.retain(|key| key.is_named() || !is_named);
        if candidates.is_empty() {
            return Some(Outcome::NoKey);
        }
        let signed = signed();
        let results: Vec<Verified> = candidates.iter().map(|key| self.verify(key, &signed)).collect();
        let any = |wanted: Verified| results.contains(&wanted);
        match () {
            () if any(Verified::Yes) => None,
            () if any(Verified::Revoked) => Some(Outcome::Revoked),
            () if any(Verified::TooSmall) => Some(Outcome::SmallKey),
            // A key of another kind that bears no name is somebody else's.
            () if any(Verified::No) || is_named => Some(Outcome::Mismatch),
            () => Some(Outcome::NoKey),
        }
    }

    fn verify(&self, key: &Key, signed: &[u8]) -> Verified {
        match key.verify(self.algorithm, signed, self.signature) {
            Verified::Yes if key.is_strict() && !self.is_domain_itself => Verified::No,
            verified => verified,
        }
    }
}
