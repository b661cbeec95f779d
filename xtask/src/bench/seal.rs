//! `cargo xtask bench seal`: what sealing costs on one core, beside GnuPG and
//! `openssl cms` as commands and beside the raw operations of the provider of
//! cryptography, all in the same run.
//!
//! Time is that of the processor, ours and the commands', so that what else the
//! machine does counts less. GnuPG's agent, which signs and decrypts for it, is
//! not counted; that is in its favour. Ours are medians over single runs, the
//! commands' medians of three rounds. What is reached and what is missed is
//! told by [`targets`].

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use super::seal_targets as targets;
use crate::cargo;

/// What can be asked for.
pub const USAGE: &str = "\
cargo xtask bench seal [OPTIONS]

  --seconds S    processor time for each figure (1)
  --json         figures as JSON on standard output";

/// One figure: an operation, a size, how often a second.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) bytes: usize,
    pub(super) per_s: f64,
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

pub(super) const SMALL: usize = 4 << 10;
pub(super) const LARGE: usize = 1 << 20;

/// Measures and tells.
pub fn run(arguments: &[String]) -> Result<()> {
    let (seconds, is_json) = options(arguments)?;
    cargo::run(&["build", "--release", "--quiet", "-p", "seal", "--example", "rate"])?;
    let metadata = cargo::metadata()?;
    let target = Path::new(metadata["target_directory"].as_str().context("no target directory")?);
    let example = target.join("release/examples/rate");
    let folder = TempDir::with_prefix("bench-seal")?;
    let desk = Desk { folder: folder.path() };
    let keys = desk.make_keys()?;
    let ours = output(Command::new(&example).args(["rates", &seconds.to_string(), ""]).args(keys), b"")?;
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
    writeln!(out)?;
    targets::tell(out, figures)?;
    writeln!(out)?;
    for Peak { method, recipients, bytes, before_mib, peak_mib, .. } in peaks {
        let reached = if peak_mib * 1.048_576 <= MEMORY_MB_MAX { "reached" } else { "MISSED" };
        writeln!(
            out,
            "{method}, {bytes} bytes for {recipients}: peak {peak_mib:.0} MiB, {before_mib:.0} before \
             (at most {MEMORY_MB_MAX} MB: {reached})"
        )?;
    }
    Ok(())
}

/// What a message of 25 MB for 50 may take.
const MEMORY_MB_MAX: f64 = 200.0;

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

/// GnuPG's users: name, primary key, key for encryption.
const GPG_KEYS: [(&str, &str, &str); 3] =
    [("x25519", "ed25519", "cv25519"), ("rsa-2048", "rsa2048", "rsa2048"), ("p256", "nistp256", "nistp256")];

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

    /// Keys of both programs; GnuPG's private ones as `NAME=FILE`.
    fn make_keys(&self) -> Result<Vec<String>> {
        for (name, kind) in [("rsa", &["rsa:2048"][..]), ("p256", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])] {
            let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
            let request = ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=b", "-newkey"];
            self.run(&[&request[..], kind, &["-keyout", &key, "-out", &crt]].concat(), b"")?;
        }
        let locked = ["--passphrase", "", "--pinentry-mode", "loopback"];
        let export = |(user, primary, subkey): &(&str, &str, &str)| {
            let id = format!("{user} <{user}@x.example>");
            self.run(&[GPG, &locked, &["--quick-gen-key", &id, primary, "sign", "never"]].concat(), b"")?;
            let listed = String::from_utf8(self.run(&[GPG, &["--list-keys", "--with-colons", user]].concat(), b"")?)?;
            let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).context("no fingerprint")?;
            let fingerprint = fingerprint.trim_matches(':');
            self.run(&[GPG, &locked, &["--quick-add-key", fingerprint, subkey, "encr", "never"]].concat(), b"")?;
            let path = self.folder.join(format!("{user}.gpg"));
            fs::write(&path, self.run(&[GPG, &locked, &["--export-secret-keys", user]].concat(), b"")?)?;
            Ok(format!("openpgp v4 {user} mdc={}", path.display()))
        };
        GPG_KEYS.iter().map(export).collect()
    }

    fn gnupg(&self, bytes: usize, at_least: Duration) -> Result<Vec<Figure>> {
        let message = message(bytes);
        let mut figures = Vec::new();
        for (user, _, _) in GPG_KEYS {
            let to = ["--armor", "--encrypt", "-r", user, "-u", user];
            let sealed = self.run(&[GPG, &to].concat(), &message)?;
            let forms = [
                ("encrypt", &to[..], &message),
                ("sign and encrypt", &["--armor", "--sign", "--encrypt", "-r", user, "-u", user], &message),
                ("sign", &["--armor", "--detach-sign", "-u", user], &message),
                ("decrypt", &["--decrypt"], &sealed),
            ];
            for (name, words, input) in forms {
                let name = format!("gpg {user} {name}");
                figures.push(self.rate(&name, &[GPG, words].concat(), input, bytes, at_least)?);
            }
        }
        Ok(figures)
    }

    fn openssl(&self, bytes: usize, at_least: Duration) -> Result<Vec<Figure>> {
        let message = message(bytes);
        let cms = ["openssl", "cms", "-binary"];
        let mut figures = Vec::new();
        for kind in ["rsa", "p256"] {
            let [key, crt] = ["key", "crt"].map(|end| format!("{kind}.{end}"));
            let sign = ["-sign", "-signer", &crt, "-inkey", &key];
            let mut forms = vec![(format!("openssl {kind} sign"), sign.to_vec(), message.clone())];
            for (mode, cipher) in [("cbc", "-aes256"), ("gcm", "-aes-256-gcm")] {
                let encrypt = ["-encrypt", cipher, &crt];
                let sealed = self.run(&[&cms[..], &encrypt].concat(), &message)?;
                forms.push((format!("openssl {kind} encrypt {mode}"), encrypt.to_vec(), message.clone()));
                let decrypt = ["-decrypt", "-inkey", &key, "-recip", &crt];
                forms.push((format!("openssl {kind} decrypt {mode}"), decrypt.to_vec(), sealed));
            }
            for (name, words, input) in &forms {
                figures.push(self.rate(name, &[&cms[..], words].concat(), input, bytes, at_least)?);
            }
        }
        Ok(figures)
    }

    /// How often a second of the processor's time a command runs.
    fn rate(&self, name: &str, words: &[&str], input: &[u8], bytes: usize, at_least: Duration) -> Result<Figure> {
        self.run(words, input)?;
        let mut rounds = Vec::new();
        for _ in 0..3 {
            rounds.push(self.round(words, input, at_least)?);
        }
        rounds.sort_by(f64::total_cmp);
        Ok(Figure { name: name.to_owned(), bytes, per_s: rounds.get(1).copied().unwrap_or_default() })
    }

    fn round(&self, words: &[&str], input: &[u8], at_least: Duration) -> Result<f64> {
        let (started, before) = (Instant::now(), spent_by_children()?);
        let mut runs = 0_u32;
        let mut spent = Duration::ZERO;
        // The clock of the kernel ticks in hundredths: too short a time would say nothing.
        while spent < (at_least / 3).max(Duration::from_millis(300)) && started.elapsed() < Duration::from_secs(60) {
            for _ in 0..5 {
                self.run(words, input)?;
                runs += 1;
            }
            spent = spent_by_children()?.saturating_sub(before);
        }
        Ok(f64::from(runs) / spent.as_secs_f64())
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
