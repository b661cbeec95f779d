//! Recipients' keys, lookups, and the organisation's own keys.

use jiff::Timestamp;
use mail::{OrgId, OrgKeyId, RecipientKeyId};

use super::{Columns, Param, Query};
use crate::StoreError;
use crate::row::{DiscoveryRow, OrgKeyRow, RecipientKeyRow};
use crate::transition::Write;

macro_rules! select_key {
    ($rest:literal) => {
        concat!(
            "SELECT key, address, fingerprint, format, state, source, version, first_seen, last_seen, changed_at, ",
            "expires_at, sealed FROM recipient_key ",
            $rest
        )
    };
}
const ONE: &str = select_key!("WHERE org = $1 AND key = $2");
const OF_ADDRESS: &str = select_key!("WHERE org = $1 AND address = $2 ORDER BY key");
const OF_ADDRESSES: &str = select_key!("WHERE org = $1 AND address = ANY ($2) ORDER BY key");
const LIST: &str = select_key!("WHERE org = $1 AND key > $2 ORDER BY key LIMIT $3");
const CHANGED: &str = "SELECT DISTINCT address FROM recipient_key WHERE org = $1 AND changed_at >= $2";
pub(crate) const INSERT: &str = "INSERT INTO recipient_key (org, key, address, fingerprint, format, state, source, \
     version, first_seen, last_seen, changed_at, expires_at, sealed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
pub(crate) const CHANGE: &str = "UPDATE recipient_key SET state = $1, source = $2, last_seen = $3, changed_at = $4, \
     expires_at = $5, sealed = $6, version = version + 1 WHERE org = $7 AND key = $8 AND version = $9";
pub(crate) const REMOVE: &str = "DELETE FROM recipient_key WHERE org = $1 AND key = $2";

const DISCOVERY: &str = "SELECT subject, found, at, until FROM discovery WHERE org = $1 AND subject = $2";
pub(crate) const PUT_DISCOVERY: &str = "INSERT INTO discovery (org, subject, found, at, until) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org, subject) DO UPDATE SET \
     found = excluded.found, at = excluded.at, until = excluded.until";
pub(crate) const FORGET_DISCOVERIES: &str = "DELETE FROM discovery WHERE org = $1 AND until < $2";

const ORG_KEYS: &str = "SELECT key, format, state, version, created_at, changed_at, expires_at, sealed \
     FROM org_key WHERE org = $1 ORDER BY key";
pub(crate) const INSERT_ORG_KEY: &str = "INSERT INTO org_key (org, key, format, state, version, created_at, \
     changed_at, expires_at, sealed) VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
pub(crate) const CHANGE_ORG_KEY: &str = "UPDATE org_key SET state = $1, changed_at = $2, expires_at = $3, \
     sealed = $4, version = version + 1 WHERE org = $5 AND key = $6 AND version = $7";

/// Before every id.
const FIRST: RecipientKeyId = RecipientKeyId::from_bytes([0; 16]);

pub(crate) fn one(org: OrgId, key: RecipientKeyId) -> Query<RecipientKeyRow> {
    Query { sql: ONE, params: vec![org.into(), key.into()], read: row }
}

pub(crate) fn of_address(org: OrgId, address: [u8; 16]) -> Query<RecipientKeyRow> {
    Query { sql: OF_ADDRESS, params: vec![org.into(), address.into()], read: row }
}

/// Those of several addresses (PostgreSQL only).
pub(crate) fn of_addresses(org: OrgId, addresses: &[[u8; 16]]) -> Query<RecipientKeyRow> {
    let addresses = addresses.iter().map(|address| address.to_vec()).collect();
    Query { sql: OF_ADDRESSES, params: vec![org.into(), Param::Blobs(addresses)], read: row }
}

pub(crate) fn list(org: OrgId, after: Option<RecipientKeyId>, limit: usize) -> Query<RecipientKeyRow> {
    Query { sql: LIST, params: vec![org.into(), after.unwrap_or(FIRST).into(), limit.into()], read: row }
}

pub(crate) fn changed(org: OrgId, since: Timestamp) -> Query<[u8; 16]> {
    Query { sql: CHANGED, params: vec![org.into(), since.into()], read: |row| row.array(0) }
}

pub(crate) fn discovery(org: OrgId, subject: [u8; 16]) -> Query<DiscoveryRow> {
    let read = |row: &dyn Columns| {
        Ok(DiscoveryRow { subject: row.array(0)?, found: row.number(1)?, at: row.time(2)?, until: row.time(3)? })
    };
    Query { sql: DISCOVERY, params: vec![org.into(), subject.into()], read }
}

pub(crate) fn org_keys(org: OrgId) -> Query<OrgKeyRow> {
    let read = |row: &dyn Columns| {
        Ok(OrgKeyRow {
            key: OrgKeyId::from_bytes(row.array(0)?),
            format: row.number(1)?,
            state: row.number(2)?,
            version: row.int(3)?,
            created_at: row.time(4)?,
            changed_at: row.time(5)?,
            expires_at: row.maybe_time(6)?,
            sealed: row.blob(7)?,
        })
    };
    Query { sql: ORG_KEYS, params: vec![org.into()], read }
}

fn row(row: &dyn Columns) -> Result<RecipientKeyRow, StoreError> {
    Ok(RecipientKeyRow {
        key: RecipientKeyId::from_bytes(row.array(0)?),
        address: row.array(1)?,
        fingerprint: row.array(2)?,
        format: row.number(3)?,
        state: row.number(4)?,
        source: row.number(5)?,
        version: row.int(6)?,
        first_seen: row.time(7)?,
        last_seen: row.time(8)?,
        changed_at: row.time(9)?,
        expires_at: row.maybe_time(10)?,
        sealed: row.blob(11)?,
    })
}

/// A write as a statement, and how many rows it must change.
pub(crate) struct Statement {
    pub sql: &'static str,
    pub params: Vec<Param>,
    pub guarded: bool,
}

impl Statement {
    /// A guard that failed changed nothing.
    pub fn check(&self, changed: u64) -> Result<(), StoreError> {
        if self.guarded && changed == 0 { Err(StoreError::Conflict) } else { Ok(()) }
    }
}

/// The statement of a write about keys; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<Statement> {
    let (sql, params, guarded) = match write {
        Write::RecipientKey(row) => (INSERT, insert(org, row), true),
        Write::RecipientKeyChanged { expected_version, row } => (CHANGE, change(org, *expected_version, row), true),
        Write::RecipientKeyRemoved { key } => (REMOVE, vec![org.into(), (*key).into()], true),
        Write::Discovery(row) => (PUT_DISCOVERY, put_discovery(org, row), false),
        Write::ForgetDiscoveries { before } => (FORGET_DISCOVERIES, vec![org.into(), (*before).into()], false),
        Write::OrgKey(row) => (INSERT_ORG_KEY, insert_org_key(org, row), true),
        Write::OrgKeyChanged { expected_version, row } => {
            (CHANGE_ORG_KEY, change_org_key(org, *expected_version, row), true)
        }
        _ => return None,
    };
    Some(Statement { sql, params, guarded })
}

fn insert(org: OrgId, row: &RecipientKeyRow) -> Vec<Param> {
    vec![
        org.into(),
        row.key.into(),
        row.address.into(),
        row.fingerprint.into(),
        i64::from(row.format).into(),
        i64::from(row.state).into(),
        i64::from(row.source).into(),
        row.first_seen.into(),
        row.last_seen.into(),
        row.changed_at.into(),
        row.expires_at.into(),
        Param::Blob(row.sealed.clone()),
    ]
}

fn change(org: OrgId, expected_version: i64, row: &RecipientKeyRow) -> Vec<Param> {
    vec![
        i64::from(row.state).into(),
        i64::from(row.source).into(),
        row.last_seen.into(),
        row.changed_at.into(),
        row.expires_at.into(),
        Param::Blob(row.sealed.clone()),
        org.into(),
        row.key.into(),
        expected_version.into(),
    ]
}

fn put_discovery(org: OrgId, row: &DiscoveryRow) -> Vec<Param> {
    vec![org.into(), row.subject.into(), i64::from(row.found).into(), row.at.into(), row.until.into()]
}

fn insert_org_key(org: OrgId, row: &OrgKeyRow) -> Vec<Param> {
    vec![
        org.into(),
        row.key.into(),
        i64::from(row.format).into(),
        i64::from(row.state).into(),
        row.created_at.into(),
        row.changed_at.into(),
        row.expires_at.into(),
        Param::Blob(row.sealed.clone()),
    ]
}

fn change_org_key(org: OrgId, expected_version: i64, row: &OrgKeyRow) -> Vec<Param> {
    vec![
        i64::from(row.state).into(),
        row.changed_at.into(),
        row.expires_at.into(),
        Param::Blob(row.sealed.clone()),
        org.into(),
        row.key.into(),
        expected_version.into(),
    ]
}
