//! A message as its reader sees it: transfer encodings, charsets and encoded
//! words undone, nested messages opened, attachments named.
//!
//! One reading serves the detectors, the portal's page and attachment rules.
//! Outside data: depth, parts and sizes are bounded, and nothing here panics.

mod field;
mod html;
mod name;
mod read;
mod tag;
pub(crate) mod transfer;

pub(crate) use field::Parameters;
pub use field::unstructured;
pub use html::html_text;
pub use name::clean_name;
pub use read::{header_block, read};

/// How much a reading may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of multipart and message/rfc822 within each other.
    pub depth_max: usize,
    /// Parts in all.
    pub parts_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth_max: 32, parts_max: 1_000 }
    }
}

/// Why a message was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// Parts are nested deeper than the limit.
    #[error("parts are nested more than {0} deep")]
    Depth(usize),
    /// There are more parts than the limit.
    #[error("there are more than {0} parts")]
    Parts(usize),
    /// There is nothing that could be read as a message.
    #[error("not a message")]
    NotAMessage,
}

/// A message as its reader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The subject, decoded; all of them where there are several.
    pub subject: String,
    /// The From field, decoded, as written: `Name <address>`.
    pub from: String,
    /// The leaves, in order; those of nested messages too. A nested message is
    /// itself a part too, an attachment of type `message/rfc822` before its
    /// leaves: its bytes, or of one within another its header block.
    pub parts: Vec<Part>,
    /// What stands beside the parts, before a first boundary and after a last
    /// one. Most readers don't show it; some do, so detectors look at it.
    pub beside: String,
}

/// A leaf of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it stands for the reader.
    pub place: Place,
    /// `type/subtype`, lower case.
    pub content_type: String,
    /// The Content-ID without its angle brackets.
    pub content_id: Option<String>,
    /// How deep it lies in nested messages; 0 is the message itself.
    pub nesting: usize,
    /// What it holds.
    pub body: Body,
}

/// Where a part stands for the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The plain text.
    Text,
    /// The HTML.
    Html,
    /// An attachment of that name, decoded (`attachment` where it has none).
    Attachment(String),
}

/// What a part holds, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Text in any charset, as UTF-8.
    Text(String),
    /// HTML as written, as UTF-8; never rendered without being sanitised.
    Html(String),
    /// Anything else.
    Bytes(Vec<u8>),
}
