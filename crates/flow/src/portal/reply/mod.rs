//! Replies of recipients: whom they reach, what may be attached, and how a
//! reply becomes a message while it arrives.
//!
//! A reply is a message of its own that goes in by the same accept as any
//! other. It comes from an address of the organisation's own domain, never
//! from the recipient's, whose domain's policy it could only break.

mod kind;
mod name;
mod routes;
mod token;
mod writer;

pub use kind::{Kind, UnknownKind};
pub use name::harmless as harmless_name;
pub use routes::{About, Replies, ReplyRule, Topic, UnknownTopic};
pub use token::FormToken;
pub use writer::{Limits, NotWritten, ReplyHead, ReplyWriter};

/// What a recipient writes, without the files.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyText {
    /// What it is about, where the recipient says so.
    pub topic: Option<Topic>,
    /// The text; may be empty where there are files.
    pub text: String,
}

/// What may be attached, for the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Files at most.
    pub files_max: usize,
    /// Bytes of all files at most.
    pub bytes_max: u64,
    /// What files may be.
    pub kinds: Vec<Kind>,
}

impl Replies {
    /// What the form offers.
    pub fn offer(&self) -> Offer {
        Offer { files_max: self.limits.files_max, bytes_max: self.limits.bytes_max, kinds: self.limits.kinds.clone() }
    }
}
