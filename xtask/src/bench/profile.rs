//! `cargo xtask bench profile`: where the time of relayed messages goes, by
//! parts. perf(1) looks a thousand times a second at what runs on behalf of the
//! server; each look counts once, for the innermost function alone, so that
//! what somebody allocates is under "allocation", whoever asked for it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};
use serde_json::json;
use tempfile::TempDir;

use super::load::{Load, measure};
use super::relay::{Bench, WARM_UP};
use super::{number, postfix};

/// What can be asked for.
pub const USAGE: &str = "\
cargo xtask bench profile [OPTIONS]

  --messages N   messages (30000)
  --sessions S   sessions of the client (50)
  --top N        functions that are named one by one (25)
  --json         shares as JSON on standard output

perf must be there: apt-get install linux-perf";

/// Looks a second.
const FREQUENCY: &str = "997";

/// The parts, and words one of which the names of their functions have in them. The first that fits counts.
const PARTS: &[(&str, &str)] = &[
    (
        "allocation",
        "mi_ mimalloc malloc alloc::alloc __rust_alloc __rust_dealloc __rust_realloc raw_vec cfree OPENSSL_free",
    ),
    (
        "SQLite",
        "sqlite3 pcache1 balance vdbe btree Btree rusqlite pager walFind walIndex walChecksum releaseMemArray \
         cellSizePtr moveTo",
    ),
    ("RSA", "bn_mul bn_sqr bn_power rsaz RSA_ bn_from_mont BN_"),
    ("Ed25519", "ed25519 edwards25519 ED25519 curve25519"),
    ("SHA-2, HMAC, HKDF", "sha256 SHA256 HMAC HKDF hmac hkdf sha512 SHA512"),
    ("AES-GCM", "aes AES gcm ghash GCM"),
    ("TLS records", "rustls"),
    ("JSON", "serde_json serde:: serde_core itoa"),
    ("detectors", "aho_corasick regex_automata policy:: memchr"),
    ("SMTP and headers", "smtp:: mail:: seal:: trace::"),
    ("tokio and tasks", "tokio:: mio:: parking_lot futures crossbeam"),
    ("the journey", "flow:: store:: ledger:: vault:: transport:: identity:: sealpost:: jiff"),
    ("copying and comparing", "memcpy memmove memset memcmp strlen"),
    ("formatting", "core::fmt alloc::fmt core::str core::num"),
];

/// The same for the kernel's functions.
const KERNEL: &[(&str, &str)] = &[
    ("kernel: sockets and TCP", "tcp sock skb inet ip_ netif net_rx nf_ dev_queue napi loopback lo_ bbr"),
    (
        "kernel: files and sync",
        "ext4 xfs jbd2 blk bio vfs filemap page_cache writeback folio virtio iov_iter iowrite dirty block_ dd_",
    ),
    (
        "kernel: threads, waking, interrupts",
        "futex sched wake switch epoll ep_ eventfd rcu timer dequeue enqueue select_task spin_ irq read_tsc",
    ),
    ("kernel: in and out of it", "syscall sys_ fdget copy_to copy_from copy_iovec object_size"),
    ("kernel: memory", "slab kfree kmem kmalloc page mmap mm_ clear_ zap vma madvise unmap cgroup lru"),
];

struct Options {
    messages: u64,
    sessions: u32,
    top: usize,
    json: bool,
}

/// A function of the profile.
#[derive(Debug, PartialEq)]
struct Function {
    share: f64,
    is_kernel: bool,
    name: String,
}

/// Profiles and tells.
pub fn run(arguments: &[String]) -> Result<()> {
    let options = read(arguments)?;
    postfix::ensure_present(false)?;
    let version = Command::new("perf").arg("--version").output();
    ensure!(version.is_ok_and(|output| output.status.success()), "{USAGE}");
    let mut bench = Bench::new()?;
    let folder = TempDir::with_prefix("profile")?;
    bench.setting(folder.path()).prepare()?;
    let mut running = bench.setting(folder.path()).serve()?;
    let warm_up = Load::relayed(u64::from(options.sessions * WARM_UP), options.sessions);
    measure(&mut running.peer, running.door, &mut bench.sink, warm_up)?;
    let data = folder.path().join("perf.data");
    let mut perf = Command::new("perf")
        .args([
            "record",
            "--quiet",
            "--event",
            "cpu-clock",
            "--freq",
            FREQUENCY,
            "--pid",
            &running.peer.id().to_string(),
        ])
        .arg("--output")
        .arg(&data)
        .stderr(Stdio::inherit())
        .spawn()?;
    let load = Load::relayed(options.messages, options.sessions);
    let figures = measure(&mut running.peer, running.door, &mut bench.sink, load);
    // It ends by itself when the server does; the server's way down is not of interest, but short.
    running.peer.stop()?;
    perf.wait()?;
    let figures = figures?;
    let mut report = Command::new("perf");
    report.args(["report", "--stdio", "--fields", "overhead,sym", "--field-separator", "|", "--percent-limit", "0"]);
    let report = report.arg("--input").arg(&data).stderr(Stdio::null()).output()?;
    ensure!(report.status.success(), "perf report failed");
    let functions = functions(&String::from_utf8_lossy(&report.stdout));
    ensure!(!functions.is_empty(), "perf saw nothing");
    tell(&options, figures.cpu_ms, &functions)
}

fn read(arguments: &[String]) -> Result<Options> {
    let mut options = Options { messages: 30_000, sessions: 50, top: 25, json: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--messages" => options.messages = number(argument, rest.next(), 1_000_000)?,
            "--sessions" => options.sessions = number(argument, rest.next(), 1_000)?,
            "--top" => options.top = usize::from(number::<u16>(argument, rest.next(), 1_000)?),
            "--json" => options.json = true,
            other => bail!("there is no option {other}\n\n{USAGE}"),
        }
    }
    Ok(options)
}

/// Reads lines like ` 3.21% |[k] tcp_sendmsg`.
fn functions(report: &str) -> Vec<Function> {
    let one = |line: &str| {
        let (share, symbol) = line.split_once('|')?;
        let (kind, name) = symbol.trim().split_once("] ")?;
        let share = share.trim().strip_suffix('%')?.parse().ok()?;
        Some(Function { share, is_kernel: kind == "[k", name: name.trim().to_owned() })
    };
    report.lines().filter_map(one).collect()
}

fn part(function: &Function) -> &'static str {
    let (parts, rest) = if function.is_kernel { (KERNEL, "kernel: all else") } else { (PARTS, "all else") };
    let fits = |words: &str| words.split_whitespace().any(|word| function.name.contains(word));
    parts.iter().find(|(_, words)| fits(words)).map_or(rest, |(part, _)| part)
}

fn shares(functions: &[Function]) -> Vec<(&'static str, f64)> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for function in functions {
        *shares.entry(part(function)).or_default() += function.share;
    }
    let mut shares: Vec<_> = shares.into_iter().collect();
    shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    shares
}

fn tell(options: &Options, cpu_ms: f64, functions: &[Function]) -> Result<()> {
    let shares = shares(functions);
    let mut out = std::io::stdout().lock();
    if options.json {
        let shares: BTreeMap<&str, f64> = shares.into_iter().collect();
        return Ok(writeln!(out, "{}", json!({ "cpu_ms": cpu_ms, "shares": shares }))?);
    }
    writeln!(out, "{cpu_ms:.3} CPU-ms a message, perf included\n\n share       µs  part")?;
    for (part, share) in &shares {
        writeln!(out, "{share:5.1} % {:8.1}  {part}", share * cpu_ms * 10.0)?;
    }
    writeln!(out, "\n share  function (part)")?;
    for function in functions.iter().take(options.top) {
        writeln!(out, "{:5.2} %  {} ({})", function.share, function.name, part(function))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_counts_for_one_part() {
        let report =
            "# comment\n\n 12.50% |[k] tcp_sendmsg \n  3.25%|[.] sqlite3VdbeExec\n  0.25%|[.] odd::<T>::thing\n";
        let functions = functions(report);
        assert_eq!(functions.len(), 3);
        assert_eq!(functions[0], Function { share: 12.5, is_kernel: true, name: "tcp_sendmsg".into() });
        let expect = [("kernel: sockets and TCP", 12.5), ("SQLite", 3.25), ("all else", 0.25)];
        assert_eq!(shares(&functions), expect);
    }
}
