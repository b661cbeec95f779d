//! The checks of `sealpost doctor`: whether an installation is as it should be,
//! and the fix for whatever is not.
//!
//! A check never changes anything, and one that fails does not keep the others
//! from being made. What is told names files, domains and keys of the
//! configuration, never a recipient.

mod acme;
mod certificates;
mod data;
mod host;
mod keys;
mod names;
pub mod records;
pub mod sending;
mod server;

pub use certificates::host_of;
pub use server::ask as ask_server;

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::config::{Inputs, Loaded, load};
use crate::installation::{Installation, Seams};

/// What is looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Area {
    /// Whether the configuration and the policy can be read
    Configuration,
    /// Keys and folders: there, and nobody else's to read
    Files,
    /// Room for mail
    Disk,
    /// The time of this machine
    Clock,
    /// The database, and the keys that open it
    Store,
    /// The audit ledger: signed, and not standing still
    Ledger,
    /// Mail that waits longer than it should
    Queue,
    /// Certificates of the listeners: chain, name, expiry
    Certificates,
    /// The organisations' own keys: expiry; recipients' keys that wait for a person
    Keys,
    /// What the DNS says of this machine and of the sender domains
    Dns,
    /// The server that runs here
    Server,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// It could not be made, since another one failed.
    Skipped,
    /// It works, and should be seen to.
    Warning,
    /// It does not work.
    Failed,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Where it belongs.
    pub area: Area,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found.
    pub message: String,
    /// What to do: a command to run, a record to publish, a key to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What the checks of one area found, in order.
struct Findings {
    area: Area,
    found: Vec<Finding>,
}

impl Findings {
    fn of(area: Area) -> Self {
        Self { area, found: Vec::new() }
    }

    fn ok(&mut self, message: impl Into<String>) {
        self.add(Outcome::Ok, message, None);
    }

    fn warn(&mut self, message: impl Into<String>, fix: impl Into<String>) {
        self.add(Outcome::Warning, message, Some(fix.into()));
    }

    fn fail(&mut self, message: impl Into<String>, fix: impl Into<String>) {
        self.add(Outcome::Failed, message, Some(fix.into()));
    }

    fn skip(&mut self, message: impl Into<String>) {
        self.add(Outcome::Skipped, message, None);
    }

    fn take(&mut self, record: Option<records::Record>) {
        if let Some(record) = record {
            self.add(record.outcome, record.found, record.fix);
        }
    }

    fn add(&mut self, outcome: Outcome, message: impl Into<String>, fix: Option<String>) {
        self.found.push(Finding { area: self.area, outcome, message: message.into(), fix });
    }
}

/// What the checks look at, opened as far as it opens.
pub struct Doctor {
    loaded: Result<Loaded, String>,
    installation: Result<Installation, String>,
    seams: Seams,
}

impl Doctor {
    /// Opens what `file` leads to, beside a server that may be running.
    pub async fn new(file: &Path, seams: Seams) -> Self {
        let loaded = load(&Inputs::of_process(file)).map_err(|problems| problems.to_string());
        let installation = match &loaded {
            Ok(loaded) => Installation::beside(&loaded.config, &seams).await.map_err(|error| format!("{error:#}")),
            Err(_) => Err("the configuration can't be read".to_owned()),
        };
        Self { loaded, installation, seams }
    }

    /// Makes the checks of an area.
    pub async fn look_at(&self, area: Area) -> Vec<Finding> {
        let mut findings = Findings::of(area);
        match &self.loaded {
            Ok(loaded) => self.check(loaded, &mut findings).await,
            Err(problems) if area == Area::Configuration => {
                for problem in problems.lines() {
                    findings.fail(problem, "correct it, then: sealpost config check");
                }
            }
            Err(_) => findings.skip("needs a configuration that can be read"),
        }
        findings.found
    }

    async fn check(&self, loaded: &Loaded, findings: &mut Findings) {
        let config = &loaded.config;
        match findings.area {
            Area::Configuration => configuration(loaded, findings),
            Area::Files => host::files(loaded, findings),
            Area::Disk => host::disk(config, findings),
            Area::Clock => host::clock(self.opened(), &self.seams, findings).await,
            Area::Store => match &self.installation {
                Ok(installation) => data::store(config, installation, findings).await,
                Err(error) => findings.fail(error, data::fix_of_opening(error)),
            },
            Area::Ledger => self.with_store(findings, data::Part::Ledger, config).await,
            Area::Queue => self.with_store(findings, data::Part::Queue, config).await,
            Area::Certificates => certificates::check(config, self.opened(), &self.seams, findings).await,
            Area::Keys => match self.opened() {
                Some(installation) => keys::check(installation, &self.seams, findings).await,
                None => findings.skip("needs a database that opens"),
            },
            Area::Dns => names::check(config, self.opened(), &self.seams, findings).await,
            Area::Server => server::check(config, findings).await,
        }
    }

    fn opened(&self) -> Option<&Installation> {
        self.installation.as_ref().ok()
    }

    async fn with_store(&self, findings: &mut Findings, part: data::Part, config: &crate::config::Config) {
        match self.opened() {
            Some(installation) => data::part(part, config, installation, &self.seams, findings).await,
            None => findings.skip("needs a database that opens"),
        }
    }
}

fn configuration(loaded: &Loaded, findings: &mut Findings) {
    match policy::Policy::from_table(&loaded.config.policy) {
        Ok(_) => findings.ok("can be read, policy included"),
        Err(error) => {
            findings.fail(format!("the policy can't be read: {error}"), "correct it, then: sealpost policy check")
        }
    }
}
