//! What the parts are given, read from the configuration.

use std::sync::Arc;

use anyhow::{Context, Result};
use flow::Journey;
use flow::judging::Judging;
use flow::listener;
use flow::org_keys::PublishedKeys;
use flow::portal::Clinic;
use flow::unsubscribe::Unsubscribing;
use flow::watch::{Watch, WatchList};
use web::ServeLimits;
use web::portal::Site;

use crate::config::Config;
use crate::installation::Seams;
use crate::reach;

/// What keeps the watch list, where there is one.
pub(super) fn watch_list(config: &Config, seams: &Seams, journey: &Arc<Journey>) -> Result<Option<Watch>> {
    let wanted = &config.watch;
    if wanted.domains.is_empty() {
        return Ok(None);
    }
    let whose =
        |one: &&Arc<flow::Organisation>| wanted.organisation.as_ref().is_none_or(|slug| one.profile.slug == *slug);
    let organisation = journey.organisations.iter().find(whose).context("watch.organisation: there is none")?;
    let prober = reach::prober(&config.delivery, config.helo().clone(), !wanted.quick, seams)?;
    let list = WatchList {
        org: organisation.org,
        domains: wanted.domains.clone(),
        interval: wanted.interval.0,
        keep: wanted.keep.0,
    };
    Ok(Some(Watch::new(journey.clone(), list, prober)))
}

pub(super) fn web_limits(config: &Config) -> ServeLimits {
    ServeLimits { proxies: config.portal.proxies.clone(), ..ServeLimits::default() }
}

pub(super) fn site(config: &Config, keys: Arc<dyn PublishedKeys>, journey: Arc<Journey>) -> Result<Site> {
    let first = config.organisation.first().context("the configuration names no organisation")?;
    Ok(Site {
        keys: Some(keys),
        unsubscribing: Some(Arc::new(Unsubscribing::new(journey.clone()))),
        judging: Some(Arc::new(Judging::new(journey))),
        origin: config.portal_url(),
        clinic: Clinic {
            name: first.name.clone(),
            phone: first.phone.clone().unwrap_or_default(),
            time_zone: first.zone()?,
        },
        sender_domains: config.organisation.iter().flat_map(|one| one.domains.clone()).collect(),
        accent: config.portal.accent.as_deref().map(str::parse).transpose().context("portal.accent")?,
        upload_bytes_max: usize::try_from(config.portal.replies.size.0).unwrap_or(usize::MAX),
        proxies: config.portal.proxies.clone(),
        has_analyser: config.portal.analyser,
    })
}

pub(super) fn api_settings(config: &Config) -> web::api::Settings {
    let message_bytes_max = usize::try_from(config.submission.limits.message_size.0).unwrap_or(usize::MAX);
    web::api::Settings {
        // A message in JSON: attachments in base 64, and some room for the rest.
        request_bytes_max: message_bytes_max.saturating_mul(3) / 2,
        proxies: config.portal.proxies.clone(),
    }
}

pub(super) fn listener_settings(config: &Config) -> listener::Settings {
    let mut settings = listener::Settings::new(config.server.hostname.as_str());
    let limits = &config.submission.limits;
    settings.clients.connections_max = limits.connections as usize;
    settings.clients.connections_per_address_max = limits.connections_per_address as usize;
    settings.clients.command_timeout = limits.idle.0;
    settings.clients.session_timeout = limits.session.0;
    settings.session.recipients_max = limits.recipients as usize;
    settings.session.message_bytes_max = limits.message_size.0;
    settings.session.text_line_bytes_max = limits.line_length as usize;
    // In the configuration 0 is no limit.
    settings.clients.messages_per_minute_max = match limits.messages_per_minute {
        0 => u32::MAX,
        limit => limit,
    };
    settings
}
