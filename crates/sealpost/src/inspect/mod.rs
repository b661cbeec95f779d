//! `sealpost inspect`: how received messages travelled, from files of every
//! shape, in memory that does not grow with them.
//!
//! One thread reads and cuts ([`reading`]), some judge ([`judge`]), one writes
//! in order ([`pipeline`]). What is known and how it is judged is the crate
//! `trace`; here are files, threads and what people see.

pub mod judge;
pub mod lines;
pub mod pipeline;
pub mod reading;
pub mod receipt;
pub mod sources;
pub mod table;
pub mod terminal;
