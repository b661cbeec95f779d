//! What ACME keeps: account, certificate, standing, answers to challenges.

use mail::OrgId;

use super::key::Statement;
use super::{Param, Query};
use crate::row::AcmeRow;
use crate::transition::Write;

const ONE: &str = "SELECT name, until, sealed FROM acme WHERE org = $1 AND name = $2";
pub(crate) const PUT: &str = "INSERT INTO acme (org, name, until, sealed) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (org, name) DO UPDATE SET until = excluded.until, sealed = excluded.sealed";
pub(crate) const FORGET: &str = "DELETE FROM acme WHERE org = $1 AND until < $2";

pub(crate) fn one(org: OrgId, name: &str) -> Query<AcmeRow> {
    Query {
        sql: ONE,
        params: vec![org.into(), name.into()],
        read: |row| Ok(AcmeRow { name: row.text(0)?, until: row.time(1)?, sealed: row.blob(2)? }),
    }
}

/// The statement of a write about these; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<Statement> {
    match write {
        Write::Acme(row) => {
            let params = vec![org.into(), row.name.as_str().into(), row.until.into(), Param::Blob(row.sealed.clone())];
            Some(Statement { sql: PUT, params, guarded: false })
        }
        Write::ForgetAcme { before } => {
            Some(Statement { sql: FORGET, params: vec![org.into(), (*before).into()], guarded: false })
        }
        _ => None,
    }
}
