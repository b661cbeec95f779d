//! Connecting: where to, the schema, what a dead node left behind.

use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::connection::Connection;
use crate::StoreError;
use crate::migrations::Migration;
use crate::sql::{Param, Query};

/// Keeps two nodes from migrating at once.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305809217)";
const VERSION: &str = "SELECT coalesce(max(version), 0) FROM schema_version";
const INSTANCE: &str = "SELECT gen_random_uuid()::text";
/// A body that takes longer than a day to arrive won't.
const FORGET_BODIES: &str = "WITH gone AS (DELETE FROM body_arriving \
     WHERE begun_at < (extract(epoch FROM now()) * 1000000)::bigint - 86400000000 RETURNING org, message) \
     DELETE FROM body b USING gone WHERE b.org = gone.org AND b.message = gone.message \
     AND NOT EXISTS (SELECT FROM message m WHERE m.org = b.org AND m.message = b.message)";

/// The configuration in a URL. Without TLS, only this machine's own database
/// may be asked: a password and metadata would cross the network.
pub(crate) fn config(url: &str) -> Result<Config, StoreError> {
    let config: Config = url.parse().map_err(|_| StoreError::Address { why: "it is no PostgreSQL URL" })?;
    let near = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
    };
    if !config.get_hosts().iter().all(near) || !config.get_hostaddrs().iter().all(IpAddr::is_loopback) {
        return Err(StoreError::Address { why: "over a network it would need TLS; use a socket or loopback" });
    }
    Ok(config)
}

/// Brings the schema up to the newest of `migrations`, all in one transaction.
pub(crate) async fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    connection.batch("BEGIN").await?;
    let migrated = migrate_within(connection, migrations).await;
    connection.batch(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    migrated
}

async fn migrate_within(connection: &mut Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    connection.batch(LOCK).await?;
    connection.batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)").await?;
    let version = Query { sql: VERSION, params: vec![], read: |row| row.number::<u32>(0) };
    let found = connection.one(version).await?.unwrap_or(0);
    let known = migrations.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for migration in migrations.iter().filter(|migration| migration.number > found) {
        connection.batch(migration.text).await?;
        let number = Param::Int(i64::from(migration.number));
        connection.execute("INSERT INTO schema_version (version) VALUES ($1)", &[number]).await?;
    }
    Ok(())
}

/// Removes large bodies that never got their message.
pub(crate) async fn forget_bodies(connection: &mut Connection) -> Result<(), StoreError> {
    connection.execute(FORGET_BODIES, &[]).await.map(drop)
}

/// A name that no other node has, nor this one after its next start.
pub(crate) async fn instance(connection: &mut Connection) -> Result<String, StoreError> {
    let name = connection.one(Query { sql: INSTANCE, params: vec![], read: |row| row.text(0) }).await?;
    name.ok_or_else(|| StoreError::corrupt("PostgreSQL gave no name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_database_is_asked_without_tls() {
        for near in [
            "postgresql://sealpost@%2Frun%2Fpostgresql/sealpost",
            "postgresql://sealpost@localhost/sealpost",
            "postgresql://127.0.0.1:5433,[::1]/sealpost",
            "host=/run/postgresql dbname=sealpost",
        ] {
            assert!(config(near).is_ok(), "{near}");
        }
        for far in [
            "postgresql://db.example/sealpost",
            "postgresql://localhost,db.example/sealpost",
            "host=localhost hostaddr=192.0.2.1 dbname=sealpost",
            "mysql://localhost/sealpost",
        ] {
            assert!(matches!(config(far), Err(StoreError::Address { .. })), "{far}");
        }
    }
}
