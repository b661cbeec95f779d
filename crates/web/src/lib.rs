//! Everything that is spoken over HTTP: the recipient's portal, the health
//! checks, and the server that carries them.
//!
//! This crate converts at the edge: it never touches SQL, keys or the queue,
//! and its pages say nothing that [`flow::portal`] did not decide.

pub mod api;
mod crowd;
pub mod health;
mod inspect;
mod pace;
mod plain;
pub mod portal;
mod rate;
pub mod sanitise;
pub mod server;
mod visitor;
pub mod wkd;

pub use plain::PlainPages;
pub use portal::{Accent, AccentError, Site};
pub use server::{PeerAddress, PeerTls, ServeError, ServeLimits, Tls, serve, serve_plain};
