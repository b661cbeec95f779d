//! What makes a `[gateway]` one that must not run.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use mail::Domain;

use super::check::{Found, is_private, is_slug};
use super::gateway::{Connector, Inbound};
use super::providers::Provider;
use super::{Config, Organisation};

/// What is said of a place that others may share.
const MAY_BE_SHARED: &str = "others may send from there too: set secret_files, or dkim = true; \
     or exclusive = true if you know that nobody else does";

impl Found<'_> {
    pub(super) fn gateway(&mut self, config: &Config) {
        let gateway = &config.gateway;
        if gateway.certificate.is_some() != gateway.key.is_some() {
            self.wrong("gateway.certificate", "certificate and key are set together");
        }
        let by_acme = config.acme_covers(config.server.hostname.as_str());
        if !gateway.listen.is_empty() && config.gateway_tls().is_none() && !by_acme {
            self.wrong("gateway.certificate", "not set, but gateway.listen is; that of submission would do");
        }
        if !gateway.listen.is_empty() && gateway.connector.is_empty() && gateway.inbound.is_empty() {
            self.wrong("gateway.listen", "there is neither a [[gateway.connector]] nor a [[gateway.inbound]]");
        }
        if gateway.return_path.is_some() && gateway.listen.is_empty() {
            self.wrong("gateway.return_path", "set, but gateway.listen is empty: bounces would be lost");
        }
        self.gateway_limits(config);
        let mut names = BTreeMap::new();
        for (index, connector) in gateway.connector.iter().enumerate() {
            let key = |name: &str| format!("gateway.connector[{index}].{name}");
            if names.insert(&connector.name, index).is_some() {
                self.wrong(&key("name"), format!("there is another connector {}", connector.name));
            }
            self.connector(config, connector, &key);
        }
        let mut domains = BTreeMap::new();
        for (index, inbound) in gateway.inbound.iter().enumerate() {
            let key = |name: &str| format!("gateway.inbound[{index}].{name}");
            self.inbound(config, inbound, &key);
            for domain in &inbound.domains {
                if domains.insert(domain, index).is_some() {
                    self.wrong(&key("domains"), format!("{domain} already has a next hop"));
                }
                if config.route.iter().any(|route| route.domain == *domain) {
                    self.wrong(&key("domains"), format!("{domain} has a [[route]]; this is its route already"));
                }
            }
        }
    }

    fn gateway_limits(&mut self, config: &Config) {
        let limits = &config.gateway.limits;
        for (name, value) in [
            ("connections", limits.connections),
            ("connections_per_address", limits.connections_per_address),
            ("connections_per_minute", limits.connections_per_minute),
        ] {
            if value == 0 {
                self.wrong(&format!("gateway.limits.{name}"), "0 would refuse everything");
            }
        }
        // RFC 5321 §4.5.3.1.8.
        if limits.recipients < 100 {
            self.wrong("gateway.limits.recipients", "RFC 5321 asks for 100 at least");
        }
        if limits.message_size > config.server.judging_memory {
            self.wrong("gateway.limits.message_size", "more than server.judging_memory could ever hold");
        }
    }

    fn connector(&mut self, config: &Config, connector: &Connector, key: &dyn Fn(&str) -> String) {
        if !is_slug(&connector.name) {
            self.wrong(&key("name"), "a name is 1 to 40 lower-case letters, digits and hyphens");
        }
        let networks = connector.source_networks();
        if networks.is_empty() && connector.certificate_name().is_none() {
            self.wrong(&key("networks"), "a connector is known by its networks, by its certificate, or by both");
        }
        if connector.secret_files.is_empty() && !connector.dkim {
            self.unproven(config, connector, key);
        }
        if connector.secret_files.len() > 2 {
            self.wrong(&key("secret_files"), "two files: one is replaced while the other is good");
        }
        if !is_field_name(&connector.secret_field) {
            self.wrong(&key("secret_field"), "not the name of a header field");
        }
        match config.organisation_of(connector.organisation.as_deref()) {
            None => self.wrong(&key("organisation"), "names no organisation, and there are several"),
            Some(owner) => self.sender_domains(owner, connector, key),
        }
    }

    /// A connector that its network or its certificate alone identifies: each must be the organisation's own.
    fn unproven(&mut self, config: &Config, connector: &Connector, key: &dyn Fn(&str) -> String) {
        let (networks, name) = (connector.source_networks(), connector.certificate_name());
        let owner = config.organisation_of(connector.organisation.as_deref());
        let is_own_name =
            |name: &Domain| owner.is_some_and(|owner| owner.domains.iter().any(|domain| name.is_within(domain)));
        let is_named = name.as_ref().is_some_and(|name| is_own_name(name) || connector.exclusive);
        if connector.kind.is_shared() {
            let word = connector.kind.word();
            let message = format!("{word} is shared by its customers: set secret_files, or dkim = true");
            self.wrong(&key("secret_files"), message);
        } else if let Some(provider) = name.as_ref().and_then(Provider::of_name) {
            self.wrong(&key("certificate"), shared("the name in the certificate", provider));
        } else if let (false, Some(provider)) = (is_named, networks.iter().find_map(Provider::of_network)) {
            self.wrong(&key("networks"), shared("a network", provider));
        } else if name.is_none() && networks.iter().any(is_wide) {
            self.wrong(&key("networks"), "a public network so large is nobody's own: set certificate or secret_files");
        } else if !is_named && !connector.exclusive && (networks.is_empty() || !networks.iter().all(is_own)) {
            let place = if name.is_some() { "certificate" } else { "networks" };
            self.wrong(&key(place), MAY_BE_SHARED);
        }
    }

    fn sender_domains(&mut self, owner: &Organisation, connector: &Connector, key: &dyn Fn(&str) -> String) {
        for domain in connector.sender_domains.iter().filter(|domain| !owner.domains.contains(domain)) {
            self.wrong(&key("sender_domains"), format!("{domain} is not a domain of {}", owner.slug));
        }
    }

    fn inbound(&mut self, config: &Config, inbound: &Inbound, key: &dyn Fn(&str) -> String) {
        if inbound.domains.is_empty() {
            self.wrong(&key("domains"), "one domain at least");
        }
        // A certificate of an address would prove nothing about a name.
        if inbound.host.parse::<IpAddr>().is_ok() && inbound.tls_name.is_none() {
            self.wrong(&key("host"), "an address needs a tls_name, which its certificate must bear");
        }
        if inbound.probe.as_ref().is_some_and(|probe| !inbound.domains.contains(probe.domain())) {
            self.wrong(&key("probe"), "not an address of one of these domains");
        }
        let Some(owner) = config.organisation_of_inbound(inbound) else {
            return self.wrong(&key("organisation"), "names no organisation, and there are several");
        };
        let others = config.organisation.iter().filter(|other| other.slug != owner.slug);
        for other in others {
            for domain in inbound.domains.iter().filter(|domain| other.domains.contains(domain)) {
                self.wrong(&key("domains"), format!("{domain} belongs to {}, not to {}", other.slug, owner.slug));
            }
        }
    }
}

/// A public network of more than 256 addresses of IPv4, or more than one site of IPv6.
fn is_wide(network: &IpNet) -> bool {
    let least = if network.addr().is_ipv4() { 24 } else { 48 };
    network.prefix_len() < least && !is_own(network)
}

/// A network that nobody outside can be in.
fn is_own(network: &IpNet) -> bool {
    is_private(network.network()) && is_private(network.broadcast())
}

/// What is said of a place that all customers of a provider share.
fn shared(what: &str, provider: Provider) -> String {
    let name = provider.name();
    format!("{what} is that of all customers of {name}, not yours: set secret_files, or dkim = true")
}

/// RFC 5322 §2.2.
fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b':')
}
