//! How many messages a second are traced, verdicts included, and how many with
//! their JSON: the files that are named, again and again for some seconds, on
//! one thread or more. `rate SECONDS THREADS FILES…` prints figures as JSON.
//! Counts the time that each thread had a core, so that other programs don't.

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use trace::evidence::dkim::Checked;
use trace::evidence::gather;
use trace::report::Report;
use trace::{Block, Limits, Trust, trace};

/// What is done with each message.
#[derive(Clone, Copy)]
enum Work {
    /// Every hop with its verdict, and the message's.
    Trace,
    /// The other evidence too.
    Evidence,
    /// And all of it written as JSON.
    Json,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse::<u32>().ok()).unwrap_or(1);
    let (seconds, threads) = (number(), number());
    let messages: Vec<Vec<u8>> = arguments.filter_map(|path| std::fs::read(path).ok()).collect();
    let header = |message: &Vec<u8>| Block::read(message, &Limits::default()).map_or(0, |block| block.header().len());
    let bytes: usize = messages.iter().map(header).sum();
    let works = [("trace", Work::Trace), ("evidence", Work::Evidence), ("json", Work::Json)];
    let figures = works.map(|(name, work)| (name, measure(&messages, work, seconds, threads)));
    let figures: serde_json::Map<String, serde_json::Value> =
        figures.into_iter().map(|(name, per_s)| (name.to_owned(), per_s.into())).collect();
    let mean = bytes / messages.len().max(1);
    let line =
        serde_json::json!({ "threads": threads, "messages": messages.len(), "header_bytes": mean, "per_s": figures });
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Messages a second of a core, summed over the threads.
fn measure(messages: &[Vec<u8>], work: Work, seconds: u32, threads: u32) -> f64 {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| rate(messages, work, seconds))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

fn rate(messages: &[Vec<u8>], work: Work, seconds: u32) -> f64 {
    let (trust, limits) = (Trust::default(), Limits::default());
    let (mut done, mut out) = (0u64, Vec::new());
    let (begin, before) = (Instant::now(), on_core_s());
    while begin.elapsed() < Duration::from_secs(seconds.into()) {
        for message in messages {
            let Ok(block) = Block::read(message, &limits) else { continue };
            let traced = trace(&block, &trust);
            if !matches!(work, Work::Trace) {
                let evidence = gather(&block, &traced, block.body(), &Checked::default());
                if matches!(work, Work::Json) {
                    out.clear();
                    drop(serde_json::to_writer(&mut out, &Report::new(&traced, &evidence)));
                }
                black_box(&evidence);
            }
            black_box((&traced, &out));
            done += 1;
        }
    }
    let spent = on_core_s().zip(before).map(|(after, before)| after - before);
    done as f64 / spent.unwrap_or_else(|| begin.elapsed().as_secs_f64())
}

/// Seconds that this thread had a core; None where the kernel doesn't tell.
fn on_core_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}
