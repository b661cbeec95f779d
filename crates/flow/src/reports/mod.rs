//! Reports on mail: what deliveries saw of TLS, told to the domains that ask
//! for it (TLS-RPT, RFC 8460), and what other systems report of the
//! organisation's own domains, kept for its people.
//!
//! | file | what |
//! | --- | --- |
//! | `sessions` | a delivery's TLS sessions as counts of their day |
//! | `day` | the counts of a day and a domain as one report |
//! | `letter` | the mail that brings a report |
//! | `sender` | once a day, by one node: reports to their domains |
//! | `budget` | what is read and kept of them in a day |
//! | `received` | reports that come in by mail, read and kept |
//!
//! **Invariant**: a report names domains, hosts and counts, never an address
//! of mail, and nothing of a message.

mod budget;
mod day;
mod letter;
mod received;
mod sender;
mod sessions;
#[cfg(test)]
mod tests;

pub use budget::Dropped;
pub use received::{Kept, ReportTrouble, What, dropped, received, run};
pub(crate) use received::{Queue, is_for_reports};
pub use sender::Reporter;
pub(crate) use sessions::counted;
