//! S/MIME (RFC 8551): certificates and whom to trust, sealed and signed CMS
//! messages (RFC 5652), PKCS#12, and private keys in software.
//!
//! Bytes in, bytes out. Packing into MIME is `seal`'s, keeping keys is
//! `vault`'s. This crate never does IO, never reads a clock, and takes its
//! randomness from [`mail::Entropy`], but for what the provider of cryptography
//! draws by itself: padding, blinding, the sender's half of an agreement.
//!
//! Standards: RFC 5652 and RFC 5083 (CMS), RFC 8551 and RFC 8550 (S/MIME 4.0),
//! RFC 5280 (certificates), RFC 5753 and RFC 8418 (key agreement), RFC 4055 and
//! RFC 4056 (OAEP, PSS), RFC 5035 (signing certificate), RFC 7292 (PKCS#12).

pub mod algorithm;
mod asn1;
pub mod certificate;
mod content_info;
mod envelope;
pub mod issue;
pub mod key_file;
mod limits;
mod pbe;
pub mod pkcs12;
mod signed;
pub mod software;
pub mod trust;

pub use asn1::{Malformed, Oid};
pub use certificate::{BadCertificate, Capabilities, Certificate};
pub use content_info::Kind;
pub use envelope::{
    DecryptionIdentity, Integrity, Opened, Recipient, SealError, Sealed, Unusable, decrypt, decrypt_in_place, encrypt,
};
pub use limits::{Limits, OpenError};
pub use pbe::LockError;
pub use signed::{Flaw, Form, SignatureVerdict, Signed, SigningIdentity, Verified, sign, verify};
pub use software::{KeyKind, SoftwareKey};
