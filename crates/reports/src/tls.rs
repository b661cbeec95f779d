//! Reports on TLS (RFC 8460 §4.4): the JSON, read and written, and what each
//! type of failure means.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::clean;

/// Policies, and failures of a policy, that are kept of a report.
const POLICIES_MAX: usize = 1_000;
const FAILURES_MAX: usize = 1_000;
const STRINGS_MAX: usize = 100;

/// Why bytes are no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTls {
    /// Not the JSON of RFC 8460 §4.4; at this line and column.
    #[error("it is not the JSON of a report on TLS (line {0}, column {1})")]
    Json(usize, usize),
    /// It says of no domain anything.
    #[error("it reports on no policy")]
    Empty,
}

/// A report of one sender to one domain about one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TlsReport {
    /// Who reports.
    #[serde(default)]
    pub organization_name: String,
    /// The time that it is about.
    pub date_range: DateRange,
    /// Where to ask.
    #[serde(default)]
    pub contact_info: String,
    /// Its name.
    #[serde(default)]
    pub report_id: String,
    /// For each policy that was found, what came of it.
    #[serde(default)]
    pub policies: Vec<PolicyReport>,
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DateRange {
    /// The first moment.
    pub start_datetime: Timestamp,
    /// The last.
    pub end_datetime: Timestamp,
}

/// What came of sessions under one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicyReport {
    /// The policy.
    pub policy: PolicySeen,
    /// How many sessions.
    #[serde(default)]
    pub summary: Summary,
    /// Those that failed, by how and where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failure_details: Vec<FailureDetail>,
}

/// The policy that a sender found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicySeen {
    /// `tlsa`, `sts`, `no-policy-found`, or what the reporter wrote.
    #[serde(default)]
    pub policy_type: String,
    /// Its text: lines of an MTA-STS policy, or TLSA records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_string: Vec<String>,
    /// The domain.
    #[serde(default)]
    pub policy_domain: String,
    /// The patterns of an MTA-STS policy. One text, or a list: both are found.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub mx_host: Vec<String>,
}

/// How many sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Sessions with TLS as the policy has it.
    #[serde(default)]
    pub total_successful_session_count: u64,
    /// Those that failed.
    #[serde(default)]
    pub total_failure_session_count: u64,
}

/// Sessions that failed alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureDetail {
    /// The word of [`TlsFailure`], or what the reporter wrote.
    #[serde(default)]
    pub result_type: String,
    /// From where.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sending_mta_ip: String,
    /// The MX host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receiving_mx_hostname: String,
    /// What it called itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receiving_mx_helo: String,
    /// Its address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receiving_ip: String,
    /// How many.
    #[serde(default)]
    pub failed_session_count: u64,
    /// More to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub additional_information: String,
    /// The sender's own word for the cause.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure_reason_code: String,
}

/// Which policy a session was under (RFC 8460 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsPolicyType {
    /// TLSA records.
    Tlsa,
    /// MTA-STS.
    Sts,
    /// Neither.
    NoPolicyFound,
}

impl TlsPolicyType {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            TlsPolicyType::Tlsa => "tlsa",
            TlsPolicyType::Sts => "sts",
            TlsPolicyType::NoPolicyFound => "no-policy-found",
        }
    }
}

macro_rules! failures {
    ($($kind:ident = $word:literal, $meaning:literal;)*) => {
        /// A type of failure (RFC 8460 §4.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum TlsFailure {
            $(#[doc = $meaning] $kind,)*
        }

        impl TlsFailure {
            /// Every type.
            pub const ALL: &'static [TlsFailure] = &[$(TlsFailure::$kind,)*];

            /// The word for it in reports.
            pub const fn word(self) -> &'static str {
                match self { $(TlsFailure::$kind => $word,)* }
            }

            /// What it means, for whoever runs the domain.
            pub const fn meaning(self) -> &'static str {
                match self { $(TlsFailure::$kind => $meaning,)* }
            }
        }
    };
}

failures! {
    StarttlsNotSupported = "starttls-not-supported", "the MX host does not offer STARTTLS";
    CertificateHostMismatch = "certificate-host-mismatch", "the certificate is for another name";
    CertificateExpired = "certificate-expired", "the certificate is over";
    CertificateNotTrusted = "certificate-not-trusted", "the certificate's chain leads to no known authority";
    ValidationFailure = "validation-failure", "the handshake or the certificate failed in another way";
    TlsaInvalid = "tlsa-invalid", "the TLSA records can't be used";
    DnssecInvalid = "dnssec-invalid", "the TLSA lookup fails, or its DNSSEC proof is bogus";
    DaneRequired = "dane-required", "the sender demands DANE and found none";
    StsPolicyFetchError = "sts-policy-fetch-error", "the MTA-STS policy could not be fetched";
    StsPolicyInvalid = "sts-policy-invalid", "the MTA-STS policy can't be read";
    StsWebpkiInvalid = "sts-webpki-invalid", "the policy host's certificate does not verify";
}

impl TlsFailure {
    /// The type with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|failure| failure.word() == word)
    }
}

impl FailureDetail {
    /// What it means in words; the reporter's own word where nobody knows it.
    pub fn meaning(&self) -> String {
        TlsFailure::from_word(&self.result_type)
            .map_or_else(|| self.result_type.clone(), |failure| failure.meaning().to_owned())
    }
}

impl TlsReport {
    /// Reads a report that is unpacked; every text of it is cleaned.
    ///
    /// # Errors
    /// [`NotTls`] as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotTls> {
        let mut report: TlsReport =
            serde_json::from_slice(bytes).map_err(|error| NotTls::Json(error.line(), error.column()))?;
        if report.policies.is_empty() {
            return Err(NotTls::Empty);
        }
        report.policies.truncate(POLICIES_MAX);
        for text in [&mut report.organization_name, &mut report.contact_info, &mut report.report_id] {
            *text = clean(text);
        }
        report.policies.iter_mut().for_each(PolicyReport::clean);
        Ok(report)
    }

    /// The JSON of the report.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a report has nothing that JSON can't hold")
    }

    /// How many sessions succeeded, and how many failed.
    pub fn counts(&self) -> (u64, u64) {
        self.policies.iter().fold((0u64, 0u64), |(good, bad), of| {
            let summary = of.summary;
            (
                good.saturating_add(summary.total_successful_session_count),
                bad.saturating_add(summary.total_failure_session_count),
            )
        })
    }
}

impl PolicyReport {
    fn clean(&mut self) {
        self.failure_details.truncate(FAILURES_MAX);
        let policy = &mut self.policy;
        policy.policy_string.truncate(STRINGS_MAX);
        policy.mx_host.truncate(STRINGS_MAX);
        let texts = policy.policy_string.iter_mut().chain(&mut policy.mx_host);
        texts.chain([&mut policy.policy_type, &mut policy.policy_domain]).for_each(|text| *text = clean(text));
        self.failure_details.iter_mut().for_each(FailureDetail::clean);
    }
}

impl FailureDetail {
    fn clean(&mut self) {
        let texts = [
            &mut self.result_type,
            &mut self.sending_mta_ip,
            &mut self.receiving_mx_hostname,
            &mut self.receiving_mx_helo,
            &mut self.receiving_ip,
            &mut self.additional_information,
            &mut self.failure_reason_code,
        ];
        texts.into_iter().for_each(|text| *text = clean(text));
    }
}

/// RFC 8460 has a list in its text, and one text in its example.
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(host) => vec![host],
        OneOrMany::Many(hosts) => hosts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: &str =
        r#""date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"}"#;

    fn parse(policies: &str) -> Result<TlsReport, NotTls> {
        TlsReport::parse(format!("{{{RANGE},\"policies\":{policies}}}").as_bytes())
    }

    #[test]
    fn what_is_missing_is_empty_and_what_is_strange_is_kept_as_told() {
        let report =
            parse(r#"[{"policy":{"policy-type":"x","mx-host":"a"},"failure-details":[{"result-type":"odd"}]}]"#);
        let policy = &report.unwrap().policies[0];
        assert_eq!((policy.policy.policy_type.as_str(), &policy.policy.mx_host[..]), ("x", &["a".to_owned()][..]));
        assert_eq!(policy.failure_details[0].meaning(), "odd");
        assert_eq!(policy.summary, Summary::default());
    }

    #[test]
    fn bad_json_is_told_by_its_place() {
        assert_eq!(TlsReport::parse(b"{"), Err(NotTls::Json(1, 1)));
        assert!(matches!(TlsReport::parse(b"{}"), Err(NotTls::Json(1, 2))));
        assert_eq!(parse("[]"), Err(NotTls::Empty));
        assert!(parse(r#"[{"policy":{},"summary":{"total-failure-session-count":-1}}]"#).is_err());
        // Deep nesting ends at serde_json's bound and not at the stack's.
        assert!(TlsReport::parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn a_report_is_read_back_as_it_was_written() {
        let detail = FailureDetail { result_type: TlsFailure::CertificateExpired.word().into(), ..Default::default() };
        let policy = PolicySeen { policy_type: "sts".into(), policy_domain: "r.example".into(), ..Default::default() };
        let report = TlsReport {
            organization_name: "Lakeside".into(),
            date_range: DateRange { start_datetime: Timestamp::UNIX_EPOCH, end_datetime: Timestamp::UNIX_EPOCH },
            contact_info: "postmaster@c.example".into(),
            report_id: "1".into(),
            policies: vec![PolicyReport { policy, summary: Summary::default(), failure_details: vec![detail] }],
        };
        assert_eq!(TlsReport::parse(&report.to_json()), Ok(report));
    }
}
