//! What runs while the embedded store is open: the writer, the readers, the
//! threads that take large bodies, the lock.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::fault;
use super::open;
use super::queue::{Job, Outcome, Queue};
use super::reader::Reader;
use super::runner::{Runner, locked};
use super::segments::Segments;
use super::shared::Shared;
use super::writer::Writer;
use crate::change::Change;
use crate::{SqliteOptions, StoreError};

/// How many threads take large bodies.
const SPOOLERS: usize = 2;

/// Everything that is open.
pub(crate) struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) readers: Runner<Reader>,
    pub(crate) spoolers: Arc<Runner<()>>,
    writing: Writing,
    lock: Mutex<Option<File>>,
}

enum Writing {
    Inline(Mutex<Option<Writer>>),
    Thread { queue: Arc<Queue>, handle: Mutex<Option<JoinHandle<()>>> },
}

impl Engine {
    pub(crate) fn open(dir: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        let files = if options.beside { open::files_beside(dir)? } else { open::files(dir)? };
        let connection = open::connection(&files.database)?;
        if !options.beside {
            open::remove_leftovers(&connection, &files.bodies)?;
        }
        let shared = Arc::new(Shared::new(&files.bodies, open::waiting(&connection)?));
        let segments = Segments::open(&files.bodies, open::segment_to_go_on_in(&connection, &files.bodies)?)?;
        let writer = Writer::new(connection, segments, Arc::clone(&shared))?;
        Ok(Self {
            readers: readers(&files.database, options)?,
            spoolers: Arc::new(spoolers(options)?),
            writing: Writing::begin(writer, options, &shared)?,
            shared,
            lock: Mutex::new(files.lock),
        })
    }

    /// Makes changes durable.
    pub(crate) async fn changes(&self, changes: Vec<Change>) -> Outcome {
        self.writing.changes(changes).await
    }

    /// Ends everything in order; the directory is free afterwards. Blocks.
    /// Closing again finds nothing to do.
    pub(crate) fn close(&self) {
        self.spoolers.close();
        self.readers.close();
        self.writing.close();
        if let Some(lock) = locked(&self.lock).take() {
            // Not by closing the file alone: a process that is just being
            // started would have a copy of it.
            let _ = lock.unlock();
        }
    }

    /// The same without blocking the caller's thread, unless inline.
    pub(crate) async fn close_aside(self: Arc<Self>) -> Result<(), StoreError> {
        if matches!(self.writing, Writing::Inline(_)) {
            self.close();
            return Ok(());
        }
        let (done, closed) = oneshot::channel();
        let close = move || {
            self.close();
            let _ = done.send(());
        };
        let spawned = std::thread::Builder::new().name("store-close".into()).spawn(close);
        spawned.map_err(|error| fault::file("starting a thread", error))?;
        closed.await.map_err(|_| StoreError::Closed)
    }
}

impl Writing {
    fn begin(mut writer: Writer, options: &SqliteOptions, shared: &Arc<Shared>) -> Result<Self, StoreError> {
        if options.inline {
            return Ok(Self::Inline(Mutex::new(Some(writer))));
        }
        let queue = Arc::new(Queue::new(options.window, Arc::clone(shared)));
        let own = Arc::clone(&queue);
        let write = move || {
            while let Some(jobs) = own.next() {
                writer.run(jobs);
            }
            writer.finish();
        };
        let handle = std::thread::Builder::new().name("store-writer".into()).spawn(write);
        let handle = handle.map_err(|error| fault::file("starting a thread", error))?;
        Ok(Self::Thread { queue, handle: Mutex::new(Some(handle)) })
    }

    async fn changes(&self, changes: Vec<Change>) -> Outcome {
        match self {
            Self::Inline(writer) => locked(writer).as_mut().ok_or(StoreError::Closed)?.run_one(changes),
            Self::Thread { queue, .. } => {
                let (reply, outcome) = oneshot::channel();
                queue.push(Job { changes, reply })?;
                outcome.await.map_err(|_| StoreError::Closed)?
            }
        }
    }

    fn close(&self) {
        match self {
            Self::Inline(writer) => {
                if let Some(writer) = locked(writer).take() {
                    writer.finish();
                }
            }
            Self::Thread { queue, handle } => {
                queue.close();
                if let Some(handle) = locked(handle).take() {
                    let _ = handle.join();
                }
            }
        }
    }
}

fn readers(database: &Path, options: &SqliteOptions) -> Result<Runner<Reader>, StoreError> {
    if options.inline {
        return Ok(Runner::inline(Reader::open(database)?));
    }
    let readers: Result<Vec<_>, _> = (0..options.readers.max(1)).map(|_| Reader::open(database)).collect();
    Runner::threads("store-reader", readers?)
}

fn spoolers(options: &SqliteOptions) -> Result<Runner<()>, StoreError> {
    if options.inline { Ok(Runner::inline(())) } else { Runner::threads("store-spooler", vec![(); SPOOLERS]) }
}
