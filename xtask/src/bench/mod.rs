//! `cargo xtask bench relay`: how many messages a second Sealpost relays and
//! what each of them costs, beside Postfix doing the same work on the same
//! machine in the same run. Only the ratios mean anything elsewhere.
//! `bench queue` is the same beside a queue that waits, `bench profile` shows
//! where the time goes.
//!
//! Everything is on loopback, in a temporary folder, bounded in count and in
//! time, and gone at the end. It measures; it never judges: no figure fails it.

mod disk;
mod inspect;
mod load;
mod peer;
mod postfix;
mod probe;
mod profile;
mod queue;
mod relay;
mod report;
mod seal;
mod seal_targets;
mod sealpost;
mod signature;
mod sink;
mod tree;

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "\
cargo xtask bench relay [OPTIONS]

  --messages N   messages a round (10000)
  --rounds R     rounds of each server; figures are medians (3)
  --sessions S   sessions of the client (50)
  --only NAME    sealpost or postfix alone
  --dkim         also Sealpost signing what it sends (RSA-2048), beside one raw signature
  --json         figures as JSON on standard output";

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Messages a round.
    pub messages: u64,
    /// Rounds of each server.
    pub rounds: u32,
    /// Sessions of the client.
    pub sessions: u32,
    /// One server alone.
    pub only: Option<String>,
    /// Whether Sealpost is measured with signatures, too.
    pub dkim: bool,
    /// Figures as JSON.
    pub json: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 10_000, rounds: 3, sessions: 50, only: None, dkim: false, json: false }
    }
}

/// Runs a benchmark by its name.
pub fn run(arguments: &[String]) -> Result<()> {
    match arguments.split_first() {
        Some((name, rest)) if name == "relay" => relay::run(&read(rest)?),
        Some((name, rest)) if name == "queue" => queue::run(rest),
        Some((name, rest)) if name == "profile" => profile::run(rest),
        Some((name, rest)) if name == "seal" => seal::run(rest),
        Some((name, rest)) if name == "inspect" => inspect::run(rest),
        // Not for people: the relay benchmark starts its receiving end as a process of its own.
        Some((name, rest)) if name == "sink" => sink::run(rest.first().context("a folder for the anchors")?.as_ref()),
        _ => bail!(
            "there are five benchmarks\n\n{USAGE}\n\n{}\n\n{}\n\n{}\n\n{}",
            queue::USAGE,
            profile::USAGE,
            seal::USAGE,
            inspect::USAGE
        ),
    }
}

fn read(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--messages" => options.messages = number(argument, rest.next(), 1_000_000)?,
            "--rounds" => options.rounds = number(argument, rest.next(), 100)?,
            "--sessions" => options.sessions = number(argument, rest.next(), 1_000)?,
            "--only" => options.only = Some(rest.next().context("--only needs a name")?.clone()),
            "--dkim" => options.dkim = true,
            "--json" => options.json = true,
            other => bail!("there is no option {other}\n\n{USAGE}"),
        }
    }
    let known = options.only.as_deref().is_none_or(|name| ["sealpost", "postfix"].contains(&name));
    ensure!(known, "--only is sealpost or postfix");
    Ok(options)
}

fn number<N: FromStr + PartialOrd + From<u8> + std::fmt::Display>(
    name: &str,
    text: Option<&String>,
    most: N,
) -> Result<N> {
    let number = text.and_then(|text| text.parse::<N>().ok()).filter(|number| *number >= N::from(1) && *number <= most);
    number.with_context(|| format!("{name} needs a number from 1 to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Option<Options>) {
        let arguments: Vec<String> = line.split_whitespace().map(ToOwned::to_owned).collect();
        assert_eq!(read(&arguments).ok(), expect, "{line}");
    }

    #[test]
    fn options_are_bounded() {
        check("", Some(Options::default()));
        let options = Options { messages: 5, rounds: 1, sessions: 2, json: true, ..Options::default() };
        check("--messages 5 --rounds 1 --sessions 2 --json", Some(options));
        check("--only postfix", Some(Options { only: Some("postfix".into()), ..Options::default() }));
        for wrong in ["--messages 0", "--messages", "--rounds 101", "--sessions x", "--only exim", "--faster"] {
            check(wrong, None);
        }
    }
}
