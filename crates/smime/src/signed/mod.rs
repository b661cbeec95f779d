//! Signed content: SignedData (RFC 5652 §5).

mod attributes;
mod check;
mod sign;
mod verify;

pub use check::Flaw;
pub use sign::{Form, Signed, SigningIdentity, sign};
pub use verify::{SignatureVerdict, Verified, verify};
