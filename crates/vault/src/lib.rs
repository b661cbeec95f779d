//! Keys at rest: a root key wraps the keys of organisations, an organisation's
//! key wraps a key for each message, and a message's key seals all that is
//! personal about it.
//!
//! Erasing a message is destroying its wrapped key. Rotating is rewrapping:
//! nothing that was sealed is sealed again.
//!
//! Every envelope begins with its format version, its algorithm and the id of
//! the key that opens it; associated data binds each to its organisation, its
//! message and its purpose, so that nothing opens in another's place. No key
//! ever meets a random nonce twice: each sealing has a key of its own, derived
//! with HKDF-SHA256 (RFC 5869) from 32 random bytes, and keys are wrapped with
//! AES-256-KWP (RFC 5649), which has no nonce.
//!
//! This crate never sees SQL, never reads a clock, and never makes randomness
//! of its own: entropy is handed in. Its secrets are wiped when dropped and
//! have no printed form.

mod body;
mod envelope;
mod error;
mod index;
mod message;
mod org;
mod root;
mod root_file;
mod secret;
#[cfg(test)]
mod test_entropy;
mod wrap;

pub use body::{BodySealer, CHUNK_BYTES, body_plain_len, body_sealed_len};
pub use envelope::Label;
pub use error::VaultError;
pub use index::TagFor;
pub use message::MessageKey;
pub use org::OrgVault;
pub use root::RootKey;
pub use secret::KeyId;
