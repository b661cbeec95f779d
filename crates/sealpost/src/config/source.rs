//! `[[source]]`: the own addresses that mail of streams leaves from.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::Domain;
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::{Found, is_slug};

/// `[[source]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// Its name, as streams choose it.
    pub name: String,
    /// The address to hosts that have IPv4.
    pub ipv4: Option<Ipv4Addr>,
    /// The address to hosts that have IPv6.
    pub ipv6: Option<Ipv6Addr>,
    /// The name that is said there in EHLO.
    pub helo: Domain,
    /// The day on which mail began to be sent from there, where that is news to others.
    pub sending_since: Option<jiff::civil::Date>,
}

impl Source {
    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.map(IpAddr::V4).into_iter().chain(self.ipv6.map(IpAddr::V6))
    }
}

impl Found<'_> {
    pub(super) fn sources(&mut self, config: &Config) {
        let (mut names, mut addresses) = (BTreeMap::new(), BTreeMap::new());
        for (index, source) in config.source.iter().enumerate() {
            let key = |name: &str| format!("source[{index}].{name}");
            if !is_slug(&source.name) {
                self.wrong(&key("name"), "1 to 40 lower-case letters, digits and hyphens");
            }
            if names.insert(&source.name, index).is_some() {
                self.wrong(&key("name"), "two sources have this name");
            }
            if source.addresses().next().is_none() {
                self.wrong(&key("ipv4"), "a source has an address: set ipv4, ipv6 or both");
            }
            for address in source.addresses() {
                let name = if address.is_ipv4() { "ipv4" } else { "ipv6" };
                if address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
                    self.wrong(&key(name), "not an address that a machine can send from");
                }
                // Its first days are counted once.
                if let Some(other) = addresses.insert(address, &source.name) {
                    self.wrong(&key(name), format!("the address of the source {other} already"));
                }
            }
            if !is_host_name(&source.helo) {
                self.wrong(&key("helo"), "the whole name of a host, such as \"mail2.clinic.example\"");
            }
        }
        for (index, stream) in config.stream.iter().enumerate() {
            let key = format!("stream[{index}].sources");
            for (place, name) in stream.sources.iter().enumerate() {
                if !config.source.iter().any(|source| source.name == *name) {
                    self.wrong(&key, format!("there is no source {name}: add it as [[source]]"));
                }
                if stream.sources.iter().take(place).any(|other| other == name) {
                    self.wrong(&key, format!("names {name} twice"));
                }
            }
        }
        self.lanes(config);
    }

    /// Where a parcel that waits leaves from is known by a number of its stream's
    /// name: two streams of one number leave from the same places.
    fn lanes(&mut self, config: &Config) {
        let lane = |name: &str| store::Lane::new(mail::Priority::Marketing, mail::OrgId(0), name, "");
        let built_in = ["transactional", "marketing", "default", "inbound", "reports", "codes"];
        let mut known: BTreeMap<store::Lane, (&str, &[String])> =
            built_in.map(|name| (lane(name), (name, &[][..]))).into();
        for (index, stream) in config.stream.iter().enumerate() {
            let own = (stream.name.as_str(), stream.sources.as_slice());
            let other = known.insert(lane(&stream.name), own);
            if let Some((other, _)) = other.filter(|(name, sources)| *name != own.0 && *sources != own.1) {
                let message = format!("by a rare chance the queue can't tell it from {other}: choose another name");
                self.wrong(&format!("stream[{index}].name"), message);
            }
        }
    }
}

/// Whether it has the form of a host that the DNS can know, with a domain that it is of.
fn is_host_name(name: &Domain) -> bool {
    let top = name.as_str().rsplit('.').next().unwrap_or_default();
    name.as_str().contains('.') && !top.bytes().all(|byte| byte.is_ascii_digit())
}
