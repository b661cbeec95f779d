//! Harvest: keys that inbound mail brings. The certificate in a signed message
//! that verified, a key that such a message carries, and Autocrypt fields
//! (Autocrypt Level 1), of mail that passes DMARC and of no other.
//!
//! | file | what |
//! | --- | --- |
//! | `ground` | whether a message may bring keys, asked while it is accepted |
//! | `glean` | the keys in a message; pure |
//! | `bounds` | how many new keys are taken, so that nobody floods the store |
//!
//! Acceptance leaves a ticket and never waits: one worker reads the stored
//! message afterwards, within the budget of memory. Where the queue is full, or
//! the process ends first, a message brings no key; the next one will.
//!
//! A message that came sealed to the organisation's own keys is opened, under the
//! rules by which it is passed on ([`org_keys`]), and its inside is looked into.
//!
//! Mail that is handed in by submission is never harvested: it is the
//! organisation's own, and nobody asked DMARC about it.

mod bounds;
mod glean;
mod ground;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use identity::{Action, Forbidden, Principal, Resource, authorize};
use keyring::{Found, Known};
use mail::{Address, KeySource, MessageId, OrgId};
use store::StoreError;
use tokio::sync::{Notify, watch};
use vault::VaultError;

pub(crate) use ground::Ground;

use crate::journey::Journey;
use crate::keys::{self, KeyTrouble, NotKept};
use crate::opened::{NotOpened, Opened};
use crate::org_keys;
use bounds::Bounds;
use glean::{Field, Gleaned};

/// Messages that wait; who comes beyond brings no key.
const WAITING_MAX: usize = 1_000;
/// A larger message is not looked into.
const MESSAGE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Messages that may bring keys.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<VecDeque<Ticket>>,
    more: Notify,
    bounds: Mutex<Bounds>,
}

/// A message that may bring keys.
#[derive(Clone, Copy)]
struct Ticket {
    org: OrgId,
    message: MessageId,
    ground: Ground,
}

impl Queue {
    /// Leaves a message to be looked into; never waits.
    pub fn offer(&self, org: OrgId, message: MessageId, ground: Ground) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push_back(Ticket { org, message, ground });
            self.more.notify_one();
        }
    }

    fn next(&self) -> Option<Ticket> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Why a message brought nothing.
#[derive(Debug, thiserror::Error)]
enum NotHarvested {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    Message(#[from] NotOpened),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trouble(#[from] KeyTrouble),
}

/// Looks into what was left, one message at a time, until `stop` holds true.
pub async fn run(journey: Arc<Journey>, mut stop: watch::Receiver<bool>) {
    loop {
        while let Some(ticket) = journey.harvest.next() {
            if *stop.borrow() {
                return;
            }
            if let Err(error) = harvest(&journey, ticket).await {
                tracing::warn!(message = %ticket.message, %error, "a message could not be looked into for keys");
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = journey.harvest.more.notified() => {}
        }
    }
}

async fn harvest(journey: &Journey, ticket: Ticket) -> Result<(), NotHarvested> {
    let Ticket { org, message, ground } = ticket;
    authorize(&Principal::System { org }, Action::LearnKeys, &Resource::Organisation(org))?;
    let opened = Opened::find(journey, org, message).await?;
    let [author] = opened.manifest.from.as_slice() else { return Ok(()) };
    if opened.row.body.len() > MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let kept = keys::of(journey, &opened.organisation, author).await?;
    let mut known: Vec<Known> = kept.into_iter().map(|kept| kept.known).collect();
    for gleaned in gleaned(journey, &opened, author, &known, ground).await? {
        let found = Found {
            address: author.clone(),
            material: gleaned.material,
            source: gleaned.source,
            detail: message.to_string(),
            is_bound_by_hand: false,
            vouched_by: gleaned.vouched_by,
            prefers_encryption: gleaned.prefers_encryption,
            at: journey.clock.now(),
        };
        known.extend(learn(journey, &opened, &known, found).await?);
    }
    Ok(())
}

/// The keys in the stored message, looked for off the async threads.
async fn gleaned(
    journey: &Journey,
    opened: &Opened,
    author: &Address,
    known: &[Known],
    ground: Ground,
) -> Result<Vec<Gleaned>, NotHarvested> {
    let memory = journey.memory.lend(opened.row.body.len()).await;
    let sealed = journey.store.read_body(opened.organisation.org, opened.row.message, &opened.row.body).await?;
    let stored = opened.key.open_body_in_place(sealed)?;
    let unsealed = org_keys::unsealed(&opened.case(journey, journey.clock.now()), &stored).await;
    let (organisation, author, known, now) =
        (opened.organisation.clone(), author.clone(), known.to_vec(), journey.clock.now());
    let gleaning = tokio::task::spawn_blocking(move || {
        let field = Field {
            author: &author,
            known: &known,
            policy: &organisation.policy.keys,
            trust: &organisation.trust,
            now,
        };
        field.glean(&stored, unsealed.as_ref(), ground)
    });
    let gleaned = gleaning.await.unwrap_or_default();
    drop(memory);
    Ok(gleaned)
}

/// Keeps a key, as policy has it, unless there are too many. Gives it where it is new.
async fn learn(
    journey: &Journey,
    opened: &Opened,
    known: &[Known],
    found: Found,
) -> Result<Option<Known>, NotHarvested> {
    let fingerprint = found.material.fingerprint();
    let is_new = !known.iter().any(|key| key.fingerprint() == fingerprint);
    if is_new && !admits(journey, opened, known, &found.address) {
        tracing::info!(message = %opened.row.message, "too many new keys come from there: this one is not kept");
        return Ok(None);
    }
    let by = format!("{} {}", found.source.word(), opened.row.message);
    match keys::learn(journey, &opened.organisation, found, &by).await {
        Ok(keyring::Lesson::New(key, _) | keyring::Lesson::Held(key)) => Ok(Some(key)),
        Ok(_) => Ok(None),
        Err(NotKept::NotLearned(_)) => {
            // Why may name an address, and a log names nobody.
            tracing::debug!(message = %opened.row.message, "a key that came with a message is left alone");
            Ok(None)
        }
        Err(NotKept::Trouble(trouble)) => Err(trouble.into()),
    }
}

fn admits(journey: &Journey, opened: &Opened, known: &[Known], author: &Address) -> bool {
    let is_harvested = |key: &&Known| matches!(key.source, KeySource::SignedMail | KeySource::Autocrypt);
    let of_address = known.iter().filter(is_harvested).count();
    let domain = opened.organisation.vault.domain_index(author.domain());
    let mut bounds = journey.harvest.bounds.lock().unwrap_or_else(PoisonError::into_inner);
    bounds.admits(of_address, domain, opened.manifest.peer, journey.clock.now())
}
