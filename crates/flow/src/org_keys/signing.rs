//! Copies are signed when they are sent: with the key of the very sender, else
//! with that of its domain. Which copies are is policy's; a key that has ended
//! or was revoked never signs, and what happens then is policy's too, and told.

use std::sync::Arc;

use jiff::Timestamp;
use keyring::org::{NotSigned, OrgKey, OrgMaterial, signer_for};
use ledger::Signing;
use mail::{Address, Entropy, KeyFormat, OrgId};
use openpgp::autocrypt::Autocrypt;
use policy::Sign;
use seal::protect::{Keys, Replies};
use seal::{NotOpened, Opened, Parcel, SigningOnly};

use crate::case::Case;
use crate::journey::Journey;
use crate::organisation::Organisation;

/// Above this the work is done off the async threads.
const INLINE_BYTES_MAX: usize = 256 * 1024;
/// A key that is larger is no header field any more (Autocrypt Level 1 §2.1.1).
const AUTOCRYPT_BYTES_MAX: usize = 10 * 1024;

/// Policy demands a signature that nobody can make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be signed, and {0}")]
pub(crate) struct Missing(pub String);

/// Who signs a copy.
#[derive(Clone)]
pub(crate) enum Signature {
    /// Nobody: policy wants no signature.
    Unwanted,
    /// This key.
    By(OrgKey),
    /// Nobody can, and policy bears it.
    Without(String),
}

impl Signature {
    /// Who signs a copy of this message in the first of `formats` in which
    /// somebody can.
    pub fn of(case: &Case<'_>, wanted: Sign, formats: &[KeyFormat]) -> Result<Self, Missing> {
        if wanted == Sign::Never || case.manifest.is_inbound() {
            return Ok(Signature::Unwanted);
        }
        let keys = case.journey.org_keys.of(case.organisation.org);
        let because = match found(&keys, case.manifest.from.first(), formats, case.now) {
            Ok(key) => return Ok(Signature::By(key)),
            Err(because) => because,
        };
        match wanted {
            Sign::Required => Err(Missing(because)),
            Sign::Never | Sign::IfPossible => Ok(Signature::Without(because)),
        }
    }

    /// The key that signs.
    pub fn key(&self) -> Option<&OrgKey> {
        match self {
            Signature::By(key) => Some(key),
            Signature::Unwanted | Signature::Without(_) => None,
        }
    }

    /// As the timeline tells it.
    pub fn told(&self) -> Option<Signing> {
        match self {
            Signature::Unwanted => None,
            Signature::By(key) => {
                Some(Signing::Signed { key: key.id, format: key.format(), fingerprint: key.fingerprint() })
            }
            Signature::Without(because) => Some(Signing::Unsigned { because: because.clone() }),
        }
    }
}

fn found(keys: &[OrgKey], author: Option<&Address>, formats: &[KeyFormat], now: Timestamp) -> Result<OrgKey, String> {
    let author = author.ok_or("the message names no author")?;
    let mut because: Vec<NotSigned> = Vec::new();
    for format in formats {
        match signer_for(keys, author, *format, now) {
            Ok(key) => return Ok(key.clone()),
            Err(why) => because.push(why),
        }
    }
    let lines: Vec<String> = because.iter().map(ToString::to_string).collect();
    Err(lines.join("; "))
}

/// What can be signed, where policy demands it: a method whose copies can't be
/// signed then is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signs {
    /// Why no copy can be sealed so, by the number of the format.
    pub sealed: [Option<Missing>; 2],
    /// Why no copy can go in clear over a good connection.
    pub transit: Option<Missing>,
}

impl Signs {
    /// For a message's author.
    pub fn of(case: &Case<'_>) -> Self {
        let signing = &case.organisation.policy.signing;
        let lacks = |wanted, formats: &[KeyFormat]| match wanted {
            Sign::Required => Signature::of(case, wanted, formats).err(),
            Sign::Never | Sign::IfPossible => None,
        };
        Self {
            sealed: [KeyFormat::OpenPgp, KeyFormat::Smime].map(|format| lacks(signing.end_to_end, &[format])),
            transit: lacks(signing.transit, &signing.formats()),
        }
    }

    /// Where no author is known: whether any key of the organisation's signs.
    pub fn of_anyone(organisation: &Organisation, keys: &[OrgKey], now: Timestamp) -> Self {
        let signing = &organisation.policy.signing;
        let lacks = |wanted, formats: &[KeyFormat]| {
            let fits = |key: &OrgKey| formats.contains(&key.format()) && key.check_signing(now).is_ok();
            let is_missing = wanted == Sign::Required && !keys.iter().any(fits);
            is_missing.then(|| Missing("no key of the organisation's signs".to_owned()))
        };
        Self {
            sealed: [KeyFormat::OpenPgp, KeyFormat::Smime].map(|format| lacks(signing.end_to_end, &[format])),
            transit: lacks(signing.transit, &signing.formats()),
        }
    }
}

/// The original as it goes out.
pub(crate) enum Original {
    /// As it is, and what is told of it.
    Plain(Vec<u8>, Option<Signing>),
    /// Signed.
    Signed(Opened, Option<Signing>),
}

/// Signs the original for a good connection, where policy wants that. What its
/// author has signed or sealed already stays as it is.
pub(crate) async fn sign_original(case: &Case<'_>, parcel: &Parcel, stored: Vec<u8>) -> Result<Original, Missing> {
    let policy = &case.organisation.policy.signing;
    let signature = Signature::of(case, policy.transit, &policy.formats());
    if !matches!(signature, Ok(Signature::Unwanted)) && seal::opening::is_protected(&stored) {
        let because = "its author has signed or sealed it already".to_owned();
        return Ok(Original::Plain(stored, Some(Signing::Unsigned { because })));
    }
    let signature = signature?;
    let told = signature.told();
    let Signature::By(key) = signature else { return Ok(Original::Plain(stored, told)) };
    let replies = replies(case);
    let (parcel, now, entropy) = (parcel.clone(), case.now, Arc::clone(&case.journey.entropy));
    let stored = Arc::new(stored);
    let content = Arc::clone(&stored);
    let work = move || signed(&parcel, &content, &key, &replies, now, entropy.as_ref());
    let signed = match stored.len() <= INLINE_BYTES_MAX {
        true => work(),
        false => tokio::task::spawn_blocking(work).await.unwrap_or(Err(NotOpened::NoKeys)),
    };
    match (signed, policy.transit) {
        (Ok(opened), _) => Ok(Original::Signed(opened, told)),
        (Err(why), Sign::Required) => Err(Missing(why.to_string())),
        (Err(why), Sign::Never | Sign::IfPossible) => {
            let stored = Arc::try_unwrap(stored).unwrap_or_else(|shared| shared.as_ref().clone());
            Ok(Original::Plain(stored, Some(Signing::Unsigned { because: why.to_string() })))
        }
    }
}

fn signed(
    parcel: &Parcel,
    stored: &[u8],
    key: &OrgKey,
    replies: &Replies,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Opened, NotOpened> {
    let with = |keys| parcel.open_signed(stored, &SigningOnly { keys, replies, now, entropy });
    match &key.material {
        OrgMaterial::OpenPgp(identity) => {
            let sign = identity.signing(now).map_err(|_| NotOpened::NoKeys)?;
            with(Keys::OpenPgp { to: &[], sign: Some(&sign) })
        }
        OrgMaterial::Smime(pair) => {
            let sign = pair.signing().ok_or(NotOpened::NoKeys)?;
            with(Keys::Smime { to: &[], sign: Some(&sign), cipher: None })
        }
    }
}

/// What makes a plain reply to a copy of this message safe, as policy has it.
pub(crate) fn replies(case: &Case<'_>) -> Replies {
    let wanted = case.organisation.policy.replies.key && !case.manifest.is_inbound();
    let author = case.manifest.from.first().filter(|_| wanted);
    let autocrypt = author.and_then(|author| autocrypt(case.journey, case.organisation.org, author, case.now));
    Replies { autocrypt, ..Replies::default() }
}

/// The sender's own key as an Autocrypt field has it, where it names the sender.
fn autocrypt(journey: &Journey, org: OrgId, author: &Address, now: Timestamp) -> Option<String> {
    let keys = journey.org_keys.of(org);
    let key = signer_for(keys.iter(), author, KeyFormat::OpenPgp, now).ok()?;
    let certificate = key.material.openpgp()?.certificate();
    certificate.usable_for_encryption(now).ok()?;
    let key_data = certificate.minimal(author, now)?.to_bytes();
    let is_small = key_data.len() <= AUTOCRYPT_BYTES_MAX;
    let autocrypt = Autocrypt { address: author.clone(), prefers_encryption: true, key_data };
    is_small.then(|| openpgp::autocrypt::build(&autocrypt))
}
