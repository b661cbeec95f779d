//! `sealpost gateway …`: what an administrator needs to put Sealpost beside a
//! mail system: what to set up there, the secret, and whether it works.

mod check;
mod google;
mod legs;
mod m365;
mod round;
mod secret;
mod setup;
mod talk;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::cli::{Cli, GatewayVerb};
use crate::config::Config;
use crate::config::gateway::Connector;

/// Runs it.
pub async fn run(cli: &Cli, verb: &GatewayVerb) -> Result<ExitCode> {
    match verb {
        GatewayVerb::Setup(wanted) => setup::run(cli, wanted).await,
        GatewayVerb::Secret(verb) => secret::run(cli, verb).await,
        GatewayVerb::Check { wait } => check::run(cli, *wait).await,
    }
}

/// The connector of that name; without one the only one that will do.
fn connector<'c>(
    config: &'c Config,
    name: Option<&str>,
    what: &str,
    will_do: impl Fn(&Connector) -> bool,
) -> Result<&'c Connector> {
    let all = || config.gateway.connector.iter().filter(|connector| will_do(connector));
    let mut fitting = all();
    match (name, fitting.next(), fitting.next()) {
        (Some(name), _, _) => {
            let named = all().find(|connector| connector.name == name);
            named.with_context(|| format!("there is no [[gateway.connector]] {name:?} {what}"))
        }
        (None, Some(only), None) => Ok(only),
        (None, None, _) => bail!("there is no [[gateway.connector]] {what}"),
        (None, Some(_), Some(_)) => {
            let names: Vec<&str> = all().map(|connector| connector.name.as_str()).collect();
            bail!("say which one: --connector {}", names.join(" | "))
        }
    }
}
