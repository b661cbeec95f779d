//! The certificate that is had by ACME, as the configuration wants it.

use std::sync::Arc;

use acme::{Authority, ExternalAccount, Wanted};
use anyhow::{Context as _, Result};
use discovery::fetch::FetchConfig;
use flow::Journey;
use flow::certificates::{Answers, Certificates};
use flow::listener::tls::{Held, Source};
use mail::OrgId;

use crate::config::Config;
use crate::gateway;
use crate::installation::Seams;
use crate::reach;

/// Where certificates are had by ACME: what is shown of it and what answers.
#[derive(Clone)]
pub struct HadByAcme {
    /// The certificate, for every listener of its names.
    pub held: Arc<Held>,
    /// What the authority looks at.
    pub answers: Arc<Answers>,
}

/// Whose vault keeps the keys.
pub fn organisation<'j>(config: &Config, journey: &'j Journey) -> Result<&'j Arc<flow::Organisation>> {
    let slug = config.acme.organisation.as_deref();
    let whose = |one: &&Arc<flow::Organisation>| slug.is_none_or(|slug| one.profile.slug == slug);
    journey.organisations.iter().find(whose).context("acme.organisation: there is none")
}

/// What is asked of the authority.
fn wanted(config: &Config) -> Wanted {
    let acme = &config.acme;
    let external = acme.external_account.as_deref().zip(acme.external_account_key.as_ref());
    Wanted {
        names: config.acme_names(),
        challenge: acme.challenge,
        contact: acme.contact.iter().map(ToString::to_string).collect(),
        terms_agreed: acme.terms_agreed,
        external: external.and_then(|(id, key)| ExternalAccount::new(id, key.reveal()).ok()),
    }
}

/// The authority that the configuration names; none where it names none.
pub fn authority(config: &Config, seams: &Seams) -> Result<Option<Authority>> {
    let Some(directory) = config.acme_directory() else { return Ok(None) };
    // An operator wrote the address; an authority of one's own is within the house, at any port.
    let wanted = FetchConfig { allow_private: true, other_ports: true, ..FetchConfig::default() };
    let anchors = match &config.acme.anchors {
        Some(path) => gateway::anchors("acme.anchors", path)?,
        None => reach::anchors(&config.delivery)?,
    };
    let fetcher = reach::fetcher(&config.delivery, &anchors, seams, wanted)?;
    Ok(Some(Authority::new(Arc::new(fetcher), directory)))
}

/// What keeps the certificate, and what it is shown from; none where there is no ACME.
pub fn keeper(config: &Config, seams: &Seams, journey: &Arc<Journey>) -> Result<Option<(Certificates, HadByAcme)>> {
    let Some(authority) = authority(config, seams)? else { return Ok(None) };
    let org: OrgId = organisation(config, journey)?.org;
    let wanted = wanted(config);
    let stand_in = acme::stand_in(&wanted.names).context("no certificate can be made")?;
    let held = Arc::new(Held::new(Some((stand_in.certificate, stand_in.key))).context("no certificate can be made")?);
    let answers = Arc::new(Answers::new(journey.clone(), org, wanted.names.clone()));
    let keeper = Certificates::new(journey.clone(), org, wanted, authority, held.clone());
    Ok(Some((keeper, HadByAcme { held, answers })))
}

/// What a listener of that name shows; none where there is neither.
pub fn source(config: &Config, had: Option<&HadByAcme>, name: &str, files: Option<Source>) -> Option<Source> {
    let held = had.filter(|_| config.acme_covers(name)).map(|had| had.held.clone());
    match (held, files) {
        (None, files) => files,
        (Some(held), files) => Some(Source { held: Some(held), files: files.and_then(|source| source.files) }),
    }
}
