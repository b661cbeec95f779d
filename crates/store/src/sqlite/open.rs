//! Opening a data directory: lock, permissions, schema, leftovers.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mail::OrgId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::bodies::file_owner;
use super::fault;
use super::reader::fetch;
use super::segments::{segment_number, sync_dir};
use crate::StoreError;
use crate::lane::Lane;
use crate::migrations::{Migration, SQLITE};
use crate::sql::{self, Query};

const WAITING: &str = "SELECT lane, count(*) FROM parcel INDEXED BY parcel_due WHERE state = 0 GROUP BY lane";
/// The newest segment that a row refers to. Rows are appended as segments are,
/// so that the last ones suffice.
const NEWEST_SEGMENT: &str = "SELECT coalesce(max(body_segment), 0) FROM \
     (SELECT body_segment FROM message ORDER BY id DESC LIMIT 2000)";

/// The files of a data directory.
pub(crate) struct Files {
    pub database: PathBuf,
    pub bodies: PathBuf,
    /// Held while the store is open; none where another process may hold it.
    pub lock: Option<File>,
}

/// The files of a directory that another process may have open.
pub(crate) fn files_beside(dir: &Path) -> Result<Files, StoreError> {
    let (database, bodies) = (dir.join("sealpost.db"), dir.join("bodies"));
    match std::fs::metadata(&database) {
        Ok(_) => Ok(Files { database, bodies, lock: None }),
        Err(error) => Err(fault::file("looking for the database", error)),
    }
}

/// Makes the directory if it isn't there, and locks it.
pub(crate) fn files(dir: &Path) -> Result<Files, StoreError> {
    let (database, bodies) = (dir.join("sealpost.db"), dir.join("bodies"));
    private_dir(dir)?;
    private_dir(&bodies)?;
    let lock = private_file(&dir.join("sealpost.lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(fault::file("locking the data directory", error)),
    }
    not_lost(&database, &bodies)?;
    // SQLite gives its WAL the permissions of the database.
    private_file(&database)?;
    sync_dir(dir)?;
    Ok(Files { database, bodies, lock: Some(lock) })
}

/// The write connection, with the newest schema.
pub(crate) fn connection(database: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(database, flags)?;
        connection.execute_batch(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864; \
             PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; \
             PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = 5000;",
        )?;
        keep_plans(&connection)?;
        Ok(connection)
    };
    let mut connection = set_up().map_err(|error| fault::sqlite("opening the database", error))?;
    migrate(&mut connection, SQLITE)?;
    Ok(connection)
}

/// Keeps statements prepared. Without the guarantee SQLite looks at the values
/// that are bound to choose a plan, and compiles a statement anew at each call.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Brings the schema up to the newest of `migrations`, one transaction each.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    let found: Result<u32, _> = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    let found = found.map_err(|error| fault::sqlite("reading the schema's version", error))?;
    let known = migrations.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for migration in migrations.iter().filter(|migration| migration.number > found) {
        apply(connection, migration).map_err(|error| fault::sqlite("migrating the schema", error))?;
    }
    Ok(())
}

fn apply(connection: &mut Connection, migration: &Migration) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(migration.text)?;
    transaction.pragma_update(None, "user_version", migration.number)?;
    transaction.commit()
}

/// How many parcels of each organisation wait.
pub(crate) fn waiting(connection: &Connection) -> Result<HashMap<OrgId, u64>, StoreError> {
    Ok(by_org(fetch(connection, count_waiting())?))
}

/// How many parcels wait in each lane.
pub(crate) fn count_waiting() -> Query<(OrgId, u64)> {
    let read = |row: &dyn sql::Columns| {
        let lane = Lane::from_number(row.int(0)?).ok_or_else(|| sql::odd(0))?;
        Ok((lane.org(), row.number(1)?))
    };
    Query { sql: WAITING, params: vec![], read }
}

/// The sums of each organisation.
pub(crate) fn by_org(counts: Vec<(OrgId, u64)>) -> HashMap<OrgId, u64> {
    let mut sums = HashMap::new();
    for (org, count) in counts {
        let sum = sums.entry(org).or_insert(0_u64);
        *sum = sum.saturating_add(count);
    }
    sums
}

/// Which segment to go on in: the newest on disk, or a new one when rows refer
/// to newer ones that are missing.
pub(crate) fn segment_to_go_on_in(connection: &Connection, bodies: &Path) -> Result<u64, StoreError> {
    let newest = Query { sql: NEWEST_SEGMENT, params: vec![], read: |row| row.number::<u64>(0) };
    let named = fetch(connection, newest)?.first().copied().unwrap_or(0);
    let on_disk = names(bodies)?.iter().filter_map(|name| segment_number(name)).max().unwrap_or(0);
    if named > on_disk {
        tracing::error!(segment = named, "a segment of bodies is missing: restore it from the backup");
        return Ok(named.saturating_add(1));
    }
    Ok(on_disk.max(1))
}

/// Refuses to begin anew where bodies are left: their database is lost, and
/// each of them would be taken for left over.
fn not_lost(database: &Path, bodies: &Path) -> Result<(), StoreError> {
    let empty = std::fs::metadata(database).map_or(0, |found| found.len()) == 0;
    let ours = |name: &String| segment_number(name).is_some() || file_owner(name).is_some();
    if empty && names(bodies)?.iter().any(ours) {
        return Err(StoreError::corrupt(
            "the database is missing and its bodies are there; restore it from the backup",
        ));
    }
    Ok(())
}

/// Removes files of bodies that were never committed.
pub(crate) fn remove_leftovers(connection: &Connection, bodies: &Path) -> Result<(), StoreError> {
    for name in names(bodies)? {
        let Some((org, message)) = file_owner(&name) else { continue };
        let owner = fetch(connection, sql::message::one(org, message))?;
        if owner.first().is_none_or(|row| row.body.segment != 0) {
            let removed = std::fs::remove_file(bodies.join(&name));
            removed.map_err(|error| fault::file("removing a body that was never committed", error))?;
        }
    }
    Ok(())
}

fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let read = || -> std::io::Result<Vec<String>> {
        std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    read().map_err(|error| fault::file("listing the bodies", error))
}

fn private_dir(dir: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.and_then(|()| std::fs::set_permissions(dir, Permissions::from_mode(0o700)))
        .map_err(|error| fault::file("making the data directory", error))
}

fn private_file(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)).map(|()| file))
        .map_err(|error| fault::file("opening a file of the data directory", error))
}
