//! Sealpost under test: the release build with everything on, fresh for each
//! round: synced accept, sealed bodies, policy with its detectors, verified
//! TLS, receipts and the ledger.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::peer::{PATIENCE, Peer, within};
use super::sink;

/// A domain whose mail host takes no connections: what goes there waits, until
/// long after any benchmark.
pub const AWAY: &str = "someone@away.example";

/// What a round needs to know.
pub struct Setting<'a> {
    /// Where the release builds are.
    pub release: &'a Path,
    /// The folder of this round.
    pub folder: &'a Path,
    /// What the sink's certificate is judged by.
    pub anchors: PathBuf,
    /// Where the sink listens.
    pub sink: SocketAddr,
    /// Whether it signs what it sends.
    pub dkim: bool,
}

/// It runs, and is ready.
pub struct Running {
    /// Its process.
    pub peer: Peer,
    /// Where it takes mail.
    pub door: SocketAddr,
    /// Where it tells of itself.
    pub health: SocketAddr,
    /// How long it took until it was ready.
    pub took: Duration,
}

impl Setting<'_> {
    /// Writes its configuration and makes its data directory.
    pub fn prepare(&self) -> Result<()> {
        fs::write(self.folder.join("sealpost.toml"), self.configuration())?;
        let data = self.folder.join("data").display().to_string();
        let arguments = ["init", "mta.clinic.example", "--domain", "clinic.example", "--data-dir", &data];
        let init = self.command(&arguments).output()?;
        ensure!(init.status.success(), "sealpost init\n{}", String::from_utf8_lossy(&init.stderr));
        Ok(())
    }

    /// Starts it, and waits until it is ready.
    pub fn serve(&self) -> Result<Running> {
        let announcement = self.folder.join("announcement");
        let began = Instant::now();
        let mut serve = self.command(&["serve", "--announce"]);
        let mut peer = Peer::start(&mut serve, &announcement, &self.folder.join("sealpost.log"))?;
        let announced = within(PATIENCE, || {
            peer.ensure_alive()?;
            let line = fs::read_to_string(&announcement).unwrap_or_default();
            Ok(line.strip_suffix('\n').and_then(|line| serde_json::from_str::<Value>(line).ok()))
        })?;
        let announced = announced.context("sealpost did not start")?;
        let address = |name: &str| -> Result<SocketAddr> {
            Ok(announced[name].as_str().with_context(|| format!("no listener for {name}"))?.parse()?)
        };
        let (door, health) = (address("named_networks")?, address("health")?);
        let ready = within(PATIENCE, || Ok(page(health, "/readyz")?.starts_with("HTTP/1.1 200").then_some(())))?;
        ready.context("sealpost is not ready")?;
        Ok(Running { peer, door, health, took: began.elapsed() })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.release.join("sealpost"));
        command.args(arguments).env_clear().env("SEALPOST_CONFIG", self.folder.join("sealpost.toml"));
        command
    }

    fn configuration(&self) -> String {
        format!(
            "[organisation]\nslug = 'lakeside'\nname = 'Lakeside Clinic'\ndomains = ['clinic.example']\n\
             [server]\nhostname = 'mta.clinic.example'\ndata_dir = '{data}'\n\
             [vault]\nroot_key_file = '{root_key}'\n\
             [submission]\nstarttls = []\ntls = []\nlimits.messages_per_minute = 0\n\
             [named_networks]\nlisten = ['127.0.0.1:0']\nnetworks = ['127.0.0.0/8']\n\
             sender_domains = ['clinic.example']\n\
             [delivery]\nanchors = '{anchors}'\nretry = ['12h']\n\
             [[route]]\ndomain = 'patients.example'\nhost = '127.0.0.1'\nport = {port}\ntls_name = '{name}'\n\
             [[route]]\ndomain = 'away.example'\nhost = '127.0.0.2'\nport = 1\ntls_name = '{name}'\n\
             [dkim]\nsign = {dkim}\n\
             [portal]\nlisten = ['127.0.0.1:0']\n\
             [health]\nlisten = '127.0.0.1:0'\n\
             [log]\nformat = 'json'\n",
            data = self.folder.join("data").display(),
            root_key = self.folder.join("root.key").display(),
            anchors = self.anchors.display(),
            port = self.sink.port(),
            name = sink::NAME,
            dkim = self.dkim,
        )
    }
}

impl Running {
    /// How many parcels wait in its queue.
    pub fn waiting(&self) -> Result<u64> {
        let page = page(self.health, "/metrics")?;
        let line = page.lines().find_map(|line| line.strip_prefix("sealpost_queue_waiting "));
        let count: f64 = line.context("the meters don't tell what waits")?.trim().parse()?;
        Ok(count as u64)
    }
}

/// A page of its health listener, head and all.
fn page(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).context("the health listener")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
