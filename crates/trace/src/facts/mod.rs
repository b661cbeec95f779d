//! What is known of servers and providers: the data of `facts/`, read once and
//! made fast to ask.

mod suffix;

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use ipnet::IpNet;
use serde::Deserialize;

use crate::received::{Clauses, Place};
use crate::trust::TrustFile;
use crate::{Moment, date};
use suffix::Suffixes;

/// What it means when a server's field says nothing of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Says {
    /// There was none.
    Always,
    /// Nothing: it never says.
    Never,
    /// Nothing: it was seen to say so, but not shown to do so always.
    Unproven,
}

/// A form that no word gives away; code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    Sendmail,
    Qmail,
    Zmailer,
    Cisco,
}

/// A server software.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Software {
    pub name: String,
    #[serde(default)]
    comment: Vec<String>,
    #[serde(default)]
    with: Vec<String>,
    form: Option<Form>,
    pub says: Says,
    #[serde(default, deserialize_with = "moment")]
    pub since: Option<Moment>,
    #[serde(default)]
    pub ehlo: bool,
    /// The first name is the one that it looked up, not the one it was told.
    #[serde(default)]
    pub reverse: bool,
    source: String,
}

/// Servers of a provider, by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Host {
    pub name: String,
    names: Vec<String>,
    #[serde(default)]
    submission: bool,
    pub says: Says,
    source: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    name: String,
    names: Vec<String>,
    #[serde(default)]
    networks: Vec<IpNet>,
    source: String,
}

#[derive(Deserialize)]
struct SoftwareFile {
    software: Vec<Software>,
}

#[derive(Deserialize)]
struct HostFile {
    host: Vec<Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderFile {
    provider: Vec<Provider>,
    shared: Shared,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    names: Vec<String>,
    source: String,
}

/// What is known of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    host: Option<u16>,
    submission: Option<u16>,
    pub provider: Option<u16>,
    /// Machines under it are of many owners.
    pub is_shared: bool,
    /// The reader's own.
    pub is_own: bool,
}

/// A network as its first and last address.
#[derive(Clone, Copy, Debug)]
enum Range {
    V4(u32, u32),
    V6(u128, u128),
}

impl From<IpNet> for Range {
    fn from(network: IpNet) -> Self {
        match network {
            IpNet::V4(network) => Self::V4(network.network().into(), network.broadcast().into()),
            IpNet::V6(network) => Self::V6(network.network().into(), network.broadcast().into()),
        }
    }
}

impl Range {
    fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4(first, last), IpAddr::V4(address)) => (first..=last).contains(&address.into()),
            (Self::V6(first, last), IpAddr::V6(address)) => (first..=last).contains(&address.into()),
            _ => false,
        }
    }
}

/// All facts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    software: Vec<Software>,
    /// Beginnings of comments, by their first byte.
    comments: Vec<Vec<(String, u16)>>,
    withs: Vec<(String, u16)>,
    forms: Vec<(Form, u16)>,
    hosts: Vec<Host>,
    names: Suffixes<Known>,
    providers: Vec<String>,
    networks: Vec<(Range, u16)>,
    own_networks: Vec<IpNet>,
}

static SHIPPED: LazyLock<Arc<Facts>> = LazyLock::new(|| Arc::new(Facts::read()));

impl Facts {
    /// The facts that ship.
    pub(crate) fn shipped() -> Arc<Self> {
        Arc::clone(&SHIPPED)
    }

    /// The facts that ship and the reader's, who knows better.
    pub(crate) fn with(file: &TrustFile) -> Arc<Self> {
        let mut facts = Self::clone(&SHIPPED);
        for name in &file.own_names {
            facts.names.entry(name).is_own = true;
        }
        facts.own_networks.clone_from(&file.own_networks);
        facts.state("a server that always says so, as you state", Says::Always, &file.always_logs_tls);
        facts.state("a server that doesn't say so, as you state", Says::Never, &file.silent_about_tls);
        for group in &file.internal {
            facts.provider("one group, as you state", group);
        }
        Arc::new(facts)
    }

    fn read() -> Self {
        let mut facts = Self { comments: vec![Vec::new(); 256], ..Self::default() };
        let software: SoftwareFile = own(include_str!("../../facts/software.toml"));
        let hosts: HostFile = own(include_str!("../../facts/hosts.toml"));
        let providers: ProviderFile = own(include_str!("../../facts/providers.toml"));
        software.software.into_iter().for_each(|software| facts.add_software(software));
        hosts.host.into_iter().for_each(|host| facts.add_host(host));
        for provider in providers.provider {
            debug_assert!(!provider.source.is_empty());
            let index = facts.provider(&provider.name, &provider.names);
            facts.networks.extend(provider.networks.into_iter().map(|network| (network.into(), index)));
        }
        debug_assert!(!providers.shared.source.is_empty());
        for name in &providers.shared.names {
            facts.names.entry(name).is_shared = true;
        }
        facts
    }

    fn add_software(&mut self, software: Software) {
        debug_assert!(!software.source.is_empty());
        let index = index(self.software.len());
        for comment in &software.comment {
            let first = comment.as_bytes().first().copied().unwrap_or_default();
            self.comments[usize::from(first)].push((comment.clone(), index));
        }
        self.withs.extend(software.with.iter().map(|with| (with.clone(), index)));
        self.forms.extend(software.form.map(|form| (form, index)));
        self.software.push(software);
    }

    fn add_host(&mut self, host: Host) {
        debug_assert!(!host.source.is_empty());
        let index = index(self.hosts.len());
        for name in &host.names {
            let known = self.names.entry(name);
            *(if host.submission { &mut known.submission } else { &mut known.host }) = Some(index);
        }
        self.hosts.push(host);
    }

    fn state(&mut self, name: &str, says: Says, names: &[String]) {
        let (name, source) = (name.to_owned(), "the reader".to_owned());
        self.add_host(Host { name, names: names.to_vec(), submission: false, says, source });
    }

    fn provider(&mut self, name: &str, names: &[String]) -> u16 {
        let index = index(self.providers.len());
        for name in names {
            match name.parse::<IpNet>() {
                Ok(network) => self.networks.push((network.into(), index)),
                Err(_) => self.names.entry(name).provider = Some(index),
            }
        }
        self.providers.push(name.to_owned());
        index
    }
}

/// Asking.
impl Facts {
    /// What is known of a name, the longest end of it that anything is known of.
    pub(crate) fn known(&self, name: &str) -> Known {
        let mut all = Known::default();
        self.names.each(name, |known| {
            all.host = known.host.or(all.host);
            all.submission = known.submission.or(all.submission);
            all.provider = known.provider.or(all.provider);
            all.is_shared |= known.is_shared;
            all.is_own |= known.is_own;
        });
        all
    }

    /// The habit of a host, by its name.
    pub(crate) fn host(&self, known: Known, is_submission: bool) -> Option<&Host> {
        let index = known.submission.filter(|_| is_submission).or(known.host)?;
        self.hosts.get(usize::from(index))
    }

    /// The provider of a name, or else of an address.
    pub(crate) fn provider_of(&self, known: Known, address: Option<IpAddr>) -> Option<u16> {
        known.provider.or_else(|| self.provider_at(address?))
    }

    /// The provider whose network an address is in.
    pub(crate) fn provider_at(&self, address: IpAddr) -> Option<u16> {
        self.networks.iter().find(|(network, _)| network.contains(address)).map(|(_, index)| *index)
    }

    pub(crate) fn provider_name(&self, index: u16) -> &str {
        self.providers.get(usize::from(index)).map_or("", String::as_str)
    }

    /// Whether an address is the reader's own.
    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        self.own_networks.iter().any(|network| network.contains(&address))
    }

    /// The software that wrote a field.
    pub(crate) fn software(&self, clauses: &Clauses<'_>) -> Option<&Software> {
        let by_comment = || {
            let comments = clauses.comments().filter(|comment| {
                matches!(comment.place, Place::By | Place::With | Place::Also | Place::Id | Place::Tls)
                    || clauses.by.is_empty() && comment.place == Place::From
            });
            comments.into_iter().find_map(|comment| self.by_comment(comment.text))
        };
        // `Microsoft SMTPSVC(7.5…)`: what is a comment to the grammar is part of the name.
        let words = clauses.text.get(clauses.with.at..).filter(|_| !clauses.with.is_empty()).unwrap_or_default();
        let by_with = || self.withs.iter().find(|(with, _)| words.starts_with(with.as_str())).map(|(_, index)| *index);
        let by_form = || self.forms.iter().find(|(form, _)| crate::form::is(*form, clauses)).map(|(_, index)| *index);
        let index = by_comment().or_else(by_with).or_else(by_form)?;
        self.software.get(usize::from(index))
    }

    fn by_comment(&self, text: &str) -> Option<u16> {
        let bucket = self.comments.get(usize::from(*text.as_bytes().first()?))?;
        let begins = |start: &str| {
            let ends_in_word = start.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric);
            let next = text.as_bytes().get(start.len());
            text.starts_with(start) && !(ends_in_word && next.is_some_and(u8::is_ascii_alphanumeric))
        };
        bucket.iter().find(|(start, _)| begins(start)).map(|(_, index)| *index)
    }
}

/// Reads a file that ships: a mistake in it is ours, and a test finds it.
fn own<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    toml::from_str(text).expect("the facts that ship are well formed")
}

fn index(length: usize) -> u16 {
    u16::try_from(length).expect("there are fewer than 65,536 facts")
}

fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (moment, _) = date::read(&text).ok_or_else(|| serde::de::Error::custom("no date"))?;
    Ok(Some(moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_that_ship_are_well_formed_and_have_sources() {
        let facts = Facts::shipped();
        assert!(facts.software.iter().all(|software| software.source.len() > 10));
        assert!(facts.hosts.iter().all(|host| host.source.len() > 5));
        assert!(facts.software.len() > 40 && facts.hosts.len() > 20 && facts.providers.len() > 10);
    }

    /// No verdict calls anything so, not even by a product's name.
    #[test]
    fn no_server_is_called_secure() {
        let facts = Facts::shipped();
        let names =
            facts.software.iter().map(|software| &software.name).chain(facts.hosts.iter().map(|host| &host.name));
        for name in names.chain(&facts.providers) {
            assert!(!name.to_lowercase().contains("secure"), "{name}");
        }
    }

    #[test]
    fn software_is_told_by_comments_words_and_forms() {
        let facts = Facts::shipped();
        let check = |field: &str, expect: &str| {
            let clauses = Clauses::read(field);
            assert_eq!(facts.software(&clauses).map_or("", |software| software.name.as_str()), expect, "{field}");
        };
        check("from a by h (Postfix) with ESMTP id 1", "Postfix");
        check("by h (Postfix, from userid 501) id 1", "Postfix");
        check("from a by h (Postfixed) with ESMTP id 1", "");
        check("from a by h with esmtp (Exim 4.89) id 1", "Exim");
        check("from a by h with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96) id 1", "Exim");
        check("from a by h (8.14.4/8.13.8) with ESMTP id 1", "Sendmail");
        check("from a by h (PowerMTA(TM) v3.5r15) id 1", "PowerMTA");
        check("from a by h with Microsoft SMTP Server id 15", "Exchange");
        check("from a by h with Microsoft SMTPSVC(7.5.76)", "IIS SMTP 7.5");
        check("from a by h with Microsoft SMTPSVC(6.0.3790)", "IIS SMTP");
        check("from a (HELO b) ([192.0.2.1]) by h with ESMTP; 01 Jul 2024 23:46:43 +0000", "Cisco's mail gateway");
        check("from a by h with ESMTP id 1", "");
    }

    #[test]
    fn the_longest_name_counts() {
        let facts = Facts::shipped();
        let host = |name, is_submission| facts.host(facts.known(name), is_submission).map(|host| host.name.as_str());
        assert_eq!(host("mail.messagingengine.com", true), Some("Fastmail's submission"));
        assert_eq!(host("mx1.messagingengine.com", false), None);
        assert_eq!(host("MX.google.com", false), Some("Google"));
        assert_eq!(host("mail-x.google.com", false), None);
    }
}
