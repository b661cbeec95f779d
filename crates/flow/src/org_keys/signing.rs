//! Copies are signed when they are sent: with the key of the very sender, else
//! with that of its domain. Which copies are is policy's; a key that has ended
//! or was revoked never signs, and what happens then is policy's too, and told.

use std::sync::Arc;

use jiff::Timestamp;
use keyring::org::{NotSigned, OrgKey, OrgMaterial, signer_for};
use ledger::Signing;
use mail::{Address, Entropy, KeyFormat, Method, OrgId};
use openpgp::autocrypt::Autocrypt;
use policy::Sign;
use seal::opening::{self, Covers, Limits};
use seal::protect::{self, Enclosed, Replies};
use seal::{NotOpened, Opened, Parcel, SigningOnly};
use smime::trust::Trust;

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
/// author has signed or sealed already stays as it is, unless a signature is
/// demanded: then only one that is proven to be the organisation's own counts,
/// since anybody can write the form of one, and all else is signed over.
pub(crate) async fn sign_original(case: &Case<'_>, parcel: &Parcel, stored: Vec<u8>) -> Result<Original, Missing> {
    let policy = &case.organisation.policy.signing;
    let is_required = policy.transit == Sign::Required;
    let signature = Signature::of(case, policy.transit, &policy.formats());
    if !is_required && !matches!(signature, Ok(Signature::Unwanted)) && opening::is_protected(&stored) {
        let because = "its author has signed or sealed it already".to_owned();
        return Ok(Original::Plain(stored, Some(Signing::Unsigned { because })));
    }
    let signature = signature?;
    let told = signature.told();
    let Signature::By(key) = signature else { return Ok(Original::Plain(stored, told)) };
    let is_near = !key.material.is_elsewhere();
    let replies = replies(case, Method::Tls, true);
    let own = if is_required { own_signers(case) } else { Vec::new() };
    let (parcel, now, entropy) = (parcel.clone(), case.now, Arc::clone(&case.journey.entropy));
    let stored = Arc::new(stored);
    let content = Arc::clone(&stored);
    let work = move || match is_signed_by_own(&content, &own, now) {
        true => Ok(None),
        false => signed(&parcel, &content, &key, &replies, now, entropy.as_ref()).map(Some),
    };
    let signed = match stored.len() <= INLINE_BYTES_MAX && is_near {
        true => work(),
        false => tokio::task::spawn_blocking(work).await.unwrap_or(Err(NotOpened::NoKeys)),
    };
    let because = match signed {
        Ok(Some(opened)) => return Ok(Original::Signed(opened, told)),
        Ok(None) => "its author has signed it already, with the organisation's key".to_owned(),
        Err(why) if is_required => return Err(Missing(why.to_string())),
        Err(why) => why.to_string(),
    };
    let stored = Arc::try_unwrap(stored).unwrap_or_else(|shared| shared.as_ref().clone());
    Ok(Original::Plain(stored, Some(Signing::Unsigned { because })))
}

/// The organisation's keys that may sign for the author now.
fn own_signers(case: &Case<'_>) -> Vec<OrgKey> {
    let [author] = case.manifest.from.as_slice() else { return Vec::new() };
    let own = case.journey.org_keys.of(case.organisation.org);
    own.iter().filter(|key| key.is_for(author) && key.check_signing(case.now).is_ok()).cloned().collect()
}

/// Whether one of these keys has signed the whole message, with the header
/// fields that it has outside.
fn is_signed_by_own(message: &[u8], own: &[OrgKey], now: Timestamp) -> bool {
    if own.is_empty() || !opening::is_protected(message) {
        return false;
    }
    let (mut signers, mut trust, mut given) = (Vec::new(), Trust::new(Vec::new()), Vec::new());
    for key in own {
        match &key.material {
            OrgMaterial::OpenPgp(identity) => {
                given.push(identity.certificate().fingerprint().to_string());
                signers.push(identity.certificate().clone());
            }
            OrgMaterial::Smime(pair) => {
                let Some(certificate) = pair.certificate() else { continue };
                given.push(opening::fingerprint(certificate));
                trust = trust.pinning(certificate.fingerprint_sha256());
            }
        }
    }
    let keys =
        opening::Keys { openpgp: &[], openpgp_signers: &signers, smime: &[], smime_trust: &trust, given: &given };
    let Ok(opened) = opening::open(message, &keys, now, &Limits::default()) else { return false };
    let report = opened.report;
    let is_as_outside = report.headers.is_none_or(|headers| headers.mismatch.is_empty());
    is_as_outside && report.signatures.iter().any(|one| one.valid && one.covers == Covers::Whole)
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
            with(protect::Keys::OpenPgp { to: &[], sign: Some(&sign) })
        }
        OrgMaterial::Smime(pair) => {
            let sign = pair.signing().ok_or(NotOpened::NoKeys)?;
            with(protect::Keys::Smime { to: &[], sign: Some(&sign), cipher: None })
        }
    }
}

/// What goes along with a copy of this message so that a plain reply can be
/// sealed, as policy has it. A signature of S/MIME brings its certificate; a
/// copy without one has it as a file.
pub(crate) fn replies(case: &Case<'_>, method: Method, is_signed: bool) -> Replies {
    let wanted = case.organisation.policy.replies.key && !case.manifest.is_inbound();
    let Some(author) = case.manifest.from.first().filter(|_| wanted) else { return Replies::default() };
    let autocrypt = autocrypt(case.journey, case.organisation.org, author, case.now);
    let enclosed = (method == Method::Smime && !is_signed).then(|| certificate(case, author)).flatten();
    Replies { autocrypt, enclosed, ..Replies::default() }
}

/// The sender's own certificate as a file.
fn certificate(case: &Case<'_>, author: &Address) -> Option<Enclosed> {
    let keys = case.journey.org_keys.of(case.organisation.org);
    let key = signer_for(keys.iter(), author, KeyFormat::Smime, case.now).ok()?;
    let text = key.material.smime()?.certificate()?.to_pem();
    let (content_type, name) = ("application/pem-certificate-chain".to_owned(), "certificate.pem".to_owned());
    Some(Enclosed { content_type, name, text })
}

/// The field with the sender's key for a copy that goes as it came; empty where
/// there is none, or where the author's own program has written one.
pub(crate) fn autocrypt_field(case: &Case<'_>, stored: &[u8]) -> String {
    let has_own = mail::header::fields(mail::header::split(stored).header).any(|field| field.is("Autocrypt"));
    match replies(case, Method::Tls, false).autocrypt.filter(|_| !has_own) {
        Some(value) => format!("Autocrypt: {value}\r\n"),
        None => String::new(),
    }
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
