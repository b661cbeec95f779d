//! What was proven of a message, in the form that people and programs read.
//! docs/sealing.md describes the JSON.

use jiff::Timestamp;
use mail::Address;
use serde::Serialize;

use crate::protect::Integrity;

/// A format of end-to-end protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// OpenPGP: PGP/MIME, or inline.
    Pgp,
    /// S/MIME.
    Smime,
}

/// How much of the message a protection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Covers {
    /// All of the body. The outer header fields are never covered; the
    /// protected ones are in [`Report::headers`].
    Whole,
    /// A part of the body; beside it stands what anybody may have added.
    Part,
}

/// What was proven of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The format of the outermost protection.
    pub format: Format,
    /// Whether anything was decrypted.
    pub encrypted: bool,
    /// What proves that the decrypted content is as it was encrypted: the
    /// weakest of all layers; `none` where nothing was decrypted.
    pub integrity: Integrity,
    /// How the content was encrypted, innermost last.
    pub ciphers: Vec<String>,
    /// How much of the message came out.
    pub covers: Covers,
    /// Each signature that was found, valid or not.
    pub signatures: Vec<Signature>,
    /// The header fields that were protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<ProtectedFields>,
}

/// What is known of one signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Who signed: an address in the key or certificate, the author's where it
    /// is among them; without any, the certificate's subject or the key's id.
    /// A claim, unless the signature is valid.
    pub by: String,
    /// Whether the content is what the key signed, and the key is trusted for
    /// the author of the message or was handed over by file.
    pub valid: bool,
    /// How much of the message it is over.
    pub covers: Covers,
    /// Whether the author (From) is an address in the key or certificate.
    pub from: bool,
    /// Its format.
    pub format: Format,
    /// The fingerprint of the certificate, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// When it was made, as the signer says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// Why it is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The header fields that came inside the protection (RFC 9788).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProtectedFields {
    /// How they were protected.
    pub by: Scheme,
    /// The Subject, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The author, where there is exactly one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
    /// The names of fields that the sender hid or changed outside.
    pub hidden: Vec<String>,
    /// The names of fields that differ outside from what the sender left there:
    /// somebody on the way changed, added or removed them.
    pub mismatch: Vec<String>,
}

/// How header fields were protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// RFC 9788, within encryption.
    Cipher,
    /// RFC 9788, under a signature.
    Clear,
    /// `protected-headers="v1"`, the draft before it.
    V1,
    /// A message within the message (RFC 8551 §3.1).
    Wrapped,
}

impl Report {
    /// Whether a stranger may have put together what was decrypted (EFAIL):
    /// nothing of it may load anything from elsewhere, and no signature vouches
    /// for it either.
    pub fn is_malleable(&self) -> bool {
        let vouched = || self.signatures.iter().any(|one| one.valid && one.covers == Covers::Whole);
        self.encrypted && self.integrity == Integrity::None && !vouched()
    }

    /// One line for people: by whom it is signed and over what, or that nothing is proven.
    pub fn line(&self) -> String {
        let sealed = match (self.encrypted, self.integrity) {
            (false, _) => "not encrypted",
            (true, Integrity::Aead) => "encrypted, integrity proven (AEAD)",
            (true, Integrity::Mdc) => "encrypted, integrity proven (MDC)",
            (true, Integrity::None) => "encrypted, integrity not proven",
        };
        let part = if self.covers == Covers::Part { "; only a part of the message" } else { "" };
        let valid: Vec<String> = self.signatures.iter().filter(|one| one.valid).map(Signature::line).collect();
        let signed = match (valid.is_empty(), self.signatures.is_empty()) {
            (false, _) => valid.join("; "),
            (true, true) => "not signed".to_owned(),
            (true, false) => "no valid signature".to_owned(),
        };
        format!("{sealed}{part}; {signed}")
    }
}

impl Signature {
    fn line(&self) -> String {
        let over = match self.covers {
            Covers::Whole => "",
            Covers::Part => ", over a part of it",
        };
        let other = if self.from { "" } else { ", who is not the author (From)" };
        format!("signed by {}{over}{other}", self.by)
    }
}
