//! The client's side of SMTP.

mod error;

pub use error::ProtocolError;
