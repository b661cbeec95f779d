//! The store over PostgreSQL, for any number of equal nodes.
//!
//! Each node gathers its callers' changes and writes them on one connection,
//! a statement a kind ([`writer`], [`batch`]); reads take others from a small
//! pool ([`pool`]). Leases are columns, taken with `FOR UPDATE SKIP LOCKED` and
//! ended by time, so that those of a dead node run out. Bodies have a table of
//! their own.
//!
//! What it doesn't do: PostgreSQL keeps old row versions until they are
//! vacuumed, and copies of them in its WAL and in backups of it. An erased key
//! is deleted and the table vacuumed; the rest is for the operator's retention
//! of WAL.

mod batch;
mod connection;
mod fault;
mod open;
mod pool;
mod single;
mod spool;
mod store;
mod writer;

pub(crate) use store::PostgresStore;
