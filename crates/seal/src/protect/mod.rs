//! End-to-end protection of a recipient's copy: from the stored message to the
//! one that goes out, in PGP/MIME (RFC 3156) or S/MIME (RFC 8551), with its
//! header fields protected (RFC 9788).
//!
//! What is protected is the whole message: its fields and its body, the body
//! byte for byte. Bcc is in neither the payload nor the outer message.

mod content_type;
mod display;
mod fields;
mod frame;
mod lines;
mod payload;
mod wrap;

use jiff::Timestamp;
use mail::entity::Entity;
use mail::{Address, Entropy, Method};
use serde::{Deserialize, Serialize};

use crate::edits::Edits;
pub(crate) use content_type::unmarked;
pub(crate) use fields::is_structural;
pub use fields::{HeaderPolicy, Outside};
pub(crate) use payload::crlf;
pub use payload::{Enclosed, canonical};

use content_type::Mark;
use fields::{Composed, Plan, compose};
use payload::{Shape, payload};

/// With what a copy is protected. To nobody, it is only signed.
#[derive(Clone, Copy)]
pub enum Keys<'a> {
    /// PGP/MIME.
    OpenPgp {
        /// Who reads it.
        to: &'a [openpgp::Certificate],
        /// Who signs it.
        sign: Option<&'a openpgp::SigningIdentity>,
    },
    /// S/MIME.
    Smime {
        /// Who reads it; `smime::Certificate::usable_for_encryption` makes one
        /// ready, or says why it can't be used.
        to: &'a [smime::Recipient],
        /// Who signs it.
        sign: Option<&'a smime::SigningIdentity<'a>>,
        /// How the content is encrypted; none for the strongest that all announced.
        cipher: Option<smime::algorithm::ContentCipher>,
    },
}

/// How a copy is protected.
#[derive(Clone, Copy)]
pub struct Protection<'a> {
    /// With what.
    pub keys: Keys<'a>,
    /// What may be read outside.
    pub headers: &'a HeaderPolicy,
    /// What changes in the recipients' copy.
    pub edits: &'a Edits,
    /// What makes a plain reply safe.
    pub replies: &'a Replies,
}

/// What is added so that a reply comes back protected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// Where replies go instead of the sender: to the portal.
    pub reply_to: Option<Address>,
    /// The value of an Autocrypt field with the sender's key.
    pub autocrypt: Option<String>,
    /// The organisation's key as a file. It becomes a part of the message.
    pub enclosed: Option<Enclosed>,
}

/// A copy as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The message; in seven bits, unless what is only signed can't be.
    pub bytes: Vec<u8>,
    /// What was done, for the receipt.
    pub facts: Facts,
}

/// What was done to a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// OpenPGP or S/MIME.
    pub method: Method,
    /// How the content is encrypted; none for a copy that is only signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// What protects the content from change within the encryption.
    pub integrity: Integrity,
    /// Whose keys open it, in the order in which they were given.
    pub to: Vec<SealedTo>,
    /// The fingerprint of the key that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

/// What protects encrypted content from change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Integrity {
    /// Nothing: S/MIME with CBC.
    None,
    /// OpenPGP's modification detection code.
    Mdc,
    /// Authenticated encryption.
    Aead,
}

/// One key that opens a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedTo {
    /// Of the OpenPGP certificate, or SHA-256 of the X.509 certificate; hexadecimal.
    pub fingerprint: String,
    /// How the content's key is encrypted to it.
    pub algorithm: String,
}

/// A copy was not protected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtectError {
    /// These recipients' keys can't be used; without them the rest can be sealed.
    #[error("{}", told(.0))]
    Recipients(Vec<UnusableKey>),
    /// Neither a recipient nor a signer was named.
    #[error("there is nobody to seal for")]
    Nobody,
    /// Our own key could not sign.
    #[error("could not sign")]
    Sign(#[source] SignError),
    /// The provider of cryptography failed.
    #[error("the cryptography failed")]
    Crypto,
    /// More content than the format takes.
    #[error("the message is too large for this format")]
    TooLarge,
}

/// A recipient's key that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableKey {
    /// Its place among those that were given.
    pub index: usize,
    /// Its fingerprint, hexadecimal.
    pub fingerprint: String,
    /// Why.
    pub reason: KeyReason,
}

/// Why a recipient's key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyReason {
    /// An OpenPGP key.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::Unusable),
    /// An S/MIME certificate.
    #[error(transparent)]
    Smime(#[from] smime::Unusable),
    /// What is in it can't be encrypted to.
    #[error("nothing can be encrypted to it")]
    Encrypt,
}

/// Why our own key could not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// An OpenPGP key.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::SealError),
    /// An S/MIME certificate.
    #[error(transparent)]
    Smime(#[from] smime::SealError),
}

fn told(keys: &[UnusableKey]) -> String {
    let lines: Vec<String> = keys.iter().map(|key| format!("the key {}: {}", key.fingerprint, key.reason)).collect();
    lines.join("; ")
}

/// Makes the copy of `stored` that these keys protect.
pub fn protect(
    stored: &[u8],
    how: &Protection<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Protected, ProtectError> {
    let canonical = canonical(stored);
    let canonical = how.edits.text(&canonical);
    let message = Entity::read(&canonical);
    let added = how.replies.fields();
    let mark = if how.keys.is_encrypted() { Mark::Cipher } else { Mark::Clear };
    let plan = Plan { mark, policy: how.headers, edits: how.edits, added: added.as_bytes() };
    let composed = compose(message.header, &plan);
    let shape = Shape {
        mark,
        is_openpgp: matches!(how.keys, Keys::OpenPgp { .. }),
        is_displayed: how.headers.is_displayed && mark == Mark::Cipher,
        enclosed: how.replies.enclosed.as_ref(),
    };
    let payload = payload(&message, &composed, &shape, entropy);
    let Composed { outer, .. } = composed;
    match how.keys {
        Keys::OpenPgp { to, sign } => wrap::openpgp(outer, payload, to, sign, now, entropy),
        Keys::Smime { to, sign, cipher } => {
            wrap::smime(outer, payload, &wrap::Smime { to, sign, cipher }, now, entropy)
        }
    }
}

impl Keys<'_> {
    const fn is_encrypted(&self) -> bool {
        match self {
            Keys::OpenPgp { to, .. } => !to.is_empty(),
            Keys::Smime { to, .. } => !to.is_empty(),
        }
    }
}

impl Replies {
    fn fields(&self) -> String {
        let reply_to = self.reply_to.as_ref().map(|address| format!("Reply-To: {address}\r\n"));
        let autocrypt = self.autocrypt.as_ref().map(|value| format!("Autocrypt: {value}\r\n"));
        [reply_to, autocrypt].into_iter().flatten().collect()
    }
}
