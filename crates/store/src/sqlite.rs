//! The embedded store: SQLite in this process, bodies in files beside it.
//!
//! One thread writes ([`writer`]), a few read ([`reader`]), a few take large
//! bodies ([`spool`]). A group of callers shares one synced transaction
//! ([`queue`]). Leases are in memory ([`leases`]): one process has the
//! directory open, which a lock sees to.

mod apply;
mod bodies;
mod engine;
mod fault;
mod keep;
mod leases;
mod open;
mod queue;
mod reader;
mod runner;
mod segments;
mod shared;
mod spool;
mod store;
mod writer;

pub(crate) use store::SqliteStore;
