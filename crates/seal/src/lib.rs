//! The choice of a method for one recipient's copy, and the only maker of a
//! [`Parcel`], which is the only thing that can be queued or sent.
//!
//! Pure: no IO, no clock, no randomness of its own. Keys are handed in.
//!
//! **Invariant**: a `Parcel` comes from this crate or not at all. One that was
//! stored comes back through [`Parcel::from_bytes`], which checks a tag over
//! organisation, message, content, recipients, method and need.

mod arc;
pub mod banner;
mod choice;
mod dkim;
mod edits;
mod hidden;
mod marks;
pub mod opening;
mod parcel;
pub mod protect;
mod quotes;
mod sealing;

pub use arc::{ArcSet, Chain};
pub use choice::{Capabilities, Choice, Preferences, choose};
pub use dkim::{BadKey, DkimKey};
pub use edits::Edits;
pub use hidden::hidden;
pub use marks::Marks;
pub use parcel::{
    BodyDigest, Content, Forged, Grounds, Kind, NotEndToEnd, NotTransit, Parcel, ParcelKey, Stamp, TagKey, TlsAsked,
    body_digest,
};
pub use sealing::{NotOpened, Opened, SealedCopy, Sealing, SigningOnly};

/// Base 64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
