//! What an audit finds in ledgers that somebody changed.

use proptest::prelude::*;

use super::*;
use crate::entry::{Entry, Head};
use crate::event::EventKind;
use crate::fixture::{ORG, ORIGIN, World, at, key, message, row};
use crate::sequencer::{Ledger, run_of};

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..12, 1..6)
}

/// The journal row at a position.
fn id_at(world: &World, position: u64) -> i64 {
    world.runs.iter().flat_map(|run| run.journal_ids.iter().copied()).nth(position as usize).unwrap()
}

fn size(world: &World) -> u64 {
    world.runs.last().unwrap().size_after()
}

proptest! {
    #[test]
    fn an_untouched_ledger_is_clean(lengths in lengths(), known in 1usize..6) {
        let world = World::new(&lengths);
        let known = world.checkpoint(known.min(lengths.len()));
        let report = world.audit(std::slice::from_ref(&known));
        prop_assert!(report.is_clean(), "{:?}", report.findings);
        prop_assert_eq!(report.size, size(&world));
        prop_assert_eq!(report.root, Some(world.checkpoint(lengths.len()).root));
        prop_assert_eq!(report.runs, lengths.len() as u64);
    }

    #[test]
    fn a_flip_anywhere_in_an_entry_is_found_and_placed(lengths in lengths(), at: prop::sample::Index, byte: prop::sample::Index, bit in 0u8..8) {
        let mut world = World::new(&lengths);
        let position = at.index(size(&world) as usize) as u64;
        let journal = id_at(&world, position);
        let row = world.rows.get_mut(&journal).unwrap();
        let byte = byte.index(row.entry.len());
        row.entry[byte] ^= 1 << bit;
        let message = row.message;
        prop_assert_eq!(world.findings(), [Finding::Altered { position, journal, message }]);
    }

    #[test]
    fn a_removed_row_is_found_and_placed(lengths in lengths(), at: prop::sample::Index) {
        let mut world = World::new(&lengths);
        let position = at.index(size(&world) as usize) as u64;
        let journal = id_at(&world, position);
        world.rows.remove(&journal);
        prop_assert_eq!(world.findings(), [Finding::Removed { position, journal }]);
    }

    #[test]
    fn rows_that_changed_places_are_found(lengths in lengths(), one: prop::sample::Index, other: prop::sample::Index) {
        let mut world = World::new(&lengths);
        let (run, at) = (one.index(lengths.len()), other);
        let ids = &mut world.runs[run].journal_ids;
        prop_assume!(ids.len() > 1);
        let (one, other) = (0, 1 + at.index(ids.len() - 1));
        ids.swap(one, other);
        let first = world.runs[run].first_position;
        let places: Vec<(u64, u64)> = world.findings().iter().map(|finding| match finding {
            Finding::Moved { position, belongs_at, .. } => (position - first, belongs_at - first),
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(places, [(one as u64, other as u64), (other as u64, one as u64)]);
    }

    #[test]
    fn a_cut_tail_is_found_by_an_earlier_checkpoint_only(lengths in prop::collection::vec(1usize..12, 2..6), keep: prop::sample::Index) {
        let mut world = World::new(&lengths);
        let known = world.checkpoint(lengths.len());
        world.runs.truncate(1 + keep.index(lengths.len() - 1));
        prop_assert!(world.audit(&[]).is_clean());
        let size = size(&world);
        prop_assert_eq!(world.audit(std::slice::from_ref(&known)).findings, [Finding::CutTail { size, earlier: known.size }]);
    }

    #[test]
    fn any_change_of_a_runs_row_is_found(lengths in lengths(), at: prop::sample::Index, byte: prop::sample::Index, bit in 0u8..8) {
        let world = World::new(&lengths);
        let at = at.index(lengths.len());
        let mut tree = world.clone();
        let byte_of = |len| byte.index(len);
        let kept = &mut tree.runs[at].frontier;
        let byte = byte_of(kept.len());
        kept[byte] ^= 1 << bit;
        let first_position = world.runs[at].first_position;
        prop_assert_eq!(tree.findings(), [Finding::Tree { first_position }]);

        let mut note = world.clone();
        let checkpoint = note.runs[at].checkpoint.clone().into_bytes();
        let mut flipped = checkpoint;
        let byte = byte_of(flipped.len());
        flipped[byte] ^= 1;
        note.runs[at].checkpoint = String::from_utf8_lossy(&flipped).into_owned();
        let findings = note.findings();
        prop_assert!(matches!(findings[..], [Finding::Checkpoint { .. }]), "{:?}", findings);
    }
}

#[test]
fn a_row_and_its_hash_changed_together_put_the_run_in_doubt() {
    let mut world = World::new(&[3, 4, 5]);
    let id = id_at(&world, 4);
    let row = world.rows.get_mut(&id).unwrap();
    *row.entry.last_mut().unwrap() ^= 1;
    let mut kept = RunTree::from_bytes(&world.runs[1].frontier).unwrap();
    kept.leaves[1] = leaf_hash(&row.entry);
    world.runs[1].frontier = kept.to_bytes();
    // The runs behind it are judged as if nothing had happened.
    assert_eq!(world.findings(), [Finding::Unproven { first_position: 3, rows: 4 }]);
}

#[test]
fn a_missing_run_is_found_and_the_rest_judged() {
    let mut world = World::new(&[3, 4, 5, 2]);
    world.runs.remove(1);
    let gap = Finding::Gap { expected: 3, found: 7 };
    assert_eq!(world.findings(), [gap.clone(), Finding::Unproven { first_position: 7, rows: 5 }]);
    let known = World::new(&[3, 4, 5, 2]).checkpoint(2);
    let unproven = Finding::Unproven { first_position: 7, rows: 5 };
    assert_eq!(world.audit(&[known]).findings, [gap, unproven, Finding::Forked { earlier: 7 }]);
}

#[test]
fn a_tree_made_anew_by_the_same_key_is_found_by_an_earlier_checkpoint() {
    let world = World::new(&[3, 4]);
    let known = world.checkpoint(2);
    let (key, mut anew) = (key(1), World::new(&[3]));
    let ledger = Ledger { org: ORG, origin: ORIGIN, key: &key };
    let rows: Vec<JournalRow> = (50..55).map(row).collect();
    let frontier = RunTree::from_bytes(&anew.runs[0].frontier).unwrap().frontier;
    anew.runs.push(run_of(&ledger, frontier, &rows, at(9)).unwrap().0);
    anew.rows.extend(rows.into_iter().map(|row| (row.id, row)));
    assert!(anew.audit(&[world.checkpoint(1)]).is_clean());
    assert_eq!(anew.audit(&[known]).findings, [Finding::Forked { earlier: 7 }]);
}

#[test]
fn a_tree_that_another_key_signed_is_refused() {
    let mut world = World::new(&[2, 2]);
    world.verifier = key(2).verifier(ORIGIN);
    let findings = world.findings();
    assert!(matches!(findings[..], [Finding::Checkpoint { .. }, Finding::Checkpoint { .. }]), "{findings:?}");
}

#[test]
fn a_row_that_says_another_message_or_time_is_found() {
    let mut world = World::new(&[3]);
    let id = id_at(&world, 1);
    world.rows.get_mut(&id).unwrap().message = Some(message(99));
    let findings = world.findings();
    assert!(matches!(findings[..], [Finding::Misplaced { position: 1, .. }]), "{findings:?}");
    let mut world = World::new(&[3]);
    let id = id_at(&world, 2);
    world.rows.get_mut(&id).unwrap().at = at(99);
    assert!(matches!(world.findings()[..], [Finding::Misplaced { position: 2, .. }]));
}

#[test]
fn a_row_that_was_passed_over_is_found_and_one_that_waits_its_turn_is_not() {
    let world = World::new(&[2]);
    let mut auditor = Auditor::new(&world.verifier, &[]);
    let mut run = world.runs[0].clone();
    run.at = at(1000);
    let seen: Vec<Seen> = run.journal_ids.iter().map(|id| Seen::new(ORG, *id, world.rows.get(id))).collect();
    auditor.run(&run, &seen);
    let waiting = |id, seconds| JournalRow { id, at: at(seconds), ..row(3) };
    let (passed, late, next) = (waiting(99, 100), waiting(98, 990), waiting(102, 100));
    auditor.waiting(&[passed.clone(), late, next]);
    // One that the store does not count as waiting, seen in its message's journal.
    let hidden = waiting(-1, 5);
    for row in [&passed, &hidden, &world.rows[&100], &world.rows[&101]] {
        auditor.placed_or_young(row);
    }
    let report = auditor.finish();
    assert_eq!(report.waiting, 3);
    let left_out = |row: &JournalRow| Finding::LeftOut { journal: row.id, message: row.message, at: row.at };
    assert_eq!(report.findings, [left_out(&passed), left_out(&hidden)]);
}

#[test]
fn findings_are_bounded() {
    let mut world = World::new(&[1500]);
    world.rows.clear();
    let report = world.audit(&[]);
    assert_eq!((report.findings.len(), report.findings_left_out), (1000, 500));
}

#[test]
fn an_empty_ledger_is_clean_and_an_emptied_one_is_not() {
    let world = World::new(&[]);
    let report = world.audit(&[]);
    assert!(report.is_clean() && report.size == 0);
    assert_eq!(world.audit(&[World::new(&[5]).checkpoint(1)]).findings, [Finding::CutTail { size: 0, earlier: 5 }]);
}

#[test]
fn an_entry_verifies_after_its_key_is_gone() {
    // The leaf covers ciphertext: nothing here ever had a key to open it.
    let head = Head::new(ORG, Some(message(1)), at(0), vec![EventKind::Accepted]);
    let entry = head.entry(vec![0xde, 0xad]);
    assert_eq!(Entry::from_bytes(&entry.to_bytes()).unwrap().leaf_hash(), entry.leaf_hash());
}

#[test]
fn a_report_is_json_with_words() {
    let mut world = World::new(&[2]);
    world.rows.remove(&100);
    let json = serde_json::to_value(world.audit(&[])).unwrap();
    let finding = serde_json::json!({"finding": "removed", "position": 0, "journal": 100});
    assert_eq!(json["findings"], serde_json::json!([finding]));
    assert_eq!(world.findings()[0].to_string(), "position 0: journal row 100 is gone");
}
