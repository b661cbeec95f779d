//! One load on one server: what goes in by `smtp-source`, what comes out at
//! the sink, and what the server used in between.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::peer::{GLANCE, Peer, within};
use super::probe::Probes;
use super::tree::Tree;

/// Debian's load generator for SMTP.
pub const SOURCE: &str = "/usr/sbin/smtp-source";

/// A load that brings nothing to the sink for so long has failed.
const STALL: Duration = Duration::from_secs(60);
/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(250);
/// A server is idle when it used no CPU for so long, and is waited for so long.
const IDLE: Duration = Duration::from_millis(500);
const IDLE_PATIENCE: Duration = Duration::from_secs(15);

/// What a client sends.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many messages.
    pub messages: u64,
    /// In how many sessions.
    pub sessions: u32,
    /// Bytes of each.
    pub bytes: u32,
    /// To whom.
    pub to: &'static str,
}

impl Load {
    /// The usual one: 4 KiB to somebody at the sink.
    pub fn relayed(messages: u64, sessions: u32) -> Self {
        Self { messages, sessions, bytes: 4096, to: "someone@patients.example" }
    }
}

/// The sink's process.
pub struct Sink {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What the sink has seen since it was asked to begin anew.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Messages.
    pub messages: u64,
    /// TLS connections.
    pub connections: u64,
    /// Those of them that resumed a session.
    pub resumed: u64,
    /// How long ago the last message was.
    pub since: Duration,
}

impl Sink {
    /// Starts it with a folder for its anchors.
    pub fn start(program: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["bench", "sink"]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the sink")?;
        let ask = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().context("the sink's output")?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let address = line.trim().parse().context("the sink's address")?;
        Ok(Self { child, ask, answers, address })
    }

    /// What it has seen.
    pub fn seen(&mut self) -> Result<Seen> {
        self.ask("count")
    }

    /// Begins anew.
    pub fn reset(&mut self) -> Result<()> {
        self.ask("reset").map(drop)
    }

    fn ask(&mut self, word: &str) -> Result<Seen> {
        writeln!(self.ask.as_ref().context("the sink's input")?, "{word}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [messages, connections, resumed, since] = numbers.as_slice() else { bail!("the sink is gone") };
        let since = Duration::from_micros(*since);
        Ok(Seen { messages: *messages, connections: *connections, resumed: *resumed, since })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.ask.take());
        drop(self.child.wait());
    }
}

/// What one load came to.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Figures {
    /// Messages that the client got 250 for, a second.
    pub accepted_per_s: f64,
    /// How long its 250 takes after the final dot, in milliseconds: 99 of 100 take no longer.
    pub accept_p99_ms: f64,
    /// Messages that the sink got, a second, from the first byte of the load.
    pub delivered_per_s: f64,
    /// CPU of the server, a message, in milliseconds.
    pub cpu_ms: f64,
    /// The most memory at a time, MiB.
    pub memory_mib: f64,
    /// TLS connections to the sink.
    pub connections: u64,
    /// Those of them that resumed a session.
    pub resumed: u64,
}

/// Sends a load through a server and waits until all of it has arrived and the server is idle.
pub fn measure(peer: &mut Peer, door: SocketAddr, sink: &mut Sink, load: Load) -> Result<Figures> {
    let tree = Tree::of(peer.id());
    sink.reset()?;
    let cpu = tree.cpu();
    let began = Instant::now();
    let mut source = Source::start(door, load)?;
    let probes = Probes::start(door, load);
    let watched = watch(peer, &mut source, sink, &probes, load.messages, began)?;
    let accept_p99_ms = probes.p99_ms();
    await_idle(tree)?;
    let cpu = tree.cpu().saturating_sub(cpu);
    let count = watched.seen.messages as f64;
    Ok(Figures {
        accepted_per_s: load.messages as f64 / watched.accepted.as_secs_f64(),
        accept_p99_ms,
        delivered_per_s: count / watched.delivered.as_secs_f64(),
        cpu_ms: cpu.as_secs_f64() * 1000.0 / count,
        memory_mib: watched.memory_kib.max(tree.memory_kib()) as f64 / 1024.0,
        connections: watched.seen.connections,
        resumed: watched.seen.resumed,
    })
}

/// The client; ended with us, however we end.
pub struct Source(Child);

impl Source {
    /// Starts it.
    pub fn start(door: SocketAddr, load: Load) -> Result<Self> {
        let mut command = Command::new(SOURCE);
        // -d: a session goes on after its first message.
        command.args(["-d", "-f", "desk@clinic.example", "-t", load.to]);
        let (sessions, messages, bytes) =
            (load.sessions.to_string(), load.messages.to_string(), load.bytes.to_string());
        command.args(["-s", &sessions, "-m", &messages, "-l", &bytes]);
        let child = command.arg(door.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Ok(Self(child.context(SOURCE)?))
    }

    /// Whether it got its last 250; an error when it failed.
    pub fn is_done(&mut self, peer: &Peer) -> Result<bool> {
        let Some(status) = self.0.try_wait()? else { return Ok(false) };
        ensure!(status.success(), "smtp-source ended with {status}\n{}", peer.log());
        Ok(true)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct Watched {
    accepted: Duration,
    delivered: Duration,
    memory_kib: u64,
    seen: Seen,
}

fn watch(
    peer: &mut Peer,
    source: &mut Source,
    sink: &mut Sink,
    probes: &Probes,
    messages: u64,
    began: Instant,
) -> Result<Watched> {
    let tree = Tree::of(peer.id());
    let (mut accepted, mut memory_kib) = (None, 0);
    let (mut sampled, mut moved, mut last) = (began, began, 0);
    loop {
        let now = Instant::now();
        if accepted.is_none() && source.is_done(peer)? {
            accepted = Some(now - began);
            probes.stop();
        }
        let seen = sink.seen()?;
        // Those of the probes come on top, once the last of them has its 250.
        let messages = messages + probes.sent();
        if let (Some(accepted), true, true) = (accepted, probes.are_done(), seen.messages >= messages) {
            ensure!(seen.messages == messages, "{} messages arrived instead of {messages}", seen.messages);
            probes.ensure_fine()?;
            let delivered = began.elapsed().saturating_sub(seen.since);
            return Ok(Watched { accepted, delivered, memory_kib, seen });
        }
        if seen.messages != last {
            (last, moved) = (seen.messages, now);
        }
        if now - moved > STALL {
            bail!("{last} of {messages} messages arrived and then none for {STALL:?}\n{}", peer.log());
        }
        if now - sampled > SAMPLE {
            peer.ensure_alive()?;
            (memory_kib, sampled) = (memory_kib.max(tree.memory_kib()), now);
        }
        std::thread::park_timeout(GLANCE);
    }
}

/// What is still to be written down belongs to the messages, too.
fn await_idle(tree: Tree) -> Result<()> {
    is_idle_within(tree, IDLE_PATIENCE).map(drop)
}

/// Whether a server came to rest in that time.
pub fn is_idle_within(tree: Tree, patience: Duration) -> Result<bool> {
    let (mut cpu, mut since) = (tree.cpu(), Instant::now());
    let idle = within(patience, || {
        let now = tree.cpu();
        if now > cpu {
            (cpu, since) = (now, Instant::now());
        }
        Ok((since.elapsed() > IDLE).then_some(()))
    })?;
    Ok(idle.is_some())
}
