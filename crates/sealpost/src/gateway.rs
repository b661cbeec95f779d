//! The gateway's wiring: from the configuration to the connectors, domains and
//! routes that `flow` and `transport` work with.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use flow::Organisations;
use flow::gateway::{Connector, Gateway, Proof, RecipientDomain, SecretField};
use flow::listener;
use mail::{Domain, OrgId};
use provenance::Known;
use transport::{Anchors, Route, SecureDns};

use crate::config::Config;
use crate::config::gateway::{Connector as Wanted, Inbound};

/// The gateway that the configuration describes; none where it does not listen.
pub fn gateway(
    config: &Config,
    organisations: &Organisations,
    dns: Arc<dyn SecureDns>,
) -> Result<Option<Arc<Gateway>>> {
    if config.gateway.listen.is_empty() {
        return Ok(None);
    }
    let mut connectors = Vec::new();
    for wanted in &config.gateway.connector {
        connectors.push(Arc::new(connector(config, wanted, organisations)?));
    }
    let mut recipient_domains = Vec::new();
    for inbound in &config.gateway.inbound {
        let owner = config.organisation_of_inbound(inbound).context("gateway.inbound names no organisation")?;
        let org = number(organisations, &owner.slug)?;
        recipient_domains.extend(inbound.domains.iter().cloned().map(|domain| RecipientDomain { domain, org }));
    }
    let honours_dmarc = config.gateway.honour_dmarc;
    let known = known(config, organisations, &recipient_domains);
    let vaults = organisations.iter().map(|organisation| organisation.vault.clone()).collect();
    let return_path = config.gateway.return_path.clone().map(|domain| (domain, vaults));
    Ok(Some(Arc::new(Gateway { connectors, recipient_domains, return_path, known, honours_dmarc, dns })))
}

/// Whom nobody outside may pretend to be: an organisation's domains, those that it receives for, its partners', and
/// its staff.
fn known(config: &Config, organisations: &Organisations, domains: &[RecipientDomain]) -> HashMap<OrgId, Known> {
    let one = |organisation: &Arc<flow::Organisation>| {
        let received = domains.iter().filter(|own| own.org == organisation.org).map(|own| own.domain.clone());
        let mut own: Vec<Domain> = organisation.profile.domains.iter().cloned().chain(received).collect();
        own.sort();
        own.dedup();
        (organisation.org, Known::new(own, config.gateway.partners.clone(), &config.gateway.staff))
    };
    organisations.iter().map(one).collect()
}

fn connector(config: &Config, wanted: &Wanted, organisations: &Organisations) -> Result<Connector> {
    let owner = config.organisation_of(wanted.organisation.as_deref());
    let owner = owner.with_context(|| format!("the connector {} names no organisation", wanted.name))?;
    let secret = match wanted.secret_files.is_empty() {
        true => None,
        false => {
            let field = SecretField::read(&wanted.secret_field, wanted.secret_files.clone());
            Some(field.with_context(|| format!("the connector {}", wanted.name))?)
        }
    };
    if wanted.exclusive && secret.is_none() && !wanted.dkim {
        tracing::warn!(connector = wanted.name, "taken by where it connects from alone, as exclusive = true says");
    }
    let senders = match wanted.sender_domains.is_empty() {
        true => owner.domains.clone(),
        false => wanted.sender_domains.clone(),
    };
    Ok(Connector {
        name: wanted.name.clone(),
        org: number(organisations, &owner.slug)?,
        networks: wanted.source_networks(),
        certificate: wanted.certificate_name(),
        senders,
        proof: Proof { secret, dkim: wanted.dkim },
    })
}

fn number(organisations: &Organisations, slug: &str) -> Result<OrgId> {
    let found = organisations.iter().find(|organisation| organisation.profile.slug == slug);
    Ok(found.with_context(|| format!("there is no organisation {slug:?}"))?.org)
}

/// Where inbound mail goes: the next hop of each domain, whoever sends to it
/// by whichever door, so that an own domain's MX (this server) is never asked.
pub fn routes(config: &Config) -> Result<Vec<Route>> {
    let mut routes = Vec::new();
    for inbound in &config.gateway.inbound {
        let anchors = inbound.anchors.as_deref().map(|path| anchors("gateway.inbound.anchors", path)).transpose()?;
        for domain in &inbound.domains {
            routes.push(Route { anchors: anchors.clone(), ..route(domain, inbound)? });
        }
    }
    Ok(routes)
}

fn route(domain: &Domain, inbound: &Inbound) -> Result<Route> {
    let tls_name = inbound.tls_name.as_ref().map(Domain::as_str);
    Route::new(domain.clone(), &inbound.host, inbound.port, tls_name)
        .with_context(|| format!("gateway.inbound for {domain}"))
}

/// The authorities of a file that `key` names.
pub fn anchors(key: &str, path: &Path) -> Result<Anchors> {
    let pem = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    Anchors::from_pem(&pem).with_context(|| format!("{key}: {}", path.display()))
}

/// What mail servers may cost.
pub fn listener_settings(config: &Config) -> listener::Settings {
    let mut settings = listener::Settings::new(config.server.hostname.as_str());
    let limits = &config.gateway.limits;
    settings.clients.connections_max = limits.connections as usize;
    settings.clients.connections_per_address_max = limits.connections_per_address as usize;
    settings.clients.connections_per_minute_max = limits.connections_per_minute;
    settings.clients.command_timeout = limits.idle.0;
    settings.clients.stranger_timeout = limits.idle.0;
    settings.clients.session_timeout = limits.session.0;
    settings.session.recipients_max = limits.recipients as usize;
    settings.session.message_bytes_max = limits.message_size.0;
    // In the configuration 0 is no limit.
    settings.clients.messages_per_minute_max = match limits.messages_per_minute {
        0 => u32::MAX,
        limit => limit,
    };
    settings
}
