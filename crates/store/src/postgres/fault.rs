//! What an error of PostgreSQL means.

use std::sync::Arc;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// The meaning of an error.
pub(crate) fn postgres(during: &'static str, error: Error) -> StoreError {
    let Some(code) = error.code() else { return StoreError::unavailable(during, error) };
    match *code {
        SqlState::UNIQUE_VIOLATION => StoreError::Conflict,
        SqlState::DISK_FULL => StoreError::DiskFull,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            StoreError::corrupt(format!("the database ({}); restore it from the backup", code.code()))
        }
        _ if passing(code) => StoreError::unavailable(during, error),
        _ => StoreError::Statement { source: Arc::new(error) },
    }
}

/// Whether the server may do the same another time: it is starting, stopping,
/// short of something, or chose this transaction to end a deadlock.
fn passing(code: &SqlState) -> bool {
    ["08", "40", "53", "57", "58"].iter().any(|class| code.code().starts_with(class))
}
