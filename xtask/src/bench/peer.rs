//! A program that is started for a benchmark and never outlives it.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long a server may take to start or to end.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what nobody announces.
pub const GLANCE: Duration = Duration::from_millis(20);

/// A program in a process group of its own. A shell whose input ends with us,
/// however we end, kills the whole group.
pub struct Peer {
    child: Child,
    leash: Child,
    log: PathBuf,
}

impl Peer {
    /// Starts `command`; its standard error goes to `log`, as does its standard output unless that is set already.
    pub fn start(command: &mut Command, output: &Path, log: &Path) -> Result<Self> {
        let name = format!("{command:?}");
        let output = File::create(output).context("a file for the output")?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(File::create(log)?).process_group(0).spawn();
        let child = child.with_context(|| name)?;
        let leash = Command::new("sh")
            .args(["-c", "read _; kill -s KILL -- -$0", &child.id().to_string()])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("a shell")?;
        Ok(Self { child, leash, log: log.to_owned() })
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it logged.
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    /// Fails if it is over already.
    pub fn ensure_alive(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "a server ended by itself ({ended:?})\n{}", self.log());
        Ok(())
    }

    /// Asks it to end and waits for that.
    pub fn stop(mut self) -> Result<ExitStatus> {
        Command::new("kill").arg(self.id().to_string()).status().context("kill")?;
        let ended = within(PATIENCE, || Ok(self.child.try_wait()?))?;
        ended.with_context(|| format!("a server did not end\n{}", self.log()))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.leash.stdin.take());
        drop(self.leash.wait());
        drop(self.child.wait());
    }
}

/// Looks until `look` finds something; none when `patience` is over.
pub fn within<T>(patience: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        std::thread::park_timeout(GLANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_peer_takes_its_children_along() {
        let folder = tempfile::tempdir().unwrap();
        let (output, log) = (folder.path().join("output"), folder.path().join("log"));
        let script = "tail -f /dev/null & echo $!; wait";
        let peer = Peer::start(Command::new("sh").args(["-c", script]), &output, &log).unwrap();
        let number = || Ok(std::fs::read_to_string(&output)?.trim().parse::<u32>().ok());
        let grandchild = within(PATIENCE, number).unwrap().unwrap();
        drop(peer);
        let state = || std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
        let gone = within(PATIENCE, || Ok((state().is_empty() || state().contains(") Z ")).then_some(()))).unwrap();
        assert_eq!(gone, Some(()));
    }
}
