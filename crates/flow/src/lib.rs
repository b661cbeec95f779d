//! The journey of a message: accept, decide, seal, enqueue, deliver, record.

pub mod arrival;
mod dsn;
pub mod listener;
pub mod portal;
