//! Parcels and the queue of those that wait.

use mail::{MessageId, OrgId, ParcelId};

use super::{Columns, Query, message, odd};
use crate::StoreError;
use crate::row::{Leased, ParcelRow, ParcelState};

const OF_MESSAGE: &str = "SELECT p.parcel, m.message, p.kind, p.state, p.due, p.attempts, p.created_at, c.sealed \
     FROM message m JOIN parcel p ON p.message_id = m.id JOIN parcel_content c ON c.id = p.content_id \
     WHERE m.org = $1 AND m.message = $2 ORDER BY p.parcel";
macro_rules! select_leased {
    ($rest:literal) => {
        concat!(
            "SELECT p.org, p.parcel, m.message, p.kind, p.attempts, p.due, p.created_at, c.sealed, m.envelope, ",
            "k.wrapped_key, m.body_segment, m.body_offset, m.body_length, m.body_checksum, m.received_at ",
            "FROM parcel p JOIN parcel_content c ON c.id = p.content_id JOIN message m ON m.id = p.message_id ",
            "LEFT JOIN message_key k ON k.id = p.message_id ",
            $rest
        )
    };
}
/// One parcel as a lease gives it, unless it left the queue meanwhile.
const LEASED: &str = select_leased!("WHERE p.parcel = $1 AND p.state = 0");
const LEASED_OF: &str = select_leased!("WHERE p.parcel = ANY ($1) ORDER BY p.due, p.org, p.parcel");
const OLDEST_DUE: &str = "SELECT min(due) FROM parcel WHERE state = 0 AND org = $1";
const COUNT_WAITING: &str = "SELECT count(*) FROM parcel WHERE state = 0 AND org = $1";

/// A place in the queue: due time, organisation, parcel.
pub(crate) type Place = (i64, i64, [u8; 16]);

pub(crate) fn of_message(org: OrgId, message: MessageId) -> Query<ParcelRow> {
    Query { sql: OF_MESSAGE, params: vec![org.into(), message.into()], read: row }
}

pub(crate) fn oldest_due(org: OrgId) -> Query<Option<jiff::Timestamp>> {
    Query { sql: OLDEST_DUE, params: vec![org.into()], read: |row| row.maybe_time(0) }
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
    })
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
    })
}
