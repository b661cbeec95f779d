//! GnuPG with a key ring of its own.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

/// A home of GnuPG, gone with its agent when dropped.
pub struct GnuPg {
    home: TempDir,
}

impl GnuPg {
    /// An empty key ring.
    ///
    /// # Panics
    ///
    /// When there is no room for it.
    #[expect(clippy::new_without_default, reason = "a value of this is a folder and perhaps a process")]
    pub fn new() -> Self {
        Self { home: TempDir::with_prefix("gnupg").expect("a temporary folder") }
    }

    /// The folder of the key ring.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--homedir").arg(self.home.path()).env("LC_ALL", "C");
        command
    }

    /// Runs `gpg` with `arguments` and gives it `input`; the lines of its status are on standard error.
    ///
    /// # Panics
    ///
    /// When there is no `gpg`.
    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command("gpg");
        command.args(["--batch", "--no-tty", "--yes", "--status-fd", "2", "--trust-model", "always"]);
        command.args(["--pinentry-mode", "loopback", "--passphrase", ""]).args(arguments);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("gpg: {error}"));
        let mut stdin = child.stdin.take().expect("a pipe");
        thread::scope(|scope| {
            // A program that has heard enough closes its input; that is no failure here.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().expect("an end")
        })
    }

    /// Runs `gpg` and gives what it wrote.
    ///
    /// # Panics
    ///
    /// When it fails, with what it said.
    pub fn must(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "gpg {arguments:?}: {}", said(&output));
        output.stdout
    }

    /// A new key without a passphrase: `algorithm` as `--quick-generate-key` has
    /// it for the primary key, `subkey` for one that encrypts.
    ///
    /// # Panics
    ///
    /// When `gpg` refuses.
    pub fn generate(&self, user_id: &str, algorithm: &str, subkey: &str) -> String {
        let output = self.run(&["--quick-generate-key", user_id, algorithm, "sign,cert", "2y"], b"");
        let said = said(&output);
        let created = said.lines().find_map(|line| line.split("KEY_CREATED P ").nth(1).map(str::trim));
        let fingerprint = created.unwrap_or_else(|| panic!("no key: {said}")).to_owned();
        self.must(&["--quick-add-key", &fingerprint, subkey, "encr", "2y"], b"");
        fingerprint
    }
}

/// What a program said on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

impl Drop for GnuPg {
    fn drop(&mut self) {
        drop(self.command("gpgconf").args(["--kill", "all"]).output());
    }
}
