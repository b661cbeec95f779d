//! The changes that are no transition: organisations, secrets, logins,
//! policies, runs of the tree, rewrapped keys, the health check.

use mail::OrgId;
use rusqlite::{Connection, OptionalExtension, params};

use super::apply::{Effect, Group};
use super::fault;
use super::reader::fetch;
use crate::StoreError;
use crate::change::{Answer, Change};
use crate::packed::pack_ids;
use crate::row::{OrgRow, RunRow};
use crate::sql::{TOUCH_PROBE, journal, message, org as sql};

const JOURNAL_BETWEEN: &str = "SELECT id FROM journal WHERE org = $1 AND id > $2 AND id <= $3 ORDER BY id";
const LAST_SEQUENCED: &str = "SELECT coalesce(max(last_journal), 0) FROM run WHERE org = $1";

/// Applies any change but a transition.
pub(super) fn apply(group: &mut Group<'_>, change: &Change) -> Result<Answer, StoreError> {
    match change {
        Change::Transition(_) => Ok(Answer::Done),
        Change::EnsureOrg(row) => ensure_org(group, row),
        Change::RewrapOrg { org, expected, wrapped_key } => {
            done(group.change(sql::REWRAP, params![wrapped_key, org.0, expected]))
        }
        Change::PutSecret { org, name, sealed } => {
            done(group.execute(sql::PUT_SECRET, params![org.0, name, sealed]).map(drop))
        }
        Change::KeepPolicy { org, hash, text } => {
            done(group.execute(sql::KEEP_POLICY, params![org.0, hash, text]).map(drop))
        }
        Change::AppendRun { org, run } => append_run(group, *org, run),
        Change::RewrapKeys { org, keys } => {
            let mut count = 0;
            for (id, expected, new) in keys {
                count += group.execute(message::REWRAP_KEY, params![new, org.0, id.as_bytes(), expected])?;
            }
            Ok(Answer::Count(count))
        }
        Change::Probe => done(group.change(TOUCH_PROBE, [])),
    }
}

fn done(outcome: Result<(), StoreError>) -> Result<Answer, StoreError> {
    outcome.map(|()| Answer::Done)
}

fn ensure_org(group: &mut Group<'_>, row: &OrgRow) -> Result<Answer, StoreError> {
    let there = fetch(group.connection(), sql::one(row.org))?;
    if there.is_empty() {
        group.change(sql::INSERT, params![row.org.0, row.slug, row.wrapped_key])?;
    }
    Ok(Answer::Done)
}

/// Guards: the run begins at the tree's size, and its rows are the oldest ones
/// that have no position, in journal order and without a gap.
fn append_run(group: &mut Group<'_>, org: OrgId, run: &RunRow) -> Result<Answer, StoreError> {
    let size = fetch(group.connection(), journal::last_run(org))?.first().map_or(0, RunRow::size_after);
    let (Some(first), Some(last)) = (run.journal_ids.first(), run.journal_ids.last()) else {
        return Err(StoreError::Conflict);
    };
    if run.first_position != size || next_ids(group.connection(), org, *last)? != run.journal_ids {
        return Err(StoreError::Conflict);
    }
    let position = i64::try_from(run.first_position).map_err(|_| StoreError::Conflict)?;
    let (packed, at) = (pack_ids(&run.journal_ids), run.at.as_microsecond());
    group
        .change(journal::APPEND_RUN, params![org.0, position, first, last, packed, run.frontier, run.checkpoint, at])?;
    group.effects.push(Effect::Sequenced { org, id: *last });
    Ok(Answer::Done)
}

/// The organisation's journal rows without a position, up to `last`.
fn next_ids(connection: &Connection, org: OrgId, last: i64) -> Result<Vec<i64>, StoreError> {
    let read = || -> rusqlite::Result<Vec<i64>> {
        let from = last_sequenced_row(connection, org)?;
        let mut statement = connection.prepare_cached(JOURNAL_BETWEEN)?;
        statement.query_map(params![org.0, from, last], |row| row.get(0))?.collect()
    };
    read().map_err(|error| fault::sqlite("reading the journal", error))
}

fn last_sequenced_row(connection: &Connection, org: OrgId) -> rusqlite::Result<i64> {
    let found = connection.prepare_cached(LAST_SEQUENCED)?.query_row(params![org.0], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}
