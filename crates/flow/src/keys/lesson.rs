//! A key that was found becomes known, and the ledger tells of it in the same
//! transaction.

use jiff::SignedDuration;
use keyring::{Found, Known, Lesson, NotLearned};
use ledger::Event;
use mail::{Address, RecipientKeyId};
use store::{StoreError, Transition, Write};

use super::book::{self, Kept, KeyTrouble, named};
use crate::journey::Journey;
use crate::organisation::Organisation;

/// Why a key that was found is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// It is left alone.
    #[error(transparent)]
    NotLearned(#[from] NotLearned),
    /// Keys can't be had or kept.
    #[error(transparent)]
    Trouble(#[from] KeyTrouble),
}

impl From<StoreError> for NotKept {
    fn from(error: StoreError) -> Self {
        NotKept::Trouble(error.into())
    }
}

/// That a key was seen again is written down at most this often.
const SEEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Another change may be first; then it is worked out anew.
const TRIES: usize = 8;

/// Keeps a key that was found, as policy has it. `by` is who or what brought it.
pub async fn learn(journey: &Journey, organisation: &Organisation, found: Found, by: &str) -> Result<Lesson, NotKept> {
    let mut tried = 0;
    loop {
        let (lesson, change) = work_out(journey, organisation, &found, by).await?;
        let Some(change) = change else { return Ok(lesson) };
        match commit(journey, organisation, change).await {
            Err(StoreError::Conflict) if tried < TRIES => tried += 1,
            Err(error) => return Err(error.into()),
            Ok(()) => {
                note(journey, organisation, &found.address);
                return Ok(lesson);
            }
        }
    }
}

/// What becomes of a key that was found, and what is to be written of that; none
/// where it is old news. Whoever commits it [`note`]s it.
pub(crate) async fn work_out(
    journey: &Journey,
    organisation: &Organisation,
    found: &Found,
    by: &str,
) -> Result<(Lesson, Option<KeyChange>), NotKept> {
    let kept = book::of(journey, organisation, &found.address).await?;
    let known: Vec<Known> = kept.iter().map(|kept| kept.known.clone()).collect();
    let id = RecipientKeyId::new(found.at, journey.entropy.as_ref());
    let lesson = keyring::learn(&known, found.clone(), &organisation.policy.keys, id)?;
    let is_news = !is_old_news(&known, &lesson);
    let change = is_news.then(|| change(journey, organisation, &kept, &lesson, by));
    Ok((lesson, change))
}

/// From now on there are keys for the address.
pub(crate) fn note(journey: &Journey, organisation: &Organisation, address: &Address) {
    let index = organisation.vault.address_index(&address.folded());
    journey.keys.add_one(organisation.org, index);
}

/// A key that was only seen again, and lately before, is no reason to write:
/// it may come with every message.
fn is_old_news(known: &[Known], lesson: &Lesson) -> bool {
    let Lesson::Seen(seen) = lesson else { return false };
    let before = known.iter().find(|key| key.id == seen.id);
    before.is_some_and(|before| seen.last_seen.duration_since(before.last_seen) < SEEN_EVERY)
}

/// Writes and events of one change of what is known.
#[derive(Default)]
pub(crate) struct KeyChange {
    pub writes: Vec<Write>,
    pub events: Vec<Event>,
}

/// Makes a change durable with its journal row.
pub(super) async fn commit(
    journey: &Journey,
    organisation: &Organisation,
    change: KeyChange,
) -> Result<(), StoreError> {
    let writes = change.into_writes(journey, organisation);
    journey.commit(Transition { org: organisation.org, writes, journal: None }).await
}

fn change(journey: &Journey, organisation: &Organisation, kept: &[Kept], lesson: &Lesson, by: &str) -> KeyChange {
    let mut change = KeyChange::default();
    let is_new = matches!(lesson, Lesson::New(..) | Lesson::Held(_));
    let (known, replaced) = match lesson {
        Lesson::New(known, replaced) | Lesson::Accepted(known, replaced) => (known, replaced.as_slice()),
        Lesson::Held(known) | Lesson::Updated(known) | Lesson::Withheld(known) | Lesson::Seen(known) => {
            (known, &[][..])
        }
    };
    match is_new {
        true => change.writes.push(Write::RecipientKey(Box::new(book::row(journey, organisation, known)))),
        false => change.rewrite(journey, organisation, kept, known),
    }
    let (recipient, key, by) = (known.address.clone(), named(known), by.to_owned());
    change.events.extend(match lesson {
        Lesson::New(..) => Some(Event::KeyLearned { recipient, key, by }),
        Lesson::Held(_) | Lesson::Withheld(_) => {
            let claimed = known.claim.as_ref().map(|claim| claim.because.clone());
            let because = claimed.or_else(|| known.because.clone()).unwrap_or_default();
            Some(Event::KeyHeld { recipient, key, by, because })
        }
        Lesson::Updated(_) => Some(Event::KeyUpdated { recipient, key, by }),
        Lesson::Accepted(..) => Some(Event::KeyAccepted { recipient, key, by }),
        Lesson::Seen(_) => None,
    });
    change.replace(journey, organisation, kept, known, replaced);
    change
}

impl KeyChange {
    /// All of it, with the journal row that tells of it: about keys, and about no
    /// message, with which it could be erased.
    pub fn into_writes(self, journey: &Journey, organisation: &Organisation) -> Vec<Write> {
        let Self { mut writes, events } = self;
        if !events.is_empty() {
            let entry = organisation.journal(None, events, journey.clock.now(), journey.entropy.as_ref());
            writes.push(Write::Journal(entry));
        }
        writes
    }

    /// A key that is kept changes, if nobody else was first.
    pub fn rewrite(&mut self, journey: &Journey, organisation: &Organisation, kept: &[Kept], known: &Known) {
        let Some(before) = kept.iter().find(|kept| kept.known.id == known.id) else { return };
        let row = Box::new(book::row(journey, organisation, known));
        self.writes.push(Write::RecipientKeyChanged { expected_version: before.version, row });
    }

    /// Keys give way to another one.
    pub fn replace(
        &mut self,
        journey: &Journey,
        organisation: &Organisation,
        kept: &[Kept],
        with: &Known,
        replaced: &[Known],
    ) {
        for key in replaced {
            self.rewrite(journey, organisation, kept, key);
            let recipient = key.address.clone();
            self.events.push(Event::KeyReplaced { recipient, key: named(key), with: with.id });
        }
    }
}
