//! What a person does to own keys. Each change and the event that tells of it
//! are one transaction.

use std::time::Duration;

use identity::Principal;
use keyring::org::{OrgKey, OrgKeyState, OrgMaterial, Reason, Revoked, SmimePair};
use ledger::Event;
use smime::Certificate;
use store::{StoreError, Transition, Write};

use super::book::{self, Kept, OrgKeyTrouble};
use crate::case::later;
use crate::journey::Journey;
use crate::organisation::Organisation;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// A key with this fingerprint is kept already.
    #[error("this key is kept already: {0}")]
    Known(mail::OrgKeyId),
    /// A certificate for a private key that is not here.
    #[error("the certificate {0} is for none of the organisation's private keys")]
    NoPrivateKey(String),
    /// Only OpenPGP keys are extended; S/MIME asks for a new certificate.
    #[error("the validity of a certificate is its authority's: make a new key with its request")]
    NotOpenPgp,
    /// There is nothing public of it yet.
    #[error("there is no certificate yet that could be published")]
    NothingPublic,
    /// It was revoked, which can't be taken back.
    #[error("the key is revoked")]
    Revoked,
    /// OpenPGP could not do it.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::KeyError),
    /// Somebody else changed it at the same moment.
    #[error("the key was changed by somebody else at the same moment: look again")]
    Contended,
    /// Own keys can't be had or kept.
    #[error(transparent)]
    Trouble(#[from] OrgKeyTrouble),
}

impl From<StoreError> for NotChanged {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => NotChanged::Contended,
            error => NotChanged::Trouble(error.into()),
        }
    }
}

/// Writes and events of one change.
#[derive(Default)]
struct Change {
    writes: Vec<Write>,
    events: Vec<Event>,
}

impl Change {
    async fn commit(self, journey: &Journey, organisation: &Organisation) -> Result<(), NotChanged> {
        let now = journey.clock.now();
        let entry = organisation.journal(None, self.events, now, journey.entropy.as_ref());
        let transition = Transition { org: organisation.org, writes: self.writes, journal: Some(entry) };
        journey.commit(transition).await?;
        Ok(super::refresh(journey).await?)
    }

    fn rewrite(
        &mut self,
        journey: &Journey,
        organisation: &Organisation,
        kept: &Kept,
        key: &OrgKey,
    ) -> Result<(), NotChanged> {
        let row = Box::new(book::row(journey, organisation, key)?);
        self.writes.push(Write::OrgKeyChanged { expected_version: kept.version, row });
        Ok(())
    }

    /// Another key signs from now on for exactly those for whom these did. What
    /// a person published stays public: the new one is, if one of these was.
    fn supersede(
        &mut self,
        journey: &Journey,
        organisation: &Organisation,
        others: &[&Kept],
        with: &OrgKey,
        by: &Principal,
    ) -> Result<(), NotChanged> {
        for kept in others {
            let retired = OrgKey { state: OrgKeyState::Retired, ..kept.key.clone() };
            self.rewrite(journey, organisation, kept, &retired)?;
            let (key, fingerprint) = (retired.id, retired.fingerprint());
            self.events.push(Event::OrgKeyRetired { key, fingerprint, by: with.id.to_string() });
        }
        if with.is_published && others.iter().any(|kept| kept.key.is_published) {
            let (key, fingerprint) = (with.id, with.fingerprint());
            self.events.push(Event::OrgKeyPublished { key, fingerprint, by: by.to_string() });
        }
        Ok(())
    }
}

/// The keys that give way to another one: active, of its format, for exactly
/// its owners.
fn giving_way<'k>(all: &'k [Kept], with: &OrgKey) -> Vec<&'k Kept> {
    let gives_way = |kept: &&Kept| {
        let key = &kept.key;
        let is_same = key.format() == with.format() && key.owners == with.owners;
        key.id != with.id && is_same && key.state == OrgKeyState::Active
    };
    match with.state {
        OrgKeyState::Active => all.iter().filter(gives_way).collect(),
        OrgKeyState::Pending | OrgKeyState::Retired | OrgKeyState::Revoked => Vec::new(),
    }
}

/// The key with whether it is published, where it takes the place of these.
fn in_place_of(others: &[&Kept], key: &OrgKey) -> OrgKey {
    let is_published = key.is_published || others.iter().any(|kept| kept.key.is_published);
    OrgKey { is_published, ..key.clone() }
}

/// Keeps a new key. `how` is the word for where it came from: `generated`,
/// `imported`, `renewed`. One that signs takes the place of those that did so
/// for the same owners.
pub async fn keep(
    journey: &Journey,
    organisation: &Organisation,
    key: &OrgKey,
    how: &str,
    by: &Principal,
) -> Result<OrgKey, NotChanged> {
    let others = book::all(journey, organisation).await?;
    let fingerprint = key.fingerprint();
    if let Some(known) = others.iter().find(|kept| kept.key.fingerprint() == fingerprint) {
        return Err(NotChanged::Known(known.key.id));
    }
    let giving_way = giving_way(&others, key);
    let key = in_place_of(&giving_way, key);
    let mut change = Change::default();
    change.writes.push(Write::OrgKey(Box::new(book::row(journey, organisation, &key)?)));
    change.events.push(made(&key, how, by));
    change.supersede(journey, organisation, &giving_way, &key, by)?;
    change.commit(journey, organisation).await?;
    Ok(key)
}

/// A certificate that an authority signed for a private key that is here: from
/// now on the key signs with it. What was sealed under an earlier certificate
/// still opens.
pub async fn certify(
    journey: &Journey,
    organisation: &Organisation,
    certificate: &Certificate,
    chain: &[Certificate],
    by: &Principal,
) -> Result<OrgKey, NotChanged> {
    let all = book::all(journey, organisation).await?;
    let is_for = |kept: &&Kept| kept.key.material.smime().is_some_and(|pair| pair.fits(certificate));
    let kept = all.iter().find(is_for).ok_or_else(|| NotChanged::NoPrivateKey(certificate.subject().to_string()))?;
    let Some(pair) = kept.key.material.smime() else { return Err(NotChanged::NotOpenPgp) };
    let is_revoked = kept.key.state == OrgKeyState::Revoked;
    if pair.certificates.contains(certificate) || is_revoked {
        return Err(if is_revoked { NotChanged::Revoked } else { NotChanged::Known(kept.key.id) });
    }
    let certificates = std::iter::once(certificate).chain(&pair.certificates).cloned().collect();
    let material = OrgMaterial::Smime(SmimePair { key: pair.key.clone(), certificates, chain: chain.to_vec() });
    let key = OrgKey { material, state: OrgKeyState::Active, ..kept.key.clone() };
    let giving_way = giving_way(&all, &key);
    let key = in_place_of(&giving_way, &key);
    let mut change = Change::default();
    change.rewrite(journey, organisation, kept, &key)?;
    change.events.push(made(&key, "certified", by));
    change.supersede(journey, organisation, &giving_way, &key, by)?;
    change.commit(journey, organisation).await?;
    Ok(key)
}

/// Extends an OpenPGP key; with `new_part`, what is sealed to it from now on
/// opens with a new subkey. Whoever has the key must get it again.
pub async fn renew(
    journey: &Journey,
    organisation: &Organisation,
    kept: &Kept,
    life: Duration,
    new_part: bool,
    by: &Principal,
) -> Result<OrgKey, NotChanged> {
    let identity = kept.key.material.openpgp().ok_or(NotChanged::NotOpenPgp)?;
    if kept.key.state == OrgKeyState::Revoked {
        return Err(NotChanged::Revoked);
    }
    let (now, entropy) = (journey.clock.now(), journey.entropy.as_ref());
    let ends_at = Some(later(now, life));
    let mut renewed = identity.extend(ends_at, now, entropy)?;
    if new_part {
        renewed = renewed.with_new_subkey(ends_at, now, entropy)?;
    }
    let key = OrgKey { material: OrgMaterial::OpenPgp(renewed), ..kept.key.clone() };
    let mut change = Change::default();
    change.rewrite(journey, organisation, kept, &key)?;
    change.events.push(made(&key, "renewed", by));
    change.commit(journey, organisation).await?;
    Ok(key)
}

/// Lets a key sign no more; it still opens.
pub async fn retire(
    journey: &Journey,
    organisation: &Organisation,
    kept: &Kept,
    by: &Principal,
) -> Result<OrgKey, NotChanged> {
    if kept.key.state == OrgKeyState::Revoked {
        return Err(NotChanged::Revoked);
    }
    let key = OrgKey { state: OrgKeyState::Retired, ..kept.key.clone() };
    let event = Event::OrgKeyRetired { key: key.id, fingerprint: key.fingerprint(), by: by.to_string() };
    changed(journey, organisation, kept, key, event).await
}

/// Revokes a key: it signs no more, and still opens. An OpenPGP key says so
/// itself from then on; of a certificate its authority must be told.
pub async fn revoke(
    journey: &Journey,
    organisation: &Organisation,
    kept: &Kept,
    reason: Reason,
    note: &str,
    by: &Principal,
) -> Result<OrgKey, NotChanged> {
    if kept.key.state == OrgKeyState::Revoked {
        return Err(NotChanged::Revoked);
    }
    let now = journey.clock.now();
    let material = match &kept.key.material {
        OrgMaterial::OpenPgp(identity) => {
            let revoked = identity.revoke(reason.openpgp(), note, now, journey.entropy.as_ref())?;
            OrgMaterial::OpenPgp(identity.with_certificate(&revoked)?)
        }
        OrgMaterial::Smime(pair) => OrgMaterial::Smime(pair.clone()),
    };
    let revoked = Some(Revoked { at: now, reason, note: note.to_owned() });
    let key = OrgKey { state: OrgKeyState::Revoked, revoked, material, ..kept.key.clone() };
    let because = [reason.word(), note].join(": ").trim_end_matches([':', ' ']).to_owned();
    let event = Event::OrgKeyRevoked { key: key.id, fingerprint: key.fingerprint(), because, by: by.to_string() };
    changed(journey, organisation, kept, key, event).await
}

/// Publishes the public part: in the web key directory and on the page of keys.
pub async fn publish(
    journey: &Journey,
    organisation: &Organisation,
    kept: &Kept,
    by: &Principal,
) -> Result<OrgKey, NotChanged> {
    if kept.key.material.to_text().is_none() {
        return Err(NotChanged::NothingPublic);
    }
    let key = OrgKey { is_published: true, ..kept.key.clone() };
    let event = Event::OrgKeyPublished { key: key.id, fingerprint: key.fingerprint(), by: by.to_string() };
    changed(journey, organisation, kept, key, event).await
}

/// Publishes it no longer.
pub async fn withdraw(
    journey: &Journey,
    organisation: &Organisation,
    kept: &Kept,
    by: &Principal,
) -> Result<OrgKey, NotChanged> {
    let key = OrgKey { is_published: false, ..kept.key.clone() };
    let event = Event::OrgKeyWithdrawn { key: key.id, fingerprint: key.fingerprint(), by: by.to_string() };
    changed(journey, organisation, kept, key, event).await
}

async fn changed(
    journey: &Journey,
    organisation: &Organisation,
    kept: &Kept,
    key: OrgKey,
    event: Event,
) -> Result<OrgKey, NotChanged> {
    let mut change = Change::default();
    change.rewrite(journey, organisation, kept, &key)?;
    change.events.push(event);
    change.commit(journey, organisation).await?;
    Ok(key)
}

fn made(key: &OrgKey, how: &str, by: &Principal) -> Event {
    Event::OrgKeyMade {
        key: key.id,
        fingerprint: key.fingerprint(),
        owners: key.owners.iter().map(ToString::to_string).collect(),
        how: how.to_owned(),
        by: by.to_string(),
    }
}
