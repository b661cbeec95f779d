//! SMTP: its grammar and both of its state machines, bytes in and replies out.
//!
//! This crate never opens a socket, never reads a clock and never decides what
//! becomes of a message.

pub mod client;
mod command;
pub mod server;
