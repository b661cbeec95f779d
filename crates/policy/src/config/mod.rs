//! The section `[policy]` of the configuration: read with the path of each
//! mistake and a suggestion, and written in one canonical form.

mod keys;
mod read;
mod rules;
mod signing;
mod table;
mod write;

pub use table::{Mistake, PolicyError};

pub(crate) use read::{from_table, from_toml};
pub(crate) use write::canonical;
