//! Messages and their keys.

use mail::{MessageId, OrgId};

use super::{Columns, Query, odd};
use crate::packed;
use crate::row::{Dimensions, MessageRow, MessageState};
use crate::{BodyRef, StoreError};

macro_rules! select_message {
    ($rest:literal) => {
        concat!(
            "SELECT m.message, m.received_at, m.state, m.envelope, k.wrapped_key, m.body_segment, m.body_offset, ",
            "m.body_length, m.body_checksum, m.body_bytes, m.stream, m.campaign, m.subject_index, ",
            "m.recipient_domains, m.tags, m.fields ",
            "FROM message m LEFT JOIN message_key k ON k.id = m.id ",
            $rest
        )
    };
}

const ONE: &str = select_message!("WHERE m.org = $1 AND m.message = $2");
const NEWEST: &str = select_message!("WHERE m.org = $1 AND m.message < $2 ORDER BY m.message DESC LIMIT $3");
const UNDECIDED: &str =
    "SELECT message FROM message WHERE org = $1 AND message > $2 AND state = 0 ORDER BY message LIMIT $3";
const HELD: &str = "SELECT message FROM message WHERE org = $1 AND state = 2 ORDER BY message LIMIT $2";
const COUNT_HELD: &str = "SELECT count(*) FROM message WHERE org = $1 AND state = 2";
const KEYS: &str = "SELECT m.message, k.wrapped_key FROM message m JOIN message_key k ON k.id = m.id \
     WHERE m.org = $1 AND m.message > $2 AND m.state <> 4 ORDER BY m.message LIMIT $3";

pub(crate) const REWRAP_KEY: &str = "UPDATE message_key SET wrapped_key = $1 \
     WHERE id = (SELECT id FROM message WHERE org = $2 AND message = $3) AND wrapped_key = $4";

/// After every id: those of version 7 never have all bits set.
const LAST: MessageId = MessageId::from_bytes([0xff; 16]);
/// Before every id.
const FIRST: MessageId = MessageId::from_bytes([0; 16]);

pub(crate) fn one(org: OrgId, message: MessageId) -> Query<MessageRow> {
    Query { sql: ONE, params: vec![org.into(), message.into()], read: row }
}

pub(crate) fn newest(org: OrgId, before: Option<MessageId>, limit: usize) -> Query<MessageRow> {
    Query { sql: NEWEST, params: vec![org.into(), before.unwrap_or(LAST).into(), limit.into()], read: row }
}

pub(crate) fn undecided(org: OrgId, after: Option<MessageId>, limit: usize) -> Query<MessageId> {
    let params = vec![org.into(), after.unwrap_or(FIRST).into(), limit.into()];
    Query { sql: UNDECIDED, params, read: |row| row.message(0) }
}

pub(crate) fn held(org: OrgId, limit: usize) -> Query<MessageId> {
    Query { sql: HELD, params: vec![org.into(), limit.into()], read: |row| row.message(0) }
}

pub(crate) fn count_held(org: OrgId) -> Query<u64> {
    Query { sql: COUNT_HELD, params: vec![org.into()], read: |row| row.number(0) }
}

pub(crate) fn keys(org: OrgId, after: Option<MessageId>, limit: usize) -> Query<(MessageId, Vec<u8>)> {
    Query {
        sql: KEYS,
        params: vec![org.into(), after.unwrap_or(FIRST).into(), limit.into()],
        read: |row| Ok((row.message(0)?, row.blob(1)?)),
    }
}

fn row(row: &dyn Columns) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        message: row.message(0)?,
        received_at: row.time(1)?,
        state: MessageState::from_code(row.int(2)?).ok_or_else(|| odd(2))?,
        envelope: row.blob(3)?,
        wrapped_key: wrapped_key(row, 4)?,
        body: body(row, 5)?,
        dimensions: dimensions(row, 9)?,
    })
}

/// A wrapped key, unless it was erased: overwritten with zeros, or gone.
pub(super) fn wrapped_key(row: &dyn Columns, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(row.maybe_blob(column)?.filter(|key| key.iter().any(|byte| *byte != 0)))
}

/// Where a body lies, from four columns.
pub(super) fn body(row: &dyn Columns, first: usize) -> Result<BodyRef, StoreError> {
    Ok(BodyRef {
        segment: row.number(first)?,
        offset: row.number(first + 1)?,
        length: row.number(first + 2)?,
        checksum: row.number(first + 3)?,
    })
}

fn dimensions(row: &dyn Columns, first: usize) -> Result<Dimensions, StoreError> {
    Ok(Dimensions {
        body_bytes: row.number(first)?,
        stream: row.text(first + 1)?,
        campaign: row.maybe_text(first + 2)?,
        subject_index: row.array(first + 3)?,
        recipient_domains: packed::domains(&row.blob(first + 4)?)?,
        tags: packed::tags(row.maybe_text(first + 5)?.as_deref())?,
        fields: packed::fields(row.maybe_text(first + 6)?.as_deref())?,
    })
}
