//! `cargo xtask bench queue`: what waits must cost nothing. The queue is filled
//! with messages for a host that takes no connections; each is accepted, judged,
//! tried once and put off for hours. Beside it other mail is relayed, in turn
//! with a Sealpost whose queue is empty.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;

use super::load::{Figures, Load, Source, is_idle_within, measure};
use super::peer::GLANCE;
use super::relay::{Bench, WARM_UP};
use super::report::median;
use super::sealpost::{AWAY, Running};
use super::tree::Tree;
use super::{number, postfix};

/// What can be asked for.
pub const USAGE: &str = "\
cargo xtask bench queue [OPTIONS]

  --queued N,…   sizes of the queue, rising (10000,100000,1000000)
  --bytes B      bytes of a message that waits (1024)
  --messages N   other messages a round (10000)
  --rounds R     rounds at each size; figures are medians (3)
  --sessions S   sessions of the client (50)
  --json         figures as JSON on standard output";

/// A million messages at a thousand a second.
const PATIENCE: Duration = Duration::from_secs(1_000);
/// A queue that does not grow for so long is as full as it gets.
const STALL: Duration = Duration::from_secs(60);
/// Messages of a session that fills.
const SESSION: u64 = 2_000;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    queued: Vec<u64>,
    bytes: u32,
    messages: u64,
    rounds: u32,
    sessions: u32,
    json: bool,
}

impl Default for Options {
    fn default() -> Self {
        let queued = vec![10_000, 100_000, 1_000_000];
        Self { queued, bytes: 1024, messages: 10_000, rounds: 3, sessions: 50, json: false }
    }
}

/// What a queue of one size came to.
#[derive(Debug, Serialize)]
struct Size {
    queued: u64,
    /// Of a message that was queued, from its acceptance to its being put off.
    fill_cpu_ms: f64,
    /// The most memory while the queue was filled.
    fill_mib: f64,
    /// From the start of the process until it is ready: the longest of all rounds.
    start_s: f64,
    /// With the queue at rest, right after a start: the most of all rounds.
    rest_mib: f64,
    /// Other mail beside this queue.
    beside: Figures,
    /// The same beside an empty one, in turn.
    empty: Figures,
}

/// Measures and tells.
pub fn run(arguments: &[String]) -> Result<()> {
    let options = read(arguments)?;
    postfix::ensure_present(false)?;
    let mut bench = Bench::new()?;
    let folder = TempDir::with_prefix("queue")?;
    bench.setting(folder.path()).prepare()?;
    let mut sizes = Vec::new();
    HEAD.iter().for_each(|line| eprintln!("{line}"));
    for queued in &options.queued {
        let size = bench.size(&folder, *queued, &options).with_context(|| format!("with {queued} queued"))?;
        eprintln!("{}", line(&size));
        sizes.push(size);
    }
    tell(&options, &sizes)
}

fn read(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--queued" => {
                let sizes = rest.next().context("--queued needs sizes")?;
                options.queued =
                    sizes.split(',').map(|size| size.parse().context("a size is a number")).collect::<Result<_>>()?;
            }
            "--bytes" => options.bytes = number(argument, rest.next(), 1_000_000)?,
            "--messages" => options.messages = number(argument, rest.next(), 1_000_000)?,
            "--rounds" => options.rounds = number(argument, rest.next(), 100)?,
            "--sessions" => options.sessions = number(argument, rest.next(), 1_000)?,
            "--json" => options.json = true,
            other => bail!("there is no option {other}\n\n{USAGE}"),
        }
    }
    ensure!(options.queued.is_sorted_by(|one, next| one < next), "--queued: the queue only grows");
    ensure!(options.queued.iter().all(|size| (1..=10_000_000).contains(size)), "--queued: 1 to 10000000");
    Ok(options)
}

impl Bench {
    /// Fills the queue up to a size and measures beside it.
    fn size(&mut self, folder: &TempDir, queued: u64, options: &Options) -> Result<Size> {
        let (fill_cpu_ms, fill_mib) = self.fill(folder, queued, options)?;
        let (mut beside, mut empty) = (Vec::new(), Vec::new());
        let (mut start_s, mut rest_mib) = (0.0_f64, 0.0_f64);
        for _ in 0..options.rounds {
            let fresh = TempDir::with_prefix("empty")?;
            self.setting(fresh.path()).prepare()?;
            let running = self.setting(fresh.path()).serve()?;
            empty.push(self.relay(running, 0, options)?.1);
            let running = self.setting(folder.path()).serve()?;
            start_s = start_s.max(running.took.as_secs_f64());
            let (rest, figures) = self.relay(running, queued, options)?;
            rest_mib = rest_mib.max(rest);
            beside.push(figures);
        }
        let (beside, empty) = median(&beside).zip(median(&empty)).context("no rounds")?;
        Ok(Size { queued, fill_cpu_ms, fill_mib, start_s, rest_mib, beside, empty })
    }

    /// Fills the queue; what each message cost, and the most memory.
    fn fill(&self, folder: &TempDir, queued: u64, options: &Options) -> Result<(f64, f64)> {
        let mut running = self.setting(folder.path()).serve()?;
        let tree = Tree::of(running.peer.id());
        let (cpu, mut memory_kib, before) = (tree.cpu(), 0, running.waiting()?);
        let mut accepted = before;
        while accepted < queued {
            // No session may bring as many as it likes.
            let messages = (queued - accepted).min(u64::from(options.sessions) * SESSION);
            let load = Load { messages, sessions: options.sessions, bytes: options.bytes, to: AWAY };
            memory_kib = memory_kib.max(send(&mut running, load)?);
            accepted += messages;
        }
        // Each of them has its first try.
        ensure!(is_idle_within(tree, PATIENCE)?, "sealpost does not come to rest\n{}", running.peer.log());
        let waiting = running.waiting()?;
        ensure!(waiting == queued, "{waiting} wait instead of {queued}\n{}", running.peer.log());
        let cpu = tree.cpu().saturating_sub(cpu).as_secs_f64() * 1000.0 / (queued - before).max(1) as f64;
        let memory_kib = memory_kib.max(tree.memory_kib());
        running.peer.stop()?;
        Ok((cpu, memory_kib as f64 / 1024.0))
    }

    /// Relays other mail; the memory at rest before it, in MiB, and the figures.
    fn relay(&mut self, mut running: Running, queued: u64, options: &Options) -> Result<(f64, Figures)> {
        let tree = Tree::of(running.peer.id());
        is_idle_within(tree, PATIENCE)?;
        let rest_mib = tree.memory_kib() as f64 / 1024.0;
        let warm_up = Load::relayed(u64::from(options.sessions * WARM_UP), options.sessions);
        measure(&mut running.peer, running.door, &mut self.sink, warm_up)?;
        let load = Load::relayed(options.messages, options.sessions);
        let figures = measure(&mut running.peer, running.door, &mut self.sink, load)?;
        let waiting = running.waiting()?;
        ensure!(waiting == queued, "{waiting} wait instead of {queued}\n{}", running.peer.log());
        running.peer.stop()?;
        Ok((rest_mib, figures))
    }
}

/// Sends a load that stays; the most memory meanwhile, in KiB.
fn send(running: &mut Running, load: Load) -> Result<u64> {
    let tree = Tree::of(running.peer.id());
    let mut source = Source::start(running.door, load)?;
    let (mut memory_kib, mut waiting, mut rose) = (0, 0, Instant::now());
    while !source.is_done(&running.peer)? {
        running.peer.ensure_alive()?;
        memory_kib = memory_kib.max(tree.memory_kib());
        let now = running.waiting()?;
        if now > waiting {
            (waiting, rose) = (now, Instant::now());
        }
        ensure!(rose.elapsed() < STALL, "the queue stands at {waiting}\n{}", running.peer.log());
        std::thread::park_timeout(GLANCE * 20);
    }
    Ok(memory_kib)
}

fn line(size: &Size) -> String {
    let (beside, empty) = (&size.beside, &size.empty);
    format!(
        "{:>9} {:>10.3} {:>9.0} {:>8.2} {:>9.0} {:>9.0} {:>12.0} {:>9.0} {:>6.2} {:>10.3} {:>7.3}",
        size.queued,
        size.fill_cpu_ms,
        size.fill_mib,
        size.start_s,
        size.rest_mib,
        beside.memory_mib,
        beside.delivered_per_s,
        empty.delivered_per_s,
        beside.delivered_per_s / empty.delivered_per_s,
        beside.cpu_ms,
        empty.cpu_ms,
    )
}

const HEAD: [&str; 2] = [
    "          queueing                      memory MiB        delivered/s              CPU-ms a message",
    "   queued     CPU-ms  peak MiB  start s   at rest      peak    beside it     empty  ratio  beside it   empty",
];

fn tell(options: &Options, sizes: &[Size]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if options.json {
        let value = json!({ "messages": options.messages, "bytes": options.bytes, "sizes": sizes });
        return Ok(writeln!(out, "{value}")?);
    }
    writeln!(out, "\nmedians of {} rounds, {} messages each", options.rounds, options.messages)?;
    HEAD.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    sizes.iter().try_for_each(|size| writeln!(out, "{}", line(size)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_only_grows() {
        let read = |line: &str| read(&line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>());
        assert_eq!(read("").unwrap(), Options::default());
        assert_eq!(
            read("--queued 5,6 --bytes 9").unwrap(),
            Options { queued: vec![5, 6], bytes: 9, ..Options::default() }
        );
        for wrong in ["--queued 6,5", "--queued 0", "--queued x", "--queued", "--faster"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
