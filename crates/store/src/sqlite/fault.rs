//! What an error of SQLite or of a file means, and the one place that ends the
//! process.

use std::io;
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::StoreError;

/// Ends the process after an fsync error.
///
/// Linux marks the pages clean after a failed fsync, so that a second one
/// succeeds without having written anything: what was acknowledged could be
/// lost. After a restart the files are read again and recovered.
pub(crate) fn die(during: &'static str, error: &dyn std::error::Error) -> ! {
    tracing::error!(during, %error, "fsync failed: ending the process, so that nothing unsynced is acknowledged");
    if !tracing::dispatcher::has_been_set() {
        eprintln!("fsync failed during {during}: {error}; ending the process");
    }
    std::process::abort()
}

/// The outcome of an fsync; an error doesn't come back.
pub(crate) fn synced(during: &'static str, outcome: io::Result<()>) {
    if let Err(error) = outcome {
        die(during, &error);
    }
}

/// The meaning of an error of a file.
pub(crate) fn file(during: &'static str, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => StoreError::unavailable(during, error),
    }
}

/// The meaning of an error of SQLite; that of a failed fsync doesn't come back.
pub(crate) fn sqlite(during: &'static str, error: rusqlite::Error) -> StoreError {
    let rusqlite::Error::SqliteFailure(code, _) = &error else { return unexpected(error) };
    match (code.extended_code, code.code) {
        (ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC, _) => die(during, &error),
        // The shared-memory file of the WAL could not grow.
        (ffi::SQLITE_IOERR_SHMSIZE, _) | (_, ErrorCode::DiskFull) => StoreError::DiskFull,
        (_, ErrorCode::ConstraintViolation) => StoreError::Conflict,
        (_, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::corrupt(format!("the database sealpost.db ({error}); restore it from the backup"))
        }
        (
            _,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => StoreError::unavailable(during, error),
        _ => unexpected(error),
    }
}

fn unexpected(error: rusqlite::Error) -> StoreError {
    StoreError::Statement { source: Arc::new(error) }
}
