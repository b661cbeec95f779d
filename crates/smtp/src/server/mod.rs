//! The server side.

mod limits;

pub use limits::Limits;

/// What BODY of MAIL said (RFC 6152).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// `7BIT`, or nothing.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
}
