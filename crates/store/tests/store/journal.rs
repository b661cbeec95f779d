//! The journal and the runs that give its rows their positions.

use store::{JournalRow, RunRow, Store, Transition};

use crate::engines::for_each_engine;
use crate::make::*;

async fn note(store: &dyn Store, org: mail::OrgId, message: Option<u16>, entry: &str) {
    commit_one(store, Transition { org, writes: vec![], journal: journal(message, entry) }).await.unwrap();
}

fn entries(rows: &[JournalRow]) -> Vec<&str> {
    rows.iter().map(|row| std::str::from_utf8(&row.entry).unwrap()).collect()
}

fn run(first_position: u64, rows: &[JournalRow]) -> RunRow {
    RunRow {
        first_position,
        journal_ids: rows.iter().map(|row| row.id).collect(),
        frontier: vec![9; 64],
        checkpoint: format!("sealpost\n{}\n", first_position + rows.len() as u64),
        at: at(70),
    }
}

#[test]
fn the_journal_of_a_message_is_in_order() {
    for_each_engine(async |mut bench| {
        note(&*bench.store, CLINIC, Some(1), "accepted").await;
        note(&*bench.store, CLINIC, Some(2), "another message").await;
        note(&*bench.store, OTHER, Some(1), "another organisation").await;
        note(&*bench.store, CLINIC, None, "of no message").await;
        note(&*bench.store, CLINIC, Some(1), "delivered").await;
        bench.reopen().await;
        let rows = bench.store.journal(CLINIC, message_id(1)).await.unwrap();
        assert_eq!(entries(&rows), ["accepted", "delivered"]);
        assert_eq!((rows[0].message, rows[0].at), (Some(message_id(1)), at(7)));
        assert!(rows[0].id < rows[1].id);
    });
}

#[test]
fn the_rows_of_a_commit_are_in_its_order() {
    for_each_engine(async |bench| {
        let transitions =
            ["a", "b", "c", "d"].map(|entry| Transition { org: CLINIC, writes: vec![], journal: journal(None, entry) });
        assert!(bench.store.commit(transitions.into()).await.unwrap().iter().all(Result::is_ok));
        assert_eq!(entries(&bench.store.unsequenced(CLINIC, 9).await.unwrap()), ["a", "b", "c", "d"]);
    });
}

#[test]
fn a_row_waits_for_its_position_until_it_has_one() {
    for_each_engine(async |mut bench| {
        let store = &*bench.store;
        assert_eq!(store.unsequenced(CLINIC, 9).await.unwrap(), []);
        for entry in ["a", "b", "c"] {
            note(store, CLINIC, None, entry).await;
            note(store, OTHER, None, "other").await;
        }
        let waiting = store.unsequenced(CLINIC, 2).await.unwrap();
        assert_eq!(entries(&waiting), ["a", "b"]);
        store.append_run(CLINIC, run(0, &waiting)).await.unwrap();
        let waiting = store.unsequenced(CLINIC, 9).await.unwrap();
        assert_eq!(entries(&waiting), ["c"]);
        store.append_run(CLINIC, run(2, &waiting)).await.unwrap();
        assert_eq!(store.unsequenced(CLINIC, 9).await.unwrap(), []);
        note(store, CLINIC, None, "d").await;
        assert_eq!(entries(&store.unsequenced(CLINIC, 9).await.unwrap()), ["d"]);
        bench.reopen().await;
        assert_eq!(entries(&bench.store.unsequenced(CLINIC, 9).await.unwrap()), ["d"]);
        assert_eq!(bench.store.unsequenced(OTHER, 9).await.unwrap().len(), 3);
    });
}

#[test]
fn no_position_is_given_twice_or_to_another_organisations_row() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for entry in ["a", "b"] {
            note(store, CLINIC, None, entry).await;
        }
        note(store, OTHER, None, "other").await;
        let rows = store.unsequenced(CLINIC, 9).await.unwrap();
        let foreign = store.unsequenced(OTHER, 9).await.unwrap();
        conflict(store.append_run(CLINIC, run(1, &rows)).await);
        conflict(store.append_run(CLINIC, run(0, &[])).await);
        conflict(store.append_run(CLINIC, run(0, &foreign)).await);
        store.append_run(CLINIC, run(0, &rows[..1])).await.unwrap();
        conflict(store.append_run(CLINIC, run(0, &rows[1..])).await);
        conflict(store.append_run(CLINIC, run(1, &rows)).await);
        store.append_run(CLINIC, run(1, &rows[1..])).await.unwrap();
        assert_eq!(store.last_run(CLINIC).await.unwrap().unwrap().size_after(), 2);
        assert_eq!(store.last_run(OTHER).await.unwrap(), None);
    });
}

#[test]
fn runs_are_found_by_position_and_by_row() {
    for_each_engine(async |mut bench| {
        for number in 0..10 {
            note(&*bench.store, CLINIC, None, &number.to_string()).await;
            note(&*bench.store, OTHER, None, "other").await;
        }
        let rows = bench.store.unsequenced(CLINIC, 99).await.unwrap();
        let runs = [run(0, &rows[..3]), run(3, &rows[3..4]), run(4, &rows[4..9])];
        for run in &runs {
            bench.store.append_run(CLINIC, run.clone()).await.unwrap();
        }
        bench.reopen().await;
        let store = &*bench.store;
        assert_eq!(store.runs(CLINIC, 0, 9).await.unwrap(), runs);
        assert_eq!(store.runs(CLINIC, 2, 1).await.unwrap(), runs[..1]);
        assert_eq!(store.runs(CLINIC, 3, 9).await.unwrap(), runs[1..]);
        assert_eq!(store.runs(CLINIC, 9, 9).await.unwrap(), []);
        assert_eq!(store.runs(OTHER, 0, 9).await.unwrap(), []);
        assert_eq!(store.last_run(CLINIC).await.unwrap(), Some(runs[2].clone()));
        assert_eq!(store.run_of(CLINIC, rows[3].id).await.unwrap(), Some(runs[1].clone()));
        assert_eq!(store.run_of(CLINIC, rows[9].id).await.unwrap(), None);
        assert_eq!(store.run_of(OTHER, rows[3].id).await.unwrap(), None);
        assert_eq!(store.run_of(CLINIC, rows[3].id + 1).await.unwrap(), None, "another organisation's row");
    });
}

#[test]
fn rows_are_read_by_id_in_the_order_asked() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for entry in ["a", "b"] {
            note(store, CLINIC, None, entry).await;
        }
        note(store, OTHER, None, "other").await;
        let rows = store.unsequenced(CLINIC, 9).await.unwrap();
        let foreign = store.unsequenced(OTHER, 9).await.unwrap()[0].id;
        let asked = store.journal_rows(CLINIC, &[rows[1].id, foreign, rows[0].id, 999]).await.unwrap();
        assert_eq!(asked, [Some(rows[1].clone()), None, Some(rows[0].clone()), None]);
        assert_eq!(store.journal_rows(CLINIC, &[]).await.unwrap(), []);
    });
}
