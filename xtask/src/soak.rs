//! `cargo xtask soak`: the runs that CI makes short, made long.
//!
//! Each run is a test of the project with a larger count; there is no second
//! harness. What the tests report is printed at the end, and kept in
//! `target/xtask/soak.txt`.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{cargo, packages};

/// Where tests write what came of a run: `testkit::soak` does.
const REPORT: &str = "SEALPOST_SOAK_REPORT";

/// A run by its name.
struct Run {
    name: &'static str,
    what: &'static str,
    /// Which test: package, target, filter.
    tests: &'static [[&'static str; 3]],
    /// The variable with the count, and the count of a whole run.
    variable: &'static str,
    count: u64,
    /// Whether figures of time or sheer number want an optimised build.
    is_optimised: bool,
}

const RUNS: &[Run] = &[
    Run {
        name: "kill",
        what: "kill -9 in the middle of work; what was acknowledged arrives",
        tests: &[["sealpost", "e2e", "durability::kill_9"]],
        variable: "SEALPOST_KILLS",
        count: 1_000,
        is_optimised: false,
    },
    Run {
        name: "power",
        what: "power cuts; what was acknowledged is there",
        tests: &[["store", "store", "power::"]],
        variable: "SEALPOST_CUTS",
        count: 2_500,
        is_optimised: false,
    },
    Run {
        name: "simulation",
        what: "seeded runs of accept to record over a machine and a network that fail",
        tests: &[["flow", "simulation", "whatever_fails"]],
        variable: "SEALPOST_SEEDS",
        count: 100_000,
        is_optimised: true,
    },
    Run {
        name: "downgrade",
        what: "random worlds in which TLS, DANE and MTA-STS are stripped, forged or broken",
        tests: &[["transport", "downgrade", ""]],
        variable: "SEALPOST_WORLDS",
        count: 10_000,
        is_optimised: false,
    },
    Run {
        name: "welch",
        what: "logins, API keys and portal codes: no difference by words or time",
        tests: &[["sealpost", "e2e", "timing::"]],
        variable: "SEALPOST_TRIES",
        count: 10_000,
        is_optimised: true,
    },
    Run {
        name: "overload",
        what: "slow clients, wrong logins and large messages at once; so much of a hundred",
        tests: &[["sealpost", "e2e", "overload::"]],
        variable: "SEALPOST_OVERLOAD",
        count: 100,
        is_optimised: true,
    },
];

/// Runs those that are named (`kill`, or `kill=50` for another count), or all.
pub fn run(arguments: &[String]) -> Result<()> {
    let chosen = chosen(arguments)?;
    packages::ensure_present()?;
    let folder = cargo::root().join("target/xtask");
    fs::create_dir_all(&folder)?;
    let report = folder.join("soak.txt");
    fs::write(&report, "")?;
    let mut failed = Vec::new();
    for (run, count) in chosen {
        let began = Instant::now();
        let is_fine = one(run, count, &report)?;
        eprintln!("{}: {}, {:.0} s", run.name, if is_fine { "fine" } else { "failed" }, began.elapsed().as_secs_f64());
        failed.extend((!is_fine).then_some(run.name));
    }
    tell(&fs::read_to_string(&report)?);
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the report is what this program is run for")]
fn tell(report: &str) {
    print!("{report}");
}

fn one(run: &Run, count: u64, report: &std::path::Path) -> Result<bool> {
    let mut is_fine = true;
    for [package, target, filter] in run.tests {
        let mut arguments = vec!["test", "--locked", "--package", package, "--test", target];
        if run.is_optimised {
            arguments.push("--release");
        }
        arguments.extend(["--", filter, "--test-threads=1"].iter().filter(|argument| !argument.is_empty()));
        eprintln!("$ {}={count} cargo {}", run.variable, arguments.join(" "));
        let mut command = cargo::command(&arguments);
        command.env(run.variable, count.to_string()).env(REPORT, report);
        is_fine &= command.status().context("cargo test")?.success();
    }
    Ok(is_fine)
}

fn chosen(arguments: &[String]) -> Result<Vec<(&'static Run, u64)>> {
    if arguments.is_empty() {
        return Ok(RUNS.iter().map(|run| (run, run.count)).collect());
    }
    arguments.iter().map(|argument| named(argument)).collect()
}

fn named(argument: &str) -> Result<(&'static Run, u64)> {
    let (name, count) = argument.split_once('=').map_or((argument, None), |(name, count)| (name, Some(count)));
    let Some(run) = RUNS.iter().find(|run| run.name == name) else {
        let known: Vec<String> =
            RUNS.iter().map(|run| format!("  {:<11} {} ({})", run.name, run.what, run.count)).collect();
        bail!("there is no run {name}\n\ncargo xtask soak [NAME[=COUNT] …]\n\n{}", known.join("\n"));
    };
    let count = count.map_or(Ok(run.count), |count| count.parse().with_context(|| format!("{count} is no count")))?;
    Ok((run, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_chosen_by_name_and_count() {
        let names = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            chosen(&arguments).map(|chosen| chosen.iter().map(|(run, count)| (run.name, *count)).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), RUNS.len());
        assert_eq!(names(&["welch", "kill=50"]).unwrap(), [("welch", 10_000), ("kill", 50)]);
        assert!(names(&["kills"]).unwrap_err().to_string().contains("simulation"));
        assert!(names(&["kill=many"]).is_err());
    }
}
