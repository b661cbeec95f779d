//! `cargo xtask bench seal`: what sealing costs on one core, beside GnuPG and
//! `openssl cms` as commands and beside the raw operations of the provider of
//! cryptography, all in the same run.
//!
//! Time is that of the processor, ours and the commands', so that what else the
//! machine does counts less. GnuPG's agent, which signs and decrypts for it, is
//! not counted; that is in its favour.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use crate::cargo;

/// What can be asked for.
pub const USAGE: &str = "\
cargo xtask bench seal [OPTIONS]

  --seconds S    processor time for each figure (1)
  --json         figures as JSON on standard output";

/// One figure: an operation, a size, how often a second.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Figure {
    name: String,
    bytes: usize,
    per_s: f64,
}

/// The most memory that one message for many took.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Peak {
    method: String,
    recipients: usize,
    bytes: usize,
    sealed_bytes: usize,
    before_mib: f64,
    peak_mib: f64,
}

/// A ratio, and what it is to reach.
struct Target {
    ours: &'static str,
    theirs: &'static str,
    bytes: usize,
    at_least: f64,
}

const SMALL: usize = 4 << 10;
const LARGE: usize = 1 << 20;

const TARGETS: [Target; 13] = [
    target("openpgp v4 mdc encrypt", "gpg encrypt", SMALL, 20.0),
    target("openpgp v4 mdc sign and encrypt", "gpg sign and encrypt", SMALL, 20.0),
    target("openpgp v4 mdc encrypt: open", "gpg decrypt", SMALL, 20.0),
    target("smime rsa-2048 encrypt cbc", "openssl rsa encrypt cbc", SMALL, 10.0),
    target("smime p256 encrypt gcm", "openssl p256 encrypt gcm", SMALL, 10.0),
    target("smime rsa-2048 sign", "openssl rsa sign", SMALL, 10.0),
    target("smime rsa-2048 encrypt cbc: open", "openssl rsa decrypt cbc", SMALL, 10.0),
    target("openpgp v4 mdc encrypt", "raw x25519 ephemeral and agree", SMALL, 0.5),
    target("openpgp v4 aead encrypt", "raw x25519 ephemeral and agree", SMALL, 0.5),
    target("smime rsa-2048 encrypt gcm", "raw rsa-2048 encrypt", SMALL, 0.5),
    target("smime p256 encrypt gcm", "raw p256 ephemeral and agree", SMALL, 0.5),
    target("cms der rsa-2048 gcm", "raw aes-256-gcm", LARGE, 0.75),
    target("cms der p256 gcm", "raw aes-256-gcm", 16 << 20, 0.75),
];

const fn target(ours: &'static str, theirs: &'static str, bytes: usize, at_least: f64) -> Target {
    Target { ours, theirs, bytes, at_least }
}

/// Measures and tells.
pub fn run(arguments: &[String]) -> Result<()> {
    let (seconds, is_json) = options(arguments)?;
    cargo::run(&["build", "--release", "--quiet", "-p", "seal", "--example", "rate"])?;
    let metadata = cargo::metadata()?;
    let target = Path::new(metadata["target_directory"].as_str().context("no target directory")?);
    let example = target.join("release/examples/rate");
    let folder = TempDir::with_prefix("bench-seal")?;
    let desk = Desk { folder: folder.path() };
    let key = desk.make_keys()?;
    let ours = output(Command::new(&example).args(["rates", &seconds.to_string()]).arg(key), b"")?;
    let mut figures: Vec<Figure> = serde_json::from_slice(&ours)?;
    figures.extend(desk.commands(Duration::from_secs_f64(seconds))?);
    desk.run(&["gpgconf", "--kill", "all"], b"")?;
    let peaks = peaks(&example)?;
    let mut out = std::io::stdout().lock();
    if is_json {
        writeln!(out, "{}", json!({ "figures": figures, "memory": peaks }))?;
        return Ok(());
    }
    tell(&mut out, &figures, &peaks)
}

fn options(arguments: &[String]) -> Result<(f64, bool)> {
    let (mut seconds, mut is_json) = (1.0, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" => seconds = rest.next().context(USAGE)?.parse()?,
            "--json" => is_json = true,
            other => bail!("there is no option {other}\n\n{USAGE}"),
        }
    }
    ensure!((0.01..=60.0).contains(&seconds), "--seconds is between 0.01 and 60");
    Ok((seconds, is_json))
}

fn tell(out: &mut impl std::io::Write, figures: &[Figure], peaks: &[Peak]) -> Result<()> {
    writeln!(out, "{:<44} {:>10} {:>12} {:>10}", "", "bytes", "per second", "MB/s")?;
    for Figure { name, bytes, per_s } in figures {
        let rate = *bytes as f64 * per_s / 1e6;
        writeln!(out, "{name:<44} {bytes:>10} {per_s:>12.1} {rate:>10.1}")?;
    }
    let known: BTreeMap<(&str, usize), f64> =
        figures.iter().map(|figure| ((figure.name.as_str(), figure.bytes), figure.per_s)).collect();
    writeln!(out)?;
    for Target { ours, theirs, bytes, at_least } in &TARGETS {
        let other = known.get(&(*theirs, *bytes)).or_else(|| known.get(&(*theirs, 0)));
        let (Some(own), Some(other)) = (known.get(&(*ours, *bytes)), other) else { bail!("no figure of {ours}") };
        let ratio = own / other;
        let reached = if ratio >= *at_least { "reached" } else { "MISSED" };
        writeln!(out, "{ours} : {theirs}, {bytes} bytes: {ratio:.2} (at least {at_least}: {reached})")?;
    }
    writeln!(out)?;
    for Peak { method, recipients, bytes, peak_mib, .. } in peaks {
        writeln!(out, "{method}, {bytes} bytes for {recipients}: peak {peak_mib:.0} MiB")?;
    }
    Ok(())
}

/// A message of 25 MB for 50 recipients, each method in a process of its own.
fn peaks(example: &Path) -> Result<Vec<Peak>> {
    let methods = ["openpgp v4", "openpgp v6", "openpgp v4 signed", "smime cbc", "smime gcm", "smime gcm signed"];
    let peak = |method: &&str| {
        let mut command = Command::new(example);
        Ok(serde_json::from_slice(&output(command.args(["memory", method, "50", "25000000"]), b"")?)?)
    };
    methods.iter().map(peak).collect()
}

/// A folder with keys and messages.
struct Desk<'a> {
    folder: &'a Path,
}

const GPG: &[&str] = &["gpg", "--batch", "--quiet", "--yes", "--trust-model", "always", "--compress-algo", "none"];

impl Desk<'_> {
    fn command(&self, words: &[&str]) -> Result<Command> {
        let (program, arguments) = words.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder).env("GNUPGHOME", self.folder).env("LC_ALL", "C");
        Ok(command)
    }

    fn run(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        output(&mut self.command(words)?, input)
    }

    /// GnuPG and OpenSSL as somebody's scripts would call them.
    fn commands(&self, at_least: Duration) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for bytes in [SMALL, LARGE] {
            figures.extend(self.gnupg(bytes, at_least)?);
            figures.extend(self.openssl(bytes, at_least)?);
        }
        Ok(figures)
    }

    /// Keys of both programs; the file with GnuPG's private one.
    fn make_keys(&self) -> Result<PathBuf> {
        let locked = ["--passphrase", "", "--pinentry-mode", "loopback"];
        self.run(
            &[GPG, &locked, &["--quick-gen-key", "b <b@x.example>", "future-default", "default", "never"]].concat(),
            b"",
        )?;
        for (name, kind) in [("rsa", &["rsa:2048"][..]), ("p256", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])] {
            let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
            let request = ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=b", "-newkey"];
            self.run(&[&request[..], kind, &["-keyout", &key, "-out", &crt]].concat(), b"")?;
        }
        let path = self.folder.join("secret.gpg");
        fs::write(&path, self.run(&[GPG, &locked, &["--export-secret-keys", "b"]].concat(), b"")?)?;
        Ok(path)
    }

    fn gnupg(&self, bytes: usize, at_least: Duration) -> Result<Vec<Figure>> {
        let message = message(bytes);
        let sealed = self.run(&[GPG, &["--armor", "--encrypt", "-r", "b"]].concat(), &message)?;
        let forms = [
            ("gpg encrypt", &["--armor", "--encrypt", "-r", "b"][..], &message),
            ("gpg sign and encrypt", &["--armor", "--sign", "--encrypt", "-r", "b"], &message),
            ("gpg sign", &["--armor", "--detach-sign"], &message),
            ("gpg decrypt", &["--decrypt"], &sealed),
        ];
        forms
            .iter()
            .map(|(name, words, input)| self.rate(name, &[GPG, words].concat(), input, bytes, at_least))
            .collect()
    }

    fn openssl(&self, bytes: usize, at_least: Duration) -> Result<Vec<Figure>> {
        let message = message(bytes);
        let cms = ["openssl", "cms", "-binary"];
        let sealed = self.run(&[&cms[..], &["-encrypt", "-aes256", "rsa.crt"]].concat(), &message)?;
        let decrypt = ["openssl", "cms", "-decrypt", "-inkey", "rsa.key", "-recip", "rsa.crt"];
        let mut figures = vec![self.rate("openssl rsa decrypt cbc", &decrypt, &sealed, bytes, at_least)?];
        let forms = [
            ("openssl rsa encrypt cbc", &["-encrypt", "-aes256", "rsa.crt"][..]),
            ("openssl rsa encrypt gcm", &["-encrypt", "-aes-256-gcm", "rsa.crt"]),
            ("openssl p256 encrypt gcm", &["-encrypt", "-aes-256-gcm", "p256.crt"]),
            ("openssl rsa sign", &["-sign", "-signer", "rsa.crt", "-inkey", "rsa.key"]),
            ("openssl p256 sign", &["-sign", "-signer", "p256.crt", "-inkey", "p256.key"]),
        ];
        for (name, words) in forms {
            figures.push(self.rate(name, &[&cms[..], words].concat(), &message, bytes, at_least)?);
        }
        Ok(figures)
    }

    /// How often a second of the processor's time a command runs.
    fn rate(&self, name: &str, words: &[&str], input: &[u8], bytes: usize, at_least: Duration) -> Result<Figure> {
        self.run(words, input)?;
        let (started, before) = (Instant::now(), spent_by_children()?);
        let mut runs = 0_u32;
        let mut spent = Duration::ZERO;
        // The clock of the kernel ticks in hundredths: too short a time would say nothing.
        while spent < at_least.max(Duration::from_millis(300)) && started.elapsed() < Duration::from_secs(60) {
            for _ in 0..5 {
                self.run(words, input)?;
                runs += 1;
            }
            spent = spent_by_children()?.saturating_sub(before);
        }
        Ok(Figure { name: name.to_owned(), bytes, per_s: f64::from(runs) / spent.as_secs_f64() })
    }
}

/// User and system time of the processes that have ended (proc(5): `cutime`, `cstime`).
fn spent_by_children() -> Result<Duration> {
    const TICKS_PER_S: u64 = 100;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).context("no such field");
    Ok(Duration::from_millis((ticks(13)? + ticks(14)?) * 1_000 / TICKS_PER_S))
}

fn message(bytes: usize) -> Vec<u8> {
    let line = b"The quick brown fox jumps over the lazy dog, and the dog sleeps on.\r\n";
    let head = b"Content-Type: text/plain\r\n\r\n".iter();
    head.chain(line.iter().cycle()).copied().take(bytes).collect()
}

fn output(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{command:?}"))?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // A program that has heard enough closes its input.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_bounded() {
        let read = |line: &str| options(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).ok();
        assert_eq!(read(""), Some((1.0, false)));
        assert_eq!(read("--seconds 0.5 --json"), Some((0.5, true)));
        for wrong in ["--seconds", "--seconds 0", "--seconds x", "--faster"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
