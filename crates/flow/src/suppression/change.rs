//! A suppression is added or taken back, and the ledger tells of it in the same
//! transaction.

use ledger::Event;
use mail::suppression::Reason;
use mail::{Address, OrgId, SuppressionId};
use store::{StoreError, Transition, Write};

use super::Origin;
use super::book::{self, NotRead, Suppression};
use crate::case::{Case, Changes};
use crate::journey::Journey;
use crate::organisation::Organisation;
use crate::streams::NoStream;

/// What is to be suppressed.
#[derive(Clone, Debug)]
pub struct NewSuppression<'a> {
    /// The address.
    pub address: &'a Address,
    /// The stream that it is for; none for every one.
    pub stream: Option<&'a str>,
    /// Why.
    pub reason: Reason,
    /// Where it comes from.
    pub origin: Origin,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New(SuppressionId),
    /// The mailbox was suppressed for that stream and reason already, by this one.
    Before(SuppressionId),
}

impl Added {
    /// The suppression that counts.
    pub const fn id(self) -> SuppressionId {
        match self {
            Self::New(id) | Self::Before(id) => id,
        }
    }
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NotSuppressed {
    /// This process does not serve that organisation.
    #[error("there is no such organisation")]
    NotServed,
    /// There is no such suppression in this organisation.
    #[error("there is no such suppression")]
    NoSuch,
    /// Others added and took it back at the same moment, again and again.
    #[error("the suppression was changed by somebody else at the same moment: try again")]
    Contended,
    /// What is kept can't be read.
    #[error(transparent)]
    Read(#[from] NotRead),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Suppresses an address; once more changes nothing. It counts on this node when
/// this returns, and on others within seconds.
pub async fn suppress(journey: &Journey, org: OrgId, new: NewSuppression<'_>) -> Result<Added, NotSuppressed> {
    const TRIES: usize = 3;
    let organisation = journey.organisations.find(org).ok_or(NotSuppressed::NotServed)?;
    for _ in 0..TRIES {
        let kept = book::of_address(journey, organisation, new.address).await?;
        let is_same = |one: &&Suppression| one.reason == new.reason && one.stream.as_deref() == new.stream;
        if let Some(before) = kept.iter().find(is_same) {
            return Ok(Added::Before(before.id));
        }
        let one = made(journey, &new);
        let writes = vec![Write::Suppress { row: Box::new(book::row(journey, organisation, &one)), new: true }];
        match commit(journey, organisation, writes, added(&one)).await {
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(Added::New(one.id)),
        }
    }
    Err(NotSuppressed::Contended)
}

/// Whether messages can be of this stream: an entry for another one would stop
/// nothing, and nobody would notice.
pub fn known_stream(journey: &Journey, name: &str) -> Result<(), NoStream> {
    let mut all = journey.settings.streams.choosable();
    match all.any(|stream| stream.name == name) {
        true => Ok(()),
        false => Err(NoStream::Unknown {
            there_are: journey.settings.streams.choosable().map(|stream| stream.name.clone()).collect(),
        }),
    }
}

/// Takes a suppression back; gives what it was.
pub async fn remove(
    journey: &Journey,
    org: OrgId,
    id: SuppressionId,
    by: &str,
    because: &str,
) -> Result<Suppression, NotSuppressed> {
    let organisation = journey.organisations.find(org).ok_or(NotSuppressed::NotServed)?;
    let one = book::find(journey, organisation, id).await?.ok_or(NotSuppressed::NoSuch)?;
    let event = Event::SuppressionRemoved {
        suppression: id,
        recipient: one.address.clone(),
        reason: one.reason,
        stream: one.stream.clone(),
        by: by.to_owned(),
        because: because.to_owned(),
    };
    match commit(journey, organisation, vec![Write::Unsuppress { suppression: id }], event).await {
        Err(StoreError::Conflict) => Err(NotSuppressed::NoSuch),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(one),
    }
}

/// Adds a suppression to what one step changes of a message, and tells of it in
/// that message's timeline. Where there is one already, that stays.
pub(crate) fn enter(case: &Case<'_>, new: &NewSuppression<'_>, changes: &mut Changes) {
    let one = made(case.journey, new);
    let row = Box::new(book::row(case.journey, case.organisation, &one));
    changes.writes.push(Write::Suppress { row, new: false });
    changes.event(added(&one));
}

fn made(journey: &Journey, new: &NewSuppression<'_>) -> Suppression {
    let now = journey.clock.now();
    // As the database keeps it: the row's time is bound to its sealed part.
    let at = jiff::Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
    Suppression {
        id: SuppressionId::new(now, journey.entropy.as_ref()),
        address: new.address.clone(),
        stream: new.stream.map(str::to_owned),
        reason: new.reason,
        origin: new.origin.clone(),
        at,
    }
}

fn added(one: &Suppression) -> Event {
    Event::SuppressionAdded {
        suppression: one.id,
        recipient: one.address.clone(),
        reason: one.reason,
        stream: one.stream.clone(),
        origin: one.origin.to_string(),
    }
}

async fn commit(
    journey: &Journey,
    organisation: &Organisation,
    writes: Vec<Write>,
    event: Event,
) -> Result<(), StoreError> {
    let (now, entropy) = (journey.clock.now(), journey.entropy.as_ref());
    let journal = Some(organisation.journal(None, vec![event], now, entropy));
    journey.commit(Transition { org: organisation.org, writes, journal }).await
}
