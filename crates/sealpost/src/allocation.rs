//! What the allocator keeps of a large body that was freed.
//!
//! By itself it keeps freed memory for a second, in case it is wanted again. A
//! body of 25 MB goes through half a dozen copies in that time, none of the
//! same size: each takes room of its own, and a server holds twice what lives.
//! What is large goes straight back to the system instead.
//!
//! The allocator reads its settings from the environment, before any code of
//! ours runs, so that the server starts anew once, in its own place.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::cli::{Cli, Command as Verb};

const SETTING: &str = "MIMALLOC_ARENA_MAX_OBJECT_SIZE";
/// What is larger is the system's. Up to this the allocator cuts pages for
/// smaller things, which it must keep: messages are made of these. At 4 MiB
/// relaying a small message took half as much CPU again.
const LARGE: &str = "8MiB";

/// Starts a server anew with the setting, unless it has it, or an administrator
/// gave another. Without it a server takes more memory and works all the same:
/// where it can't be started anew, it goes on as it is.
pub fn settle(cli: &Cli) {
    let is_server = matches!(cli.command, Verb::Serve(_) | Verb::Demo(_));
    if !is_server || std::env::var_os(SETTING).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // It comes back only where it failed.
    let _failed = command.args(arguments).env(SETTING, LARGE).exec();
}
