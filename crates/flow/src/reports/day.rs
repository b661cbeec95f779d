//! The counts of one day and one domain as a report (RFC 8460 §4.4).

use jiff::SignedDuration;
use mail::Domain;
use reports::{DateRange, FailureDetail, PolicyReport, PolicySeen, Summary, TlsPolicyType, TlsReport};
use transport::mta_sts::StsPolicy;

use super::sessions::{Session, begin_of};

/// What a report is made from.
pub(crate) struct Day<'a> {
    pub day: i64,
    pub domain: &'a Domain,
    /// Who reports: its name, its domain, and where to ask.
    pub organisation: &'a str,
    pub submitter: &'a Domain,
    pub contact: &'a str,
    /// The MTA-STS policy that holds, where one is kept.
    pub sts: Option<&'a StsPolicy>,
    /// Kinds of sessions and how many there were.
    pub sessions: &'a [(Session, u64)],
}

impl Day<'_> {
    /// Its name: the same for whoever makes it again, so that a receiver can
    /// tell a report that comes twice.
    pub fn report_id(&self) -> String {
        format!("{}_{}@{}", begin_of(self.day).strftime("%Y-%m-%d"), self.domain, self.submitter)
    }

    /// The report.
    pub fn report(&self) -> TlsReport {
        let start_datetime = begin_of(self.day);
        let last = SignedDuration::from_secs(86_399);
        let end_datetime = start_datetime.checked_add(last).unwrap_or(start_datetime);
        let kinds = [TlsPolicyType::Tlsa, TlsPolicyType::Sts, TlsPolicyType::NoPolicyFound];
        TlsReport {
            organization_name: self.organisation.to_owned(),
            date_range: DateRange { start_datetime, end_datetime },
            contact_info: self.contact.to_owned(),
            report_id: self.report_id(),
            policies: kinds.into_iter().filter_map(|kind| self.policy(kind)).collect(),
        }
    }

    fn policy(&self, kind: TlsPolicyType) -> Option<PolicyReport> {
        let of: Vec<&(Session, u64)> = self.sessions.iter().filter(|(session, _)| session.policy == kind).collect();
        if of.is_empty() {
            return None;
        }
        let count = |is_counted: fn(&Session) -> bool| {
            let counted = of.iter().filter(|(session, _)| is_counted(session)).map(|(_, count)| *count);
            counted.fold(0, u64::saturating_add)
        };
        let summary = Summary {
            total_successful_session_count: count(|session| session.failure.is_none()),
            total_failure_session_count: count(|session| session.failure.is_some()),
        };
        let details = of.iter().filter_map(|(session, count)| detail(session, *count)).collect();
        Some(PolicyReport { policy: self.seen(kind, &of), summary, failure_details: details })
    }

    fn seen(&self, kind: TlsPolicyType, of: &[&(Session, u64)]) -> PolicySeen {
        let mut seen = PolicySeen {
            policy_type: kind.word().to_owned(),
            policy_domain: self.domain.to_string(),
            ..PolicySeen::default()
        };
        match (kind, self.sts) {
            (TlsPolicyType::Tlsa, _) => {
                seen.policy_string = of.iter().flat_map(|(session, _)| session.records.clone()).collect();
                seen.policy_string.sort();
                seen.policy_string.dedup();
            }
            (TlsPolicyType::Sts, Some(policy)) => {
                let text = policy.to_text();
                seen.policy_string = text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
                let hosts = seen.policy_string.iter().filter_map(|line| line.strip_prefix("mx:"));
                seen.mx_host = hosts.map(|host| host.trim().to_owned()).collect();
            }
            (TlsPolicyType::Sts, None) | (TlsPolicyType::NoPolicyFound, _) => {}
        }
        seen
    }
}

fn detail(session: &Session, count: u64) -> Option<FailureDetail> {
    let failure = session.failure.as_ref()?;
    Some(FailureDetail {
        result_type: failure.kind.word().to_owned(),
        receiving_mx_hostname: failure.mx.clone(),
        receiving_ip: failure.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        failed_session_count: count,
        failure_reason_code: failure.reason.clone(),
        ..FailureDetail::default()
    })
}
