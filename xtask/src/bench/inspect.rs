//! `cargo xtask bench inspect`: how many messages a second are traced on one
//! core and on all, beside Python's mail-parser over the same messages in the
//! same run, and how much memory an mbox of any size takes.
//!
//! Time is that of the processor, so that what else the machine does counts
//! less. The messages are made up: `corpus` tells how.

mod corpus;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cargo;

/// What can be asked for.
pub const USAGE: &str = "\
cargo xtask bench inspect [OPTIONS]

  --rounds R     rounds; figures are medians (5)
  --seconds S    seconds of each figure in a round (2)
  --messages N   different messages (2000)
  --mbox GB      sizes of mboxes for the memory, by commas; 0: none (1,10)
  --sealpost F   another build of sealpost for the memory
  --json         figures as JSON on standard output

Python's mail-parser must be there: pip install mail-parser";

struct Options {
    rounds: usize,
    seconds: u32,
    messages: usize,
    mboxes: Vec<u64>,
    sealpost: Option<PathBuf>,
    is_json: bool,
}

/// To reach on one core, verdicts included, JSON apart.
const TARGET_PER_S: f64 = 100_000.0;

/// Measures and tells.
pub fn run(arguments: &[String]) -> Result<()> {
    let options = read(arguments)?;
    cargo::run(&["build", "--release", "--quiet", "-p", "trace", "--example", "rate"])?;
    let metadata = cargo::metadata()?;
    let release = Path::new(metadata["target_directory"].as_str().context("no target directory")?).join("release");
    let folder = TempDir::with_prefix("bench-inspect")?;
    let files = corpus::write(folder.path(), options.messages)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (mut one, mut all, mut python) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        one.push(ours(&release, options.seconds, 1, &files)?);
        all.push(ours(&release, options.seconds, cores, &files)?);
        python.push(mail_parser(options.seconds, folder.path())?);
        eprintln!("round {round}: {} {} {}", one[round - 1], all[round - 1], python[round - 1]);
    }
    let memory = memory(&options, &release, &files)?;
    tell(&options, cores, &medians(&one, &all, &python)?, &memory)
}

fn read(arguments: &[String]) -> Result<Options> {
    let mut options =
        Options { rounds: 5, seconds: 2, messages: 2_000, mboxes: vec![1, 10], sealpost: None, is_json: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--rounds" => options.rounds = rest.next().context(USAGE)?.parse()?,
            "--seconds" => options.seconds = rest.next().context(USAGE)?.parse()?,
            "--messages" => options.messages = rest.next().context(USAGE)?.parse()?,
            "--mbox" => {
                let sizes = rest.next().context(USAGE)?.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
                options.mboxes = sizes.into_iter().filter(|size| *size > 0).collect();
            }
            "--sealpost" => options.sealpost = Some(rest.next().context(USAGE)?.into()),
            "--json" => options.is_json = true,
            other => bail!("there is no option {other}\n\n{USAGE}"),
        }
    }
    ensure!((1..=100).contains(&options.rounds), "--rounds is 1 to 100");
    ensure!((1..=60).contains(&options.seconds), "--seconds is 1 to 60");
    ensure!((1..=20_000).contains(&options.messages), "--messages is 1 to 20000");
    Ok(options)
}

fn ours(release: &Path, seconds: u32, threads: usize, files: &[PathBuf]) -> Result<Value> {
    let mut command = Command::new(release.join("examples/rate"));
    command.args([seconds.to_string(), threads.to_string()]).args(files);
    figures(&mut command)
}

fn mail_parser(seconds: u32, folder: &Path) -> Result<Value> {
    let mut command = Command::new("python3");
    command.args(["-c", MAIL_PARSER, &seconds.to_string()]).arg(folder);
    figures(&mut command).context("mail-parser can't be measured: pip install mail-parser")
}

fn figures(command: &mut Command) -> Result<Value> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Reads each message whole, as it does, and its `Received` fields.
const MAIL_PARSER: &str = r#"
import glob, json, logging, os, sys, time
logging.disable(logging.CRITICAL)
import mailparser
seconds, folder = float(sys.argv[1]), sys.argv[2]
messages = [open(path, "rb").read() for path in sorted(glob.glob(os.path.join(folder, "*.eml")))]
done, hops, begin = 0, 0, time.process_time()
while time.process_time() - begin < seconds:
    for message in messages:
        hops += len(mailparser.parse_from_bytes(message).received)
        done += 1
        if time.process_time() - begin >= seconds:
            break
print(json.dumps({"per_s": done / (time.process_time() - begin), "hops": hops / done}))
"#;

/// The most memory that `sealpost inspect --json` takes for an mbox of each size.
fn memory(options: &Options, release: &Path, files: &[PathBuf]) -> Result<Vec<Value>> {
    if options.mboxes.is_empty() {
        return Ok(Vec::new());
    }
    let sealpost = match &options.sealpost {
        Some(path) => path.clone(),
        None => {
            cargo::run(&["build", "--release", "--quiet", "-p", "sealpost"])?;
            release.join("sealpost")
        }
    };
    let mbox = corpus::mbox(files)?;
    options.mboxes.iter().map(|gigabytes| peak(&sealpost, &mbox, *gigabytes)).collect()
}

/// An mbox of so many gigabytes by a pipe: nothing of it is ever on a disk.
fn peak(sealpost: &Path, mbox: &[u8], gigabytes: u64) -> Result<Value> {
    let mut command = Command::new(sealpost);
    command.args(["inspect", "--json", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("no pipe")?;
    let (mut written, mut most_kib) = (0u64, 0);
    while written < gigabytes * 1_000_000_000 {
        stdin.write_all(mbox)?;
        written += mbox.len() as u64;
        most_kib = most_kib.max(status_kib(&child)?);
    }
    // What is in the pipe is the last; the high-water mark is read until the process is gone.
    drop(stdin);
    while child.try_wait()?.is_none() {
        most_kib = most_kib.max(status_kib(&child).unwrap_or_default());
        std::thread::yield_now();
    }
    ensure!(child.wait()?.success(), "sealpost inspect failed");
    Ok(json!({ "gigabytes": gigabytes, "bytes": written, "peak_mib": f64::from(most_kib) / 1024.0 }))
}

/// `VmHWM`: the most that was ever resident.
fn status_kib(child: &Child) -> Result<u32> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse().unwrap_or_default())
}

fn medians(one: &[Value], all: &[Value], python: &[Value]) -> Result<Value> {
    let of = |rounds: &[Value], pointer: &str| {
        let mut found: Vec<f64> = rounds.iter().filter_map(|round| round.pointer(pointer)?.as_f64()).collect();
        found.sort_by(f64::total_cmp);
        found.get(found.len() / 2).copied().context("no figures")
    };
    Ok(json!({
        "header_bytes": of(one, "/header_bytes")?,
        "one_core": { "trace": of(one, "/per_s/trace")?, "evidence": of(one, "/per_s/evidence")?, "json": of(one, "/per_s/json")? },
        "all_cores": { "trace": of(all, "/per_s/trace")?, "evidence": of(all, "/per_s/evidence")?, "json": of(all, "/per_s/json")? },
        "mail_parser": of(python, "/per_s")?,
    }))
}

fn tell(options: &Options, cores: usize, medians: &Value, memory: &[Value]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if options.is_json {
        return Ok(writeln!(out, "{}", json!({ "cores": cores, "medians": medians, "memory": memory }))?);
    }
    let figure = |pointer: &str| medians.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
    writeln!(
        out,
        "medians of {} rounds, headers of {} bytes, messages a second\n",
        options.rounds,
        figure("/header_bytes")
    )?;
    writeln!(out, "{:<36} {:>10} {:>14}", "", "one core", format!("{cores} cores"))?;
    for (name, key) in [("hops and verdicts", "trace"), ("and other evidence", "evidence"), ("and JSON", "json")] {
        let (one, all) = (figure(&format!("/one_core/{key}")), figure(&format!("/all_cores/{key}")));
        writeln!(out, "{name:<36} {one:>10.0} {all:>14.0}")?;
    }
    let python = figure("/mail_parser");
    writeln!(out, "{:<36} {python:>10.0}\n", "mail-parser (no verdicts)")?;
    let one = figure("/one_core/trace");
    let reached = if one >= TARGET_PER_S { "reached" } else { "MISSED" };
    writeln!(out, "on one core: {:.0} times mail-parser; at least {TARGET_PER_S}: {reached}", one / python)?;
    for one in memory {
        writeln!(
            out,
            "an mbox of {} GB: peak {:.1} MiB",
            one["gigabytes"],
            one["peak_mib"].as_f64().unwrap_or_default()
        )?;
    }
    Ok(())
}
