//! What an audit reports: the findings, and the tree they were found in.

use std::fmt;

use jiff::Timestamp;
use mail::MessageId;
use serde::{Serialize, Serializer};

use crate::digest::Digest;
use crate::leaf::LeafError;
use crate::run::RunError;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many entries the tree has.
    pub size: u64,
    /// The head of the tree as it was computed again; none where the runs don't
    /// lead to one.
    pub root: Option<Digest>,
    /// In how many runs.
    pub runs: u64,
    /// Journal rows that have no position yet.
    pub waiting: u64,
    /// What is wrong, at most 1,000 of it.
    pub findings: Vec<Finding>,
    /// How much more is wrong.
    pub findings_left_out: u64,
}

impl Report {
    /// Of a tree with this head, nothing yet.
    pub(crate) fn new(root: Digest) -> Self {
        Self { size: 0, root: Some(root), runs: 0, waiting: 0, findings: Vec::new(), findings_left_out: 0 }
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something that is wrong with the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// The row at a position is not the one that was sequenced.
    Altered {
        /// The position.
        position: u64,
        /// The journal row.
        journal: i64,
        /// The message that the row says it is about.
        message: Option<MessageId>,
    },
    /// The row at a position is gone.
    Removed {
        /// The position.
        position: u64,
        /// The journal row.
        journal: i64,
    },
    /// The row at a position is the one that was sequenced at another.
    Moved {
        /// The position.
        position: u64,
        /// Where the row belongs.
        belongs_at: u64,
        /// The journal row.
        journal: i64,
        /// The message that the row says it is about.
        message: Option<MessageId>,
    },
    /// The row at a position has the entry that was sequenced, and says another
    /// message, time or organisation than it; or was no entry from the start.
    Misplaced {
        /// The position.
        position: u64,
        /// The journal row.
        journal: i64,
        /// The message that the row says it is about.
        message: Option<MessageId>,
        /// What is wrong with it.
        problem: Text<LeafError>,
    },
    /// A run does not begin where the one before it ends: runs are missing, or
    /// are there twice.
    Gap {
        /// Where the next run was to begin.
        expected: u64,
        /// Where it begins.
        found: u64,
    },
    /// A run's checkpoint is not one of this tree at this size.
    Checkpoint {
        /// The position of the run's first row.
        first_position: u64,
        /// What is wrong with it.
        problem: Text<RunError>,
    },
    /// What a run keeps of the tree was changed; its rows are as they were.
    Tree {
        /// The position of the run's first row.
        first_position: u64,
    },
    /// A run's rows don't lead to its signed head, and nothing tells which.
    Unproven {
        /// The position of the run's first row.
        first_position: u64,
        /// How many rows it has.
        rows: u64,
    },
    /// A row that is in no run, though younger ones are.
    LeftOut {
        /// The journal row.
        journal: i64,
        /// The message that the row says it is about.
        message: Option<MessageId>,
        /// When it happened, as the row says.
        at: Timestamp,
    },
    /// The tree is smaller than an earlier checkpoint: its tail was cut.
    CutTail {
        /// The size of the tree.
        size: u64,
        /// The size of the earlier checkpoint.
        earlier: u64,
    },
    /// The tree of an earlier checkpoint can't be shown to be the beginning of
    /// this one: it was made anew from somewhere before.
    Forked {
        /// The size of the earlier checkpoint.
        earlier: u64,
    },
}

/// An error that a report shows by its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<E>(pub E);

impl<E: fmt::Display> Serialize for Text<E> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = |message: &Option<MessageId>| match message {
            Some(message) => format!(" ({message})"),
            None => String::new(),
        };
        match self {
            Finding::Altered { position, journal, message } => {
                write!(f, "position {position}: journal row {journal}{} was changed", about(message))
            }
            Finding::Removed { position, journal } => write!(f, "position {position}: journal row {journal} is gone"),
            Finding::Moved { position, belongs_at, journal, message } => {
                let about = about(message);
                write!(f, "position {position}: journal row {journal}{about} belongs at position {belongs_at}")
            }
            Finding::Misplaced { position, journal, message, problem } => {
                write!(f, "position {position}: journal row {journal}{}: {}", about(message), problem.0)
            }
            Finding::Gap { expected, found } => {
                write!(f, "a run begins at position {found}, where {expected} comes next: runs are missing or repeated")
            }
            Finding::Checkpoint { first_position, problem } => {
                write!(f, "the run at position {first_position}: {}", problem.0)
            }
            Finding::Tree { first_position } => {
                write!(f, "the run at position {first_position}: what it keeps of the tree was changed, not its rows")
            }
            Finding::Unproven { first_position, rows } => {
                write!(f, "the run at position {first_position}: its {rows} rows don't lead to its signed head")
            }
            Finding::LeftOut { journal, message, at } => {
                write!(f, "journal row {journal}{} of {at} is in no run, though younger ones are", about(message))
            }
            Finding::CutTail { size, earlier } => {
                write!(f, "the tree has {size} entries, an earlier checkpoint has {earlier}: its tail was cut")
            }
            Finding::Forked { earlier } => {
                write!(f, "the tree of an earlier checkpoint of {earlier} entries is not the beginning of this one")
            }
        }
    }
}
