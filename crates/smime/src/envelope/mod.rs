//! Sealed content: EnvelopedData (RFC 5652 §6) and AuthEnvelopedData (RFC 5083).

mod found;
mod open;
mod recipient;
mod seal;
mod unwrap;

pub use open::{DecryptionIdentity, Integrity, Opened, decrypt, decrypt_in_place};
pub(crate) use recipient::issuer_and_serial;
pub use recipient::{Recipient, Unusable};
pub use seal::{SealError, Sealed, encrypt};
