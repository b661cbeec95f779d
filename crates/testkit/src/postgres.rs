//! A private PostgreSQL: one cluster for the whole test program, on a Unix
//! socket of its own, and a database for each test.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::{Peer, account, is_root, run};
use crate::wait;

/// What to do where PostgreSQL is not installed.
const INSTALL: &str = "PostgreSQL is not installed: apt-get install -y postgresql";

/// A running cluster.
pub struct Postgres {
    programs: PathBuf,
    dir: PathBuf,
    databases: AtomicUsize,
    _server: Peer,
}

impl Postgres {
    /// The cluster of this test program, started when first asked for and gone
    /// with the program, its files too.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or doesn't start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Makes an empty database and gives its URL.
    ///
    /// # Panics
    ///
    /// When the cluster refuses.
    pub fn database(&self) -> String {
        self.url(&self.database_named())
    }

    /// Makes an empty database and gives its name.
    ///
    /// # Panics
    ///
    /// When the cluster refuses.
    pub fn database_named(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        let host = self.dir.to_string_lossy().replace('/', "%2F");
        format!("postgresql://postgres@{host}/{database}")
    }

    /// Runs SQL by `psql` and gives its rows, columns parted by `|`.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn query(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        let flags = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql];
        let output = run(psql.arg("-h").arg(&self.dir).args(flags), b"");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Every file of a database with its content, once all that was written is in them.
    ///
    /// # Panics
    ///
    /// When the cluster refuses.
    pub fn files(&self, database: &str) -> Vec<(PathBuf, Vec<u8>)> {
        self.query("postgres", "CHECKPOINT");
        let number = self.query("postgres", &format!("SELECT oid FROM pg_database WHERE datname = '{database}'"));
        let mut found = Vec::new();
        crate::sealpost::collect(&self.data().join("base").join(number), &mut found);
        found
    }

    /// Where the cluster keeps its files.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn start() -> Self {
        let programs = programs().unwrap_or_else(|| panic!("{INSTALL}"));
        let dir = tempfile::Builder::new().prefix("sealpost-pg-").tempdir().expect("a temporary folder").keep();
        give_to_server(&dir);
        let data = dir.join("data");
        let initdb = run(
            as_server(&programs.join("initdb"), &dir)
                .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
                .arg(&data),
            b"",
        );
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let mut command = as_server(&programs.join("postgres"), &dir);
        command.arg("-D").arg(&data).arg("-k").arg(&dir);
        // The tests are about what is committed, not about this machine's disk.
        for setting in ["listen_addresses=", "max_connections=200", "fsync=off", "autovacuum=off"] {
            command.args(["-c", setting]);
        }
        let server = Peer::start(&mut command, &dir.join("log"));
        sweep_afterwards(&server, &dir);
        let cluster = Self { programs, dir, databases: AtomicUsize::new(0), _server: server };
        wait::until("PostgreSQL", || cluster.answers().then_some(()));
        cluster
    }

    fn answers(&self) -> bool {
        let mut asked = Command::new(self.programs.join("pg_isready"));
        run(asked.arg("-q").arg("-h").arg(&self.dir).args(["-U", "postgres"]), b"").status.success()
    }
}

/// The newest of Debian's folders of PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let newest = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    bins.filter(|bin| bin.join("initdb").exists()).max_by_key(newest)
}

/// The server refuses to run as root; then it runs as its own account.
fn as_server(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        let (user, group) = server_account();
        command.uid(user).gid(group);
    }
    command.current_dir(dir).env("HOME", dir);
    command
}

fn give_to_server(dir: &Path) {
    if is_root() {
        let (user, group) = server_account();
        chown(dir, Some(user), Some(group)).expect("the folder can be given away");
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).expect("the folder is ours");
}

fn server_account() -> (u32, u32) {
    account("/etc/passwd", "postgres").zip(account("/etc/group", "postgres")).unwrap_or_else(|| panic!("{INSTALL}"))
}

/// Leaves a shell behind that removes the files when this process has ended,
/// in whatever way, and the server with it.
fn sweep_afterwards(server: &Peer, dir: &Path) {
    let script = "read _; while kill -0 $0 2>/dev/null; do sleep 0.1; done; rm -rf \"$1\"";
    let broom = Command::new("sh")
        .args(["-c", script, &server.id().to_string()])
        .arg(dir)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    // Its input ends with this process and not before.
    std::mem::forget(broom);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_is_empty_and_its_own() {
        let cluster = Postgres::shared();
        let (one, other) = (cluster.database(), cluster.database());
        assert_ne!(one, other);
        let name = one.rsplit('/').next().unwrap();
        assert_eq!(cluster.query(name, "SELECT current_database()"), name);
    }
}
