//! `[acme]`: the listeners' certificate, had from an authority (RFC 8555).

use std::net::IpAddr;
use std::path::PathBuf;

use acme::{Challenge, ExternalAccount, Url};
use mail::{Address, Domain};
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::Found;
use super::units::Secret;

/// `[acme]`: off while `directory` is not set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Acme {
    /// The address of the authority's directory.
    pub directory: Option<String>,
    /// Whether the operator agrees to the authority's terms.
    pub terms_agreed: bool,
    /// Mail addresses that the authority may write to.
    pub contact: Vec<Address>,
    /// The names on the certificate; none: `server.hostname` and the portal's host.
    pub names: Vec<Domain>,
    /// How the names are proven.
    pub challenge: Challenge,
    /// Whose vault keeps the keys and whose ledger tells of it, by slug; none: the only organisation.
    pub organisation: Option<String>,
    /// Who vouches for the directory's own certificate, PEM; none: `delivery.anchors`.
    pub anchors: Option<PathBuf>,
    /// The account that the authority knows already, by its key identifier.
    pub external_account: Option<String>,
    /// Its MAC key, base64url.
    pub external_account_key: Option<Secret>,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            directory: None,
            terms_agreed: false,
            contact: Vec::new(),
            names: Vec::new(),
            challenge: Challenge::TlsAlpn01,
            organisation: None,
            anchors: None,
            external_account: None,
            external_account_key: None,
        }
    }
}

impl Config {
    /// The address of the authority's directory, where certificates are had by ACME.
    pub fn acme_directory(&self) -> Option<Url> {
        Url::parse(self.acme.directory.as_deref()?).ok()
    }

    /// The names on the certificate; the same for every node.
    pub fn acme_names(&self) -> Vec<Domain> {
        if !self.acme.names.is_empty() {
            return self.acme.names.clone();
        }
        let mut names = vec![self.server.hostname.clone()];
        names.extend(self.portal_host().filter(|host| *host != self.server.hostname));
        names
    }

    /// Whether a listener of that name shows the certificate that is had by ACME.
    pub fn acme_covers(&self, name: &str) -> bool {
        self.acme.directory.is_some() && self.acme_names().iter().any(|one| one.as_str() == name)
    }

    /// The host of the portal's URL, if it is a name.
    pub fn portal_host(&self) -> Option<Domain> {
        let url = self.portal_url();
        let host = url.split_once("://")?.1.split(['/', ':']).next()?;
        host.parse::<IpAddr>().is_err().then(|| Domain::parse(host).ok())?
    }
}

impl Found<'_> {
    pub(super) fn acme(&mut self, config: &Config) {
        let acme = &config.acme;
        if let Some(directory) = &acme.directory
            && let Err(error) = Url::parse(directory)
        {
            self.wrong(
                "acme.directory",
                format!("{error}; it is an address such as https://acme-v02.api.letsencrypt.org/directory"),
            );
        }
        self.acme_organisation(config);
        self.acme_challenge(config);
        match (&acme.external_account, &acme.external_account_key) {
            (Some(_), None) => self.wrong("acme.external_account_key", "not set, but acme.external_account is"),
            (None, Some(_)) => self.wrong("acme.external_account", "not set, but acme.external_account_key is"),
            (Some(id), Some(key)) if ExternalAccount::new(id, key.reveal()).is_err() => {
                self.wrong("acme.external_account_key", "not base64url: copy the MAC key as the authority shows it");
            }
            _ => {}
        }
    }

    fn acme_challenge(&mut self, config: &Config) {
        if config.acme.directory.is_none() {
            return;
        }
        let portal_has_tls = !config.portal.listen.is_empty() && config.portal_url().starts_with("https://");
        match config.acme.challenge {
            Challenge::TlsAlpn01 if !portal_has_tls => self.wrong(
                "acme.challenge",
                "tls-alpn-01 is answered by the portal at port 443, and it serves no TLS: set portal.listen, or \
                 acme.challenge = \"http-01\"",
            ),
            Challenge::Http01 if config.portal.listen_http.is_empty() => self.wrong(
                "acme.challenge",
                "http-01 is answered at port 80, and nothing listens there: set portal.listen_http = [\"0.0.0.0:80\"]",
            ),
            Challenge::TlsAlpn01 | Challenge::Http01 => {}
        }
    }

    fn acme_organisation(&mut self, config: &Config) {
        let known = |slug: &String| config.organisation.iter().any(|organisation| organisation.slug == *slug);
        match &config.acme.organisation {
            Some(slug) if !known(slug) => self.wrong("acme.organisation", format!("there is no organisation {slug}")),
            None if config.acme.directory.is_some() && config.organisation.len() > 1 => {
                self.wrong("acme.organisation", "not set, and there are several organisations");
            }
            Some(_) | None => {}
        }
    }
}
