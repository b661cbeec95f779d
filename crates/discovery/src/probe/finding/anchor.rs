//! Findings on what binds the MX hosts to the domain: MTA-STS, DANE, and where
//! reports go.

use super::super::report::{DaneState, Report, TextState};
use super::{Finding, Severity};

/// A policy that holds for less than this protects against little (RFC 8461 §3.2 advises weeks).
const MAX_AGE_S_MIN: u32 = 24 * 60 * 60;

pub(super) fn findings(report: &Report) -> Vec<Finding> {
    let mut found = sts(report);
    found.extend(not_named(report));
    found.extend(unbound(report));
    found.extend(reports(report));
    found
}

fn sts(report: &Report) -> Vec<Finding> {
    let (record, failure) = (&report.mta_sts.record, &report.mta_sts.failure);
    let domain = &report.domain;
    let mut found = Vec::new();
    match record.state {
        TextState::Absent | TextState::Present => {}
        TextState::Broken => {
            let why = record.text.as_deref().unwrap_or("it can't be read");
            let text = format!("The MTA-STS record counts as none: {why}.");
            found.push(
                Finding::new("sts.record", Severity::Medium, text)
                    .fix(format!("publish exactly one _mta-sts.{domain}. TXT \"v=STSv1; id=1;\"")),
            );
        }
        TextState::Failed => {
            found.push(Finding::new("sts.lookup", Severity::Low, "The lookup of the MTA-STS record fails."));
        }
    }
    if let Some(why) = failure {
        let text = format!("The MTA-STS record promises a policy that can't be had: {why}.");
        let fix = format!(
            "serve it as text/plain at https://mta-sts.{domain}/.well-known/mta-sts.txt, \
             without redirects, with a valid certificate for mta-sts.{domain}"
        );
        found.push(Finding::new("sts.policy", Severity::Medium, text).fix(fix));
    }
    if let Some(policy) = &report.mta_sts.policy {
        if policy.mode == "testing" {
            let text = "The MTA-STS policy is in mode testing: nobody has to heed it.";
            found.push(
                Finding::new("sts.testing", Severity::Low, text)
                    .fix("set mode: enforce in the policy and another id in the record"),
            );
        }
        if policy.mode == "enforce" && policy.max_age_s < MAX_AGE_S_MIN {
            let text = format!("The MTA-STS policy holds for {} seconds only.", policy.max_age_s);
            found.push(Finding::new("sts.short", Severity::Info, text).fix("set max_age: 604800 or more"));
        }
    }
    found
}

fn not_named(report: &Report) -> Vec<Finding> {
    let Some(policy) = &report.mta_sts.policy else { return Vec::new() };
    let left_out = report.hosts.iter().filter(|host| host.mta_sts_names == Some(false));
    let finding = |host: &super::super::report::HostReport| {
        // DANE overrides MTA-STS (RFC 8461 §2).
        let is_bound = matches!(host.dane.state, DaneState::Usable | DaneState::Unusable);
        let severity = if policy.mode == "enforce" && !is_bound { Severity::High } else { Severity::Medium };
        Finding::new(
            "sts.not_named",
            severity,
            "The MTA-STS policy does not name it: whoever heeds it delivers nothing here.",
        )
        .about(&host.host)
        .fix(format!("add the line mx: {} to the policy and set another id in the record", host.host))
    };
    left_out.map(finding).collect()
}

/// Neither DANE nor MTA-STS in enforce mode: whoever controls a lookup can
/// send mail elsewhere, with a valid certificate for that place.
fn unbound(report: &Report) -> Option<Finding> {
    let is_enforced = report.mta_sts.policy.as_ref().is_some_and(|policy| policy.mode == "enforce");
    let has_dane = !report.hosts.is_empty() && report.hosts.iter().all(|host| host.dane.state == DaneState::Usable);
    let is_testing = report.mta_sts.policy.as_ref().is_some_and(|policy| policy.mode == "testing");
    if is_enforced || has_dane || is_testing {
        return None;
    }
    let hosts: Vec<String> = report.hosts.iter().map(|host| format!("mx: {}", host.host)).collect();
    let text = "Neither DANE nor MTA-STS binds the MX hosts: a forged lookup leads mail elsewhere.";
    let fix = format!(
        "serve \"version: STSv1 / mode: enforce / {} / max_age: 604800\" (a line each) at \
         https://mta-sts.{domain}/.well-known/mta-sts.txt and publish _mta-sts.{domain}. TXT \"v=STSv1; id=1;\"",
        hosts.join(" / "),
        domain = report.domain,
    );
    Some(Finding::new("anchor.none", Severity::Low, text).fix(fix))
}

fn reports(report: &Report) -> Option<Finding> {
    let domain = &report.domain;
    let fix = format!("publish _smtp._tls.{domain}. TXT \"v=TLSRPTv1; rua=mailto:tls-reports@{domain}\"");
    match report.tls_rpt.state {
        TextState::Present => None,
        TextState::Absent => {
            let text = "It asks for no reports on TLS, so nobody there will hear of failures.";
            Some(Finding::new("tlsrpt.absent", Severity::Info, text).fix(fix))
        }
        TextState::Broken => {
            let why = report.tls_rpt.text.as_deref().unwrap_or("it can't be read");
            Some(
                Finding::new("tlsrpt.broken", Severity::Low, format!("The TLS-RPT record counts as none: {why}."))
                    .fix(fix),
            )
        }
        TextState::Failed => {
            Some(Finding::new("tlsrpt.lookup", Severity::Low, "The lookup of the TLS-RPT record fails."))
        }
    }
}
