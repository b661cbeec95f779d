//! The audit's judgement: runs and rows in, findings out. No IO.
//!
//! The signed head of each run vouches for the hashes of its leaves, and each
//! hash for its row; a row that is not the one that was sequenced is named by
//! its position. Where a run's hashes lead to no signed head, all of the run is
//! in doubt, and the tree goes on from the next head that is signed.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use mail::{MessageId, OrgId};
use store::{JournalRow, RunRow};

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::digest::Digest;
use crate::finding::{Finding, Report, Text};
use crate::leaf::{LeafError, leaf_of};
use crate::merkle::{Frontier, leaf_hash};
use crate::run::{RunTree, signed_head};

/// On several nodes a row may be numbered, and committed only after a higher
/// number has got its position. One that is this much older than the last run,
/// and not in it, was left out.
const LEFT_OUT_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// A wholly foreign database would give a finding for each row.
const FINDINGS_MAX: usize = 1000;

/// A row as the audit saw it.
pub(crate) struct Seen {
    journal: i64,
    row: Option<SeenRow>,
}

struct SeenRow {
    message: Option<MessageId>,
    hash: Digest,
    problem: Option<LeafError>,
}

impl Seen {
    pub(crate) fn new(org: OrgId, journal: i64, row: Option<&JournalRow>) -> Self {
        let row = row.map(|row| SeenRow {
            message: row.message,
            hash: leaf_hash(&row.entry),
            problem: leaf_of(org, row).err(),
        });
        Self { journal, row }
    }
}

/// Takes runs in order and keeps what is known of the tree.
pub(crate) struct Auditor<'a> {
    verifier: &'a VerifierKey,
    /// Those that the tree has not met yet.
    earlier: Vec<&'a Checkpoint>,
    /// The tree so far, where it is known.
    frontier: Option<Frontier>,
    /// Where the next run is to begin.
    next_position: u64,
    last_run_at: Option<Timestamp>,
    /// The journal rows that have a position; sorted once all runs are read.
    placed: Vec<i64>,
    report: Report,
}

impl<'a> Auditor<'a> {
    /// Earlier checkpoints are those that were verified and kept elsewhere.
    pub(crate) fn new(verifier: &'a VerifierKey, earlier: &'a [Checkpoint]) -> Self {
        let frontier = Frontier::new();
        let report = Report::new(frontier.root());
        let earlier = earlier.iter().filter(|earlier| !is_head(&frontier, earlier)).collect();
        Self {
            verifier,
            earlier,
            frontier: Some(frontier),
            next_position: 0,
            last_run_at: None,
            placed: Vec::new(),
            report,
        }
    }

    /// Where the next run is to begin.
    pub(crate) fn next_position(&self) -> u64 {
        self.next_position
    }

    /// Judges a run with all its rows.
    pub(crate) fn run(&mut self, run: &RunRow, seen: &[Seen]) {
        if run.first_position != self.next_position {
            self.found(Finding::Gap { expected: self.next_position, found: run.first_position });
            self.frontier = None;
        }
        let signed = signed_head(run, self.verifier);
        if let Err(problem) = &signed {
            let problem = Text(problem.clone());
            self.found(Finding::Checkpoint { first_position: run.first_position, problem });
        }
        let kept = RunTree::from_bytes(&run.frontier).filter(|kept| kept.leaves.len() == seen.len());
        let leaves = self.grow(run, kept, seen, signed.as_ref().ok());
        self.compare(run.first_position, seen, &leaves);
        self.report.runs += 1;
        self.last_run_at = self.last_run_at.max(Some(run.at));
        self.placed.extend_from_slice(&run.journal_ids);
        self.next_position = run.size_after();
    }

    /// Grows the tree by a run; gives the hashes that its rows ought to have.
    fn grow(&mut self, run: &RunRow, kept: Option<RunTree>, seen: &[Seen], signed: Option<&Checkpoint>) -> Vec<Digest> {
        let first_position = run.first_position;
        let of_rows: Option<Vec<Digest>> = seen.iter().map(|seen| Some(seen.row.as_ref()?.hash)).collect();
        let of_run = kept.as_ref().map(|kept| kept.leaves.clone());
        for leaves in [&of_run, &of_rows].into_iter().flatten() {
            let Some(frontier) = self.leads_to(leaves, signed) else { continue };
            if kept.as_ref() != Some(&RunTree { frontier, leaves: leaves.clone() }) {
                self.found(Finding::Tree { first_position });
            }
            leaves.iter().for_each(|leaf| self.append(*leaf));
            return leaves.clone();
        }
        if signed.is_some() {
            self.found(Finding::Unproven { first_position, rows: seen.len() as u64 });
        }
        let leaves = of_run.or(of_rows).unwrap_or_default();
        self.frontier = match (kept, signed) {
            // Nothing leads here from before, but the head is signed: go on from it.
            (Some(kept), Some(signed)) if is_head(&kept.frontier, signed) => Some(kept.frontier),
            (_, Some(_)) => None,
            // Nobody vouches for this run; the next signed head will, or won't.
            (_, None) => self.grown(&leaves),
        };
        leaves
    }

    /// The tree with these leaves, if that is the signed one.
    fn leads_to(&self, leaves: &[Digest], signed: Option<&Checkpoint>) -> Option<Frontier> {
        self.grown(leaves).filter(|frontier| signed.is_some_and(|signed| is_head(frontier, signed)))
    }

    fn grown(&self, leaves: &[Digest]) -> Option<Frontier> {
        let mut frontier = self.frontier.clone()?;
        leaves.iter().for_each(|leaf| frontier.append(*leaf));
        Some(frontier)
    }

    /// Appends a leaf that a signed head vouches for.
    fn append(&mut self, leaf: Digest) {
        let Some(frontier) = &mut self.frontier else { return };
        frontier.append(leaf);
        self.earlier.retain(|earlier| !is_head(frontier, earlier));
    }

    /// Compares the rows of a run with the hashes that they ought to have.
    fn compare(&mut self, first_position: u64, seen: &[Seen], leaves: &[Digest]) {
        let places = || leaves.iter().zip(first_position..);
        let mut belongs_at: Option<HashMap<Digest, u64>> = None;
        for ((leaf, position), seen) in places().zip(seen) {
            let journal = seen.journal;
            let Some(SeenRow { message, hash, problem }) = &seen.row else {
                self.found(Finding::Removed { position, journal });
                continue;
            };
            let message = *message;
            if hash == leaf {
                if let Some(problem) = problem.clone().map(Text) {
                    self.found(Finding::Misplaced { position, journal, message, problem });
                }
                continue;
            }
            let belongs_at = belongs_at.get_or_insert_with(|| places().map(|(leaf, at)| (*leaf, at)).collect());
            self.found(match belongs_at.get(hash) {
                Some(&belongs_at) => Finding::Moved { position, belongs_at, journal, message },
                None => Finding::Altered { position, journal, message },
            });
        }
    }

    /// Ends the runs and takes the rows that wait for a position.
    pub(crate) fn waiting(&mut self, rows: &[JournalRow]) {
        self.placed.sort_unstable();
        self.report.waiting = rows.len() as u64;
        rows.iter().for_each(|row| self.placed_or_young(row));
    }

    /// Takes a row that is there, whether it waits or not: once the runs are
    /// read, it has a position or is younger than those that have.
    pub(crate) fn placed_or_young(&mut self, row: &JournalRow) {
        let (Some(last_run_at), Some(last)) = (self.last_run_at, self.placed.last()) else { return };
        let was_passed = row.id < *last && last_run_at.duration_since(row.at) > LEFT_OUT_AFTER;
        let finding = Finding::LeftOut { journal: row.id, message: row.message, at: row.at };
        if was_passed && self.placed.binary_search(&row.id).is_err() && !self.report.findings.contains(&finding) {
            self.found(finding);
        }
    }

    /// What was found in all.
    pub(crate) fn finish(mut self) -> Report {
        for earlier in std::mem::take(&mut self.earlier) {
            let (size, earlier) = (self.next_position, earlier.size);
            self.found(if earlier > size { Finding::CutTail { size, earlier } } else { Finding::Forked { earlier } });
        }
        self.report.size = self.next_position;
        self.report.root = self.frontier.map(|frontier| frontier.root());
        self.report
    }

    fn found(&mut self, finding: Finding) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(finding);
        } else {
            self.report.findings_left_out += 1;
        }
    }
}

/// Whether a checkpoint is the head of this tree.
fn is_head(frontier: &Frontier, checkpoint: &Checkpoint) -> bool {
    frontier.size() == checkpoint.size && frontier.root() == checkpoint.root
}

#[cfg(test)]
#[path = "auditor_tests.rs"]
mod tests;
