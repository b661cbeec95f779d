//! What is published of the providers whose customers share networks and a
//! certificate: who comes from there, or bears that name, may be any of them.

use ipnet::IpNet;
use mail::Domain;

/// The name in the certificate by which Microsoft's servers present themselves.
pub(super) const M365_CERTIFICATE: &str = "mail.protection.outlook.com";

/// Below these are the names of the providers' own servers.
const NAMES: [(&str, Provider); 5] = [
    ("outlook.com", Provider::M365),
    ("office365.com", Provider::M365),
    ("google.com", Provider::Google),
    ("googlemail.com", Provider::Google),
    ("gmail.com", Provider::Google),
];

/// Google's servers for outgoing mail: `_netblocks`, `_netblocks2` and `_netblocks3.google.com` on 2026-01-15. They
/// only narrow who may try to prove its tenant.
const GOOGLE_NETWORKS: &[&str] = &[
    "35.190.247.0/24",
    "35.191.0.0/16",
    "64.233.160.0/19",
    "66.102.0.0/20",
    "66.249.80.0/20",
    "72.14.192.0/18",
    "74.125.0.0/16",
    "108.177.8.0/21",
    "108.177.96.0/19",
    "130.211.0.0/22",
    "172.217.0.0/19",
    "172.217.32.0/20",
    "172.217.128.0/19",
    "172.217.160.0/20",
    "172.217.192.0/19",
    "172.253.56.0/21",
    "172.253.112.0/20",
    "173.194.0.0/16",
    "209.85.128.0/17",
    "216.58.192.0/19",
    "216.239.32.0/19",
    "2001:4860:4000::/36",
    "2404:6800:4000::/36",
    "2607:f8b0:4000::/36",
    "2800:3f0:4000::/36",
    "2a00:1450:4000::/36",
    "2c0f:fb50:4000::/36",
];

/// Exchange Online's: the SPF record of spf.protection.outlook.com and the endpoint set of Exchange Online.
const M365_NETWORKS: &[&str] = &[
    "40.92.0.0/15",
    "40.107.0.0/16",
    "52.100.0.0/14",
    "52.238.78.88/32",
    "104.47.0.0/17",
    "2a01:111:f400::/48",
    "2a01:111:f403::/48",
];

/// A provider that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    /// Microsoft 365.
    M365,
    /// Google Workspace.
    Google,
}

impl Provider {
    /// Its name for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Provider::M365 => "Microsoft 365",
            Provider::Google => "Google Workspace",
        }
    }

    /// The networks that its servers bring mail from.
    pub(super) fn networks(self) -> impl Iterator<Item = IpNet> {
        let texts = match self {
            Provider::M365 => M365_NETWORKS,
            Provider::Google => GOOGLE_NETWORKS,
        };
        texts.iter().filter_map(|text| text.parse().ok())
    }

    /// Whose network it is, in part at least.
    pub(super) fn of_network(network: &IpNet) -> Option<Self> {
        let meets = |other: IpNet| other.contains(network) || network.contains(&other);
        [Provider::M365, Provider::Google].into_iter().find(|provider| provider.networks().any(meets))
    }

    /// Whose certificate bears that name.
    pub(super) fn of_name(name: &Domain) -> Option<Self> {
        let is_of = |domain: &str| Domain::parse(domain).is_ok_and(|domain| name.is_within(&domain));
        NAMES.iter().find(|(domain, _)| is_of(domain)).map(|(_, provider)| *provider)
    }
}
