//! The node's writer: what its callers commit at the same time is one
//! transaction.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::batch::Batch;
use super::connection::Connection;
use super::pool::Pool;
use super::single;
use crate::StoreError;
use crate::body::OpenBodies;
use crate::change::{Answer, Change};
use crate::sql::Query;
use crate::transition::Write;

/// A group takes no more callers than this.
const CALLERS_MAX: usize = 512;
const TAKE_IDS: &str = "SELECT nextval('inner_id') FROM generate_series(1, $1)";
/// How often a group is tried that lost a deadlock.
const ATTEMPTS: usize = 3;

/// What each change of a caller came to, or why none of them happened.
pub(crate) type Outcome = Result<Vec<Result<Answer, StoreError>>, StoreError>;

/// The changes of one caller.
pub(crate) struct Job {
    pub changes: Vec<Change>,
    pub reply: oneshot::Sender<Outcome>,
}

/// Runs in a task of its own.
pub(crate) struct Writer {
    pub pool: Arc<Pool>,
    pub connection: Option<Connection>,
    pub jobs: mpsc::UnboundedReceiver<Job>,
    pub open_bodies: Arc<OpenBodies>,
    pub window: Duration,
    /// Whose leases this node's are.
    pub owner: Arc<OnceLock<String>>,
}

impl Writer {
    /// Writes groups until all senders are gone and all is written.
    pub(crate) async fn serve(mut self) {
        while let Some(first) = self.jobs.recv().await {
            let mut jobs = vec![first];
            self.gather(&mut jobs).await;
            match self.group(&jobs).await {
                Ok(outcomes) => {
                    let erased = erases(&jobs, &outcomes);
                    for (mut job, outcome) in jobs.into_iter().zip(outcomes) {
                        keep_bodies(&mut job.changes, &outcome);
                        let _ = job.reply.send(Ok(outcome));
                    }
                    if erased {
                        tokio::spawn(vacuum_keys(Arc::clone(&self.pool)));
                    }
                }
                Err(error) => jobs.into_iter().for_each(|job| drop(job.reply.send(Err(error.clone())))),
            }
        }
    }

    /// Waits for others whose commit is about to come.
    async fn gather(&mut self, jobs: &mut Vec<Job>) {
        let end = Instant::now() + self.window;
        while jobs.len() < CALLERS_MAX {
            let next = match self.jobs.try_recv() {
                Ok(job) => Some(job),
                Err(_) if self.open_bodies.count() <= bodies(jobs) => None,
                Err(_) => timeout_at(end, self.jobs.recv()).await.ok().flatten(),
            };
            match next {
                Some(job) => jobs.push(job),
                None => return,
            }
        }
    }

    async fn group(&mut self, jobs: &[Job]) -> Result<Vec<Vec<Result<Answer, StoreError>>>, StoreError> {
        let mut last = StoreError::Closed;
        for _ in 0..ATTEMPTS {
            match self.attempt(jobs, false).await {
                Err(StoreError::Conflict) => return self.attempt(jobs, true).await,
                // The connection may be gone, or a deadlock was lost; a lost
                // answer to COMMIT is the caller's to find out.
                Err(error @ StoreError::Unavailable { during, .. }) if during != COMMITTING => last = error,
                done => return done,
            }
        }
        Err(last)
    }

    /// One transaction. A failed guard ends it, or, when each change is taken
    /// apart in a savepoint, is that change's own.
    async fn attempt(&mut self, jobs: &[Job], apart: bool) -> Result<Vec<Vec<Result<Answer, StoreError>>>, StoreError> {
        let changes = || jobs.iter().flat_map(|job| &job.changes);
        let mut connection = self.connect().await?;
        connection.batch("BEGIN").await?;
        let applied = if apart {
            self.apply_apart(&mut connection, changes().collect()).await
        } else {
            let answers = self.apply(&mut connection, changes().collect()).await;
            answers.map(|answers| answers.into_iter().map(Ok).collect())
        };
        if let Err(error) = applied {
            // Without it the connection goes, and the transaction with it.
            if connection.batch("ROLLBACK").await.is_ok() {
                self.connection = Some(connection);
            }
            return Err(error);
        }
        connection.batch("COMMIT").await.map_err(while_committing)?;
        self.connection = Some(connection);
        let mut answers = applied?.into_iter();
        Ok(jobs.iter().map(|job| answers.by_ref().take(job.changes.len()).collect()).collect())
    }

    /// All changes: transitions in batches, then the others, in order.
    async fn apply(&self, on: &mut Connection, changes: Vec<&Change>) -> Result<Vec<Answer>, StoreError> {
        let mut batch = Batch::default();
        for change in &changes {
            if let Change::Transition(transition) = change {
                batch.add(transition);
            }
        }
        let ids = take_ids(on, batch.ids()).await?;
        let owner = self.owner.get().map_or("", String::as_str);
        batch.apply(on, &ids, owner).await?;
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            answers.push(single::apply(on, change).await?);
        }
        Ok(answers)
    }

    async fn apply_apart(
        &self,
        on: &mut Connection,
        changes: Vec<&Change>,
    ) -> Result<Vec<Result<Answer, StoreError>>, StoreError> {
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            on.batch("SAVEPOINT own").await?;
            match self.apply(on, vec![change]).await {
                Err(StoreError::Conflict) => {
                    on.batch("ROLLBACK TO own").await?;
                    answers.push(Err(StoreError::Conflict));
                }
                Err(error) => return Err(error),
                Ok(answer) => answers.extend(answer.into_iter().map(Ok)),
            }
            on.batch("RELEASE own").await?;
        }
        Ok(answers)
    }

    async fn connect(&mut self) -> Result<Connection, StoreError> {
        match self.connection.take() {
            Some(connection) if !connection.is_closed() => Ok(connection),
            _ => self.pool.connect().await,
        }
    }
}

/// Inner ids that nobody else gets.
async fn take_ids(on: &mut Connection, count: usize) -> Result<Vec<i64>, StoreError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    on.all(Query { sql: TAKE_IDS, params: vec![count.into()], read: |row| row.int(0) }).await
}

const COMMITTING: &str = "committing to PostgreSQL";

/// A commit whose answer was lost may have happened.
fn while_committing(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { source, .. } => StoreError::Unavailable { during: COMMITTING, source },
        other => other,
    }
}

fn bodies(jobs: &[Job]) -> usize {
    jobs.iter().flat_map(|job| &job.changes).map(Change::bodies).sum()
}

fn erases(jobs: &[Job], outcomes: &[Vec<Result<Answer, StoreError>>]) -> bool {
    let changes = jobs.iter().flat_map(|job| &job.changes);
    changes.zip(outcomes.iter().flatten()).any(|(change, outcome)| outcome.is_ok() && erases_key(change))
}

fn erases_key(change: &Change) -> bool {
    matches!(change, Change::Transition(transition)
        if transition.writes.iter().any(|write| matches!(write, Write::EraseKey { .. })))
}

/// The bodies of changes that happened stay; the others go when dropped.
fn keep_bodies(changes: &mut [Change], outcomes: &[Result<Answer, StoreError>]) {
    for (change, outcome) in changes.iter_mut().zip(outcomes) {
        if outcome.is_ok() {
            change.bodies_mut().for_each(|(_, acceptance)| acceptance.body.keep());
        }
    }
}

/// Old versions of rows go only so.
async fn vacuum_keys(pool: Arc<Pool>) {
    let vacuumed = match pool.take().await {
        Ok(connection) => connection.batch("VACUUM message_key").await,
        Err(error) => Err(error),
    };
    if let Err(error) = vacuumed {
        tracing::warn!(%error, "an erased key is still in old row versions; the next vacuum removes it");
    }
}
