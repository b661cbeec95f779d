//! The sequencer and the audit over a real store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ledger::{
    Checkpoint, EventKind, Finding, Head, Ledger, Report, Sequencer, SequencerError, SigningKey, audit,
    checkpoint_path, outside_checkpoint, set_aside,
};
use mail::{Clock, MessageId, OrgId};
use store::{
    Acceptance, Dimensions, JournalNew, MessageState, OrgRow, RunRow, SqliteOptions, Store, Transition, Write,
    open_sqlite,
};
use tempfile::TempDir;

const CLINIC: OrgId = OrgId(1);
const OTHER: OrgId = OrgId(2);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        at(1_000_000)
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::constant(1_700_000_000, 0) + SignedDuration::from_secs(second as i64)
}

/// A database, the directory of checkpoints beside it, and a signing key.
struct Bench {
    dir: TempDir,
    store: Arc<dyn Store>,
    key: SigningKey,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        let store = open(&dir.path().join("data"));
        for (org, slug) in [(CLINIC, "clinic"), (OTHER, "other")] {
            store.ensure_org(OrgRow { org, slug: slug.to_owned(), wrapped_key: vec![1] }).await.unwrap();
        }
        Self { dir, store, key: SigningKey::from_seed(&[1; 32]) }
    }

    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    fn ledger(&self, org: OrgId) -> Ledger<'_> {
        let origin = if org == CLINIC { "sealpost.example/org/clinic" } else { "sealpost.example/org/other" };
        Ledger { org, origin, key: &self.key }
    }

    fn sequencer(&self) -> Sequencer {
        Sequencer::new(self.store.clone(), Arc::new(Still), self.outside())
    }

    async fn catch_up(&self, org: OrgId) -> Result<Option<Checkpoint>, SequencerError> {
        self.sequencer().catch_up(&self.ledger(org)).await
    }

    async fn audit(&self, org: OrgId, earlier: &[Checkpoint]) -> Report {
        audit(&*self.store, org, &self.ledger(org).verifier(), earlier).await.unwrap()
    }

    /// Appends journal rows of these numbers.
    async fn journal(&self, org: OrgId, numbers: std::ops::Range<u64>) {
        let transitions = numbers.map(|number| {
            let (message, at) = (Some(MessageId::new(at(number), &Zeroes)), at(number));
            let head = Head::new(org, message, at, vec![EventKind::Queued]);
            let entry = head.entry(format!("sealed {number}").into_bytes()).to_bytes();
            transition(org, JournalNew { message, at, entry })
        });
        commit(&*self.store, transitions.collect()).await;
    }

    fn note_outside(&self, org: OrgId) -> String {
        fs::read_to_string(checkpoint_path(&self.outside(), org)).unwrap()
    }

    fn seen_outside(&self, org: OrgId) -> Checkpoint {
        outside_checkpoint(&self.outside(), org, &self.ledger(org).verifier()).unwrap().unwrap()
    }

    /// Accepts a message, so that it has a row of its own.
    async fn accept(&self, org: OrgId, number: u64) {
        let (message, at) = (MessageId::new(at(number), &Zeroes), at(number));
        let mut body = self.store.new_body(org, message);
        body.push(vec![1; 100]).await.unwrap();
        let acceptance = Acceptance {
            message,
            received_at: at,
            state: MessageState::Accepted,
            body: body.finish().await.unwrap(),
            wrapped_key: vec![2],
            envelope: vec![3],
            dimensions: Dimensions::default(),
        };
        let entry = Head::new(org, Some(message), at, vec![EventKind::Accepted]).entry(vec![4]).to_bytes();
        let journal = Some(JournalNew { message: Some(message), at, entry });
        commit(&*self.store, vec![Transition { org, writes: vec![Write::Accept(Box::new(acceptance))], journal }])
            .await;
    }

    /// Closes the database and opens what `change` made of its directory.
    async fn reopened(self, change: impl FnOnce(&Path)) -> Self {
        self.store.close().await.unwrap();
        drop(self.store);
        let data = self.dir.path().join("data");
        change(&data);
        Self { store: open(&data), dir: self.dir, key: self.key }
    }
}

struct Zeroes;

impl mail::Entropy for Zeroes {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn open(dir: &Path) -> Arc<dyn Store> {
    open_sqlite(dir, SqliteOptions { inline: true, ..SqliteOptions::default() }).unwrap()
}

fn transition(org: OrgId, journal: JournalNew) -> Transition {
    Transition { org, writes: Vec::new(), journal: Some(journal) }
}

async fn commit(store: &dyn Store, transitions: Vec<Transition>) {
    for result in store.commit(transitions).await.unwrap() {
        result.unwrap();
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[tokio::test]
async fn rows_get_gapless_positions_for_each_organisation_apart() {
    let bench = Bench::new().await;
    assert_eq!(bench.catch_up(CLINIC).await.unwrap(), None);
    bench.journal(CLINIC, 0..3).await;
    bench.journal(OTHER, 0..5).await;
    bench.journal(CLINIC, 3..7).await;
    let head = bench.catch_up(CLINIC).await.unwrap().unwrap();
    assert_eq!((head.size, bench.audit(OTHER, &[]).await.waiting), (7, 5));
    bench.journal(CLINIC, 7..9).await;
    assert_eq!(bench.catch_up(CLINIC).await.unwrap().unwrap().size, 9);
    assert_eq!(bench.catch_up(OTHER).await.unwrap().unwrap().size, 5);
    for (org, size, runs) in [(CLINIC, 9, 2), (OTHER, 5, 1)] {
        let report = bench.audit(org, &[bench.seen_outside(org)]).await;
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!((report.size, report.runs, report.waiting), (size, runs, 0));
        assert_eq!(report.root, Some(bench.seen_outside(org).root));
    }
    assert!(bench.audit(CLINIC, &[head]).await.is_clean());
}

#[tokio::test]
async fn many_rows_are_sequenced_in_runs_of_a_thousand_and_audited_in_pages() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..2300).await;
    let first = bench.sequencer().sequence(&bench.ledger(CLINIC)).await.unwrap().unwrap();
    assert_eq!(first.size, 1000);
    assert_eq!(bench.seen_outside(CLINIC), first);
    assert_eq!(bench.catch_up(CLINIC).await.unwrap().unwrap().size, 2300);
    let report = bench.audit(CLINIC, &[first]).await;
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.size, report.runs), (2300, 3));
    let runs = bench.store.runs(CLINIC, 0, 10).await.unwrap();
    assert!(runs.iter().flat_map(|run| &run.journal_ids).is_sorted());
}

#[tokio::test]
async fn the_journals_of_all_messages_are_in_the_ledger() {
    let bench = Bench::new().await;
    for number in 0..450 {
        bench.accept(CLINIC, number).await;
    }
    bench.catch_up(CLINIC).await.unwrap();
    bench.accept(CLINIC, 450).await;
    let report = bench.audit(CLINIC, &[]).await;
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.size, report.waiting), (450, 1));
}

#[tokio::test]
async fn nothing_new_signs_nothing_new() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..3).await;
    let head = bench.catch_up(CLINIC).await.unwrap();
    let note = bench.note_outside(CLINIC);
    assert_eq!(bench.catch_up(CLINIC).await.unwrap(), head);
    assert_eq!(bench.sequencer().sequence(&bench.ledger(CLINIC)).await.unwrap(), None);
    assert_eq!(bench.note_outside(CLINIC), note);
    assert_eq!(bench.store.runs(CLINIC, 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_that_was_put_back_is_not_signed_again() {
    let bench = Bench::new().await;
    let backup = bench.dir.path().join("backup");
    bench.journal(CLINIC, 0..3).await;
    bench.catch_up(CLINIC).await.unwrap();
    let bench = bench.reopened(|data| copy_dir(data, &backup)).await;
    bench.journal(CLINIC, 3..5).await;
    bench.catch_up(CLINIC).await.unwrap();
    let known = bench.seen_outside(CLINIC);
    let bench = bench
        .reopened(|data| {
            fs::remove_dir_all(data).unwrap();
            copy_dir(&backup, data);
        })
        .await;

    // Cut short, and then as long as before with other entries.
    let refused = bench.catch_up(CLINIC).await.unwrap_err();
    assert!(matches!(refused, SequencerError::RolledBack { seen: 5, size: 3, .. }), "{refused}");
    assert!(!refused.may_retry());
    assert_eq!(
        bench.audit(CLINIC, std::slice::from_ref(&known)).await.findings,
        [Finding::CutTail { size: 3, earlier: 5 }]
    );
    bench.journal(CLINIC, 10..12).await;
    let refused = bench.sequencer().sequence(&bench.ledger(CLINIC)).await;
    assert!(matches!(refused, Err(SequencerError::RolledBack { seen: 5, size: 3, .. })));

    // The operator says that it was on purpose; what was signed before still shows it.
    let aside = set_aside(&bench.outside(), CLINIC, at(0)).unwrap();
    assert!(aside.exists() && !checkpoint_path(&bench.outside(), CLINIC).exists());
    assert_eq!(bench.catch_up(CLINIC).await.unwrap().unwrap().size, 5);
    assert!(bench.audit(CLINIC, &[bench.seen_outside(CLINIC)]).await.is_clean());
    assert_eq!(bench.audit(CLINIC, &[known]).await.findings, [Finding::Forked { earlier: 5 }]);
    // Both trees have five entries; the file tells them apart.
    fs::rename(&aside, checkpoint_path(&bench.outside(), CLINIC)).unwrap();
    let refused = bench.catch_up(CLINIC).await;
    assert!(matches!(refused, Err(SequencerError::RolledBack { seen: 5, size: 5, .. })));
}

#[tokio::test]
async fn an_emptied_database_is_not_signed_again() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..3).await;
    bench.catch_up(CLINIC).await.unwrap();
    let bench = bench.reopened(|data| fs::remove_dir_all(data).unwrap()).await;
    let refused = bench.catch_up(CLINIC).await;
    assert!(matches!(refused, Err(SequencerError::RolledBack { seen: 3, size: 0, .. })));
}

#[tokio::test]
async fn a_row_that_is_no_entry_stops_those_behind_it_only() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..3).await;
    let forged = JournalNew { message: None, at: at(3), entry: b"no entry".to_vec() };
    commit(&*bench.store, vec![transition(CLINIC, forged)]).await;
    bench.journal(CLINIC, 4..6).await;
    let refused = bench.catch_up(CLINIC).await.unwrap_err();
    assert!(matches!(refused, SequencerError::Row { org: CLINIC, .. }), "{refused}");
    assert_eq!(bench.seen_outside(CLINIC).size, 3);
    assert_eq!(bench.audit(CLINIC, &[]).await.waiting, 3);
}

#[tokio::test]
async fn a_row_of_another_organisation_is_no_entry_of_this_one() {
    let bench = Bench::new().await;
    let entry = Head::new(OTHER, None, at(0), vec![]).entry(vec![]).to_bytes();
    commit(&*bench.store, vec![transition(CLINIC, JournalNew { message: None, at: at(0), entry })]).await;
    assert!(matches!(bench.catch_up(CLINIC).await, Err(SequencerError::Row { .. })));
}

#[tokio::test]
async fn nodes_that_sequence_at_once_take_turns() {
    let bench = Bench::new().await;
    let dirs: Vec<TempDir> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    bench.journal(CLINIC, 0..50).await;
    let ledger = bench.ledger(CLINIC);
    let node = |dir: &TempDir| Sequencer::new(bench.store.clone(), Arc::new(Still), dir.path().to_owned());
    let nodes: Vec<Sequencer> = dirs.iter().map(node).collect();
    let (one, two, three, four) = tokio::join!(
        nodes[0].catch_up(&ledger),
        nodes[1].catch_up(&ledger),
        nodes[2].catch_up(&ledger),
        nodes[3].catch_up(&ledger)
    );
    for head in [one, two, three, four] {
        assert_eq!(head.unwrap().unwrap().size, 50);
    }
    for dir in &dirs {
        assert!(checkpoint_path(dir.path(), CLINIC).exists());
    }
    assert!(bench.audit(CLINIC, &[]).await.is_clean());
}

#[tokio::test]
async fn a_lost_or_late_file_is_written_again() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..3).await;
    bench.catch_up(CLINIC).await.unwrap();
    let early = bench.note_outside(CLINIC);
    bench.journal(CLINIC, 3..5).await;
    bench.catch_up(CLINIC).await.unwrap();
    let path = checkpoint_path(&bench.outside(), CLINIC);
    fs::write(&path, early).unwrap();
    bench.catch_up(CLINIC).await.unwrap();
    assert_eq!(bench.seen_outside(CLINIC).size, 5);
    fs::remove_file(&path).unwrap();
    bench.catch_up(CLINIC).await.unwrap();
    assert_eq!(bench.seen_outside(CLINIC).size, 5);
    assert_eq!(fs::read_dir(bench.outside()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_directory_that_is_away_holds_up_no_positions() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..3).await;
    fs::remove_dir(bench.outside()).unwrap();
    let refused = bench.catch_up(CLINIC).await.unwrap_err();
    assert!(matches!(refused, SequencerError::Outside { .. }) && refused.may_retry());
    assert_eq!(bench.audit(CLINIC, &[]).await.size, 3);
    fs::create_dir(bench.outside()).unwrap();
    bench.catch_up(CLINIC).await.unwrap();
    assert_eq!(bench.seen_outside(CLINIC).size, 3);
}

#[tokio::test]
async fn a_file_of_another_ledger_is_refused() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..1).await;
    bench.journal(OTHER, 0..1).await;
    bench.catch_up(OTHER).await.unwrap();
    fs::copy(checkpoint_path(&bench.outside(), OTHER), checkpoint_path(&bench.outside(), CLINIC)).unwrap();
    assert!(matches!(bench.catch_up(CLINIC).await, Err(SequencerError::OutsideNote { .. })));
}

#[tokio::test]
async fn a_run_that_nobody_signed_is_not_built_upon() {
    let bench = Bench::new().await;
    bench.journal(CLINIC, 0..3).await;
    bench.catch_up(CLINIC).await.unwrap();
    bench.journal(CLINIC, 3..6).await;
    let rows = bench.store.unsequenced(CLINIC, 10).await.unwrap();
    let last = bench.store.last_run(CLINIC).await.unwrap().unwrap();
    let forged = RunRow { first_position: 3, journal_ids: vec![rows[0].id], ..last };
    bench.store.append_run(CLINIC, forged).await.unwrap();
    let refused = bench.catch_up(CLINIC).await;
    assert!(matches!(refused, Err(SequencerError::Run { first_position: 3, .. })), "{refused:?}");
    let findings = bench.audit(CLINIC, &[]).await.findings;
    assert!(matches!(findings[..], [Finding::Checkpoint { first_position: 3, .. }]), "{findings:?}");
}
