//! What the store costs for the whole life of a message: accept and queue,
//! lease, read, finish, each with its journal row, all of it synced.
//!
//!     cargo run --release -p store --example lifecycle -- [MESSAGES] [CALLERS] [QUEUED] [DIRECTORY | POSTGRESQL-URL]
//!
//! `QUEUED` parcels wait before the clock starts, due in random order; they are
//! finished first. Each of `CALLERS` tasks
//! accepts messages of 4 KiB, one commit each; as many others lease, read the
//! body and finish, one commit each.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mail::{Entropy, MessageId, OrgId, ParcelId, Priority};
use store::{
    Acceptance, Dimensions, JournalNew, Lane, Leased, MessageState, NewParcel, ParcelState, PostgresOptions, Room,
    SqliteOptions, Store, StoreError, Transition, Write,
};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

const BODY_BYTES: usize = 4096;
const ORG: OrgId = OrgId(1);
const LEASES: usize = 256;

/// Unpredictable enough for ids of a benchmark.
struct Numbers(std::sync::Mutex<u64>);

impl Entropy for Numbers {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            chunk.copy_from_slice(&state.rotate_left(29).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// What all tasks share.
struct Run {
    store: Arc<dyn Store>,
    numbers: Numbers,
    messages: usize,
    accepted: AtomicUsize,
    finished: AtomicUsize,
    leased: Mutex<Vec<Leased>>,
    queued: Notify,
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn journal(message: MessageId) -> Option<JournalNew> {
    Some(JournalNew { message: Some(message), at: now(), entry: vec![0x5a; 350] })
}

impl Run {
    async fn accept(&self, due: Timestamp) -> Result<(), StoreError> {
        let message = MessageId::new(now(), &self.numbers);
        let mut body = self.store.new_body(ORG, message);
        body.push(vec![0xa5; BODY_BYTES]).await?;
        let acceptance = Acceptance {
            message,
            received_at: now(),
            state: MessageState::Decided,
            body: body.finish().await?,
            wrapped_key: vec![1; 48],
            envelope: vec![2; 200],
            dimensions: Dimensions {
                stream: "default".into(),
                recipient_domains: vec![[3; 16]],
                ..Dimensions::default()
            },
        };
        let parcel = NewParcel {
            parcel: ParcelId::new(now(), &self.numbers),
            message,
            kind: 0,
            due,
            created_at: now(),
            sealed: vec![4; 250],
            lane: Lane::new(Priority::Operational, ORG, "default", "bench"),
            destination: Some([3; 16]),
        };
        let writes = vec![Write::Accept(Box::new(acceptance)), Write::Enqueue(parcel)];
        self.commit(Transition { org: ORG, writes, journal: journal(message) }).await
    }

    async fn commit(&self, transition: Transition) -> Result<(), StoreError> {
        self.store.commit(vec![transition]).await?.pop().unwrap_or(Err(StoreError::Closed))
    }

    async fn accept_all(self: Arc<Self>) -> Result<(), StoreError> {
        while self.accepted.fetch_add(1, Ordering::Relaxed) < self.messages {
            self.accept(now()).await?;
            self.queued.notify_one();
        }
        Ok(())
    }

    /// One leased parcel; leases more when none is left.
    async fn next(&self) -> Result<Option<Leased>, StoreError> {
        let mut leased = self.leased.lock().await;
        while leased.is_empty() {
            if self.finished.load(Ordering::Relaxed) >= self.messages {
                return Ok(None);
            }
            let until = now() + Duration::from_secs(600);
            *leased = self.store.lease("bench", now(), until, Room::any(LEASES)).await?;
            if leased.is_empty() {
                let _ = tokio::time::timeout(Duration::from_millis(2), self.queued.notified()).await;
            }
        }
        Ok(leased.pop())
    }

    async fn deliver_all(self: Arc<Self>) -> Result<(), StoreError> {
        while let Some(leased) = self.next().await? {
            let body = self.store.read_body(ORG, leased.message, &leased.body).await?;
            assert_eq!(body.len(), BODY_BYTES);
            let writes = vec![Write::Finish { parcel: leased.parcel, state: ParcelState::Delivered }];
            self.commit(Transition { org: ORG, writes, journal: journal(leased.message) }).await?;
            self.finished.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Milliseconds of CPU that this process used, and bytes that it wrote.
fn used() -> Result<(f64, u64), Box<dyn Error>> {
    let mut cpu_ns = 0u64;
    for task in std::fs::read_dir("/proc/self/task")? {
        let schedstat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        cpu_ns += schedstat.split(' ').next().unwrap_or("0").parse::<u64>()?;
    }
    let io = std::fs::read_to_string("/proc/self/io")?;
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap_or("0");
    Ok((cpu_ns as f64 / 1e6, written.parse()?))
}

async fn fill(store: &Arc<dyn Store>, queued: usize) -> Result<(), Box<dyn Error>> {
    let filled = Arc::new(run(store, queued, 7));
    let mut tasks = JoinSet::new();
    for _ in 0..400 {
        let run = Arc::clone(&filled);
        tasks.spawn(async move {
            while run.accepted.fetch_add(1, Ordering::Relaxed) < run.messages {
                // Due in another order than they came: the worst for finishing.
                let before = u32::from_le_bytes(mail::seam::random(&run.numbers));
                run.accept(now() - Duration::from_micros(u64::from(before))).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    for done in tasks.join_all().await {
        done?;
    }
    Ok(())
}

fn run(store: &Arc<dyn Store>, messages: usize, seed: u64) -> Run {
    Run {
        store: Arc::clone(store),
        numbers: Numbers(std::sync::Mutex::new(seed)),
        messages,
        accepted: AtomicUsize::new(0),
        finished: AtomicUsize::new(0),
        leased: Mutex::default(),
        queued: Notify::new(),
    }
}

async fn measure(store: &Arc<dyn Store>, messages: usize, callers: usize) -> Result<(), Box<dyn Error>> {
    let run = Arc::new(run(store, messages, 99));
    let (before, written_before) = used()?;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        tasks.spawn(Arc::clone(&run).accept_all());
        tasks.spawn(Arc::clone(&run).deliver_all());
    }
    for done in tasks.join_all().await {
        done?;
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let (after, written_after) = used()?;
    let count = messages as f64;
    println!(
        "{messages} messages, {callers} callers: {:.0} messages/s, {:.4} CPU-ms and {:.1} KB written a message",
        count / elapsed,
        (after - before) / count,
        (written_after - written_before) as f64 / 1024.0 / count,
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (messages, callers, queued) = (number(0, 50_000)?, number(1, 50)?, number(2, 0)?);
    let temporary = std::env::temp_dir().join(format!("lifecycle-{}", std::process::id()));
    let place = arguments.get(3).cloned();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let store = match &place {
            Some(url) if url.contains("://") => store::open_postgres(url, PostgresOptions::default()).await?,
            Some(dir) => store::open_sqlite(Path::new(dir), SqliteOptions::default())?,
            None => store::open_sqlite(&temporary, SqliteOptions::default())?,
        };
        let opened = Instant::now();
        fill(&store, queued).await?;
        println!("{queued} queued in {:.1} s", opened.elapsed().as_secs_f64());
        measure(&store, messages, callers).await?;
        store.close().await?;
        Ok::<_, Box<dyn Error>>(())
    })?;
    let _ = std::fs::remove_dir_all(&temporary);
    Ok(())
}
