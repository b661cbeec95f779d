//! Sealing at the moment of sending. The keys that a parcel names are read and
//! judged again: one that has ended, was revoked, rejected or removed since the
//! plan seals nothing, and its recipient alone takes the next method.

use std::sync::Arc;

use jiff::Timestamp;
use keyring::org::{OrgKey, OrgMaterial, SmimePair};
use keyring::{Known, Material, candidates};
use ledger::Signing;
use mail::{Address, Entropy, KeyFormat, Method, Recipient};
use seal::protect::{Facts, Keys, ProtectError, Replies, UnusableKey};
use seal::{Forged, NotOpened, Opened, Parcel, ParcelKey, Sealing};
use store::StoreError;

use super::book;
use super::revocation::refreshed;
use crate::case::Case;
use crate::org_keys::{self, Missing, Signature, Signs};
use crate::prepared::choose_among;

/// Above this the work is done off the async threads.
const INLINE_BYTES_MAX: usize = 256 * 1024;

/// What came of sealing a parcel's copy.
pub(crate) struct SealedParcel {
    /// The parcel for those whose keys can be used, and its copy; nothing where
    /// nobody's can.
    pub sealed: Option<(Parcel, Opened)>,
    /// Who signed it, or why nobody did.
    pub signing: Option<Signing>,
    /// The others.
    pub unusable: Vec<Unusable>,
}

/// A recipient whose key can't be used after all.
pub(crate) struct Unusable {
    pub recipient: Address,
    pub because: String,
    pub next: Next,
}

/// The next method for a recipient.
pub(crate) enum Next {
    /// Transit would do: the original, over a connection that proves the need.
    Tls,
    /// Another key.
    Sealed(KeyFormat, ParcelKey),
    /// The portal.
    Portal,
}

/// Why a copy could not be sealed for anybody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSealed {
    #[error(transparent)]
    Forged(#[from] Forged),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A recipient with the key that the parcel names, as it is now.
struct Holder<'a> {
    recipient: &'a Recipient,
    material: Material,
    /// What else is known for the address.
    others: Vec<Known>,
}

/// Seals a parcel's copy for all whose keys can be used.
pub(crate) async fn seal(case: &Case<'_>, parcel: &Parcel, stored: Vec<u8>) -> Result<SealedParcel, NotSealed> {
    let (mut holders, mut unusable) = (Vec::new(), Vec::new());
    let signature = match signature(case, parcel) {
        Ok(signature) => signature,
        Err(missing) => return nobody(case, parcel, &missing).await,
    };
    for (recipient, key) in parcel.recipients().iter().zip(parcel.keys()) {
        match holder(case, parcel, recipient, key).await? {
            Ok(holder) => holders.push(holder),
            Err(without) => unusable.push(without),
        }
    }
    let stored = Arc::new(stored);
    while !holders.is_empty() {
        let rest = parcel.for_rest(parcel.id(), |address| holders.iter().any(|one| one.recipient.address == *address));
        let materials = holders.iter().map(|holder| holder.material.clone()).collect();
        let refused = match attempt(case, &rest, &stored, materials, &signature).await {
            Ok(opened) => {
                return Ok(SealedParcel { sealed: Some((rest, opened)), signing: signature.told(), unusable });
            }
            Err(NotOpened::Forged(forged)) => return Err(forged.into()),
            // An HSM may not answer. No recipient's key is to blame, and nothing goes unsigned.
            Err(NotOpened::NotProtected(ProtectError::Sign(_))) => {
                let key = signature.key().map(|key| key.id.to_string()).unwrap_or_default();
                let nobody = nobody(case, parcel, &Missing(format!("the key {key} could not sign"))).await?;
                return Ok(unsealed(parcel, nobody));
            }
            Err(NotOpened::NotProtected(ProtectError::Crypto)) => {
                let nobody = nobody(case, parcel, &Missing("it could not be sealed".to_owned())).await?;
                return Ok(unsealed(parcel, nobody));
            }
            Err(why) => refused_keys(&why, holders.len()),
        };
        for (index, because) in refused.into_iter().rev() {
            let holder = holders.remove(index);
            unusable.push(holder.without(case, parcel, because));
        }
    }
    Ok(SealedParcel { sealed: None, signing: None, unusable })
}

/// Who signs a parcel's copies, as policy has it.
fn signature(case: &Case<'_>, parcel: &Parcel) -> Result<Signature, Missing> {
    let wanted = case.organisation.policy.signing.end_to_end;
    match parcel.method() {
        Method::OpenPgp => Signature::of(case, wanted, &[KeyFormat::OpenPgp]),
        Method::Smime => Signature::of(case, wanted, &[KeyFormat::Smime]),
        Method::Tls | Method::Portal => Ok(Signature::Unwanted),
    }
}

/// No copy can be signed as policy demands: each recipient takes the next method.
async fn nobody(case: &Case<'_>, parcel: &Parcel, missing: &Missing) -> Result<SealedParcel, NotSealed> {
    let mut unusable = Vec::new();
    for (recipient, key) in parcel.recipients().iter().zip(parcel.keys()) {
        let without = match holder(case, parcel, recipient, key).await? {
            Ok(holder) => holder.without(case, parcel, String::new()),
            Err(without) => without,
        };
        unusable.push(Unusable { because: missing.to_string(), ..without });
    }
    Ok(SealedParcel { sealed: None, signing: None, unusable })
}

/// The same, for none of the recipients' other keys: they would ask for what
/// failed again, and lead back here without end.
fn unsealed(parcel: &Parcel, mut nobody: SealedParcel) -> SealedParcel {
    let is_transit = parcel.grounds().need.transit().is_some();
    for one in &mut nobody.unusable {
        one.next = if is_transit { Next::Tls } else { Next::Portal };
    }
    nobody
}

/// How one recipient's copy was sealed, as the ledger says it.
pub(crate) fn told(facts: &Facts, place: usize) -> Option<ledger::Sealing> {
    let to = facts.to.get(place)?;
    let format = match facts.method {
        Method::OpenPgp => KeyFormat::OpenPgp,
        Method::Smime => KeyFormat::Smime,
        Method::Tls | Method::Portal => return None,
    };
    let integrity = match facts.integrity {
        seal::protect::Integrity::Aead => ledger::SealIntegrity::Aead,
        seal::protect::Integrity::Mdc => ledger::SealIntegrity::Mdc,
        seal::protect::Integrity::None => ledger::SealIntegrity::None,
    };
    Some(ledger::Sealing {
        format,
        fingerprint: to.fingerprint.to_ascii_uppercase(),
        algorithm: to.algorithm.clone(),
        cipher: facts.cipher.clone().unwrap_or_default(),
        integrity,
        signed_by: facts.signed_by.as_ref().map(|fingerprint| fingerprint.to_ascii_uppercase()),
    })
}

/// The key that a parcel names for a recipient, if it can be used now.
async fn holder<'a>(
    case: &Case<'_>,
    parcel: &Parcel,
    recipient: &'a Recipient,
    key: &ParcelKey,
) -> Result<Result<Holder<'a>, Unusable>, StoreError> {
    let (organisation, address) = (case.organisation, &recipient.address);
    let index = organisation.vault.address_index(&address.folded());
    let rows = case.journey.store.recipient_keys_of(organisation.org, vec![index]).await?;
    let known = rows.iter().filter_map(|row| book::open(organisation, row).ok()).map(|kept| kept.known);
    let is_named = |known: &Known| known.id == key.key && known.fingerprint() == key.fingerprint;
    let (mut named, others): (Vec<Known>, Vec<Known>) = known.partition(is_named);
    if let Some(known) = named.pop() {
        named.push(match case.manifest.test {
            true => known,
            false => refreshed(case.journey, organisation, known, case.now).await,
        });
    }
    let found =
        candidates(&named, address, parcel.grounds().need, &organisation.policy.keys, &organisation.trust, case.now);
    let format = named.first().map(Known::format);
    Ok(match (format.and_then(|format| found.of(format)), found.passed_over.first()) {
        (Some(candidate), _) => Ok(Holder { recipient, material: candidate.known.material.clone(), others }),
        (None, Some((_, why))) => Err(without(case, parcel, address, &others, why.to_string())),
        (None, None) => Err(without(case, parcel, address, &others, "it is not known any more".to_owned())),
    })
}

impl Holder<'_> {
    fn without(&self, case: &Case<'_>, parcel: &Parcel, because: String) -> Unusable {
        without(case, parcel, &self.recipient.address, &self.others, because)
    }
}

/// A recipient without the key that the parcel names.
fn without(case: &Case<'_>, parcel: &Parcel, address: &Address, others: &[Known], because: String) -> Unusable {
    let grounds = parcel.grounds();
    let found =
        candidates(others, address, grounds.need, &case.organisation.policy.keys, &case.organisation.trust, case.now);
    let chosen = choose_among(&case.organisation.policy.keys, &found, grounds, &Signs::of(case));
    let next = match (chosen.method, chosen.key) {
        (Method::Tls, _) => Next::Tls,
        (Method::OpenPgp | Method::Smime, Some((format, key))) => Next::Sealed(format, key),
        (Method::Portal | Method::OpenPgp | Method::Smime, _) => Next::Portal,
    };
    Unusable { recipient: address.clone(), because: format!("the recipient's key can't be used: {because}"), next }
}

/// Seals once, with these keys.
async fn attempt(
    case: &Case<'_>,
    parcel: &Parcel,
    stored: &Arc<Vec<u8>>,
    materials: Vec<Material>,
    signature: &Signature,
) -> Result<Opened, NotOpened> {
    let with = With {
        materials,
        signer: signature.key().cloned(),
        replies: org_keys::replies(case, parcel.method(), signature.key().is_some()),
        is_displayed: case.organisation.policy.subject.legacy_display,
        now: case.now,
        entropy: Arc::clone(&case.journey.entropy),
    };
    let is_near = !with.signer.as_ref().is_some_and(|key| key.material.is_elsewhere());
    if stored.len() <= INLINE_BYTES_MAX && is_near {
        return with.open(parcel, stored);
    }
    let (parcel, stored) = (parcel.clone(), Arc::clone(stored));
    let sealing = tokio::task::spawn_blocking(move || with.open(&parcel, &stored));
    sealing.await.unwrap_or(Err(NotOpened::NotProtected(ProtectError::Crypto)))
}

/// With what a copy is sealed.
struct With {
    materials: Vec<Material>,
    signer: Option<OrgKey>,
    replies: Replies,
    is_displayed: bool,
    now: Timestamp,
    entropy: Arc<dyn Entropy>,
}

impl With {
    fn open(&self, parcel: &Parcel, stored: &[u8]) -> Result<Opened, NotOpened> {
        let (now, entropy) = (self.now, self.entropy.as_ref());
        let (replies, is_displayed) = (&self.replies, self.is_displayed);
        let seal = |keys| parcel.open(stored, Some(&Sealing { keys, replies, is_displayed, now, entropy }));
        let signer = self.signer.as_ref().map(|key| &key.material);
        match parcel.method() {
            Method::Smime => {
                let to = smime_recipients(&self.materials, now)?;
                let sign = signer.and_then(OrgMaterial::smime).and_then(SmimePair::signing);
                seal(Keys::Smime { to: &to, sign: sign.as_ref(), cipher: None })
            }
            Method::Tls | Method::Portal | Method::OpenPgp => {
                let to: Vec<openpgp::Certificate> = self.materials.iter().filter_map(openpgp_certificate).collect();
                let sign = signer.and_then(OrgMaterial::openpgp).map(|own| own.signing(now)).transpose();
                let sign = sign.map_err(|_| NotOpened::NoKeys)?;
                seal(Keys::OpenPgp { to: &to, sign: sign.as_ref() })
            }
        }
    }
}

fn openpgp_certificate(material: &Material) -> Option<openpgp::Certificate> {
    match material {
        Material::OpenPgp(certificate) => Some(certificate.clone()),
        Material::Smime(_) => None,
    }
}

fn smime_recipients(materials: &[Material], now: Timestamp) -> Result<Vec<smime::Recipient>, NotOpened> {
    let mut recipients = Vec::new();
    for (index, material) in materials.iter().enumerate() {
        let Material::Smime(key) = material else { continue };
        let unusable = |reason: smime::Unusable| {
            let key = UnusableKey { index, fingerprint: material.fingerprint(), reason: reason.into() };
            NotOpened::NotProtected(ProtectError::Recipients(vec![key]))
        };
        recipients.push(key.recipient(now).map_err(unusable)?);
    }
    Ok(recipients)
}

/// The places of those for whom the copy was not sealed, and why: those whose
/// keys are to blame, or everybody.
fn refused_keys(why: &NotOpened, all: usize) -> Vec<(usize, String)> {
    match why {
        NotOpened::NotProtected(ProtectError::Recipients(keys)) if keys.iter().any(|key| key.index < all) => {
            let mut places: Vec<(usize, String)> =
                keys.iter().filter(|key| key.index < all).map(|key| (key.index, key.reason.to_string())).collect();
            places.sort_by_key(|(index, _)| *index);
            places.dedup_by_key(|(index, _)| *index);
            places
        }
        why => (0..all).map(|index| (index, why.to_string())).collect(),
    }
}
