//! Organisations, their secrets, logins and policies.

use mail::OrgId;

use super::{Columns, Query};
use crate::StoreError;
use crate::row::{CredentialRow, OrgRow};

const ALL: &str = "SELECT org, slug, wrapped_key FROM org ORDER BY org";
const ONE: &str = "SELECT org, slug, wrapped_key FROM org WHERE org = $1";
const SECRET: &str = "SELECT sealed FROM secret WHERE org = $1 AND name = $2";
const CREDENTIAL: &str = "SELECT login, sealed, revoked FROM credential WHERE org = $1 AND login = $2";
const CREDENTIALS: &str = "SELECT login, sealed, revoked FROM credential WHERE org = $1 ORDER BY login";
pub(crate) const INSERT: &str = "INSERT INTO org (org, slug, wrapped_key) VALUES ($1, $2, $3)";
pub(crate) const REWRAP: &str = "UPDATE org SET wrapped_key = $1 WHERE org = $2 AND wrapped_key = $3";
pub(crate) const PUT_SECRET: &str =
    "INSERT INTO secret (org, name, sealed) VALUES ($1, $2, $3) ON CONFLICT (org, name) DO NOTHING";
pub(crate) const PUT_CREDENTIAL: &str = "INSERT INTO credential (org, login, sealed, revoked) \
     VALUES ($1, $2, $3, $4) \
     ON CONFLICT (org, login) DO UPDATE SET sealed = excluded.sealed, revoked = excluded.revoked";
pub(crate) const KEEP_POLICY: &str =
    "INSERT INTO policy (org, hash, text) VALUES ($1, $2, $3) ON CONFLICT (org, hash) DO NOTHING";
const POLICY: &str = "SELECT text FROM policy WHERE org = $1 AND hash = $2";

pub(crate) fn all() -> Query<OrgRow> {
    Query { sql: ALL, params: vec![], read: row }
}

pub(crate) fn one(org: OrgId) -> Query<OrgRow> {
    Query { sql: ONE, params: vec![org.into()], read: row }
}

pub(crate) fn secret(org: OrgId, name: &str) -> Query<Vec<u8>> {
    Query { sql: SECRET, params: vec![org.into(), name.into()], read: |row| row.blob(0) }
}

pub(crate) fn credential(org: OrgId, login: [u8; 32]) -> Query<CredentialRow> {
    Query { sql: CREDENTIAL, params: vec![org.into(), login.into()], read: credential_row }
}

pub(crate) fn credentials(org: OrgId) -> Query<CredentialRow> {
    Query { sql: CREDENTIALS, params: vec![org.into()], read: credential_row }
}

fn credential_row(row: &dyn Columns) -> Result<CredentialRow, StoreError> {
    Ok(CredentialRow { login: row.array(0)?, sealed: row.blob(1)?, revoked: row.int(2)? != 0 })
}

pub(crate) fn policy(org: OrgId, hash: [u8; 32]) -> Query<String> {
    Query { sql: POLICY, params: vec![org.into(), hash.into()], read: |row| row.text(0) }
}

fn row(row: &dyn Columns) -> Result<OrgRow, StoreError> {
    Ok(OrgRow { org: row.org(0)?, slug: row.text(1)?, wrapped_key: row.blob(2)? })
}
