//! The sequencer: gives journal rows their positions in the tree and signs its
//! head.
//!
//! Transitions append journal rows without waiting for each other; here they
//! get one gapless order. A run is committed first and its checkpoint written
//! outside the database after that, so the file is never ahead of the tree:
//! where it is, the database was put back to an older state, and going on
//! would sign two different trees of one size.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use mail::{Clock, OrgId};
use store::{JournalRow, RunRow, Store, StoreError};

use crate::checkpoint::{Checkpoint, NoteError, VerifierKey};
use crate::key::SigningKey;
use crate::leaf::{LeafError, leaf_of};
use crate::merkle::Frontier;
use crate::outside;
use crate::run::{RunError, RunTree, signed_tree};

/// Rows in a run. An audit holds one run's rows at a time.
const RUN_ROWS_MAX: usize = 1000;
/// Nodes that sequence at once take turns; so often one may come second.
const TURNS_MAX: usize = 5;

/// One organisation's tree, its name and the key that signs for it.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    /// The organisation.
    pub org: OrgId,
    /// The tree's name: `sealpost.example/org/lakeside`.
    pub origin: &'a str,
    /// The key that signs its checkpoints.
    pub key: &'a SigningKey,
}

impl Ledger<'_> {
    /// The key that verifies its checkpoints.
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier(self.origin)
    }
}

/// Why no positions were given.
#[derive(Debug, thiserror::Error)]
pub enum SequencerError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A journal row is not what was written: the rows behind it wait too.
    #[error("journal row {journal} of {org} is no entry of the ledger")]
    Row {
        /// The organisation.
        org: OrgId,
        /// The row.
        journal: i64,
        /// What is wrong with it.
        #[source]
        source: LeafError,
    },
    /// The newest run is not what was signed.
    #[error("the run at position {first_position} of {org} is not what was signed")]
    Run {
        /// The organisation.
        org: OrgId,
        /// Where the run begins.
        first_position: u64,
        /// What is wrong with it.
        #[source]
        source: RunError,
    },
    /// The checkpoint's file can't be read or written.
    #[error("the checkpoint {path} can't be used")]
    Outside {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The checkpoint's file is not one of this tree.
    #[error("the checkpoint {path} is none of this ledger")]
    OutsideNote {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: NoteError,
    },
    /// The file knows more of the tree than the database, or another tree of
    /// the same size.
    #[error(
        "the database has {size} ledger entries and the checkpoint {path} has seen {seen}: \
         the database was put back or cut short; audit it before anything else"
    )]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// The size that the file has seen.
        seen: u64,
        /// The size of the tree in the database.
        size: u64,
    },
}

impl SequencerError {
    /// Whether the same call may succeed later without an operator's hand.
    pub fn may_retry(&self) -> bool {
        match self {
            SequencerError::Store(error) => error.may_retry(),
            SequencerError::Outside { .. } => true,
            SequencerError::Row { .. }
            | SequencerError::Run { .. }
            | SequencerError::OutsideNote { .. }
            | SequencerError::RolledBack { .. } => false,
        }
    }

    /// What somebody outside may read of it.
    pub fn outside(&self) -> &'static str {
        "the audit ledger can't go on; the operator has been told"
    }
}

/// Gives journal rows their positions.
pub struct Sequencer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    checkpoint_dir: PathBuf,
}

impl Sequencer {
    /// A sequencer that writes checkpoints to `checkpoint_dir` too, which
    /// exists and is better on another disk than the database.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, checkpoint_dir: PathBuf) -> Self {
        Self { store, clock, checkpoint_dir }
    }

    /// Gives positions to all rows that have none, and makes sure that the
    /// newest checkpoint stands outside. Gives that checkpoint, if there is one.
    ///
    /// Writes a small synced file on the calling thread.
    pub async fn catch_up(&self, ledger: &Ledger<'_>) -> Result<Option<Checkpoint>, SequencerError> {
        while self.sequence(ledger).await?.is_some() {}
        let seen = self.seen_outside(ledger)?;
        let Some(last) = self.store.last_run(ledger.org).await? else {
            refuse_rollback(seen.as_ref(), &Frontier::new())?;
            return Ok(None);
        };
        let (frontier, checkpoint) = tree_after(ledger, &last)?;
        refuse_rollback(seen.as_ref(), &frontier)?;
        if seen.is_none_or(|seen| seen.checkpoint.size < frontier.size()) {
            self.write_outside(ledger, &last.checkpoint)?;
        }
        Ok(Some(checkpoint))
    }

    /// Gives positions to the rows that have none, up to 1,000 of them. Gives
    /// the checkpoint after them; none if there was nothing to do.
    pub async fn sequence(&self, ledger: &Ledger<'_>) -> Result<Option<Checkpoint>, SequencerError> {
        for _ in 1..TURNS_MAX {
            match self.take_turn(ledger).await {
                Err(SequencerError::Store(StoreError::Conflict)) => continue,
                done => return done,
            }
        }
        self.take_turn(ledger).await
    }

    async fn take_turn(&self, ledger: &Ledger<'_>) -> Result<Option<Checkpoint>, SequencerError> {
        let rows = self.store.unsequenced(ledger.org, RUN_ROWS_MAX).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        // Before the tree: other nodes may make it grow in between, and the
        // file is never ahead of it.
        let seen = self.seen_outside(ledger)?;
        let frontier = match self.store.last_run(ledger.org).await? {
            Some(last) => tree_after(ledger, &last)?.0,
            None => Frontier::new(),
        };
        refuse_rollback(seen.as_ref(), &frontier)?;
        let (run, checkpoint) = run_of(ledger, frontier, &rows, self.clock.now())?;
        let note = run.checkpoint.clone();
        self.store.append_run(ledger.org, run).await?;
        self.write_outside(ledger, &note)?;
        Ok(Some(checkpoint))
    }

    fn seen_outside(&self, ledger: &Ledger<'_>) -> Result<Option<Seen>, SequencerError> {
        let checkpoint = outside_checkpoint(&self.checkpoint_dir, ledger.org, &ledger.verifier())?;
        let path = outside::checkpoint_path(&self.checkpoint_dir, ledger.org);
        Ok(checkpoint.map(|checkpoint| Seen { path, checkpoint }))
    }

    fn write_outside(&self, ledger: &Ledger<'_>, note: &str) -> Result<(), SequencerError> {
        let path = outside::checkpoint_path(&self.checkpoint_dir, ledger.org);
        outside::write(&path, note).map_err(|source| SequencerError::Outside { path, source })
    }
}

/// The checkpoint that stands outside the database, verified; none if there is
/// no file. Read before the tree, it is never ahead of it: an audit should
/// always be given it.
pub fn outside_checkpoint(
    dir: &Path,
    org: OrgId,
    verifier: &VerifierKey,
) -> Result<Option<Checkpoint>, SequencerError> {
    let path = outside::checkpoint_path(dir, org);
    let note = match outside::read(&path) {
        Ok(Some(note)) => note,
        Ok(None) => return Ok(None),
        Err(source) => return Err(SequencerError::Outside { path, source }),
    };
    match Checkpoint::verify(&note, verifier) {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(source) => Err(SequencerError::OutsideNote { path, source }),
    }
}

/// What the file outside has seen.
struct Seen {
    path: PathBuf,
    checkpoint: Checkpoint,
}

/// The file is written after the tree, so it never knows more than there is.
fn refuse_rollback(seen: Option<&Seen>, frontier: &Frontier) -> Result<(), SequencerError> {
    let Some(Seen { path, checkpoint }) = seen else { return Ok(()) };
    let (seen, size) = (checkpoint.size, frontier.size());
    let is_other = seen == size && checkpoint.root != frontier.root();
    if seen > size || is_other {
        return Err(SequencerError::RolledBack { path: path.clone(), seen, size });
    }
    Ok(())
}

fn tree_after(ledger: &Ledger<'_>, run: &RunRow) -> Result<(Frontier, Checkpoint), SequencerError> {
    signed_tree(run, &ledger.verifier()).map_err(|source| SequencerError::Run {
        org: ledger.org,
        first_position: run.first_position,
        source,
    })
}

/// The run of these rows after the tree so far. It ends before a row that is
/// no leaf; where that is the first one, there is no run.
pub(crate) fn run_of(
    ledger: &Ledger<'_>,
    mut frontier: Frontier,
    rows: &[JournalRow],
    now: Timestamp,
) -> Result<(RunRow, Checkpoint), SequencerError> {
    let first_position = frontier.size();
    let (mut journal_ids, mut leaves) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        match leaf_of(ledger.org, row) {
            Ok(leaf) => {
                frontier.append(leaf);
                leaves.push(leaf);
                journal_ids.push(row.id);
            }
            Err(source) if leaves.is_empty() => {
                return Err(SequencerError::Row { org: ledger.org, journal: row.id, source });
            }
            Err(_) => break,
        }
    }
    let checkpoint = Checkpoint { origin: ledger.origin.to_owned(), size: frontier.size(), root: frontier.root() };
    let frontier = RunTree { frontier, leaves }.to_bytes();
    let run = RunRow { first_position, journal_ids, frontier, checkpoint: checkpoint.sign(ledger.key), at: now };
    Ok((run, checkpoint))
}
