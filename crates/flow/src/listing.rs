//! Messages listed, newest first, by what reports split them by.

use mail::{MessageId, OrgId};
use store::{MessageRow, MessageState, StoreError};

use crate::journey::Journey;
use crate::rehearsal::is_of_rehearsal;

/// Rows that are read at once.
const BATCH: usize = 200;

/// Which messages are meant: those that have all of it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Where they stand.
    pub state: Option<MessageState>,
    /// Their stream.
    pub stream: Option<String>,
    /// Their campaign.
    pub campaign: Option<String>,
    /// One of their tags.
    pub tag: Option<String>,
    /// Whether a test key handed them in.
    pub test: Option<bool>,
}

/// Some of them.
#[derive(Clone, Debug)]
pub struct Page {
    /// The messages.
    pub rows: Vec<MessageRow>,
    /// Where the next page begins; none on the last one.
    pub next: Option<MessageId>,
}

impl Filter {
    fn admits(&self, row: &MessageRow) -> bool {
        let dimensions = &row.dimensions;
        self.state.is_none_or(|state| row.state == state)
            && self.stream.as_ref().is_none_or(|stream| dimensions.stream == *stream)
            && self.campaign.as_ref().is_none_or(|campaign| dimensions.campaign.as_ref() == Some(campaign))
            && self.tag.as_ref().is_none_or(|tag| dimensions.tags.contains(tag))
    }
}

/// At most `limit` messages older than `before`. After `seen_max` rows the page
/// ends, so that a filter that matches little is answered in parts.
pub async fn list(
    journey: &Journey,
    org: OrgId,
    filter: &Filter,
    mut before: Option<MessageId>,
    (limit, seen_max): (usize, usize),
) -> Result<Page, StoreError> {
    let (mut rows, mut seen) = (Vec::new(), 0usize);
    while seen < seen_max {
        let batch = journey.store.messages(org, before, BATCH).await?;
        let is_last = batch.len() < BATCH;
        for row in batch {
            if rows.len() == limit {
                return Ok(Page { rows, next: before });
            }
            seen = seen.saturating_add(1);
            before = Some(row.message);
            let is_meant = |test| is_of_rehearsal(journey, org, &row) == test;
            if filter.admits(&row) && filter.test.is_none_or(is_meant) {
                rows.push(row);
            }
        }
        if is_last {
            return Ok(Page { rows, next: None });
        }
    }
    Ok(Page { rows, next: before })
}
