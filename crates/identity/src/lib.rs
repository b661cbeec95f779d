//! Who someone is and what they may do: principals, credentials of submission,
//! and the one [`authorize`] that stands before every route and command.
//!
//! This crate never stores anything, never opens a socket and never logs: it
//! is handed what the store keeps and says yes or no.

pub mod authorize;
pub mod principal;
pub mod sender;

pub use authorize::{Action, Forbidden, Resource, authorize};
pub use principal::{Principal, Submitter};
pub use sender::{PatternError, Sender, SenderPattern};
