//! What the DNS says about a domain, gathered for a report.

use mail::{Domain, MxLookup};
use transport::mta_sts::{StsRecord, TlsRptRecord};
use transport::{
    Answer, Binding, Dane, DaneNeed, DnsName, DnsProof, LookupError, Presence, Record, RecordKind, SecureDns, find_dane,
};

use super::certificate::hex;
use super::report::{CaaReport, DaneReport, DaneState, Dnssec, MxReport, MxState, TextReport, TextState, harmless};
use super::texts::{self, DkimReport, DmarcReport, SpfReport};

const TEXT_MAX: usize = 500;
/// Records of a kind that are told.
const RECORDS_MAX: usize = 32;

/// What asks the DNS.
pub(super) struct Names<'a>(pub(super) &'a dyn SecureDns);

impl Names<'_> {
    /// The hosts that take a domain's mail, best preference first, and how they are known.
    pub(super) async fn exchanges(&self, domain: &Domain, hosts_max: usize) -> (MxReport, Vec<(u16, Domain)>) {
        let answer = self.0.lookup(&DnsName::from(domain), RecordKind::Mx).await;
        let dnssec = known(&answer);
        let report = |state| MxReport { state, dnssec, is_cut: false };
        let answer = match answer {
            Ok(answer) => answer,
            Err(LookupError::Bogus | LookupError::Failed) => return (report(MxState::Failed), Vec::new()),
        };
        match answer.presence {
            Presence::NoSuchName => return (report(MxState::NoSuchDomain), Vec::new()),
            Presence::NoData => return (report(MxState::Implicit), vec![(0, domain.clone())]),
            Presence::Present => {}
        }
        let records = answer.records.iter().filter_map(|record| match record {
            Record::Exchange { preference, host } => Some((*preference, host)),
            _ => None,
        });
        let records: Vec<(u16, &DnsName)> = records.collect();
        if records.iter().all(|(_, host)| host.is_root()) {
            return (report(MxState::Null), Vec::new());
        }
        let mut hosts: Vec<(u16, Domain)> =
            records.into_iter().filter_map(|(preference, host)| Some((preference, host.domain()?))).collect();
        hosts.sort();
        hosts.dedup_by(|one, other| one.1 == other.1);
        let is_cut = hosts.len() > hosts_max;
        hosts.truncate(hosts_max);
        let state = if hosts.is_empty() { MxState::NoHost } else { MxState::Found };
        (MxReport { is_cut, ..report(state) }, hosts)
    }

    /// The TLSA records of a host, and what they bind it to.
    pub(super) async fn dane(&self, mx: &MxReport, domain: &Domain, host: &Domain, port: u16) -> (DaneReport, Binding) {
        if mx.dnssec != Dnssec::Secure {
            return (self.unsigned(host, port).await, Binding::Found(MxLookup::Insecure));
        }
        match find_dane(self.0, domain, host, port).await {
            Ok(Some(dane)) => {
                let state =
                    if matches!(dane.need, DaneNeed::Match(_)) { DaneState::Usable } else { DaneState::Unusable };
                (DaneReport { state, dnssec: Dnssec::Secure, records: written(&dane) }, Binding::Dane(dane))
            }
            Ok(None) => {
                let report = self.unsigned(host, port).await;
                let dnssec = if report.state == DaneState::Unsigned { Dnssec::Insecure } else { Dnssec::Secure };
                (DaneReport { dnssec, ..report }, Binding::Found(MxLookup::Dnssec))
            }
            Err(error) => {
                let dnssec = if error == LookupError::Bogus { Dnssec::Bogus } else { Dnssec::Failed };
                (DaneReport { state: DaneState::Failed, dnssec, records: Vec::new() }, Binding::Found(MxLookup::Dnssec))
            }
        }
    }

    /// Records that nobody can believe: worth a word to the one who published them.
    async fn unsigned(&self, host: &Domain, port: u16) -> DaneReport {
        let owner = DnsName::from(host).under(&format!("_{port}._tcp"));
        let mut records = Vec::new();
        if let Some(owner) = owner
            && let Ok(answer) = self.0.lookup(&owner, RecordKind::Tlsa).await
        {
            records = answer.associations().take(RECORDS_MAX).map(tlsa).collect();
        }
        let state = if records.is_empty() { DaneState::Absent } else { DaneState::Unsigned };
        DaneReport { state, dnssec: Dnssec::Insecure, records }
    }

    pub(super) async fn sts_record(&self, domain: &Domain) -> (TextReport, Option<StsRecord>) {
        match self.texts(&DnsName::from(domain), "_mta-sts").await {
            Err(_) => (failed(), None),
            Ok(texts) => {
                let record = StsRecord::of(texts.iter().map(String::as_str));
                let report = match &record {
                    StsRecord::Absent => absent(),
                    StsRecord::Present { id } => text(TextState::Present, format!("v=STSv1; id={id};")),
                    StsRecord::Broken(fault) => text(TextState::Broken, fault.to_string()),
                };
                (report, Some(record))
            }
        }
    }

    pub(super) async fn tls_rpt(&self, domain: &Domain) -> TextReport {
        match self.texts(&DnsName::from(domain), "_smtp._tls").await {
            Err(_) => failed(),
            Ok(texts) => match TlsRptRecord::of(texts.iter().map(String::as_str)) {
                TlsRptRecord::Absent => absent(),
                TlsRptRecord::Present { rua } => text(TextState::Present, harmless(&rua.join(", "), TEXT_MAX)),
                TlsRptRecord::Broken(fault) => text(TextState::Broken, fault.to_string()),
            },
        }
    }

    pub(super) async fn spf(&self, domain: &Domain) -> SpfReport {
        match self.texts(&DnsName::from(domain), "").await {
            Err(_) => SpfReport { state: TextState::Failed, text: None, others: None, lookups: 0 },
            Ok(texts) => texts::spf(&texts),
        }
    }

    pub(super) async fn dkim(&self, domain: &Domain, selector: &str) -> DkimReport {
        match self.texts(&DnsName::from(domain), &format!("{selector}._domainkey")).await {
            Err(_) => DkimReport { selector: selector.to_owned(), state: TextState::Failed, key: None, rsa_bits: None },
            Ok(texts) => texts::dkim(selector, &texts),
        }
    }

    /// The domain's own record, or that of the nearest name above it (RFC 9989's tree walk).
    pub(super) async fn dmarc(&self, domain: &Domain) -> DmarcReport {
        for name in upwards(domain) {
            match self.texts(&name, "_dmarc").await {
                Err(_) => return DmarcReport { state: TextState::Failed, at: None, text: None, policy: None },
                Ok(texts) => {
                    if let Some(report) = texts::dmarc(name.as_str(), &texts) {
                        return report;
                    }
                }
            }
        }
        DmarcReport { state: TextState::Absent, at: None, text: None, policy: None }
    }

    pub(super) async fn caa(&self, domain: &Domain) -> CaaReport {
        for name in upwards(domain) {
            let Ok(answer) = self.0.lookup(&name, RecordKind::Caa).await else {
                return CaaReport { state: TextState::Failed, at: None, records: Vec::new() };
            };
            let shown = |caa: &transport::Caa| format!("{} \"{}\"", caa.tag, String::from_utf8_lossy(&caa.value));
            let records: Vec<String> =
                answer.authorities().take(RECORDS_MAX).map(|caa| harmless(&shown(caa), TEXT_MAX)).collect();
            if !records.is_empty() {
                return CaaReport { state: TextState::Present, at: Some(name.to_string()), records };
            }
        }
        CaaReport { state: TextState::Absent, at: None, records: Vec::new() }
    }

    async fn texts(&self, domain: &DnsName, labels: &str) -> Result<Vec<String>, LookupError> {
        let name = if labels.is_empty() { Some(domain.clone()) } else { domain.under(labels) };
        let Some(name) = name else { return Ok(Vec::new()) };
        let answer = self.0.lookup(&name, RecordKind::Txt).await?;
        Ok(answer.texts().take(RECORDS_MAX).map(str::to_owned).collect())
    }
}

/// The domain and the names above it, but not the top level alone.
fn upwards(domain: &Domain) -> Vec<DnsName> {
    let mut names = Vec::new();
    let mut rest = Some(domain.as_str());
    while let Some(name) = rest {
        if name.contains('.') || names.is_empty() {
            names.extend(DnsName::parse(name));
        }
        rest = name.split_once('.').map(|(_, parent)| parent);
    }
    names
}

fn known(answer: &Result<Answer, LookupError>) -> Dnssec {
    match answer {
        Ok(answer) => match answer.proof {
            DnsProof::Secure => Dnssec::Secure,
            DnsProof::Insecure => Dnssec::Insecure,
        },
        Err(LookupError::Bogus) => Dnssec::Bogus,
        Err(LookupError::Failed) => Dnssec::Failed,
    }
}

fn written(dane: &Dane) -> Vec<String> {
    dane.records.iter().take(RECORDS_MAX).map(tlsa).collect()
}

fn tlsa(record: &transport::Tlsa) -> String {
    harmless(&format!("{} {}", transport::parameters(record), hex(&record.data)), TEXT_MAX)
}

fn text(state: TextState, text: String) -> TextReport {
    TextReport { state, text: Some(text) }
}

const fn absent() -> TextReport {
    TextReport { state: TextState::Absent, text: None }
}

const fn failed() -> TextReport {
    TextReport { state: TextState::Failed, text: None }
}
