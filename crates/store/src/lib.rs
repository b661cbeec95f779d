//! The only SQL of Sealpost: the journey's own operations on durable rows.
//!
//! [`Store`] is the door, implemented over SQLite in the process
//! ([`open_sqlite`]) and over PostgreSQL ([`open_postgres`]). Every call and
//! every table takes an organisation; a call with the wrong one finds nothing.
//! [`Store::commit`] returns only after a synced transaction, which it shares
//! with all who commit at the same time.
//!
//! This crate never decides anything, never asks what time it is (times are
//! handed in), and never sees clear content: bodies, envelopes, parcels and journal
//! entries come sealed, and it has no key. After a failed fsync it ends the
//! process rather than go on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub mod body;
mod change;
pub mod classes;
pub mod error;
mod lane;
mod migrations;
mod packed;
mod postgres;
pub mod row;
mod sql;
mod sqlite;
pub mod store;
pub mod transition;
mod turns;

pub use body::{BodyRef, BodyWriter, SpooledBody};
pub use error::StoreError;
pub use lane::{Lane, Room};
pub use row::{
    AcmeRow, CredentialRow, Dimensions, DiscoveryRow, JournalRow, Leased, LinkRow, MessageRow, MessageState, OrgKeyRow,
    OrgRow, ParcelRow, ParcelState, PostureRow, QueueSummary, RecipientKeyRow, ReportRow, RunRow, Sieve, StsPolicyRow,
    SuppressionFilter, SuppressionRow, TlsSessionRow, WatchRoundRow,
};
pub use store::{Pending, Store};
pub use transition::{Acceptance, JournalNew, NewLink, NewParcel, Transition, Write};

/// How the embedded store runs.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Run everything on the calling thread within the first poll of the
    /// future, without threads and timers: for simulations.
    pub inline: bool,
    /// Open it beside the process that has it: for commands that read, or that
    /// change a row. Such a store takes no bodies and leases nothing.
    pub beside: bool,
    /// How long the first of a group waits for others.
    pub window: Duration,
    /// How many threads read.
    pub readers: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { inline: false, beside: false, window: Duration::from_millis(2), readers: 3 }
    }
}

/// How the PostgreSQL store runs.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// How many connections.
    pub connections: usize,
    /// How long the first of a group waits for others.
    pub window: Duration,
    /// By whose clock leases begin and end.
    pub lease_clock: LeaseClock,
}

/// By whose clock leases begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseClock {
    /// The database's, which all nodes share: one whose own clock is ahead would
    /// else take what another is delivering.
    Database,
    /// The caller's, who hands in the time: for tests whose clock stands.
    Caller,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { connections: 8, window: Duration::from_millis(2), lease_clock: LeaseClock::Database }
    }
}

/// Opens the embedded store in `dir`, which is made if it isn't there.
///
/// # Errors
/// [`StoreError::Locked`] when another process has it open,
/// [`StoreError::NewerSchema`] and [`StoreError::Corrupt`] as they say.
pub fn open_sqlite(dir: &Path, options: SqliteOptions) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(sqlite::SqliteStore::open(dir, &options)?))
}

/// Opens the store in the PostgreSQL database at `url`.
///
/// # Errors
/// [`StoreError::Unavailable`] when it can't be reached,
/// [`StoreError::NewerSchema`] as it says.
pub async fn open_postgres(url: &str, options: PostgresOptions) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(postgres::PostgresStore::open(url, &options).await?))
}
