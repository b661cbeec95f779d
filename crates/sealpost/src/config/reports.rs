//! `[reports]`: reports on TLS to other domains, and those of others that come in.

use mail::Address;
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::Found;

/// `[reports]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Reports {
    /// Whether domains that ask for it are told daily how TLS with them went (RFC 8460).
    pub tls: bool,
    /// The own address whose mail is looked into for reports of others; none: no mail is.
    pub address: Option<Address>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { tls: true, address: None }
    }
}

impl Config {
    /// Where reports on a domain should go.
    pub fn reports_to(&self, domain: &mail::Domain) -> String {
        match &self.reports.address {
            Some(address) => address.to_string(),
            None => format!("postmaster@{domain}"),
        }
    }
}

impl Found<'_> {
    pub(super) fn reports(&mut self, config: &Config) {
        let Some(address) = &config.reports.address else { return };
        let is_inbound = config.gateway.inbound.iter().any(|inbound| inbound.domains.contains(address.domain()));
        if !is_inbound || config.gateway.listen.is_empty() {
            self.wrong("reports.address", "its domain is none whose mail comes in by the gateway: [[gateway.inbound]]");
        }
    }
}
