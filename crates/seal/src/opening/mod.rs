//! Opening: what is inside a sealed or signed message, and what is proven of it.
//!
//! Layers are peeled from the outside in, each by the exact form of its
//! standard (RFC 3156, RFC 8551); what comes out is the innermost entity alone,
//! byte for byte, and never joined with anything that stood beside it (EFAIL).
//! Nothing here fetches anything, and a message whose integrity is refused
//! yields nothing of its content.

mod cover;
mod headers;
mod inline;
mod layers;
mod report;
mod restore;
mod step;
mod verdict;

use jiff::Timestamp;
use mail::Wiped;
use mail::entity::Entity;

pub use report::{Covers, Format, ProtectedFields, Report, Scheme, Signature};
pub use restore::restored;
pub(crate) use verdict::hex;

/// What opens and judges a message.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    /// Own OpenPGP keys, to decrypt with.
    pub openpgp: &'a [openpgp::SecretIdentity],
    /// OpenPGP certificates whose signatures count.
    pub openpgp_signers: &'a [openpgp::Certificate],
    /// Own private keys of S/MIME.
    pub smime: &'a [smime::DecryptionIdentity<'a>],
    /// Whose S/MIME signatures count.
    pub smime_trust: &'a smime::trust::Trust,
    /// The fingerprints of certificates that count whatever address they name:
    /// those that a person handed over by file. Any other signature counts only
    /// if the message's author is an address in its key or certificate.
    pub given: &'a [String],
}

/// How much an opening may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Layers of protection within each other.
    pub layers_max: usize,
    /// Levels of multipart that are searched.
    pub depth_max: usize,
    /// Parts in all.
    pub parts_max: usize,
    /// The most bytes that may come out.
    pub content_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { layers_max: 8, depth_max: 16, parts_max: 1_000, content_bytes_max: 256 << 20 }
    }
}

/// A message that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The innermost entity as it was encrypted or signed, with its header
    /// fields, byte for byte; of inline OpenPGP the text.
    pub entity: Wiped,
    /// Whether that is a MIME entity, which inline OpenPGP has none of.
    pub is_entity: bool,
    /// What was proven.
    pub report: Report,
    /// What the signers of valid S/MIME signatures over the whole message want
    /// replies sealed to.
    pub announced: Vec<Announced>,
}

/// What a signer wants replies sealed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The certificate.
    pub certificate: smime::Certificate,
    /// What the signer's program reads.
    pub capabilities: Option<smime::Capabilities>,
    /// The chain of the certificate that signed, itself first, the anchor last.
    pub chain: Vec<smime::Certificate>,
    /// When it was signed, as the signer says.
    pub signed_at: Option<jiff::Timestamp>,
}

/// Why a message was not opened. Nothing of its content comes out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is nothing that could be opened or verified.
    #[error("the message is neither encrypted nor signed")]
    Nothing,
    /// Several parts are protected, each by itself: joined, they would prove
    /// what none of them does.
    #[error("several parts of the message are protected, each by itself")]
    Several,
    /// More layers or parts than are opened.
    #[error("the message has more layers or parts than are opened")]
    TooDeep,
    /// OpenPGP.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::OpenError),
    /// S/MIME.
    #[error(transparent)]
    Smime(#[from] smime::OpenError),
}

/// The fingerprint of a certificate as reports name it: SHA-256, hexadecimal.
pub fn fingerprint(certificate: &smime::Certificate) -> String {
    hex(&certificate.fingerprint_sha256())
}

/// Whether there may be anything to open or to verify: cheap, and never false
/// where [`open`] would find something.
pub fn may_be_protected(message: &[u8]) -> bool {
    let entity = Entity::read(message);
    cover::bare(message).is_some() || cover::cover(&entity, true).is_some() || layers::has_protected_part(&entity)
}

/// Whether the whole of a message is sealed or signed already, by its form alone.
pub fn is_protected(message: &[u8]) -> bool {
    cover::cover(&Entity::read(message), false).is_some()
}

/// Opens a message: line ends CRLF or LF, as it was received.
pub fn open(message: &[u8], keys: &Keys<'_>, now: Timestamp, limits: &Limits) -> Result<Opened, Refused> {
    layers::open(message, keys, now, limits)
}
