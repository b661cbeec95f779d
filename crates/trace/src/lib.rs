//! Was this message encrypted on its way? `Received` fields in, hops out: who
//! handed it to whom, when, what each hop says about TLS, a verdict for each
//! hop with what it rests on, and one for the message.
//!
//! [`Block::read`] takes a header block apart, [`trace`] judges it against what
//! a reader trusts ([`Trust`]). What is known of each server's habits and of
//! each provider's own network is data, in `facts/`, every line with its
//! source.
//!
//! This crate never does IO, never reads a clock and never makes randomness.
//! It never asks DNS: a name is believed no more than the server that wrote it.
//! Work is linear in the header block, whatever is in it.

mod boundary;
mod date;
mod dialect;
pub mod evidence;
mod facts;
mod form;
pub mod header;
pub mod hop;
pub mod json;
mod judge;
pub mod keyword;
mod message;
mod moment;
mod name;
mod near;
mod network;
mod peer;
mod received;
pub mod report;
mod text;
pub mod tls;
pub mod trust;
pub mod verdict;

pub use header::{Block, HeaderError, Limits};
pub use hop::Hop;
pub use keyword::Keyword;
pub use message::{SenderEnd, Summary, Trace, trace};
pub use moment::{Delay, Moment};
pub use peer::Peer;
pub use text::shown;
pub use tls::{Reason, Strength, Tls};
pub use trust::{Trust, TrustError, TrustFile};
pub use verdict::{Because, Leg, Verdict};
