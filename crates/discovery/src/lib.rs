//! What a recipient can do: the posture of a domain, and what others publish
//! about it.
//!
//! This crate never decides what a message needs or gets, never sends a
//! message and stores nothing. It reaches out through the seams of
//! [`transport`]: its network, its resolver, its anchors.
//!
//! **Invariant**: what is fetched comes over verified TLS, or is signed by
//! itself, from an address of the public Internet that was checked right before
//! it was connected to, within bounds on size, time and redirects.

pub mod fetch;
pub mod hello;
pub mod probe;
pub mod sts;
pub mod watch;
