//! DKIM signatures and ARC seals verified offline (RFC 6376, 8301, 8463, 8617): with keys that the
//! reader hands in, never asked of DNS here.
//!
//! A signature proves that its domain answers for the signed fields and the
//! body as they are. It says nothing of how the message travelled.

mod ask;
mod body;
mod check;
mod header;
mod key;
mod signature;

pub use ask::{ArcState, Signer, arc_state, key_names, signers};
pub use check::{Checked, Checks, Outcome};
pub(crate) use header::{relaxed as canonical_relaxed, without_signature};
pub use key::{Key, KeyError};
pub(crate) use signature::{Algorithm, NoSignature, Signature, base64_of, name};
