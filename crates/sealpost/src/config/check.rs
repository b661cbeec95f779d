//! What no single key can know: rules between keys, judged before anything
//! starts, and files that ought to be there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mail::Domain;

use super::units::NameServer;
use super::{Config, DnssecMode, Loaded, Organisation, Problem};

/// Everything that makes this configuration one that must not run.
pub fn problems(loaded: &Loaded) -> Vec<Problem> {
    let mut found = Found { loaded, problems: Vec::new() };
    found.organisations(&loaded.config.organisation);
    found.vault(&loaded.config);
    found.store(&loaded.config);
    found.submission(&loaded.config);
    found.named_networks(&loaded.config);
    found.delivery(&loaded.config);
    found.gateway(&loaded.config);
    found.shaping(&loaded.config);
    found.streams(&loaded.config);
    found.sources(&loaded.config);
    found.portal(&loaded.config);
    found.acme(&loaded.config);
    found.replies(&loaded.config);
    found.dkim(&loaded.config);
    found.watch(&loaded.config);
    found.reports(&loaded.config);
    found.log(&loaded.config);
    found.problems
}

pub(super) struct Found<'l> {
    loaded: &'l Loaded,
    problems: Vec<Problem>,
}

impl Found<'_> {
    pub(super) fn wrong(&mut self, key: &str, message: impl Into<String>) {
        let at = self.loaded.origin(key);
        self.problems.push(Problem::Value { at, key: key.to_owned(), message: message.into() });
    }

    fn log(&mut self, config: &Config) {
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.level) {
            self.wrong("log.level", format!("{error}; write error, warn, info, debug, trace, or directives"));
        }
    }

    fn organisations(&mut self, organisations: &[Organisation]) {
        if organisations.is_empty() {
            self.problems.push(Problem::Missing { key: "organisation".to_owned() });
        }
        let mut slugs = BTreeMap::new();
        let mut domains = BTreeMap::new();
        for (index, organisation) in organisations.iter().enumerate() {
            let key = |name: &str| self.key_of_organisation(index, name);
            let (slug_key, domains_key, zone_key) = (key("slug"), key("domains"), key("time_zone"));
            if !is_slug(&organisation.slug) {
                self.wrong(&slug_key, "a slug is 1 to 40 lower-case letters, digits and hyphens");
            }
            if let Some(other) = slugs.insert(&organisation.slug, &organisation.name) {
                self.wrong(&slug_key, format!("also the slug of {other}"));
            }
            if organisation.zone().is_err() {
                self.wrong(&zone_key, "not the IANA name of a time zone, such as \"America/Chicago\"");
            }
            if organisation.domains.is_empty() {
                self.wrong(&domains_key, "an organisation sends from one domain at least");
            }
            for domain in &organisation.domains {
                if let Some(other) = domains.insert(domain, &organisation.slug) {
                    self.wrong(&domains_key, format!("{domain} already belongs to {other}"));
                }
            }
        }
    }

    fn key_of_organisation(&self, index: usize, name: &str) -> String {
        let counted = format!("organisation[{index}].{name}");
        if self.loaded.origins.contains_key(&counted) { counted } else { format!("organisation.{name}") }
    }

    fn vault(&mut self, config: &Config) {
        match (&config.vault.root_key_file, &config.vault.root_key_env) {
            (None, None) => self.problems.push(Problem::Missing { key: "vault.root_key_file".to_owned() }),
            (Some(_), Some(_)) => {
                self.wrong("vault.root_key_env", "set beside vault.root_key_file; one of them is enough")
            }
            // Keys beside the data would fall to whoever takes the data.
            (Some(file), None) if is_within(file, &config.server.data_dir) => {
                self.wrong("vault.root_key_file", "lies inside server.data_dir; a key never lies beside what it opens");
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
    }

    fn store(&mut self, config: &Config) {
        // Renewed four times in its life, by a database that may be busy.
        if config.store.lease.0 < std::time::Duration::from_secs(4) {
            self.wrong("store.lease", "4s at least, or a node that is busy for a moment is taken for dead");
        }
    }

    fn submission(&mut self, config: &Config) {
        let submission = &config.submission;
        let listens = !submission.starttls.is_empty() || !submission.tls.is_empty();
        match (&submission.certificate, &submission.key) {
            (Some(_), None) => self.wrong("submission.key", "not set, but submission.certificate is"),
            (None, Some(_)) => self.wrong("submission.certificate", "not set, but submission.key is"),
            (None, None) if listens && !config.acme_covers(config.server.hostname.as_str()) => {
                self.wrong(
                    "submission.certificate",
                    "not set, but there are listeners that need TLS: set it, or [acme] to have one",
                );
            }
            _ => {}
        }
        let limits = &submission.limits;
        for (name, value) in [
            ("connections", limits.connections),
            ("connections_per_address", limits.connections_per_address),
            ("recipients", limits.recipients),
            ("line_length", limits.line_length),
            ("mime_depth", limits.mime_depth),
            ("mime_parts", limits.mime_parts),
        ] {
            if value == 0 {
                self.wrong(&format!("submission.limits.{name}"), "0 would refuse everything");
            }
        }
        // RFC 5321 §4.5.3.1.8 asks every server for 100 recipients.
        if limits.recipients > 0 && limits.recipients < 100 {
            self.wrong("submission.limits.recipients", "RFC 5321 asks for 100 at least");
        }
        if limits.message_size > config.server.judging_memory {
            self.wrong("submission.limits.message_size", "more than server.judging_memory could ever hold");
        }
    }

    fn named_networks(&mut self, config: &Config) {
        let named = &config.named_networks;
        if named.listen.is_empty() {
            return;
        }
        if !named.listen.iter().all(|listen| is_private(listen.ip())) {
            self.wrong("named_networks.listen", "only loopback and private addresses can take mail without TLS");
        }
        if named.networks.is_empty() {
            self.wrong("named_networks.networks", "not set, but named_networks.listen is");
        }
        if !named.networks.iter().all(|network| is_private(network.network()) && is_private(network.broadcast())) {
            self.wrong("named_networks.networks", "only loopback and private networks can send without TLS");
        }
        if named.sender_domains.is_empty() {
            self.wrong("named_networks.sender_domains", "not set, but named_networks.listen is");
        }
        for domain in &named.sender_domains {
            if !config.organisation.iter().any(|organisation| organisation.domains.contains(domain)) {
                self.wrong("named_networks.sender_domains", format!("{domain} belongs to no organisation"));
            }
        }
    }

    fn delivery(&mut self, config: &Config) {
        let delivery = &config.delivery;
        if delivery.retry.is_empty() || delivery.retry.iter().any(|wait| wait.0.is_zero()) {
            self.wrong("delivery.retry", "a list of waits, each longer than 0s");
        }
        for (name, value) in
            [("concurrency", delivery.concurrency), ("concurrency_per_domain", delivery.concurrency_per_domain)]
        {
            if value == 0 {
                self.wrong(&format!("delivery.{name}"), "0 would deliver nothing");
            }
        }
        let is_local = |server: &NameServer| server.0.ip().to_canonical().is_loopback();
        let has_local = !delivery.name_servers.is_empty() && delivery.name_servers.iter().all(is_local);
        if delivery.dnssec == DnssecMode::Trusted && !has_local {
            // On any other path the word of a resolver is anybody's to change.
            self.wrong("delivery.dnssec", "trusted needs delivery.name_servers on this machine, such as \"127.0.0.1\"");
        }
        let mut seen = BTreeMap::new();
        for (index, route) in config.route.iter().enumerate() {
            if let Some(other) = seen.insert(&route.domain, &route.host) {
                self.wrong(&format!("route[{index}].domain"), format!("{} already goes to {other}", route.domain));
            }
            // A certificate of an address would prove nothing about a name.
            if route.host.parse::<IpAddr>().is_ok() && route.tls_name.is_none() {
                self.wrong(
                    &format!("route[{index}].host"),
                    "an address needs a tls_name, which its certificate must bear",
                );
            }
        }
    }

    fn shaping(&mut self, config: &Config) {
        for (index, shape) in config.shaping.iter().enumerate() {
            if !is_slug(&shape.name) {
                self.wrong(&format!("shaping[{index}].name"), "1 to 40 lower-case letters, digits and hyphens");
            }
            if shape.mx.is_empty() {
                self.wrong(&format!("shaping[{index}].mx"), "the names that the destination's MX hosts end in");
            }
        }
    }

    fn portal(&mut self, config: &Config) {
        let portal = &config.portal;
        if portal.certificate.is_some() != portal.key.is_some() {
            self.wrong("portal.certificate", "certificate and key are set together");
        }
        let loopback = portal.listen.iter().all(|listen| listen.ip().is_loopback());
        let by_acme = config.portal_host().is_some_and(|host| config.acme_covers(host.as_str()));
        if config.portal_tls().is_none() && !loopback && !by_acme {
            self.wrong("portal.listen", "without a certificate pages are served on loopback only");
        }
        let url = config.portal_url();
        let is_local = |rest: &str| ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| is_host(rest, host));
        let fine = url.starts_with("https://") || url.strip_prefix("http://").is_some_and(is_local);
        if !fine {
            self.wrong("portal.url", "begins with https://, or with http:// and a loopback address");
        }
    }

    /// A selector is a part of a DNS name (RFC 6376 §3.1).
    fn dkim(&mut self, config: &Config) {
        let is_selector = |text: &String| Domain::parse(text).is_ok();
        if !is_selector(&config.dkim.selector) {
            self.wrong("dkim.selector", "not a selector: letters, digits, hyphens, dots");
        }
        for (domain, _) in config.dkim.selectors.iter().filter(|(_, selector)| !is_selector(selector)) {
            self.wrong(&format!("dkim.selectors.{domain}"), "not a selector: letters, digits, hyphens, dots");
        }
        for (domain, selector) in &config.dkim.second {
            let key = format!("dkim.second.{domain}");
            if !is_selector(selector) {
                self.wrong(&key, "not a selector: letters, digits, hyphens, dots");
            }
            if selector == config.dkim_selector(domain) {
                self.wrong(&key, "the selector of its first key");
            }
            if !config.organisation.iter().any(|organisation| organisation.domains.contains(domain)) {
                self.wrong(&key, "no organisation sends from that domain");
            }
        }
    }
}

fn is_host(rest: &str, host: &str) -> bool {
    rest.strip_prefix(host).is_some_and(|after| after.is_empty() || after.starts_with([':', '/']))
}

pub(super) fn is_slug(slug: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&slug.len()) && slug.bytes().all(fine) && !slug.starts_with('-')
}

/// Compared as the system resolves them where that can be asked, so that a symbolic link hides nothing.
fn is_within(file: &Path, folder: &Path) -> bool {
    let resolved = |path: &Path| -> PathBuf { path.canonicalize().unwrap_or_else(|_| path.to_owned()) };
    let parent = file.parent().unwrap_or(file);
    file.starts_with(folder)
        || resolved(file).starts_with(resolved(folder))
        || resolved(parent).starts_with(resolved(folder))
}

/// Loopback, private (RFC 1918), link-local or unique local (RFC 4193).
pub(super) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The files that the configuration names and that can't be opened.
pub fn unreadable_files(loaded: &Loaded) -> Vec<Problem> {
    let config = &loaded.config;
    let named = [
        &config.vault.root_key_file,
        &config.submission.certificate,
        &config.submission.key,
        &config.portal.certificate,
        &config.portal.key,
        &config.delivery.anchors,
        &config.acme.anchors,
        &config.smime.anchors,
        &config.gateway.certificate,
        &config.gateway.key,
        &config.gateway.anchors,
        &config.delivery.dnssec_anchors,
    ];
    // The second file of a secret is made when it is rotated.
    let connectors = config.gateway.connector.iter().filter_map(|connector| {
        let files = &connector.secret_files;
        files.first().filter(|_| files.iter().all(|path| std::fs::File::open(path).is_err()))
    });
    let inbound = config.gateway.inbound.iter().filter_map(|inbound| inbound.anchors.as_ref());
    let unreadable = |path: &PathBuf| {
        let source = std::fs::File::open(path).err()?;
        Some(Problem::Unreadable { path: path.clone(), source })
    };
    named.into_iter().flatten().chain(inbound).chain(connectors).filter_map(unreadable).collect()
}
