//! Proof: the events of a message's journey, the ledger that fixes their order,
//! and the receipts that show a third party what was done.
//!
//! - [`Event`] is the closed list of what can happen; a [`Record`] packs the
//!   events and receipts of one transition, and an [`Entry`] is its sealed form,
//!   the leaf of the organisation's Merkle tree (RFC 9162 §2.1).
//! - [`Receipt`] is a compact JWS that any JOSE library verifies, offline.
//! - [`Sequencer`] gives journal rows their positions in the tree and signs its
//!   head, a checkpoint in the C2SP signed-note form; [`audit()`] checks all of
//!   it again.
//!
//! This crate never decides anything, never sees SQL and has no key of the
//! vault: payloads come sealed. All but the sequencer and the audit, which read
//! the store, is free of IO.

mod audit;
mod auditor;
mod checkpoint;
mod digest;
mod entry;
mod event;
mod fact;
mod finding;
#[cfg(test)]
mod fixture;
mod jwk;
mod jws;
mod key;
mod leaf;
mod mask;
mod merkle;
mod outside;
mod receipt;
mod record;
mod run;
mod sealing;
mod sequencer;
mod transit;

pub use audit::audit;

pub use checkpoint::{Checkpoint, NoteError, VerifierKey};
pub use digest::{Digest, Salt};
pub use entry::{Entry, EntryError, Head};
pub use event::{Event, EventKind};
pub use fact::{Door, Tls, Verdict};
pub use finding::{Finding, Report, Text};
pub use jwk::{Jwk, JwkError};
pub use jws::NotVerified;
pub use key::SigningKey;
pub use leaf::LeafError;
pub use mask::masked_reply_text;
pub use merkle::{
    Frontier, consistency_proof, inclusion_proof, leaf_hash, tree_root, verify_consistency, verify_inclusion,
};
pub use outside::{checkpoint_path, set_aside};
pub use receipt::{ContentDigest, PeerReply, Receipt, ReceiptKind, Status, recipient_digest};
pub use record::{Record, RecordError};
pub use run::RunError;
pub use sealing::{KeyNamed, Seal, SealIntegrity, Sealing, Signature, Signing, key_digest};
pub use sequencer::{Ledger, Sequencer, SequencerError, outside_checkpoint};
pub use transit::{TracedHop, Transit};
