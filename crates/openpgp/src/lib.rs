//! OpenPGP (RFC 9580, RFC 4880): certificates judged, messages sealed and opened,
//! signatures made and verified.
//!
//! rPGP reads and writes packets; what is valid, what is strong enough and for
//! whom a key speaks is judged here. Pure: no IO, no clock, no randomness of
//! its own. Private keys are used through [`mail::private_key`] alone.
//!
//! **Invariant**: nothing of a message's content leaves this crate before its
//! integrity is proven, and a message without integrity is refused.

mod algorithm;
mod armor;
pub mod autocrypt;
mod certificate;
mod checksum;
mod component;
mod container;
mod content;
mod encrypt;
mod error;
mod facts;
mod fingerprint;
mod framing;
mod judge;
mod keyring;
mod ocb;
mod open;
#[cfg(test)]
mod open_tests;
mod public;
mod rng;
mod seam;
mod secret;
mod session;
mod sign;
mod time;
mod user_id;
mod verify;
pub mod wkd;

pub use armor::{ArmorKind, armor, dearmor};
pub use certificate::{Certificate, EncryptionPlan, Part, Protection, SigningPlan};
pub use encrypt::{Options, Sealed, SealedTo, encrypt};
pub use error::{KeyError, OpenError, Revocation, SealError, Unusable};
pub use fingerprint::{Fingerprint, KeyId};
pub use open::{Integrity, Limits, Opened, decrypt, decrypt_with_password, read_signed};
pub use secret::{Decrypters, KeyKind, RevocationReason, SecretIdentity, Signers, SigningIdentity};
pub use sign::{Detached, sign_detached};
pub use user_id::{UserId, UserIdState};
pub use verify::{Flaw, Signatory, SignatureVerdict, verify_detached};
