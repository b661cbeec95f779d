//! One thread that reads, some that judge, and this one that writes, in the
//! order of the sources. What is under way at once is bounded, so that memory
//! is flat however much there is.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::reading::{Batch, Collector, Enough, Entry, Message, Place, ToCheck};
use super::sources;

/// What came of all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that were judged.
    pub judged: u64,
    /// Places where none could be.
    pub failed: u64,
}

/// What came of one batch.
#[derive(Default)]
pub struct Done {
    /// For standard output.
    pub text: Vec<u8>,
    /// For standard error.
    pub failures: Vec<String>,
    /// How many were judged.
    pub judged: u64,
}

impl Done {
    /// Notes that a place holds no message that can be judged.
    pub fn fail(&mut self, place: &Place, why: &str) {
        let number = place.number.map_or_else(String::new, |number| format!(", message {number}"));
        self.failures.push(format!("{}{number}: {why}", place.file));
    }
}

/// Judges one message of a batch and writes what there is to say; an error
/// where it is none.
pub type Work<'w> = dyn Fn(&Batch, &Message, &mut Vec<u8>) -> Result<(), String> + Sync + 'w;

/// How it is told of progress and failures.
pub trait Watch: Sync {
    /// So many more bytes were read.
    fn read(&self, bytes: u64);
    /// So many more messages were judged.
    fn judged(&self, messages: u64);
    /// A place holds no message that can be judged.
    fn failed(&self, why: &str);
}

/// Reads every path, judges each message with `work` on so many threads, and
/// writes what that gives to `out` in order. Ends early, without an error,
/// when whoever reads `out` has gone away.
pub fn run(
    paths: &[impl AsRef<Path> + Sync],
    to_check: &ToCheck,
    threads: usize,
    work: &Work<'_>,
    watch: &dyn Watch,
    out: &mut dyn Write,
) -> io::Result<Tally> {
    let under_way = threads * 2 + 2;
    let (give, permits) = sync_channel(under_way);
    (0..under_way).for_each(|_| give.send(()).unwrap_or_default());
    let (hand_in, jobs) = sync_channel(under_way);
    let (results, done) = channel();
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        scope.spawn(move || read_all(paths, to_check, &permits, &hand_in, watch));
        for _ in 0..threads {
            let (jobs, results) = (&jobs, results.clone());
            scope.spawn(move || work_off(jobs, &results, work));
        }
        drop(results);
        // They end with the writer: whoever waits for them ends too.
        write_in_order(done, give, watch, out)
    })
}

type Job = (u64, Batch);

fn read_all(
    paths: &[impl AsRef<Path>],
    to_check: &ToCheck,
    permits: &Receiver<()>,
    jobs: &SyncSender<Job>,
    watch: &dyn Watch,
) {
    let mut number = 0;
    let mut hand_on = |batch: Batch| -> Result<(), Enough> {
        permits.recv().map_err(|_| Enough)?;
        jobs.send((number, batch)).map_err(|_| Enough)?;
        number += 1;
        Ok(())
    };
    let progress = |bytes| watch.read(bytes);
    let mut collector = Collector::new(to_check, &mut hand_on, &progress);
    for path in paths {
        let mut found = false;
        let goes_on = sources::each(path.as_ref(), &mut |source| {
            found = true;
            match source {
                Ok(source) => collector.read(&source),
                Err((name, error)) => collector.fail(&name.into(), None, &error.to_string()),
            }
            .is_ok()
        });
        let name = path.as_ref().display().to_string();
        if !goes_on || (!found && collector.fail(&name.into(), None, "it holds no message").is_err()) {
            return;
        }
    }
    // Nobody is left to be told if the writer has ended.
    let _ = collector.finish();
}

fn work_off(jobs: &Mutex<Receiver<Job>>, results: &Sender<(u64, Done)>, work: &Work<'_>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = job else { return };
        let mut done = Done::default();
        for entry in &batch.entries {
            match entry {
                Entry::Failure(place, why) => done.fail(place, why),
                Entry::Message(message) => match work(&batch, message, &mut done.text) {
                    Ok(()) => done.judged += 1,
                    Err(why) => done.fail(&message.place, &why),
                },
            }
        }
        if results.send((number, done)).is_err() {
            return;
        }
    }
}

fn write_in_order(
    results: Receiver<(u64, Done)>,
    permits: SyncSender<()>,
    watch: &dyn Watch,
    out: &mut dyn Write,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    while let Ok((number, done)) = results.recv() {
        waiting.insert(number, done);
        while let Some(done) = waiting.remove(&next) {
            next += 1;
            done.failures.iter().for_each(|why| watch.failed(why));
            tally.failed += done.failures.len() as u64;
            tally.judged += done.judged;
            watch.judged(done.judged);
            match out.write_all(&done.text) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(tally),
                written => written?,
            }
            // The reader may have ended already.
            let _ = permits.try_send(());
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(tally),
    }
}
