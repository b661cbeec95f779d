//! What is not as it should be, and the grade that follows from it: the rules
//! of docs/probe.md. Pure.
//!
//! The grade is that of the worst finding that counts: `F` fatal, `D` high, `C`
//! medium, `B` low, `A` none of these. Findings on SPF, DKIM, DMARC and CAA
//! don't count: they say how others may trust the domain's own mail, not how
//! mail to it travels.

mod anchor;
mod host;
mod own_mail;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::{Dnssec, MxState, Report};

/// How bad a finding is, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth to know.
    Info,
    /// Better otherwise.
    Low,
    /// A weakness.
    Medium,
    /// Mail waits, or crosses to nobody knows whom.
    High,
    /// Mail can't be protected at all.
    Fatal,
}

/// How well mail to a domain is protected on its way, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    /// Nothing to mend.
    A,
    /// The worst finding is low.
    B,
    /// It is medium.
    C,
    /// It is high.
    D,
    /// It is fatal.
    F,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable name for it: `starttls.missing`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it counts for the grade.
    pub counts: bool,
    /// The host or name that it is about; none where it is the domain.
    pub about: Option<String>,
    /// What is wrong, in a sentence.
    pub text: String,
    /// What would mend it.
    pub fix: Option<String>,
}

impl Finding {
    fn new(code: &'static str, severity: Severity, text: impl Into<String>) -> Self {
        Self { code, severity, counts: true, about: None, text: text.into(), fix: None }
    }

    fn about(mut self, whom: impl fmt::Display) -> Self {
        self.about = Some(whom.to_string());
        self
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    fn uncounted(mut self) -> Self {
        self.counts = false;
        self
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Severity {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Fatal => "fatal",
        }
    }
}

/// All that is not as it should be, worst first.
pub(super) fn findings(report: &Report) -> Vec<Finding> {
    let mut found = mx(report);
    for host in &report.hosts {
        found.extend(host::findings(host, report));
    }
    if matches!(report.mx.state, MxState::Found | MxState::Implicit) {
        found.extend(anchor::findings(report));
    }
    if report.mx.state != MxState::NoSuchDomain {
        found.extend(own_mail::findings(report));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

/// The grade; none where the domain takes no mail, or no host could be asked.
pub(super) fn grade(report: &Report) -> Option<Grade> {
    let has_session = report.hosts.iter().flat_map(|host| &host.addresses).any(|address| address.starttls.is_some());
    if !has_session {
        return None;
    }
    let worst = report.findings.iter().filter(|finding| finding.counts).map(|finding| finding.severity).max();
    Some(match worst {
        None | Some(Severity::Info) => Grade::A,
        Some(Severity::Low) => Grade::B,
        Some(Severity::Medium) => Grade::C,
        Some(Severity::High) => Grade::D,
        Some(Severity::Fatal) => Grade::F,
    })
}

fn mx(report: &Report) -> Vec<Finding> {
    let domain = &report.domain;
    let finding = match report.mx.state {
        MxState::Found => None,
        MxState::Implicit => Some(
            Finding::new("mx.implicit", Severity::Low, "There is no MX record: mail goes to the domain's own address.")
                .fix(format!("publish {domain}. MX 10 and the name of the mail server")),
        ),
        MxState::Null => Some(Finding::new("mx.null", Severity::Info, "The domain says that it takes no mail.")),
        MxState::NoSuchDomain => Some(Finding::new("mx.no_such_domain", Severity::Fatal, "The domain does not exist.")),
        MxState::NoHost => Some(
            Finding::new("mx.no_host", Severity::Fatal, "The MX records name nothing that can be a host.")
                .fix("let each MX record name a host with an address"),
        ),
        MxState::Failed if report.mx.dnssec == Dnssec::Bogus => Some(
            Finding::new("mx.bogus", Severity::High, "The DNSSEC signatures do not hold: no mail is delivered.")
                .fix("renew the signatures, or let the DS record at the parent match the zone's key"),
        ),
        MxState::Failed => Some(
            Finding::new("mx.failed", Severity::High, "The lookup of the MX records fails.")
                .fix("ask the zone's name servers for the MX records and mend what they answer"),
        ),
    };
    let unsigned =
        matches!(report.mx.state, MxState::Found | MxState::Implicit) && report.mx.dnssec == Dnssec::Insecure;
    let unsigned = unsigned.then(|| {
        Finding::new("mx.unsigned", Severity::Info, "The MX records are not signed, so DANE does not apply.")
            .fix("sign the zone with DNSSEC and give the parent its DS record")
    });
    let cut = report.mx.is_cut.then(|| Finding::new("mx.many", Severity::Info, "Not every MX host was probed."));
    finding.into_iter().chain(unsigned).chain(cut).collect()
}

#[cfg(test)]
mod tests;
