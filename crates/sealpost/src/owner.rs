//! Whose files they are. The server runs as a user of its own; a command that
//! root runs beside it does its work as that user, so that it leaves no file
//! that the server can't open. Root gets nothing from being root here.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cli::{Cli, Command as Verb};
use crate::commands::loaded;

/// Goes on as the owner of the data directory, where root asks and the owner is
/// another user. Comes back in every other case.
pub fn become_owner(cli: &Cli) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let data_dir = match &cli.command {
        Verb::Init(wanted) => Some(wanted.data_dir.clone()),
        // They touch no installation, and what they read is where only its owner may look.
        Verb::Demo(_) | Verb::Completions { .. } | Verb::Manual { .. } => None,
        Verb::Seal(_) | Verb::Open(_) | Verb::Inspect(_) | Verb::Probe(_) | Verb::Policy(_) => None,
        // A configuration with a fault is the command's own to tell.
        _ => loaded(cli).ok().map(|loaded| loaded.config.server.data_dir),
    };
    match data_dir.as_deref().and_then(owner) {
        Some((uid, gid)) if uid != 0 => go_on_as(uid, gid),
        Some(_) | None => Ok(()),
    }
}

/// Set where a command goes on as another user than the one who asked.
const WENT_ON: &str = "WENT_ON_AS_OWNER_OF_SEALPOST";

/// What is to be done about an error that only another user than the one who asked meets.
pub fn advice(error: &anyhow::Error) -> Option<&'static str> {
    let kind = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<std::io::Error>().map(|io| io.kind());
    let is_denied = error.chain().any(|cause| kind(cause) == Some(std::io::ErrorKind::PermissionDenied));
    (is_denied && std::env::var_os(WENT_ON).is_some()).then_some(
        "it went on as the user of the server, who may not go there: hand a file in on stdin (-), \
         or put it into a folder that this user can enter",
    )
}

fn owner(folder: &Path) -> Option<(u32, u32)> {
    let metadata = std::fs::metadata(folder).ok()?;
    Some((metadata.uid(), metadata.gid()))
}

/// Starts this program anew in its own place. Setting the user also gives up
/// root's supplementary groups.
fn go_on_as(uid: u32, gid: u32) -> Result<()> {
    let program = std::env::current_exe().context("this program can't be found")?;
    let error = Command::new(program).args(std::env::args_os().skip(1)).env(WENT_ON, "1").uid(uid).gid(gid).exec();
    Err(error).with_context(|| format!("can't go on as user {uid}, who owns the data directory"))
}
