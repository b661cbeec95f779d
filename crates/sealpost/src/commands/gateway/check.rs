//! `sealpost gateway check`: each leg of the way that mail takes, tried one
//! after the other: what the DNS says, what this machine offers to others, the
//! secrets, the mail system behind it, and a message there and back.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use identity::{Action, Resource};
use mail::Domain;
use serde::Serialize;
use transport::{Anchors, Resolver, Tls};

use super::{legs, round};
use crate::cli::{Cli, Organisation};
use crate::commands::{Opened, print};
use crate::config::Config;
use crate::config::gateway::Inbound;
use crate::installation::Seams;
use crate::{gateway, reach};

/// What came of one leg.
#[derive(Debug, Serialize)]
pub struct Leg {
    /// Which: `mx`, `connect`, `tls`, `certificate`, `relay`, `secret`, `next_hop`, `probe`.
    pub leg: &'static str,
    /// Whose: a domain, an address, a connector.
    pub of: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Leg {
    /// All is well.
    pub fn good(leg: &'static str, of: impl ToString, found: impl Into<String>) -> Self {
        Self { leg, of: of.to_string(), ok: true, found: found.into(), fix: None }
    }

    /// Something is not.
    pub fn bad(leg: &'static str, of: impl ToString, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { leg, of: of.to_string(), ok: false, found: found.into(), fix: Some(fix.into()) }
    }
}

/// What the legs are tried with.
pub struct Kit<'c> {
    /// The configuration.
    pub config: &'c Config,
    /// The DNS.
    pub resolver: Arc<dyn Resolver>,
    /// TLS, by the anchors of deliveries.
    pub tls: Tls,
    /// How long a probe may take.
    pub wait: Duration,
}

impl Kit<'_> {
    /// This machine's name.
    pub fn hostname(&self) -> &Domain {
        &self.config.server.hostname
    }

    /// The name that is said to others.
    pub fn helo(&self) -> &str {
        self.config.helo().as_str()
    }

    /// The addresses of a next hop, with its port.
    pub async fn next_hop(&self, inbound: &Inbound) -> Result<Vec<SocketAddr>, String> {
        let found = match inbound.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let host = Domain::parse(&inbound.host).map_err(|why| why.to_string())?;
                self.resolver.addresses(&host).await.map_err(|why| why.to_string())?
            }
        };
        Ok(found.into_iter().map(|address| SocketAddr::from((address, inbound.port))).collect())
    }

    /// The name that a next hop's certificate must bear.
    pub fn next_hop_name<'i>(&self, inbound: &'i Inbound) -> &'i str {
        inbound.tls_name.as_ref().map_or(inbound.host.as_str(), Domain::as_str)
    }

    /// Who vouches for it.
    pub fn next_hop_anchors(&self, inbound: &Inbound) -> Result<Option<Anchors>> {
        inbound.anchors.as_deref().map(|path| gateway::anchors("gateway.inbound.anchors", path)).transpose()
    }
}

/// Runs it: well where every leg is.
pub async fn run(cli: &Cli, wait: u64) -> Result<ExitCode> {
    let opened = Opened::new(cli, &Organisation { organisation: None }).await?;
    opened.may(Action::ReadPolicy, &Resource::Organisation(opened.organisation.org))?;
    let (config, seams) = (&opened.loaded.config, Seams::default());
    anyhow::ensure!(!config.gateway.listen.is_empty(), "there is no gateway: gateway.listen is empty");
    let dns = reach::dns(&config.delivery, &seams)?;
    let tls = Tls::new(reach::anchors(&config.delivery)?, seams.clock.clone());
    let kit = Kit { config, resolver: dns.resolver, tls, wait: Duration::from_secs(wait) };
    let mut legs = legs::dns(&kit).await;
    tell(cli, &legs)?;
    for more in [legs::door(&kit).await, legs::secrets(&kit)] {
        tell(cli, &more)?;
        legs.extend(more);
    }
    for inbound in &config.gateway.inbound {
        let owner = config.organisation_of_inbound(inbound).context("gateway.inbound names no organisation")?;
        let organisation = opened.installation.organisation(Some(&owner.slug))?;
        let more = round::through(&kit, inbound, &opened.installation.journey, organisation).await?;
        tell(cli, &more)?;
        legs.extend(more);
    }
    Ok(if legs.iter().all(|leg| leg.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(cli: &Cli, legs: &[Leg]) -> Result<()> {
    for leg in legs {
        print(&if cli.json { serde_json::to_string(leg)? } else { text(leg) })?;
    }
    Ok(())
}

fn text(leg: &Leg) -> String {
    let mark = if leg.ok { '✓' } else { '✗' };
    let fix = leg.fix.as_ref().map_or_else(String::new, |fix| format!("\n    → {fix}"));
    format!("{mark} {:<11} {}: {}{fix}", leg.leg, leg.of, leg.found)
}
