//! `sealpost probe DOMAIN|ADDRESS…`.
//!
//! It needs no installation: where there is no configuration, the defaults and
//! this machine's name do.

mod show;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use discovery::probe::{Report, Severity};
use mail::{Address, Domain};

use super::{print, say};
use crate::cli::{Cli, Probe};
use crate::config::{Delivery, Inputs, load};
use crate::installation::Seams;
use crate::reach;

/// Runs it: well where no finding is high or fatal.
pub async fn run(cli: &Cli, wanted: &Probe) -> Result<ExitCode> {
    let domains = match domains(&wanted.targets) {
        Ok(domains) => domains,
        Err(error) => {
            say(&format!("sealpost: {error}"));
            return Ok(ExitCode::from(2));
        }
    };
    let (delivery, helo) = settings(cli)?;
    let helo = wanted.helo.clone().or(helo).unwrap_or_else(machine);
    let prober = reach::prober(&delivery, helo, !wanted.quick, &Seams::default())?;
    let paint = show::Paint { is_coloured: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() };
    let mut is_well = true;
    for (index, domain) in domains.iter().enumerate() {
        let report = prober.probe(domain, &wanted.selectors).await;
        is_well &= is_fine(&report);
        match cli.json {
            true => print(&serde_json::to_string(&report)?)?,
            false if index == 0 => print(&show::text(&report, paint))?,
            false => print(&format!("\n{}", show::text(&report, paint)))?,
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_fine(report: &Report) -> bool {
    report.findings.iter().all(|finding| !finding.counts || finding.severity < Severity::High)
}

/// Each domain once, in the order given.
fn domains(targets: &[String]) -> Result<Vec<Domain>> {
    let mut domains: Vec<Domain> = Vec::new();
    for target in targets {
        let name = target.rsplit_once('@').map_or(target.as_str(), |(_, domain)| domain);
        let domain = Domain::parse(name.trim_end_matches('.'))
            .with_context(|| format!("{target:?} is neither a domain nor an address in one"))?;
        if target.contains('@') {
            Address::parse(target).with_context(|| format!("{target:?} is no address"))?;
        }
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    Ok(domains)
}

/// What the configuration says, where there is one.
fn settings(cli: &Cli) -> Result<(Delivery, Option<Domain>)> {
    if !cli.config.exists() {
        return Ok((Delivery::default(), None));
    }
    let config = load(&Inputs::of_process(&cli.config)).map_err(anyhow::Error::from)?.config;
    let helo = config.helo().clone();
    Ok((config.delivery, Some(helo)))
}

/// This machine's name, as far as it has one.
fn machine() -> Domain {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Domain::parse(name.trim()).or_else(|_| Domain::parse("localhost")).expect("localhost is a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(targets: &[&str], expect: Option<&[&str]>) {
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        let got = domains(&targets).ok().map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(got, expect.map(|names| names.iter().map(|name| (*name).to_owned()).collect()), "{targets:?}");
    }

    #[test]
    fn domains_and_addresses_are_understood() {
        check(&["A.Example", "p@b.example", "a.example."], Some(&["a.example", "b.example"]));
        check(&["bücher.example"], Some(&["xn--bcher-kva.example"]));
        check(&["a b"], None);
        check(&["@b.example"], None);
        check(&["https://a.example"], None);
    }
}
