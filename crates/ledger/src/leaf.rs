//! A journal row as a leaf: what the row says of itself must be what the entry
//! says, since only the entry is hashed.

use mail::OrgId;
use store::JournalRow;

use crate::digest::Digest;
use crate::entry::{Entry, EntryError};
use crate::merkle::leaf_hash;

/// Why a journal row is no leaf of its organisation's tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Its bytes are no entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The row says another message, time or organisation than its entry.
    #[error("the row says another message, time or organisation than its entry")]
    Misplaced,
}

/// The hash of a row that is what it says.
pub(crate) fn leaf_of(org: OrgId, row: &JournalRow) -> Result<Digest, LeafError> {
    let head = Entry::from_bytes(&row.entry)?.head;
    let says = head.org() == org && head.message() == row.message;
    // The database keeps microseconds, and so does the entry.
    if says && head.at().as_microsecond() == row.at.as_microsecond() {
        Ok(leaf_hash(&row.entry))
    } else {
        Err(LeafError::Misplaced)
    }
}
