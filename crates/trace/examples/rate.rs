//! How many messages a second one core traces, verdicts included: the files
//! that are named, again and again for some seconds. Counts the time that this
//! thread had a core, so that other programs don't.

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

fn main() {
    let messages: Vec<Vec<u8>> = std::env::args().skip(1).filter_map(|path| std::fs::read(path).ok()).collect();
    let (trust, limits) = (trace::Trust::default(), trace::Limits::default());
    let bytes: usize = messages.iter().map(Vec::len).sum();
    let (mut rounds, begin) = (0u32, Instant::now());
    while begin.elapsed() < Duration::from_secs(3) {
        for message in &messages {
            if let Ok(block) = trace::Block::read(message, &limits) {
                black_box(trace::trace(black_box(&block), &trust));
            }
        }
        rounds += 1;
    }
    let seconds = on_core_s().unwrap_or_else(|| begin.elapsed().as_secs_f64());
    let traced = f64::from(rounds) * messages.len() as f64;
    let line = format!(
        "{:.0} messages/s, {:.2} µs each, {:.1} MiB/s, {} bytes a message",
        traced / seconds,
        seconds / traced * 1e6,
        f64::from(rounds) * bytes as f64 / seconds / f64::from(1 << 20),
        bytes / messages.len().max(1),
    );
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Seconds that this thread had a core; None where the kernel doesn't tell.
fn on_core_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}
