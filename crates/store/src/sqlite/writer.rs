//! The one writer: a group of callers' changes is one synced transaction.
//!
//! In order: bodies into the segment, sync, `BEGIN IMMEDIATE`, the changes,
//! `COMMIT` (which syncs the WAL), then the replies. A checkpoint comes after
//! the replies, and here rather than by SQLite's own trigger, which would hide
//! a failed fsync of the database file.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rusqlite::Connection;

use super::apply::{Effect, Group};
use super::fault;
use super::queue::{Job, Outcome};
use super::segments::{Segments, sync_dir};
use super::shared::Shared;
use crate::body::Spooled;
use crate::change::Change;
use crate::{StoreError, change};

/// SQLite's own default for a checkpoint, in pages.
const CHECKPOINT_PAGES: i32 = 1000;

/// A WAL that readers have kept from beginning anew for so long is worth a
/// wait for them.
const RESTART_PAGES: i32 = 16 * CHECKPOINT_PAGES;

/// Owns the write connection and the current segment.
pub(crate) struct Writer {
    connection: Connection,
    segments: Segments,
    shared: Arc<Shared>,
    /// How long the WAL was after the last commit.
    wal_pages: Arc<AtomicI32>,
    /// Keys were erased: the WAL has to be emptied of what was there before.
    erased: bool,
}

impl Writer {
    pub(crate) fn new(mut connection: Connection, segments: Segments, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let wal_pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&wal_pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(|error| fault::sqlite("watching the WAL", error))?;
        Ok(Self { connection, segments, shared, wal_pages, erased: false })
    }

    /// Makes the changes of all `jobs` durable and replies.
    pub(crate) fn run(&mut self, mut jobs: Vec<Job>) {
        let outcomes = self.group(&mut jobs);
        self.empty_wal_of_erased();
        match outcomes {
            Ok(outcomes) => {
                for (mut job, outcome) in jobs.into_iter().zip(outcomes) {
                    keep_bodies(&mut job.changes, &outcome);
                    let _ = job.reply.send(Ok(outcome));
                }
            }
            Err(error) => {
                for job in jobs {
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
        }
        self.checkpoint_when_long();
    }

    /// Makes the changes of one caller durable.
    pub(crate) fn run_one(&mut self, changes: Vec<Change>) -> Outcome {
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        self.run(vec![Job { changes, reply }]);
        answer.try_recv().map_err(|_| StoreError::Closed)?
    }

    /// Empties the WAL and closes the database.
    pub(crate) fn finish(mut self) {
        if let Err(error) = self.checkpoint("TRUNCATE") {
            tracing::warn!(%error, "the last checkpoint failed; the next start makes up for it");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "closing the database failed");
        }
    }

    fn group(&mut self, jobs: &mut [Job]) -> Result<Vec<Vec<Result<change::Answer, StoreError>>>, StoreError> {
        self.place_bodies(jobs)?;
        let mut done = self.transaction(jobs, Together);
        if let Err(StoreError::Conflict) = done {
            done = self.transaction(jobs, Apart);
        }
        if let Err(StoreError::DiskFull) = done {
            self.segments.take_back();
        }
        let (outcomes, effects) = done?;
        self.shared.follow(&effects);
        self.erased |= effects.contains(&Effect::Erased);
        Ok(outcomes)
    }

    /// Writes the bodies of a group where they will lie, and syncs them.
    fn place_bodies(&mut self, jobs: &mut [Job]) -> Result<(), StoreError> {
        let mut new_files = false;
        for (_, acceptance) in jobs.iter_mut().flat_map(|job| &mut job.changes).flat_map(Change::bodies_mut) {
            let body = &mut acceptance.body;
            match &body.content {
                Spooled::Memory(bytes) => (body.place.segment, body.place.offset) = self.segments.gather(bytes),
                Spooled::Elsewhere(_) => new_files = true,
            }
        }
        if new_files {
            sync_dir(self.shared.bodies.dir())?;
        }
        self.segments.flush()
    }

    fn transaction(&mut self, jobs: &[Job], mode: Mode) -> Result<(Vec<Answers>, Vec<Effect>), StoreError> {
        self.execute("BEGIN IMMEDIATE")?;
        let applied = apply_all(&self.connection, jobs, mode);
        let done = applied.and_then(|applied| self.execute("COMMIT").map(|()| applied));
        if done.is_err() && !self.connection.is_autocommit() {
            self.execute("ROLLBACK")?;
        }
        done
    }

    fn execute(&self, text: &str) -> Result<(), StoreError> {
        execute(&self.connection, text)
    }

    /// Erasure is not whole while old pages with the key are in the WAL.
    fn empty_wal_of_erased(&mut self) {
        if self.erased {
            match self.checkpoint("TRUNCATE") {
                Ok(emptied) => self.erased = !emptied,
                Err(error) => tracing::warn!(%error, "an erased key is still in the WAL; the next commit tries again"),
            }
        }
    }

    fn checkpoint_when_long(&mut self) {
        let mode = match self.wal_pages.load(Ordering::Relaxed) {
            RESTART_PAGES.. => "RESTART",
            CHECKPOINT_PAGES.. => "PASSIVE",
            _ => return,
        };
        if let Err(error) = self.checkpoint(mode) {
            tracing::warn!(%error, "a checkpoint failed; the next commit tries again");
        }
    }

    /// Whether the checkpoint went all the way.
    fn checkpoint(&mut self, mode: &str) -> Result<bool, StoreError> {
        let busy: rusqlite::Result<i64> = self
            .connection
            .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))
            .and_then(|mut pragma| pragma.query_row([], |row| row.get(0)));
        let busy = busy.map_err(|error| fault::sqlite("a checkpoint", error))?;
        if busy == 0 {
            self.wal_pages.store(0, Ordering::Relaxed);
        }
        Ok(busy == 0)
    }
}

type Answers = Vec<Result<change::Answer, StoreError>>;

/// How a group's transaction treats a failed guard.
#[derive(Clone, Copy)]
enum Mode {
    /// It ends the attempt. No savepoints, which cost more than the changes.
    Together,
    /// It undoes its own change, each of which has a savepoint.
    Apart,
}
use Mode::{Apart, Together};

fn apply_all(connection: &Connection, jobs: &[Job], mode: Mode) -> Result<(Vec<Answers>, Vec<Effect>), StoreError> {
    let mut group = Group::new(connection);
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        let mut answers = Vec::with_capacity(job.changes.len());
        for change in &job.changes {
            answers.push(match mode {
                Together => Ok(group.apply(change)?),
                Apart => apply_apart(&mut group, connection, change)?,
            });
        }
        outcomes.push(answers);
    }
    Ok((outcomes, group.effects))
}

/// Applies a change in a savepoint: a conflict is its own, any other error the
/// group's.
fn apply_apart(
    group: &mut Group<'_>,
    connection: &Connection,
    change: &Change,
) -> Result<Result<change::Answer, StoreError>, StoreError> {
    let effects = group.effects.len();
    execute(connection, "SAVEPOINT own")?;
    match group.apply(change) {
        Err(StoreError::Conflict) => {
            execute(connection, "ROLLBACK TO own")?;
            execute(connection, "RELEASE own")?;
            group.forget(effects);
            Ok(Err(StoreError::Conflict))
        }
        Err(error) => Err(error),
        Ok(answer) => {
            execute(connection, "RELEASE own")?;
            Ok(Ok(answer))
        }
    }
}

fn execute(connection: &Connection, text: &str) -> Result<(), StoreError> {
    let done = connection.prepare_cached(text).and_then(|mut statement| statement.execute([]));
    done.map(drop).map_err(|error| fault::sqlite("committing", error))
}

/// The bodies of changes that happened stay; the others go when dropped.
fn keep_bodies(changes: &mut [Change], outcomes: &Answers) {
    for (change, outcome) in changes.iter_mut().zip(outcomes) {
        if outcome.is_ok() {
            change.bodies_mut().for_each(|(_, acceptance)| acceptance.body.keep());
        }
    }
}
