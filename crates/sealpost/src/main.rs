//! Sealpost: the command line and the wiring. It holds no logic of the journey.

mod allocation;
mod certificates;
mod cli;
mod commands;
mod config;
mod demo;
mod doctor;
mod engine;
mod gateway;
mod inspect;
mod installation;
mod ledger_keeper;
mod logs;
mod meters;
mod owner;
mod reach;
mod seams;
mod sockets;
mod wake;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use mimalloc::MiMalloc;

use cli::{Cli, Command};

/// A message lives on several threads, one after the other: what one allocates
/// another frees, which is where glibc's allocator spends a sixth of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(arguments());
    if let Err(error) = owner::become_owner(&cli) {
        commands::say(&format!("sealpost: {}", told(&error)));
        return ExitCode::FAILURE;
    }
    allocation::settle(&cli);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(&cli))) {
        Ok(code) => code,
        Err(error) => {
            commands::say(&format!("sealpost: {}", told(&error)));
            if let Some(advice) = owner::advice(&error) {
                commands::say(&format!("  → {advice}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// The arguments, without the `--` of `cargo demo -- --once`: the alias has
/// one already, and a newcomer can't know.
fn arguments() -> impl Iterator<Item = OsString> {
    let is_demo = std::env::args_os().nth(1).is_some_and(|verb| verb == "demo");
    std::env::args_os()
        .enumerate()
        .filter(move |(at, word)| !(is_demo && *at == 2 && word == "--"))
        .map(|(_, word)| word)
}

/// An error and its causes on one line each, the outermost first; a cause that
/// only repeats what was said is left out.
fn told(error: &anyhow::Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if lines.last().is_none_or(|last| !last.contains(&cause)) {
            lines.push(cause);
        }
    }
    lines.join("\n  because: ")
}

async fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Init(wanted) => commands::init::run(cli, wanted).await,
        Command::Serve(wanted) => commands::serve::run(cli, wanted).await,
        Command::Demo(wanted) => demo::run(wanted).await,
        Command::Send(wanted) => commands::send::run(cli, wanted).await,
        Command::Message(verb) => commands::message::run(cli, verb).await,
        Command::Receipt(verb) => commands::receipt::run(cli, verb).await,
        Command::Audit(verb) => commands::audit::run(cli, verb).await,
        Command::Vault(verb) => commands::vault::run(cli, verb).await,
        Command::Apikey(verb) => commands::apikey::run(cli, verb).await,
        Command::Credential(verb) => commands::credential::run(cli, verb).await,
        Command::Acme(verb) => commands::acme::run(cli, verb).await,
        Command::Domain(verb) => commands::domain::run(cli, verb).await,
        Command::Dkim(verb) => commands::dkim::run(cli, verb).await,
        Command::Gateway(verb) => commands::gateway::run(cli, verb).await,
        Command::Key(verb) => commands::key::run(cli, verb).await,
        Command::Orgkey(verb) => commands::orgkey::run(cli, verb).await,
        Command::Recipient(verb) => commands::recipient::run(cli, verb).await,
        Command::Policy(verb) => commands::policy::run(cli, verb).await,
        Command::Config(verb) => commands::config::run(cli, verb),
        Command::Seal(wanted) => commands::seal::run(cli, wanted),
        Command::Open(wanted) => commands::open::run(cli, wanted),
        Command::Inspect(wanted) => commands::inspect::run(cli, wanted),
        Command::Doctor(wanted) => commands::doctor::run(cli, wanted).await,
        Command::Probe(wanted) => commands::probe::run(cli, wanted).await,
        Command::Report(verb) => commands::report::run(cli, verb).await,
        Command::Queue(verb) => commands::queue::run(cli, verb).await,
        Command::Suppression(verb) => commands::suppression::run(cli, verb).await,
        Command::Watch(verb) => commands::watch::run(cli, verb).await,
        Command::Completions { shell } => Ok(commands::shell::completions(*shell)),
        Command::Manual { folder } => commands::shell::manual(folder),
    }
}
