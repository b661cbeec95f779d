//! Whom nothing more is sent to.

use jiff::Timestamp;
use mail::{OrgId, SuppressionId};

use super::key::Statement;
use super::{Columns, Param, Query};
use crate::StoreError;
use crate::row::{SuppressionFilter, SuppressionRow};
use crate::transition::Write;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT suppression, mailbox, stream, reason, at, sealed FROM suppression ", $rest)
    };
}
const ONE: &str = select!("WHERE org = $1 AND suppression = $2");
const OF_MAILBOX: &str = select!("WHERE org = $1 AND mailbox = $2 ORDER BY suppression");
const OF_MAILBOXES: &str = select!("WHERE org = $1 AND mailbox = ANY ($2) ORDER BY suppression");
/// Zero is no reason, and `*` no name of a stream.
const LIST: &str = select!(
    "WHERE org = $1 AND suppression > $2 AND ($3 = 0 OR reason = $3) AND ($4 = '*' OR stream = $4) \
     ORDER BY suppression LIMIT $5"
);
const SINCE: &str = "SELECT mailbox FROM suppression WHERE org = $1 AND at >= $2";
pub(crate) const INSERT: &str = "INSERT INTO suppression (org, suppression, mailbox, stream, reason, at, sealed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
pub(crate) const REMOVE: &str = "DELETE FROM suppression WHERE org = $1 AND suppression = $2";

/// Before every id.
const FIRST: SuppressionId = SuppressionId::from_bytes([0; 16]);

pub(crate) fn one(org: OrgId, suppression: SuppressionId) -> Query<SuppressionRow> {
    Query { sql: ONE, params: vec![org.into(), suppression.into()], read: row }
}

pub(crate) fn of_mailbox(org: OrgId, mailbox: [u8; 16]) -> Query<SuppressionRow> {
    Query { sql: OF_MAILBOX, params: vec![org.into(), mailbox.into()], read: row }
}

/// Those of several mailboxes (PostgreSQL only).
pub(crate) fn of_mailboxes(org: OrgId, mailboxes: &[[u8; 16]]) -> Query<SuppressionRow> {
    let mailboxes = mailboxes.iter().map(|mailbox| mailbox.to_vec()).collect();
    Query { sql: OF_MAILBOXES, params: vec![org.into(), Param::Blobs(mailboxes)], read: row }
}

pub(crate) fn list(
    org: OrgId,
    filter: SuppressionFilter<'_>,
    after: Option<SuppressionId>,
    limit: usize,
) -> Query<SuppressionRow> {
    let reason = i64::from(filter.reason.unwrap_or(0));
    let stream = filter.stream.unwrap_or("*");
    let params = vec![org.into(), after.unwrap_or(FIRST).into(), reason.into(), stream.into(), limit.into()];
    Query { sql: LIST, params, read: row }
}

pub(crate) fn since(org: OrgId, since: Timestamp) -> Query<[u8; 16]> {
    Query { sql: SINCE, params: vec![org.into(), since.into()], read: |row| row.array(0) }
}

fn row(row: &dyn Columns) -> Result<SuppressionRow, StoreError> {
    Ok(SuppressionRow {
        suppression: SuppressionId::from_bytes(row.array(0)?),
        mailbox: row.array(1)?,
        stream: row.text(2)?,
        reason: row.number(3)?,
        at: row.time(4)?,
        sealed: row.blob(5)?,
    })
}

/// The statement of a write about these; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<Statement> {
    match write {
        Write::Suppress { row, new } => {
            let SuppressionRow { suppression, mailbox, stream, reason, at, sealed } = row.as_ref();
            let params = vec![
                org.into(),
                (*suppression).into(),
                (*mailbox).into(),
                stream.as_str().into(),
                i64::from(*reason).into(),
                (*at).into(),
                Param::Blob(sealed.clone()),
            ];
            Some(Statement { sql: INSERT, params, guarded: *new })
        }
        Write::Unsuppress { suppression } => {
            Some(Statement { sql: REMOVE, params: vec![org.into(), (*suppression).into()], guarded: true })
        }
        _ => None,
    }
}
