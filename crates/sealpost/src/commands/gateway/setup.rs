//! `sealpost gateway setup`: what is to be set up in the mail system, with the
//! values of the configuration filled in, in an order in which no mail is lost.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use mail::Domain;
use serde::Serialize;
use serde_json::json;

use super::{connector, google, m365, secret};
use crate::cli::{Cli, MailSystem, Setup};
use crate::commands::{loaded, print};
use crate::config::Config;
use crate::config::gateway::{Connector, Kind};
use crate::installation::Seams;
use crate::reach;

/// What the mail system is told about.
pub struct Facts<'c> {
    /// This machine's name, which its certificate bears.
    pub hostname: &'c Domain,
    /// The addresses that it sends from.
    pub addresses: Vec<IpAddr>,
    /// The connector.
    pub connector: &'c Connector,
    /// The domains that are sent from.
    pub senders: Vec<Domain>,
    /// The domains that are received for, with the next hop of each.
    pub inbound: Vec<(Domain, String)>,
    /// The domain that seals what is passed on.
    pub sealer: Option<Domain>,
    /// The secret, where it is to be shown.
    pub secret: Option<String>,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// What it is for.
    pub title: String,
    /// What is to be done, line by line.
    pub lines: Vec<String>,
}

impl Step {
    /// A step of these lines.
    pub fn new(title: impl Into<String>, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { title: title.into(), lines: lines.into_iter().map(Into::into).collect() }
    }
}

/// Runs it.
pub async fn run(cli: &Cli, wanted: &Setup) -> Result<ExitCode> {
    let config = loaded(cli)?.config;
    let (kind, word) = match wanted.system {
        MailSystem::M365 => (Kind::M365, "of kind m365"),
        MailSystem::Google => (Kind::Google, "of kind google"),
    };
    let connector = connector(&config, wanted.connector.as_deref(), word, |one| one.kind == kind)?;
    let facts = facts(&config, connector, wanted).await?;
    let takes_mail_in = wanted.system == MailSystem::M365 && !wanted.rollback && !facts.inbound.is_empty();
    if takes_mail_in && !facts.addresses.iter().any(IpAddr::is_ipv4) {
        bail!(
            "an inbound connector of Microsoft's takes IPv4 addresses only, and there is none: give one by --address"
        );
    }
    let steps = match (wanted.system, wanted.rollback) {
        (MailSystem::M365, false) => m365::setup(&facts),
        (MailSystem::M365, true) => m365::rollback(&facts),
        (MailSystem::Google, false) => google::setup(&facts),
        (MailSystem::Google, true) => google::rollback(&facts),
    };
    print(&match (cli.json, wanted.system) {
        (true, _) => json!({ "connector": connector.name, "steps": steps }).to_string(),
        (false, MailSystem::M365) => script(&steps),
        (false, MailSystem::Google) => numbered(&steps),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn facts<'c>(config: &'c Config, connector: &'c Connector, wanted: &Setup) -> Result<Facts<'c>> {
    let owner = config.organisation_of(connector.organisation.as_deref());
    let owner = owner.with_context(|| format!("the connector {} names no organisation", connector.name))?;
    let hostname = &config.server.hostname;
    let addresses = match wanted.addresses.as_slice() {
        // How it is undone hangs on no address.
        [] if wanted.rollback => Vec::new(),
        [] => {
            let resolver = reach::dns(&config.delivery, &Seams::default())?.resolver;
            let found = resolver.addresses(hostname).await;
            found.with_context(|| format!("{hostname} has no address in the DNS yet: say --address IP"))?
        }
        given => given.to_vec(),
    };
    let is_own = |inbound: &&crate::config::gateway::Inbound| {
        config.organisation_of_inbound(inbound).is_some_and(|one| one.slug == owner.slug)
    };
    let routes = config.gateway.inbound.iter().filter(is_own);
    let inbound = routes.flat_map(|route| route.domains.iter().map(|domain| (domain.clone(), route.host.clone())));
    if connector.secret_files.is_empty() {
        bail!("the connector {} has no secret_files: a transport rule has nothing to show", connector.name);
    }
    let secret = match wanted.with_secret {
        true => Some(secret::newest(connector)?.to_string()),
        false => None,
    };
    let senders = match connector.sender_domains.is_empty() {
        true => owner.domains.clone(),
        false => connector.sender_domains.clone(),
    };
    let sealer = owner.domains.first().cloned().filter(|_| config.dkim.sign);
    Ok(Facts { hostname, addresses, connector, senders, inbound: inbound.collect(), sealer, secret })
}

/// Steps as one script: the titles are comments.
fn script(steps: &[Step]) -> String {
    let blocks: Vec<String> = steps.iter().map(|step| format!("# {}\n{}", step.title, step.lines.join("\n"))).collect();
    blocks.join("\n\n")
}

/// Steps for people.
fn numbered(steps: &[Step]) -> String {
    let one = |(index, step): (usize, &Step)| {
        let lines: String = step.lines.iter().map(|line| format!("\n   {line}")).collect();
        format!("{}. {}{lines}", index + 1, step.title)
    };
    steps.iter().enumerate().map(one).collect::<Vec<_>>().join("\n\n")
}
