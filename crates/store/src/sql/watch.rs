//! Claims on work that one node does at a time, and the watch list's history.

use mail::OrgId;

use super::key::Statement;
use super::{Param, Query};
use crate::row::WatchRoundRow;
use crate::transition::Write;

/// A claim is had by who holds it already, or when its time is over.
pub(crate) const CLAIM: &str = "INSERT INTO claim (org, name, holder, until) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (org, name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
     WHERE claim.until <= $5 OR claim.holder = excluded.holder";
pub(crate) const INSERT: &str =
    "INSERT INTO watch_round (org, domain, at, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
pub(crate) const FORGET: &str = "DELETE FROM watch_round WHERE org = $1 AND at < $2";
const ROUNDS: &str =
    "SELECT domain, at, sealed FROM watch_round WHERE org = $1 AND domain = $2 ORDER BY at DESC LIMIT $3";

/// The rounds of a domain, newest first.
pub(crate) fn rounds(org: OrgId, domain: [u8; 16], limit: usize) -> Query<WatchRoundRow> {
    Query {
        sql: ROUNDS,
        params: vec![org.into(), domain.into(), limit.into()],
        read: |row| Ok(WatchRoundRow { domain: row.array(0)?, at: row.time(1)?, sealed: row.blob(2)? }),
    }
}

/// The statement of a write about these; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<Statement> {
    match write {
        Write::Claim { name, holder, now, until } => {
            let params = vec![org.into(), (*name).into(), (*holder).into(), (*until).into(), (*now).into()];
            Some(Statement { sql: CLAIM, params, guarded: true })
        }
        Write::WatchRound(row) => {
            let params = vec![org.into(), row.domain.into(), row.at.into(), Param::Blob(row.sealed.clone())];
            Some(Statement { sql: INSERT, params, guarded: true })
        }
        Write::ForgetWatchRounds { before } => {
            Some(Statement { sql: FORGET, params: vec![org.into(), (*before).into()], guarded: false })
        }
        _ => None,
    }
}
