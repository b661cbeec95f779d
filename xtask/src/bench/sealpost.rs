//! Sealpost under test: the release build with everything on, fresh for each
//! round: synced accept, sealed bodies, policy with its detectors, verified
//! TLS, receipts and the ledger.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::peer::{PATIENCE, Peer, within};
use super::sink;

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

/// Starts it, and gives where it takes mail.
pub fn start(setting: &Setting<'_>) -> Result<(Peer, SocketAddr)> {
    let folder = setting.folder;
    fs::write(folder.join("sealpost.toml"), configuration(setting))?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(setting.release.join("sealpost"));
        command.args(arguments).env_clear().env("SEALPOST_CONFIG", folder.join("sealpost.toml"));
        command
    };
    let data = folder.join("data").display().to_string();
    let init = command(&["init", "mta.clinic.example", "--domain", "clinic.example", "--data-dir", &data]).output()?;
    ensure!(init.status.success(), "sealpost init\n{}", String::from_utf8_lossy(&init.stderr));
    let announcement = folder.join("announcement");
    let mut peer = Peer::start(&mut command(&["serve", "--announce"]), &announcement, &folder.join("sealpost.log"))?;
    let announced = within(PATIENCE, || {
        peer.ensure_alive()?;
        let line = fs::read_to_string(&announcement).unwrap_or_default();
        Ok(line.strip_suffix('\n').and_then(|line| serde_json::from_str::<Value>(line).ok()))
    })?;
    let announced = announced.context("sealpost did not start")?;
    let address = announced["named_networks"].as_str().context("no door for named networks")?;
    Ok((peer, address.parse()?))
}

fn configuration(setting: &Setting<'_>) -> String {
    format!(
        "[organisation]\nslug = 'lakeside'\nname = 'Lakeside Clinic'\ndomains = ['clinic.example']\n\
         [server]\nhostname = 'mta.clinic.example'\ndata_dir = '{data}'\n\
         [vault]\nroot_key_file = '{root_key}'\n\
         [submission]\nstarttls = []\ntls = []\nlimits.messages_per_minute = 0\n\
         [named_networks]\nlisten = ['127.0.0.1:0']\nnetworks = ['127.0.0.0/8']\nsender_domains = ['clinic.example']\n\
         [delivery]\nanchors = '{anchors}'\n\
         [[route]]\ndomain = 'patients.example'\nhost = '127.0.0.1'\nport = {port}\ntls_name = '{name}'\n\
         [dkim]\nsign = {dkim}\n\
         [portal]\nlisten = ['127.0.0.1:0']\n\
         [health]\nlisten = '127.0.0.1:0'\n\
         [log]\nformat = 'json'\n",
        data = setting.folder.join("data").display(),
        root_key = setting.folder.join("root.key").display(),
        anchors = setting.anchors.display(),
        port = setting.sink.port(),
        name = sink::NAME,
        dkim = setting.dkim,
    )
}
