//! DMARC (RFC 9989): whether the author's domain answers for a message, and
//! what it asks for where it does not.
//!
//! Both the policy and the organisational domain are found by walking up the
//! tree of names, so no list of public suffixes is needed.

use mail::Domain;
use serde::{Deserialize, Serialize};
use transport::{DnsName, LookupError, Presence, RecordKind, SecureDns};

use crate::signatures::{CheckResult, Dkim};
use crate::spf::{Spf, SpfResult};

/// What came of it (RFC 8601 §2.7.3, RFC 9989 §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcResult {
    /// The domain publishes nothing.
    None,
    /// A proven identity is aligned with the author's domain.
    Pass,
    /// None is.
    Fail,
    /// The DNS gave no answer.
    Temperror,
    /// The author's domain can't be told.
    Permerror,
}

impl DmarcResult {
    /// The word for it in Authentication-Results.
    pub const fn word(self) -> &'static str {
        match self {
            DmarcResult::None => "none",
            DmarcResult::Pass => "pass",
            DmarcResult::Fail => "fail",
            DmarcResult::Temperror => "temperror",
            DmarcResult::Permerror => "permerror",
        }
    }
}

/// What a domain asks for where a message fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// Nothing.
    #[default]
    None,
    /// To treat it as suspicious.
    Quarantine,
    /// To refuse it.
    Reject,
}

impl Asked {
    /// The word for it in records.
    pub const fn word(self) -> &'static str {
        match self {
            Asked::None => "none",
            Asked::Quarantine => "quarantine",
            Asked::Reject => "reject",
        }
    }

    /// Test mode asks for one step less (RFC 9989 §4.7, `t`).
    const fn less(self) -> Self {
        match self {
            Asked::Reject => Asked::Quarantine,
            Asked::Quarantine | Asked::None => Asked::None,
        }
    }
}

/// A DMARC verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dmarc {
    /// The result.
    pub result: DmarcResult,
    /// What the domain asks for.
    pub asked: Asked,
    /// The author's domain, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// Whether the SPF identity passes and is aligned.
    #[serde(default)]
    pub by_spf: bool,
    /// Whether a DKIM signature passes and is aligned.
    #[serde(default)]
    pub by_dkim: bool,
}

/// RFC 9989 §4.10: a name of more labels is walked from the seventh on.
const LABELS_MAX: usize = 7;

/// Judges a message of these authors. Takes as long as the DNS does; the
/// caller bounds the time.
pub async fn verify(dns: &dyn SecureDns, authors: &[Domain], spf: &Spf, dkim: &[Dkim]) -> Dmarc {
    let mut verdict =
        Dmarc { result: DmarcResult::Permerror, asked: Asked::None, domain: None, by_spf: false, by_dkim: false };
    let Some((first, others)) = authors.split_first() else { return verdict };
    // Authors of several domains: nobody says which of them is meant.
    if others.iter().any(|other| other != first) {
        return verdict;
    }
    verdict.domain = Some(first.clone());
    match judge(dns, first, spf, dkim, &mut verdict).await {
        Ok(result) => verdict.result = result,
        Err(_) => verdict.result = DmarcResult::Temperror,
    }
    verdict
}

async fn judge(
    dns: &dyn SecureDns,
    author: &Domain,
    spf: &Spf,
    dkim: &[Dkim],
    verdict: &mut Dmarc,
) -> Result<DmarcResult, LookupError> {
    let walk = Walk::of(dns, author).await?;
    let Some((owner, record)) = walk.policy(author) else { return Ok(DmarcResult::None) };
    let Some(asked) = record.asked(dns, author, owner).await? else { return Ok(DmarcResult::None) };
    verdict.asked = if record.is_test { asked.less() } else { asked };
    let home = walk.organisation();
    if spf.result == SpfResult::Pass
        && let Ok(sender) = Domain::parse(&spf.domain)
    {
        verdict.by_spf = is_aligned(dns, &sender, author, &home, record.is_spf_strict).await?;
    }
    let mut is_unknown = spf.result == SpfResult::Temperror;
    for signature in dkim {
        is_unknown |= signature.result == CheckResult::Temperror;
        if let Some(signer) = signature.proven_domain().filter(|_| !verdict.by_dkim) {
            verdict.by_dkim = is_aligned(dns, &signer, author, &home, record.is_dkim_strict).await?;
        }
    }
    Ok(match verdict.by_spf || verdict.by_dkim {
        true => DmarcResult::Pass,
        // What could not be looked up might have passed.
        false if is_unknown => DmarcResult::Temperror,
        false => DmarcResult::Fail,
    })
}

/// RFC 9989 §4.4: the same domain, or, where that will do, of one organisation.
async fn is_aligned(
    dns: &dyn SecureDns,
    proven: &Domain,
    author: &Domain,
    home: &str,
    is_strict: bool,
) -> Result<bool, LookupError> {
    if proven == author {
        return Ok(true);
    }
    // A name of the same organisation lies at or below its domain.
    if is_strict || !is_below(proven.as_str(), home) {
        return Ok(false);
    }
    Ok(Walk::of(dns, proven).await?.organisation() == home)
}

/// The records from a name up to its root, the nearest first.
struct Walk {
    start: String,
    found: Vec<(String, Published)>,
}

impl Walk {
    async fn of(dns: &dyn SecureDns, start: &Domain) -> Result<Self, LookupError> {
        let mut walk = Self { start: start.as_str().to_owned(), found: Vec::new() };
        let labels: Vec<&str> = start.as_str().split('.').collect();
        let first_parent = labels.len().saturating_sub(LABELS_MAX).max(1);
        for from in std::iter::once(0).chain(first_parent..labels.len()) {
            let name = labels.get(from..).unwrap_or_default().join(".");
            let Some(record) = published(dns, &name).await? else { continue };
            // RFC 9989 §4.10.1: nothing above it counts.
            let is_end = record.suffix == Some(false) || (record.suffix == Some(true) && from > 0);
            walk.found.push((name, record));
            if is_end {
                break;
            }
        }
        Ok(walk)
    }

    /// RFC 9989 §4.10.2.
    fn organisation(&self) -> String {
        if let Some((name, _)) = self.found.iter().find(|(_, record)| record.suffix == Some(false)) {
            return name.clone();
        }
        match self.found.last() {
            // A public suffix: the organisation is one label below it.
            Some((name, record)) if record.suffix == Some(true) && *name != self.start => self.below(name),
            Some((name, _)) => name.clone(),
            None => self.start.clone(),
        }
    }

    fn below(&self, suffix: &str) -> String {
        let rest = self.start.strip_suffix(suffix).unwrap_or_default().trim_end_matches('.');
        format!("{}.{suffix}", rest.rsplit('.').next().unwrap_or_default())
    }

    /// The record that counts for the author: its own, its organisation's,
    /// that of the public suffix (RFC 9989 §4.10.1).
    fn policy(&self, author: &Domain) -> Option<(&str, &Published)> {
        let named = |wanted: &str| self.found.iter().find(|(name, _)| name == wanted);
        let organisation = self.organisation();
        let found = named(author.as_str()).or_else(|| named(&organisation)).or(self.found.last())?;
        Some((&found.0, &found.1))
    }
}

/// What a domain publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Published {
    own: Option<Asked>,
    below: Option<Asked>,
    nonexistent: Option<Asked>,
    is_dkim_strict: bool,
    is_spf_strict: bool,
    is_test: bool,
    wants_reports: bool,
    /// `psd`: a public suffix, none, or not said.
    suffix: Option<bool>,
}

impl Published {
    /// RFC 9989 §4.7, a list of tags of which the first is the version.
    fn read(text: &str) -> Option<Self> {
        let mut tags =
            text.split(';').filter_map(|tag| tag.split_once('=')).map(|(name, value)| (name.trim(), value.trim()));
        (tags.next()? == ("v", "DMARC1")).then_some(())?;
        let mut record = Self::default();
        for (name, value) in tags {
            match name.to_ascii_lowercase().as_str() {
                "p" => record.own = asked(value),
                "sp" => record.below = asked(value),
                "np" => record.nonexistent = asked(value),
                "adkim" => record.is_dkim_strict = value.eq_ignore_ascii_case("s"),
                "aspf" => record.is_spf_strict = value.eq_ignore_ascii_case("s"),
                "t" => record.is_test = value.eq_ignore_ascii_case("y"),
                "rua" => record.wants_reports = value.to_ascii_lowercase().contains("mailto:"),
                "psd" if value.eq_ignore_ascii_case("y") => record.suffix = Some(true),
                "psd" if value.eq_ignore_ascii_case("n") => record.suffix = Some(false),
                _ => {}
            }
        }
        Some(record)
    }

    /// What is asked for an author whose record stands at `owner`; nothing
    /// where the record is none for lack of a policy.
    async fn asked(&self, dns: &dyn SecureDns, author: &Domain, owner: &str) -> Result<Option<Asked>, LookupError> {
        let Some(own) = self.own else { return Ok(self.wants_reports.then_some(Asked::None)) };
        if owner == author.as_str() {
            return Ok(Some(own));
        }
        let below = self.below.unwrap_or(own);
        match self.nonexistent {
            Some(nonexistent) if nonexistent != below && !exists(dns, author).await? => Ok(Some(nonexistent)),
            _ => Ok(Some(below)),
        }
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn asked(value: &str) -> Option<Asked> {
    match value.to_ascii_lowercase().as_str() {
        "none" => Some(Asked::None),
        "quarantine" => Some(Asked::Quarantine),
        "reject" => Some(Asked::Reject),
        _ => None,
    }
}

async fn exists(dns: &dyn SecureDns, domain: &Domain) -> Result<bool, LookupError> {
    Ok(dns.lookup(&DnsName::from(domain), RecordKind::A).await?.presence != Presence::NoSuchName)
}

/// The one record of a name; where there are several there is none.
async fn published(dns: &dyn SecureDns, name: &str) -> Result<Option<Published>, LookupError> {
    let Some(name) = DnsName::parse_any(&format!("_dmarc.{name}")) else { return Ok(None) };
    let answer = dns.lookup(&name, RecordKind::Txt).await?;
    let mut records = answer.texts().filter_map(Published::read);
    let first = records.next();
    Ok(first.filter(|_| records.next().is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let read = |text| Published::read(text);
        let record =
            read("v=DMARC1; p=Reject; sp=none;np=quarantine; adkim=s; t=y; psd=n; rua=mailto:a@b.example").unwrap();
        assert_eq!(
            (record.own, record.below, record.nonexistent),
            (Some(Asked::Reject), Some(Asked::None), Some(Asked::Quarantine))
        );
        assert!(record.is_dkim_strict && !record.is_spf_strict && record.is_test && record.wants_reports);
        assert_eq!(record.suffix, Some(false));
        assert_eq!(read("v = DMARC1 ;p=none").unwrap().own, Some(Asked::None));
        for none in ["", "p=none; v=DMARC1", "v=DMARC2; p=none", "v=dmarc1; p=none", "v=spf1"] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(read("v=DMARC1; p=maybe").unwrap().own, None);
    }
}
