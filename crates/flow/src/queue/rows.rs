//! The rows of the queue that are meant, page by page, so that a queue of any
//! size is walked in the memory of one page. What is waiting is read lane by
//! lane in the order of the queue, and then what is held back.

use jiff::Timestamp;
use mail::{OrgId, ParcelId};
use store::{Lane, ParcelRow, ParcelState, Sieve, StoreError};

use super::Wanted;
use crate::journey::Journey;
use crate::opened::NotOpened;

/// Rows that are looked at in one question.
const PAGE: usize = 200;

pub(super) struct Rows<'a> {
    journey: &'a Journey,
    org: OrgId,
    wanted: &'a Wanted,
    sieve: Sieve,
    stage: Stage,
}

enum Stage {
    Begin,
    Lanes { left: Vec<Lane>, after: Option<(Timestamp, ParcelId)> },
    Paused { after: Option<ParcelId> },
    Over,
}

impl<'a> Rows<'a> {
    pub fn new(journey: &'a Journey, org: OrgId, wanted: &'a Wanted) -> Result<Self, NotOpened> {
        let organisation = journey.organisations.find(org).ok_or(NotOpened::NoSuchMessage)?;
        let destination = wanted.domain.as_ref().map(|domain| organisation.vault.domain_index(domain));
        let until = wanted.older_than.map(|age| journey.clock.now().checked_sub(age).unwrap_or(Timestamp::MIN));
        Ok(Self { journey, org, wanted, sieve: Sieve { destination, until }, stage: Stage::Begin })
    }

    /// Whether a row may be meant. Streams that share a number (see
    /// `store::Lane`) are told apart when the message is open.
    fn may_fit(&self, row: &ParcelRow) -> bool {
        let is_queued = match row.state {
            ParcelState::Waiting | ParcelState::Paused => true,
            // Out of the queue, because it does not open: told where its message is asked for.
            ParcelState::Held => self.wanted.message.is_some(),
            _ => false,
        };
        is_queued && self.sieve.admits(row) && self.wanted.stream.as_ref().is_none_or(|stream| row.lane.is_of(stream))
    }

    /// The next ones; an empty page is not the last one, none is.
    pub async fn next(&mut self) -> Result<Option<Vec<ParcelRow>>, StoreError> {
        let store = &self.journey.store;
        let page = match &mut self.stage {
            Stage::Begin => match self.wanted.message {
                Some(message) => {
                    self.stage = Stage::Over;
                    store.parcels(self.org, message).await?
                }
                None => {
                    let mut left = store.lanes(self.org).await?;
                    left.retain(|lane| self.wanted.stream.as_ref().is_none_or(|stream| lane.is_of(stream)));
                    left.reverse();
                    self.stage = Stage::Lanes { left, after: None };
                    Vec::new()
                }
            },
            Stage::Lanes { left, after } => match left.last().copied() {
                None => {
                    self.stage = Stage::Paused { after: None };
                    Vec::new()
                }
                Some(lane) => {
                    let page = store.waiting(lane, *after, self.sieve, PAGE).await?;
                    *after = page.last().map(|row| (row.due, row.parcel));
                    if after.is_none() {
                        left.pop();
                    }
                    page
                }
            },
            Stage::Paused { after } => {
                let page = store.paused(self.org, *after, self.sieve, PAGE).await?;
                match page.last() {
                    Some(last) => *after = Some(last.parcel),
                    None => self.stage = Stage::Over,
                }
                page
            }
            Stage::Over => return Ok(None),
        };
        Ok(Some(page.into_iter().filter(|row| self.may_fit(row)).collect()))
    }
}
