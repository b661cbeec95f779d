//! Where blocking work runs: on a few threads of its own, or, in a simulation,
//! on the calling thread within the first poll.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::fault;
use crate::{Pending, StoreError};

/// A lock, also after a panic elsewhere: what is kept under our locks is whole
/// between any two statements.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Task<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Runs work that needs an `S` (a read connection, or nothing).
pub(crate) enum Runner<S> {
    Inline(Mutex<Option<S>>),
    Threads(Arc<Threads<S>>),
}

/// Threads that share a queue; each has its own `S`.
pub(crate) struct Threads<S> {
    tasks: Mutex<Tasks<S>>,
    wake: Condvar,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

struct Tasks<S> {
    waiting: VecDeque<Task<S>>,
    closed: bool,
}

impl<S> fmt::Debug for Runner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

impl<S: Send + 'static> Runner<S> {
    pub(crate) fn inline(state: S) -> Self {
        Self::Inline(Mutex::new(Some(state)))
    }

    /// A thread for each of `states`.
    pub(crate) fn threads(name: &str, states: Vec<S>) -> Result<Self, StoreError> {
        let threads = Arc::new(Threads {
            tasks: Mutex::new(Tasks { waiting: VecDeque::new(), closed: false }),
            wake: Condvar::new(),
            handles: Mutex::new(Vec::new()),
        });
        for state in states {
            let own = Arc::clone(&threads);
            let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || own.serve(state));
            let handle = spawned.map_err(|error| fault::file("starting a thread", error))?;
            locked(&threads.handles).push(handle);
        }
        Ok(Self::Threads(threads))
    }

    /// Runs `work`; its future needs nothing of the runner once it was polled.
    pub(crate) fn run<'a, T: Send + 'static>(
        &'a self,
        work: impl FnOnce(&mut S) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<'a, T> {
        Box::pin(async move {
            match self {
                Self::Inline(state) => work(locked(state).as_mut().ok_or(StoreError::Closed)?),
                Self::Threads(threads) => {
                    let (reply, answer) = oneshot::channel();
                    let task = move |state: &mut S| drop(reply.send(work(state)));
                    threads.push(Box::new(task))?;
                    answer.await.map_err(|_| StoreError::Closed)?
                }
            }
        })
    }

    /// Removes a file some time, with nobody waiting; now, when inline. What
    /// is left over after the store was closed goes when it is opened again.
    pub(crate) fn remove_file(&self, path: PathBuf) {
        let remove = move || drop(std::fs::remove_file(path));
        match self {
            Self::Inline(_) => remove(),
            Self::Threads(threads) => drop(threads.push(Box::new(move |_| remove()))),
        }
    }

    /// Ends the threads after what they have begun. Blocks.
    pub(crate) fn close(&self) {
        match self {
            Self::Inline(state) => drop(locked(state).take()),
            Self::Threads(threads) => threads.close(),
        }
    }
}

impl<S> Threads<S> {
    fn push(&self, task: Task<S>) -> Result<(), StoreError> {
        let mut tasks = locked(&self.tasks);
        if tasks.closed {
            return Err(StoreError::Closed);
        }
        tasks.waiting.push_back(task);
        drop(tasks);
        self.wake.notify_one();
        Ok(())
    }

    fn serve(&self, mut state: S) {
        while let Some(task) = self.next() {
            // A panic is a defect, but must not take the thread from the others;
            // the caller learns of it by its dropped reply.
            let _ = catch_unwind(AssertUnwindSafe(|| task(&mut state)));
        }
    }

    fn next(&self) -> Option<Task<S>> {
        let mut tasks = locked(&self.tasks);
        loop {
            if let Some(task) = tasks.waiting.pop_front() {
                return Some(task);
            }
            if tasks.closed {
                return None;
            }
            tasks = self.wake.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        locked(&self.tasks).closed = true;
        self.wake.notify_all();
        let handles = std::mem::take(&mut *locked(&self.handles));
        for handle in handles {
            let _ = handle.join();
        }
    }
}
