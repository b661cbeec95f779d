//! MTA-STS policies that were had.

use mail::OrgId;

use super::key::Statement;
use super::{Param, Query};
use crate::row::StsPolicyRow;
use crate::transition::Write;

const ONE: &str = "SELECT domain, until, sealed FROM sts_policy WHERE org = $1 AND domain = $2";
pub(crate) const PUT: &str = "INSERT INTO sts_policy (org, domain, until, sealed) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (org, domain) DO UPDATE SET until = excluded.until, sealed = excluded.sealed";
pub(crate) const FORGET: &str = "DELETE FROM sts_policy WHERE org = $1 AND until < $2";

pub(crate) fn one(org: OrgId, domain: [u8; 16]) -> Query<StsPolicyRow> {
    Query {
        sql: ONE,
        params: vec![org.into(), domain.into()],
        read: |row| Ok(StsPolicyRow { domain: row.array(0)?, until: row.time(1)?, sealed: row.blob(2)? }),
    }
}

/// The statement of a write about policies; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<Statement> {
    match write {
        Write::StsPolicy(row) => {
            let params = vec![org.into(), row.domain.into(), row.until.into(), Param::Blob(row.sealed.clone())];
            Some(Statement { sql: PUT, params, guarded: false })
        }
        Write::ForgetStsPolicies { before } => {
            Some(Statement { sql: FORGET, params: vec![org.into(), (*before).into()], guarded: false })
        }
        _ => None,
    }
}
