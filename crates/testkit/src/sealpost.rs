//! Sealpost itself: the real binary, with a configuration literal, on free
//! ports.
//!
//! `sealpost serve --announce` prints one line on standard output when every
//! listener is bound: a JSON object with the addresses it got,
//!
//! ```text
//! {"submission_starttls":"127.0.0.1:41001","submission_tls":"127.0.0.1:41002",
//!  "named_networks":"127.0.0.1:41003","portal":"127.0.0.1:41004","health":"127.0.0.1:41005"}
//! ```
//!
//! without those that are not configured. Nothing else goes to standard output;
//! logs go to standard error.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::ca::{Ca, Identity};
use crate::dns::Dns;
use crate::postgres::Postgres;
use crate::process::{self, Peer};
use crate::wait;

/// How long a graceful stop may take.
const GRACE: Duration = Duration::from_secs(20);

/// A machine of its own for Sealpost: its folder, keys, certificate and configuration.
pub struct Machine {
    folder: TempDir,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    /// The name of its database in [`Postgres`]; none where it has SQLite.
    pub database: Option<String>,
    /// The certificate of its listeners, for `secure.clinic.example` and `localhost`.
    pub identity: Identity,
}

/// A running server on a [`Machine`].
pub struct Server<'m> {
    machine: &'m Machine,
    peer: Peer,
    announced: Value,
    may_fail: bool,
}

impl Machine {
    /// A machine for the binary at `binary` (in a test of the binary's crate: `env!("CARGO_BIN_EXE_sealpost")`),
    /// with this configuration laid over [`Machine::base`].
    ///
    /// # Panics
    ///
    /// When no temporary folder can be made.
    pub fn new(binary: &str, ca: &Ca, dns: &Dns, mx_port: u16, configuration: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("sealpost").tempdir().expect("a temporary folder");
        let identity = ca.issue(&["secure.clinic.example", "localhost", "127.0.0.1"]);
        let database = (!is_on_sqlite()).then(|| Postgres::shared().database_named());
        let machine = Self { folder, binary: PathBuf::from(binary), environment: Vec::new(), database, identity };
        fs::create_dir(machine.path("conf.d")).expect("a folder for the configuration");
        machine.write("sealpost.toml", &machine.base(ca, dns, mx_port));
        machine.write("conf.d/test.toml", configuration);
        machine
    }

    /// The configuration that every test has: one clinic, every listener on a free port, the test's zone and authority.
    fn base(&self, ca: &Ca, dns: &Dns, mx_port: u16) -> String {
        format!(
            "[organisation]\nslug = 'lakeside'\nname = 'Lakeside Clinic'\nphone = '+1 555 0100'\n\
             domains = ['clinic.example']\n\
             [server]\nhostname = 'secure.clinic.example'\ndata_dir = '{data}'\n\
             [vault]\nroot_key_file = '{root_key}'\n\
             [submission]\nstarttls = ['127.0.0.1:0']\ntls = ['127.0.0.1:0']\ncertificate = '{certificate}'\nkey = '{key}'\n\
             [delivery]\nmx_port = {mx_port}\nanchors = '{anchors}'\nname_servers = ['{dns}']\nallow_private = true\n\
             [portal]\nlisten = ['127.0.0.1:0']\n\
             [health]\nlisten = '127.0.0.1:0'\n\
             [log]\nformat = 'json'\nlevel = 'debug'\n{store}",
            store = self.store(),
            data = self.path("data").display(),
            root_key = self.path("root.key").display(),
            certificate = self.identity.certificate.display(),
            key = self.identity.key.display(),
            anchors = ca.anchors().display(),
            dns = dns.address(),
        )
    }

    fn store(&self) -> String {
        let section = |name: &String| format!("[store]\nurl = '{}'\n", Postgres::shared().url(name));
        self.database.as_ref().map(section).unwrap_or_default()
    }

    /// A file or folder of this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of this machine.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file of the machine");
    }

    /// Sets a variable of the environment for every later command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// A command of Sealpost: `machine.command(["message", "list", "--json"])`. The environment is the machine's only.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env_clear().current_dir(self.folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("SEALPOST_CONFIG", self.path("sealpost.toml")).env("TMPDIR", self.temporary());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The machine's own folder for temporary files, where a test can look for what must not be there.
    ///
    /// # Panics
    ///
    /// When it can't be made.
    pub fn temporary(&self) -> PathBuf {
        let path = self.path("tmp");
        fs::create_dir_all(&path).expect("a folder for temporary files");
        path
    }

    /// Runs a command to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        process::run(&mut self.command(arguments), b"")
    }

    /// Runs a command that must succeed, and gives its standard output.
    ///
    /// # Panics
    ///
    /// When it fails; what it said is in the panic.
    #[track_caller]
    pub fn ok<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `sealpost init`: makes the root key and the database; gives the DNS records that it wants published.
    ///
    /// # Panics
    ///
    /// When it fails; what it said is in the panic.
    #[track_caller]
    pub fn init(&self) -> String {
        let data = self.path("data");
        let organisation = ["--domain", "clinic.example", "--name", "Lakeside Clinic", "--data-dir"];
        let arguments = ["init", "secure.clinic.example"].into_iter().chain(organisation).map(OsStr::new);
        self.ok(arguments.chain([data.as_os_str()]))
    }

    /// Makes a login that may send as `sender` (an address or `*@domain`); gives its secret.
    ///
    /// # Panics
    ///
    /// When it fails; what it said is in the panic.
    #[track_caller]
    pub fn login(&self, name: &str, sender: &str) -> String {
        self.ok(["credential", "add", name, "--sender", sender]).trim().to_owned()
    }

    /// Starts the server and waits for its announcement.
    ///
    /// # Panics
    ///
    /// When it ends instead; its log is in the panic.
    #[track_caller]
    pub fn serve(&self) -> Server<'_> {
        self.serve_with(|command| command)
    }

    /// As [`Machine::serve`], with the command changed: a wrapper's limits, a variable.
    ///
    /// # Panics
    ///
    /// When it ends instead; its log is in the panic.
    #[track_caller]
    pub fn serve_with(&self, change: impl FnOnce(&mut Command) -> &mut Command) -> Server<'_> {
        let mut command = self.command(["serve", "--announce"]);
        change(&mut command);
        let announcement = self.path("announcement");
        let mut peer = Peer::start_apart(&mut command, &announcement, &self.path("serve.log"));
        let announced = wait::within(wait::PATIENCE, || {
            let text = fs::read_to_string(&announcement).unwrap_or_default();
            let line = text.strip_suffix('\n').and_then(|line| serde_json::from_str(line).ok());
            line.map(Some).or_else(|| peer.ended().map(|_| None))
        });
        match announced.flatten() {
            Some(announced) => Server { machine: self, peer, announced, may_fail: false },
            None => panic!("sealpost did not start\n{}", peer.log()),
        }
    }

    /// As [`Machine::serve`], with a clock that is off by so much, such as `+80d`.
    ///
    /// # Panics
    ///
    /// As [`Machine::serve`], and where libfaketime is not installed.
    #[track_caller]
    pub fn serve_at(&self, offset: &str) -> Server<'_> {
        assert!(Path::new(FAKETIME).exists(), "apt-get install libfaketime");
        self.serve_with(|command| {
            command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        })
    }

    /// Every file below a folder of this machine, with its content: to look for what must not be there.
    pub fn files(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.path(folder), &mut found);
        found
    }
}

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// Whether the machines of this run have SQLite; with `SEALPOST_TEST_STORE=postgres` each has a database of
/// [`Postgres`].
///
/// # Panics
///
/// When the variable holds anything else.
pub fn is_on_sqlite() -> bool {
    match std::env::var("SEALPOST_TEST_STORE").as_deref() {
        Ok("postgres") => false,
        Ok("sqlite") | Err(_) => true,
        Ok(other) => panic!("SEALPOST_TEST_STORE={other}: sqlite or postgres"),
    }
}

pub(crate) fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
    }
}

impl Server<'_> {
    /// The address of a listener by its name in the announcement: `submission_tls`, `portal`.
    ///
    /// # Panics
    ///
    /// When there is no such listener.
    #[track_caller]
    pub fn address(&self, listener: &str) -> SocketAddr {
        let address = self.announced.get(listener).and_then(Value::as_str).and_then(|text| text.parse().ok());
        address.unwrap_or_else(|| panic!("no {listener} in {}", self.announced))
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.peer.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.peer.log()
    }

    /// Waits until a line of the log holds `words`.
    #[track_caller]
    pub fn wait_for_log(&self, words: &str) {
        wait::until(&format!("{words:?} in the log of sealpost"), || self.log().contains(words).then_some(()));
    }

    /// Sends it a signal by its name: `HUP` reloads, `TERM` stops.
    pub fn signal(&self, signal: &str) {
        self.peer.signal(signal);
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.may_fail = true;
        self.peer.kill();
    }

    /// Stops it and gives its log.
    ///
    /// # Panics
    ///
    /// When it does not end well.
    pub fn stop(mut self) -> String {
        self.end();
        self.peer.log()
    }

    /// Waits until it ends by itself, for tests of a fault that must end it; gives its exit code.
    pub fn join(mut self) -> Option<i32> {
        self.may_fail = true;
        self.peer.join().code()
    }

    /// The same, with its whole status and its log: for a fault that must end it by a signal.
    ///
    /// # Panics
    ///
    /// When it goes on; its log is in the panic.
    pub fn end_by_itself(mut self) -> (ExitStatus, String) {
        self.may_fail = true;
        let ended = wait::within(wait::PATIENCE, || self.peer.ended());
        (ended.unwrap_or_else(|| panic!("sealpost goes on\n{}", self.peer.log())), self.peer.log())
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.may_fail, true) {
            return;
        }
        let ended = self.peer.stop(GRACE);
        let well = ended.is_some_and(|status| status.success());
        assert!(well, "sealpost ended with {ended:?} in {}\n{}", self.machine.folder.path().display(), self.peer.log());
    }
}

/// A server that panicked, hung or failed at its end fails the test that used it.
impl Drop for Server<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}
