//! What a person does to a known key: accept, reject, remove; and its holder,
//! who withdraws it.

use keyring::{Known, NotUsable, Withdrawal};
use ledger::Event;
use mail::{KeyState, RecipientKeyId};
use store::{StoreError, Write};

use super::book::{self, KeyTrouble, named};
use super::lesson::{KeyChange, commit};
use crate::journey::Journey;
use crate::organisation::Organisation;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum NotManaged {
    /// There is no such key in this organisation.
    #[error("no such key")]
    NoSuchKey,
    /// It can't be used, so there is nothing to accept.
    #[error("the key can't be used")]
    Unusable(#[from] NotUsable),
    /// Somebody else changed it at the same moment.
    #[error("the key was changed by somebody else at the same moment: look again")]
    Contended,
    /// Keys can't be had or kept.
    #[error(transparent)]
    Trouble(#[from] KeyTrouble),
}

impl From<StoreError> for NotManaged {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => NotManaged::Contended,
            error => NotManaged::Trouble(error.into()),
        }
    }
}

/// Lets a key be used. From now on it counts as given by staff; another one of
/// its format gives way.
pub async fn accept(
    journey: &Journey,
    organisation: &Organisation,
    key: RecipientKeyId,
    by: &str,
) -> Result<Known, NotManaged> {
    let kept = book::find(journey, organisation, key).await?.ok_or(NotManaged::NoSuchKey)?;
    kept.known.material.usable(journey.clock.now())?;
    let accepted = Known {
        state: KeyState::Active,
        because: None,
        claim: None,
        unwanted_since: None,
        confirmed_by: Some(by.to_owned()),
        ..kept.known.clone()
    };
    let beside = book::of(journey, organisation, &accepted.address).await?;
    let known: Vec<Known> = beside.iter().map(|kept| kept.known.clone()).collect();
    let replaced = keyring::replaced_by(&accepted, &known, &organisation.policy.keys);
    let mut change = KeyChange::default();
    change.rewrite(journey, organisation, &beside, &accepted);
    let (recipient, by) = (accepted.address.clone(), by.to_owned());
    change.events.push(Event::KeyAccepted { recipient, key: named(&accepted), by });
    change.replace(journey, organisation, &beside, &accepted, &replaced);
    commit(journey, organisation, change).await?;
    Ok(accepted)
}

/// Forbids a key for good; it is kept, so that it does not come back.
pub async fn reject(
    journey: &Journey,
    organisation: &Organisation,
    key: RecipientKeyId,
    by: &str,
) -> Result<Known, NotManaged> {
    let kept = book::find(journey, organisation, key).await?.ok_or(NotManaged::NoSuchKey)?;
    let rejected = Known {
        state: KeyState::Rejected,
        because: None,
        claim: None,
        unwanted_since: None,
        confirmed_by: None,
        ..kept.known.clone()
    };
    let mut change = KeyChange::default();
    change.rewrite(journey, organisation, &[kept], &rejected);
    let (recipient, by) = (rejected.address.clone(), by.to_owned());
    change.events.push(Event::KeyRejected { recipient, key: named(&rejected), by });
    commit(journey, organisation, change).await?;
    Ok(rejected)
}

/// Forgets a key. Where it was found, it may be found again.
pub async fn remove(
    journey: &Journey,
    organisation: &Organisation,
    key: RecipientKeyId,
    by: &str,
) -> Result<Known, NotManaged> {
    let kept = book::find(journey, organisation, key).await?.ok_or(NotManaged::NoSuchKey)?;
    let event = Event::KeyRemoved { recipient: kept.known.address.clone(), key: named(&kept.known), by: by.to_owned() };
    let change = KeyChange { writes: vec![Write::RecipientKeyRemoved { key }], events: vec![event] };
    commit(journey, organisation, change).await?;
    Ok(kept.known)
}

/// What becomes of a key that its holder wants used no more, and what is to be
/// written of that; nothing where there is no such key any more.
pub(crate) async fn withdrawal(
    journey: &Journey,
    organisation: &Organisation,
    key: RecipientKeyId,
    by: &str,
) -> Result<Option<(Withdrawal, KeyChange)>, KeyTrouble> {
    let Some(kept) = book::find(journey, organisation, key).await? else { return Ok(None) };
    let withdrawal = keyring::withdraw(&kept.known, journey.clock.now());
    let (recipient, by) = (kept.known.address.clone(), by.to_owned());
    let (known, event) = match &withdrawal {
        Withdrawal::Done(known) => (known, Event::KeyWithdrawn { recipient, key: named(known), by }),
        Withdrawal::Asked(known) => (known, Event::KeyUnwanted { recipient, key: named(known), by }),
    };
    let mut change = KeyChange { writes: Vec::new(), events: vec![event] };
    change.rewrite(journey, organisation, std::slice::from_ref(&kept), known);
    Ok(Some((withdrawal, change)))
}
