//! The journey of a message: accept, decide, seal, enqueue, deliver, record.
//!
//! | step | file |
//! | --- | --- |
//! | a client's bytes | [`listener`] |
//! | accept | `accept` |
//! | decide | `judge` |
//! | seal, enqueue | `plan` |
//! | deliver | `courier` |
//! | record | `record` |
//!
//! What another step shares stands in `case` (one message at one moment) and in
//! [`Journey`] (the seams). This crate never speaks HTTP, never holds SQL and
//! never opens a socket but the listener's.
//!
//! **Invariant**: whoever reads 250 has a message that is durable, with its
//! envelope, its body and its ledger entry, in one synced transaction.

mod accept;
pub mod api_keys;
pub mod application;
pub mod arrival;
mod bounces;
mod carry;
mod case;
pub mod certificates;
mod courier;
pub mod credentials;
mod crossing;
mod desk;
mod domains;
mod dsn;
mod enqueue;
mod evidence;
pub mod gateway;
pub mod harvest;
pub mod holds;
mod inbound;
mod journey;
mod judge;
pub mod judging;
pub mod keys;
mod leases;
pub mod listener;
pub mod listing;
mod manifest;
mod mark;
mod memory;
pub mod mend;
pub mod meters;
mod opened;
pub mod org_keys;
mod organisation;
mod places;
mod plan;
pub mod portal;
mod portal_desk;
mod portal_keys;
mod posture;
mod prepared;
pub mod queue;
pub mod recall;
mod receipts;
mod record;
mod rehearsal;
mod replies;
mod reply;
pub mod reports;
pub mod resume;
mod retries;
mod return_path;
mod rounds;
mod senders;
mod settings;
pub mod streams;
pub mod sts;
pub mod suppression;
mod timeline;
mod traced;
pub mod unsubscribe;
mod waiting;
pub mod watch;
mod wire;

pub use courier::Courier;
pub use desk::SubmissionDesk;
pub use journey::Journey;
pub use manifest::{Crossed, Manifest};
pub use opened::NotOpened;
pub use organisation::{Organisation, Organisations, Profile};
pub use portal_desk::LinkDesk;
pub use rehearsal::is_rehearsal;
pub use senders::Senders;
pub use settings::Settings;
pub use store::{MessageRow, MessageState};
pub use timeline::{Timeline, TimelineError, timeline};
