//! What else a header block tells of a message's way: Authentication-Results,
//! ARC, DKIM, `TLS-Required`, fields of providers, a Sealpost receipt, and
//! content that is encrypted by itself.
//!
//! All of it is read and weighed, and none of it is believed for standing
//! there: what was checked here with a key is `proved` or `refuted`, what a
//! server inside the reader's trust boundary wrote is `believed`, the rest is
//! `claimed` by anybody. Only what is proved may change a hop's verdict.

mod arc;
mod authentication;
pub mod content;
pub mod dkim;
mod fields;
mod gather;
mod tags;

use serde::Serialize;

pub use content::Content;
pub use gather::gather;

/// What a piece of evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Authentication-Results (RFC 8601).
    AuthenticationResults,
    /// A chain of ARC sets (RFC 8617).
    Arc,
    /// A DKIM signature (RFC 6376).
    Dkim,
    /// `TLS-Required` (RFC 8689 §5).
    TlsRequired,
    /// A field of one provider's about TLS on the connection that brought it.
    Transport,
    /// A field of Exchange's.
    Microsoft,
    /// A field of Google's.
    Google,
    /// A receipt of Sealpost's.
    Receipt,
}

impl Kind {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AuthenticationResults => "authentication_results",
            Self::Arc => "arc",
            Self::Dkim => "dkim",
            Self::TlsRequired => "tls_required",
            Self::Transport => "transport",
            Self::Microsoft => "microsoft",
            Self::Google => "google",
            Self::Receipt => "receipt",
        }
    }
}

/// The source of Authentication-Results that name no server, as Microsoft's do.
pub const NAMELESS: &str = "a server that gives no name";

/// What a piece of evidence is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It was checked here, by a signature and a key that the reader gave.
    Proved,
    /// It was checked here and is not so.
    Refuted,
    /// A server that the reader trusts wrote it.
    Believed,
    /// Anybody may have written it.
    Claimed,
}

impl Weight {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Refuted => "refuted",
            Self::Believed => "believed",
            Self::Claimed => "claimed",
        }
    }
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Who says it: a server's name, a signing domain, a field's name.
    pub source: String,
    /// What it says, in its own words where it has some.
    pub says: String,
    /// What that is worth.
    pub weight: Weight,
    /// Whether TLS was used on the hop, where it speaks of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
    /// The index of the hop whose receiving server wrote it, as far as its
    /// place in the header block tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<usize>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// From the top of the header block.
    pub items: Vec<Item>,
    /// Encrypted or signed content.
    pub content: Option<Content>,
}
