//! A run: journal rows that got their positions together, and what is kept of
//! the tree after them.
//!
//! ```text
//! version 1 | size of the tree 8 | heads 32 … | hashes of the run's leaves 32 …
//! ```
//!
//! The heads are the compact range, all that the next run needs. The hashes of
//! the leaves let an audit say which row was changed, not only that one was:
//! they lead to the signed head, so they can't be changed along with a row.

use store::RunRow;

use crate::checkpoint::{Checkpoint, NoteError, VerifierKey};
use crate::digest::Digest;
use crate::merkle::{Frontier, digests};

const VERSION: u8 = 1;

/// What a run's row keeps of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunTree {
    /// The tree after the run.
    pub(crate) frontier: Frontier,
    /// The hashes of the run's leaves, in order.
    pub(crate) leaves: Vec<Digest>,
}

/// What is wrong with a run's row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The checkpoint is none of this tree, or nobody signed it.
    #[error(transparent)]
    Checkpoint(#[from] NoteError),
    /// The checkpoint is for another size than the run leads to.
    #[error("its checkpoint is for {signed} leaves, the run leads to {counted}")]
    Size {
        /// The size that was signed.
        signed: u64,
        /// The size that the run's rows lead to.
        counted: u64,
    },
    /// What is kept of the tree is malformed or does not lead to the signed head.
    #[error("what is kept of the tree does not lead to its signed head")]
    Tree,
}

impl RunTree {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.frontier.to_bytes());
        self.leaves.iter().for_each(|leaf| bytes.extend_from_slice(&leaf.0));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (frontier, rest) = Frontier::split_from(rest)?;
        let is_whole = *version == VERSION && rest.len().is_multiple_of(32);
        is_whole.then(|| Self { frontier, leaves: digests(rest) })
    }
}

/// The signed head of a run's row, which must be for the size it leads to.
pub(crate) fn signed_head(run: &RunRow, key: &VerifierKey) -> Result<Checkpoint, RunError> {
    let checkpoint = Checkpoint::verify(&run.checkpoint, key)?;
    let counted = run.size_after();
    if checkpoint.size != counted {
        return Err(RunError::Size { signed: checkpoint.size, counted });
    }
    Ok(checkpoint)
}

/// The signed tree after a run: what the next one begins with.
pub(crate) fn signed_tree(run: &RunRow, key: &VerifierKey) -> Result<(Frontier, Checkpoint), RunError> {
    let checkpoint = signed_head(run, key)?;
    let tree = RunTree::from_bytes(&run.frontier).ok_or(RunError::Tree)?;
    let leads = tree.frontier.size() == checkpoint.size && tree.frontier.root() == checkpoint.root;
    if leads { Ok((tree.frontier, checkpoint)) } else { Err(RunError::Tree) }
}
