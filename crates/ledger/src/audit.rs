//! The audit: reads an organisation's whole ledger and checks all of it again.
//!
//! It needs the database and the verifier key, no key of the vault; it holds
//! one page of rows, the hashes of one run, and the number of every row.

use mail::OrgId;
use store::{RunRow, Store, StoreError};

use crate::auditor::{Auditor, Seen};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::finding::Report;

const RUNS_PAGE: usize = 32;
const ROWS_PAGE: usize = 500;
const MESSAGES_PAGE: usize = 200;
const WAITING_MAX: usize = 10_000;

/// Audits the ledger of an organisation: every row against the hash it was
/// sequenced with, every run against its signed head, all of it against
/// `earlier` checkpoints that were kept elsewhere; and every message's journal
/// against the rows that have a position, so that its timeline shows nothing
/// which the ledger has not. Checkpoints are taken as genuine: verify them
/// first ([`Checkpoint::verify`], [`outside_checkpoint`]).
///
/// [`outside_checkpoint`]: crate::outside_checkpoint
///
/// Rows that come while it runs are audited too, or counted as waiting.
pub async fn audit(
    store: &dyn Store,
    org: OrgId,
    verifier: &VerifierKey,
    earlier: &[Checkpoint],
) -> Result<Report, StoreError> {
    let mut auditor = Auditor::new(verifier, earlier);
    loop {
        let begin = auditor.next_position();
        for run in store.runs(org, begin, RUNS_PAGE).await? {
            // Nothing but a damaged run ends before the position asked for.
            if run.size_after() > auditor.next_position() {
                let seen = read(store, org, &run).await?;
                auditor.run(&run, &seen);
            }
        }
        if auditor.next_position() == begin {
            break;
        }
    }
    auditor.waiting(&store.unsequenced(org, WAITING_MAX).await?);
    journals(store, org, &mut auditor).await?;
    Ok(auditor.finish())
}

/// Shows the journal of every message to the auditor.
async fn journals(store: &dyn Store, org: OrgId, auditor: &mut Auditor<'_>) -> Result<(), StoreError> {
    let mut before = None;
    loop {
        let messages = store.messages(org, before, MESSAGES_PAGE).await?;
        let Some(last) = messages.last() else { return Ok(()) };
        before = Some(last.message);
        for row in &messages {
            let journal = store.journal(org, row.message).await?;
            journal.iter().for_each(|row| auditor.placed_or_young(row));
        }
    }
}

/// The rows of a run, page by page: only their hashes are kept.
async fn read(store: &dyn Store, org: OrgId, run: &RunRow) -> Result<Vec<Seen>, StoreError> {
    let mut seen = Vec::new();
    for ids in run.journal_ids.chunks(ROWS_PAGE) {
        let rows = store.journal_rows(org, ids).await?;
        // A short answer is as good as a missing row.
        let rows = rows.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        seen.extend(ids.iter().zip(rows).map(|(id, row)| Seen::new(org, *id, row)));
    }
    Ok(seen)
}
