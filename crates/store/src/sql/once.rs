//! What may happen once within a time.

use mail::OrgId;

use super::Query;
use super::key::Statement;
use crate::transition::Write;

const ONE: &str = "SELECT value FROM once WHERE org = $1 AND mark = $2";
/// A mark whose time is over may be set again.
const SET: &str = "INSERT INTO once (org, mark, value, until) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (org, mark) DO UPDATE SET value = excluded.value, until = excluded.until WHERE once.until < $5";
const FORGET: &str = "DELETE FROM once WHERE org = $1 AND until < $2";

pub(crate) fn one(org: OrgId, mark: [u8; 32]) -> Query<Vec<u8>> {
    Query { sql: ONE, params: vec![org.into(), mark.into()], read: |row| row.blob(0) }
}

/// The statement of a write about marks; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<Statement> {
    match write {
        Write::Once { mark, value, now, until } => {
            let params =
                vec![org.into(), (*mark).into(), super::Param::Blob(value.clone()), (*until).into(), (*now).into()];
            Some(Statement { sql: SET, params, guarded: true })
        }
        Write::ForgetMarks { before } => {
            Some(Statement { sql: FORGET, params: vec![org.into(), (*before).into()], guarded: false })
        }
        _ => None,
    }
}
