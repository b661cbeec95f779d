//! The journal, and the runs that gave its rows their positions in the tree.

use mail::{MessageId, OrgId};

use super::{Columns, Param, Query};
use crate::StoreError;
use crate::packed;
use crate::row::{JournalRow, RunRow};

const OF_MESSAGE: &str = "SELECT id, message, at, entry FROM journal WHERE message = $1 AND org = $2 ORDER BY id";
const SEVERAL: &str = "SELECT id, message, at, entry FROM journal WHERE org = $1 AND id = ANY ($2)";
const ONE: &str = "SELECT id, message, at, entry FROM journal WHERE id = $1 AND org = $2";
pub(crate) const APPEND_RUN: &str = "INSERT INTO run (org, first_position, first_journal, last_journal, journal_ids, \
     frontier, checkpoint, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
macro_rules! select_run {
    ($rest:literal) => {
        concat!("SELECT first_position, journal_ids, frontier, checkpoint, at FROM run ", $rest)
    };
}
const RUNS_FROM: &str = select_run!("WHERE org = $1 AND first_position >= $2 ORDER BY first_position LIMIT $3");
const RUN_HOLDING: &str = select_run!("WHERE org = $1 AND first_position <= $2 ORDER BY first_position DESC LIMIT 1");
const LAST_RUN: &str = select_run!("WHERE org = $1 ORDER BY first_position DESC LIMIT 1");
const RUNS_ABOUT: &str =
    select_run!("WHERE org = $1 AND last_journal >= $2 AND first_journal <= $2 ORDER BY last_journal");

pub(crate) fn of_message(org: OrgId, message: MessageId) -> Query<JournalRow> {
    Query { sql: OF_MESSAGE, params: vec![message.into(), org.into()], read: row }
}

pub(crate) fn one(org: OrgId, id: i64) -> Query<JournalRow> {
    Query { sql: ONE, params: vec![id.into(), org.into()], read: row }
}

/// Rows by id, in any order (PostgreSQL only).
pub(crate) fn several(org: OrgId, ids: Vec<i64>) -> Query<JournalRow> {
    Query { sql: SEVERAL, params: vec![org.into(), Param::Ints(ids)], read: row }
}

/// Where runs from a position on begin, given [`run_holding`] it.
pub(crate) fn first_run(holding: Option<RunRow>, position: u64) -> u64 {
    holding.filter(|run| run.size_after() > position).map_or(position, |run| run.first_position)
}

pub(crate) fn runs_from(org: OrgId, position: u64, limit: usize) -> Query<RunRow> {
    Query { sql: RUNS_FROM, params: vec![org.into(), bounded(position), limit.into()], read: run }
}

/// The run that holds a position, or the last one before it.
pub(crate) fn run_holding(org: OrgId, position: u64) -> Query<RunRow> {
    Query { sql: RUN_HOLDING, params: vec![org.into(), bounded(position)], read: run }
}

pub(crate) fn last_run(org: OrgId) -> Query<RunRow> {
    Query { sql: LAST_RUN, params: vec![org.into()], read: run }
}

/// The runs that may hold a journal row. On PostgreSQL rows become visible out
/// of order, so that the ranges of runs may overlap.
pub(crate) fn runs_about(org: OrgId, id: i64) -> Query<RunRow> {
    Query { sql: RUNS_ABOUT, params: vec![org.into(), id.into()], read: run }
}

fn bounded(position: u64) -> Param {
    i64::try_from(position).unwrap_or(i64::MAX).into()
}

pub(crate) fn row(row: &dyn Columns) -> Result<JournalRow, StoreError> {
    let message = row.maybe_blob(1)?.map(|_| row.message(1)).transpose()?;
    Ok(JournalRow { id: row.int(0)?, message, at: row.time(2)?, entry: row.blob(3)? })
}

fn run(row: &dyn Columns) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        first_position: row.number(0)?,
        journal_ids: packed::ids(&row.blob(1)?)?,
        frontier: row.blob(2)?,
        checkpoint: row.text(3)?,
        at: row.time(4)?,
    })
}
