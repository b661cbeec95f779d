//! The words that every other crate speaks: addresses, domains, ids, envelopes,
//! levels of protection, replies, header blocks and the reading of MIME.
//!
//! This crate never does IO, never reads a clock and never makes randomness:
//! time and entropy are handed in through [`Clock`] and [`Entropy`].

pub mod address;
pub mod bounce;
pub mod entity;
pub mod envelope;
pub mod header;
pub mod id;
pub mod mailbox;
pub mod mbox;
pub mod priority;
pub mod private_key;
pub mod protection;
pub mod reading;
pub mod recipient_key;
pub mod reply;
pub mod seam;
pub mod sevenbit;
pub mod suppression;
pub mod wiped;

pub use address::{Address, AddressError, Domain};
pub use envelope::{Envelope, Recipient, ReversePath};
pub use id::{ApiKeyId, MessageId, OrgId, OrgKeyId, ParcelId, RecipientKeyId, SuppressionId};
pub use priority::Priority;
pub use protection::{Level, Method, MxLookup, Need};
pub use recipient_key::{KeyFormat, KeySource, KeyState};
pub use reply::{EnhancedCode, Reply};
pub use seam::{Clock, Entropy};
pub use wiped::Wiped;
