//! TLS sessions, counted for the reports to their domains, and the reports of
//! others.

use mail::OrgId;

use super::key::Statement;
use super::{Param, Query};
use crate::row::{ReportRow, TlsSessionRow};
use crate::transition::Write;

/// A row is added to, whichever node counts.
pub(crate) const COUNT: &str = "INSERT INTO tls_session (org, day, domain, kind, sessions, sealed) \
     VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (org, day, domain, kind) DO UPDATE SET sessions = tls_session.sessions + excluded.sessions";
pub(crate) const REPORTED: &str = "DELETE FROM tls_session WHERE org = $1 AND day = $2 AND domain = $3";
pub(crate) const KEEP: &str =
    "INSERT INTO report (org, mark, at, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT (org, mark) DO NOTHING";
pub(crate) const FORGET: &str = "DELETE FROM report WHERE org = $1 AND at < $2";
const SESSIONS: &str = "SELECT day, domain, kind, sessions, sealed FROM tls_session WHERE org = $1 AND day < $2 \
     ORDER BY day, domain, kind LIMIT $3";
const REPORTS: &str = "SELECT mark, at, sealed FROM report WHERE org = $1 ORDER BY at DESC, mark LIMIT $2";

/// What was counted before a day, the oldest first.
pub(crate) fn sessions(org: OrgId, before_day: i64, limit: usize) -> Query<TlsSessionRow> {
    Query {
        sql: SESSIONS,
        params: vec![org.into(), before_day.into(), limit.into()],
        read: |row| {
            Ok(TlsSessionRow {
                day: row.number(0)?,
                domain: row.array(1)?,
                kind: row.array(2)?,
                sessions: row.number(3)?,
                sealed: row.blob(4)?,
            })
        },
    }
}

/// The reports that came in, the newest first.
pub(crate) fn reports(org: OrgId, limit: usize) -> Query<ReportRow> {
    Query {
        sql: REPORTS,
        params: vec![org.into(), limit.into()],
        read: |row| Ok(ReportRow { mark: row.array(0)?, at: row.time(1)?, sealed: row.blob(2)? }),
    }
}

/// The statement of a write about these; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<Statement> {
    match write {
        Write::TlsSession(row) => {
            let TlsSessionRow { day, domain, kind, sessions, sealed } = row;
            let sealed = Param::Blob(sealed.clone());
            let params = vec![org.into(), (*day).into(), (*domain).into(), (*kind).into(), (*sessions).into(), sealed];
            Some(Statement { sql: COUNT, params, guarded: false })
        }
        Write::TlsReported { day, domain } => {
            Some(Statement { sql: REPORTED, params: vec![org.into(), (*day).into(), (*domain).into()], guarded: true })
        }
        Write::Report(row) => {
            let params = vec![org.into(), row.mark.into(), row.at.into(), Param::Blob(row.sealed.clone())];
            Some(Statement { sql: KEEP, params, guarded: false })
        }
        Write::ForgetReports { before } => {
            Some(Statement { sql: FORGET, params: vec![org.into(), (*before).into()], guarded: false })
        }
        _ => None,
    }
}
