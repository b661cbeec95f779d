//! Parcels and the queue of those that wait.

use mail::{MessageId, OrgId, ParcelId};

use super::{Columns, Param, Query, message, odd};
use crate::StoreError;
use crate::lane::Lane;
use crate::row::{Leased, ParcelRow, ParcelState, Sieve};

macro_rules! select_row {
    ($rest:literal) => {
        concat!(
            "SELECT p.parcel, m.message, p.kind, p.state, p.due, p.attempts, p.created_at, c.sealed, p.lane, ",
            "p.destination, p.wait ",
            $rest
        )
    };
}
const OF_MESSAGE: &str = select_row!(
    "FROM message m JOIN parcel p ON p.message_id = m.id JOIN parcel_content c ON c.id = p.content_id \
     WHERE m.org = $1 AND m.message = $2 ORDER BY p.parcel"
);
const OF_LANE: &str = select_row!(
    "FROM parcel p JOIN message m ON m.id = p.message_id JOIN parcel_content c ON c.id = p.content_id \
     WHERE p.state = 0 AND p.lane = $1 AND (p.due, p.parcel) > ($2, $3) \
     AND (CAST($4 AS BIGINT) = 0 OR p.destination = $5) AND p.created_at <= $6 ORDER BY p.due, p.parcel LIMIT $7"
);
const PAUSED: &str = select_row!(
    "FROM parcel p JOIN message m ON m.id = p.message_id JOIN parcel_content c ON c.id = p.content_id \
     WHERE p.state = 8 AND p.org = $1 AND p.parcel > $2 \
     AND (CAST($3 AS BIGINT) = 0 OR p.destination = $4) AND p.created_at <= $5 ORDER BY p.parcel LIMIT $6"
);
macro_rules! select_leased {
    ($rest:literal) => {
        concat!(
            "SELECT p.org, p.parcel, m.message, p.kind, p.attempts, p.due, p.created_at, c.sealed, m.envelope, ",
            "k.wrapped_key, m.body_segment, m.body_offset, m.body_length, m.body_checksum, m.received_at, p.lane, ",
            "p.destination ",
            "FROM parcel p JOIN parcel_content c ON c.id = p.content_id JOIN message m ON m.id = p.message_id ",
            "LEFT JOIN message_key k ON k.id = p.message_id ",
            $rest
        )
    };
}
/// One parcel as a lease gives it, unless it left the queue meanwhile.
const LEASED: &str = select_leased!("WHERE p.parcel = $1 AND p.state = 0");
const LEASED_OF: &str = select_leased!("WHERE p.parcel = ANY ($1) AND p.state = 0");
/// The lanes in which something waits and when the first of each is due, a few
/// steps in the index for each lane, however much waits in it.
const LANES: &str = "WITH RECURSIVE lanes (lane) AS (SELECT min(lane) FROM parcel WHERE state = 0 UNION ALL \
     SELECT (SELECT min(p.lane) FROM parcel p WHERE p.state = 0 AND p.lane > lanes.lane) FROM lanes \
     WHERE lanes.lane IS NOT NULL) \
     SELECT lane, (SELECT min(p.due) FROM parcel p WHERE p.state = 0 AND p.lane = lanes.lane) FROM lanes \
     WHERE lane IS NOT NULL ORDER BY lane";
/// Before every id.
const FIRST: ParcelId = ParcelId::from_bytes([0; 16]);
const SUM_PAUSED: &str = "SELECT count(*), min(created_at) FROM parcel WHERE state = 8 AND org = $1";
const COUNT_WAITING: &str = "SELECT count(*) FROM parcel WHERE state = 0 AND org = $1";

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub lane: Lane,
    pub due: i64,
    pub parcel: ParcelId,
}

pub(crate) fn of_message(org: OrgId, message: MessageId) -> Query<ParcelRow> {
    Query { sql: OF_MESSAGE, params: vec![org.into(), message.into()], read: row }
}

/// What waits in a lane after this place, in the order of the queue.
pub(crate) fn of_lane(lane: Lane, after: Option<(i64, ParcelId)>, sieve: Sieve, limit: usize) -> Query<ParcelRow> {
    let (due, parcel) = after.unwrap_or((i64::MIN, FIRST));
    let mut params = vec![lane.number().into(), due.into(), parcel.into()];
    params.extend(of_sieve(sieve));
    params.push(limit.into());
    Query { sql: OF_LANE, params, read: row }
}

/// Whether a destination is wanted and which, and the time.
fn of_sieve(sieve: Sieve) -> [Param; 3] {
    let destination = sieve.destination.unwrap_or_default();
    let until = sieve.until.map_or(i64::MAX, jiff::Timestamp::as_microsecond);
    [i64::from(sieve.destination.is_some()).into(), destination.into(), until.into()]
}

/// What an operator keeps back, after this one.
pub(crate) fn paused(org: OrgId, after: Option<ParcelId>, sieve: Sieve, limit: usize) -> Query<ParcelRow> {
    let mut params = vec![org.into(), after.unwrap_or(FIRST).into()];
    params.extend(of_sieve(sieve));
    params.push(limit.into());
    Query { sql: PAUSED, params, read: row }
}

/// How many operators keep back, and when the oldest of them was made.
pub(crate) fn sum_paused(org: OrgId) -> Query<(u64, Option<jiff::Timestamp>)> {
    Query { sql: SUM_PAUSED, params: vec![org.into()], read: |row| Ok((row.number(0)?, row.maybe_time(1)?)) }
}

/// The lanes in which something waits, of all organisations, and when the
/// first of each is due.
pub(crate) fn lanes() -> Query<(Lane, i64)> {
    Query { sql: LANES, params: vec![], read: |row| Ok((lane(row, 0)?, row.int(1)?)) }
}

/// Those of an organisation.
pub(crate) fn of_org(org: OrgId, lanes: &[(Lane, i64)]) -> Vec<Lane> {
    lanes.iter().map(|(lane, _)| *lane).filter(|lane| lane.org() == org).collect()
}

/// The earliest due time in an organisation's lanes.
pub(crate) fn oldest_due(org: OrgId, lanes: &[(Lane, i64)]) -> Option<jiff::Timestamp> {
    let dues = lanes.iter().filter(|(lane, _)| lane.org() == org).map(|(_, due)| *due);
    dues.min().and_then(|due| jiff::Timestamp::from_microsecond(due).ok())
}

pub(crate) fn count_waiting(org: OrgId) -> Query<u64> {
    Query { sql: COUNT_WAITING, params: vec![org.into()], read: |row| row.number(0) }
}

/// A parcel with all that delivery needs of its message.
pub(crate) fn leased(parcel: ParcelId) -> Query<Leased> {
    Query { sql: LEASED, params: vec![parcel.into()], read: leased_row }
}

/// The same of several (PostgreSQL only).
pub(crate) fn leased_of(parcels: Vec<Vec<u8>>) -> Query<Leased> {
    Query { sql: LEASED_OF, params: vec![super::Param::Blobs(parcels)], read: leased_row }
}

fn row(row: &dyn Columns) -> Result<ParcelRow, StoreError> {
    Ok(ParcelRow {
        parcel: row.parcel(0)?,
        message: row.message(1)?,
        kind: row.number(2)?,
        state: ParcelState::from_code(row.int(3)?).ok_or_else(|| odd(3))?,
        due: row.time(4)?,
        attempts: row.number(5)?,
        created_at: row.time(6)?,
        sealed: row.blob(7)?,
        lane: lane(row, 8)?,
        destination: destination(row, 9)?,
        wait: row.number(10)?,
    })
}

fn lane(row: &dyn Columns, column: usize) -> Result<Lane, StoreError> {
    Lane::from_number(row.int(column)?).ok_or_else(|| odd(column))
}

fn destination(row: &dyn Columns, column: usize) -> Result<Option<[u8; 16]>, StoreError> {
    row.maybe_blob(column)?.map(|bytes| bytes.try_into().map_err(|_| odd(column))).transpose()
}

fn leased_row(row: &dyn Columns) -> Result<Leased, StoreError> {
    Ok(Leased {
        org: row.org(0)?,
        parcel: row.parcel(1)?,
        message: row.message(2)?,
        kind: row.number(3)?,
        attempts: row.number(4)?,
        due: row.time(5)?,
        created_at: row.time(6)?,
        sealed: row.blob(7)?,
        envelope: row.blob(8)?,
        wrapped_key: message::wrapped_key(row, 9)?,
        body: message::body(row, 10)?,
        received_at: row.time(14)?,
        lane: lane(row, 15)?,
        destination: destination(row, 16)?,
    })
}
