//! What a shell and a reader of manuals need: completions and man pages, made
//! from the command line itself, so that they can't be out of date.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

/// Writes the completions for a shell to stdout.
pub fn completions(shell: Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Cli::command(), "sealpost", &mut std::io::stdout());
    ExitCode::SUCCESS
}

/// Writes a man page for each command into a folder.
pub fn manual(folder: &Path) -> Result<ExitCode> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let mut command = Cli::command();
    command.build();
    write_pages(&command, folder)?;
    Ok(ExitCode::SUCCESS)
}

fn write_pages(command: &clap::Command, folder: &Path) -> Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let path = folder.join(page.get_filename());
    let mut file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    page.render(&mut file).with_context(|| format!("can't write {}", path.display()))?;
    command.get_subcommands().filter(|one| one.get_name() != "help").try_for_each(|one| write_pages(one, folder))
}
