//! Other programs, started by a test and never outliving it.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use crate::wait;

/// A program that runs in the background, in a process group of its own.
///
/// A small shell holds the leash: when this value is dropped, or the test
/// process dies in whatever way, the shell's input ends and it kills the group.
pub struct Peer {
    name: String,
    child: Child,
    leash: Option<Child>,
    log: PathBuf,
}

impl Peer {
    /// Starts `command`; what it prints goes to `log`.
    ///
    /// # Panics
    ///
    /// When the program is not there.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = fs::File::create(log).expect("a log file");
        let also = file.try_clone().expect("a second handle of the log file");
        Self::spawn(command.stdout(file).stderr(also), log)
    }

    /// Starts `command` with its standard output in `output` and its standard error in `log`.
    ///
    /// # Panics
    ///
    /// When the program is not there.
    pub fn start_apart(command: &mut Command, output: &Path, log: &Path) -> Self {
        let output = fs::File::create(output).expect("a file for the output");
        Self::spawn(command.stdout(output).stderr(fs::File::create(log).expect("a log file")), log)
    }

    fn spawn(command: &mut Command, log: &Path) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { name, leash: Some(leash(child.id())), child, log: log.to_owned() }
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The processes of its group and what each is doing, as `ps` tells it.
    pub fn group(&self) -> String {
        let columns = ["-o", "pid,ppid,pgid,stat,wchan:24,etimes,args"];
        let output = Command::new("ps").arg("-e").args(columns).output();
        let all = String::from_utf8_lossy(&output.map(|output| output.stdout).unwrap_or_default()).into_owned();
        let group = self.id().to_string();
        let is_its = |line: &&str| line.split_whitespace().nth(2).is_some_and(|of| of == group || of == "PGID");
        all.lines().filter(is_its).collect::<Vec<_>>().join("\n")
    }

    /// Its exit status, if it is over.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal by its name: `TERM`, `HUP`, `STOP`.
    ///
    /// # Panics
    ///
    /// When there is no such signal.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status();
        assert!(status.is_ok(), "kill -{signal} {}", self.name);
    }

    /// Waits until it is over by itself.
    ///
    /// # Panics
    ///
    /// When it is not over after [`wait::PATIENCE`].
    pub fn join(&mut self) -> ExitStatus {
        wait::until(&format!("the end of {}", self.name), || self.child.try_wait().ok().flatten())
    }

    /// Asks it to end, and waits for that; none when it would not within `patience` and had to be killed.
    pub fn stop(&mut self, patience: Duration) -> Option<ExitStatus> {
        self.signal("TERM");
        let ended = wait::within(patience, || self.child.try_wait().ok().flatten());
        self.kill();
        ended
    }

    /// Kills it and all that it started, as a power cut would.
    pub fn kill(&mut self) {
        let Some(mut leash) = self.leash.take() else { return };
        drop(leash.stdin.take());
        drop(leash.wait());
        drop(self.child.kill());
        drop(self.child.wait());
        // Its children die on their own time; until then they may write where others clean up.
        wait::within(Duration::from_secs(5), || is_gone(self.id()).then_some(()));
    }
}

/// Whether no process of a group is alive any more; dead ones that nobody has waited for don't count.
fn is_gone(group: u32) -> bool {
    let lives = |process: fs::DirEntry| {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // After the name in parentheses: state, parent, group (proc(5)).
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let state = fields.next();
        fields.nth(1) == Some(&group.to_string()) && state != Some("Z")
    };
    !fs::read_dir("/proc").into_iter().flatten().flatten().any(lives)
}

fn leash(group: u32) -> Child {
    Command::new("sh")
        .args(["-c", "read _; kill -s KILL -- -$0", &group.to_string()])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end and gives what it printed; `input` is its standard input.
///
/// # Panics
///
/// When the program is not there.
pub fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdin = child.stdin.take();
    let stderr = child.stderr.take();
    // All three pipes at once, so that neither side waits for the other for ever.
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends before it has read everything is no failure of the test.
            if let Some(mut stdin) = stdin {
                drop(std::io::Write::write_all(&mut stdin, input));
            }
        });
        let errors = scope.spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stderr) = stderr {
                drop(stderr.read_to_end(&mut bytes));
            }
            bytes
        });
        let mut output = child.wait_with_output().expect("the end of a program");
        output.stderr = errors.join().unwrap_or_default();
        output
    })
}

/// The numeric user or group id of a system account, from `/etc/passwd` or `/etc/group`.
pub fn account(file: &str, name: &str) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// Whether this process is root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> Peer {
        // A shell with a child of its own, to see that the whole group goes.
        let script = "tail -f /dev/null & echo $!; wait";
        Peer::start(Command::new("sh").args(["-c", script]), &folder.join("log"))
    }

    #[test]
    fn a_dropped_peer_is_gone_with_all_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let peer = sleeper(folder.path());
        let grandchild = wait::until("the child's number", || peer.log().trim().parse::<u32>().ok());
        drop(peer);
        let state = fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }

    #[test]
    fn input_and_output_of_any_size_pass() {
        let input = vec![b'x'; 1 << 20];
        let output = run(&mut Command::new("cat"), &input);
        assert!(output.status.success() && output.stdout == input);
    }
}
