//! Findings on how others may trust the domain's own mail. They don't count
//! for the grade.

use super::super::report::{Report, TextState};
use super::{Finding, Severity};

pub(super) fn findings(report: &Report) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    found.extend(spf(report));
    found.extend(dmarc(report));
    found.extend(report.dkim.iter().filter_map(dkim));
    if report.caa.state == TextState::Absent {
        let text = "Any authority may issue certificates for it.";
        let fix = format!("publish {}. CAA 0 issue and the name of your authority", report.domain);
        found.push(Finding::new("caa.absent", Severity::Info, text).fix(fix));
    }
    found.into_iter().map(Finding::uncounted).collect()
}

fn spf(report: &Report) -> Option<Finding> {
    let domain = &report.domain;
    let finding = match (report.spf.state, report.spf.others.as_deref()) {
        (TextState::Absent, _) => Finding::new("spf.absent", Severity::Low, "It does not say who may send as it.")
            .fix(format!("publish {domain}. TXT \"v=spf1 mx -all\", with all that sends for it")),
        (TextState::Broken, _) => {
            let why = match report.spf.lookups {
                0 => "there is more than one".to_owned(),
                lookups => format!("it costs {lookups} lookups, and ten are the most"),
            };
            Finding::new("spf.broken", Severity::Medium, format!("The SPF record counts as none: {why}."))
                .fix("publish one record that costs ten lookups at the most")
        }
        (TextState::Failed, _) => Finding::new("spf.lookup", Severity::Low, "The lookup of the SPF record fails."),
        (TextState::Present, Some("+all")) => {
            Finding::new("spf.everybody", Severity::Medium, "Its SPF record lets everybody send as it.")
                .fix("end the record with -all")
        }
        (TextState::Present, Some("-all" | "~all" | "redirect")) => return None,
        (TextState::Present, _) => Finding::new("spf.open", Severity::Low, "Its SPF record leaves others undecided.")
            .fix("end the record with -all or ~all"),
    };
    Some(finding)
}

fn dmarc(report: &Report) -> Option<Finding> {
    let domain = &report.domain;
    let record = format!("_dmarc.{domain}. TXT \"v=DMARC1; p=quarantine; rua=mailto:dmarc@{domain}\"");
    let finding = match (report.dmarc.state, report.dmarc.policy.as_deref()) {
        (TextState::Absent, _) => Finding::new(
            "dmarc.absent",
            Severity::Low,
            "It does not say what becomes of mail that only claims to be from it.",
        )
        .fix(format!("publish {record}, beginning with p=none")),
        (TextState::Broken, _) => Finding::new("dmarc.broken", Severity::Medium, "The DMARC record counts as none.")
            .fix(format!("publish one record, such as {record}")),
        (TextState::Failed, _) => Finding::new("dmarc.lookup", Severity::Low, "The lookup of the DMARC record fails."),
        (TextState::Present, Some("none")) => {
            Finding::new("dmarc.none", Severity::Info, "Its DMARC policy is none: forged mail is delivered.")
                .fix("set p=quarantine or p=reject once the reports show that all own mail passes")
        }
        (TextState::Present, _) => return None,
    };
    Some(finding)
}

fn dkim(key: &super::super::texts::DkimReport) -> Option<Finding> {
    let why = key.key.as_deref().unwrap_or("there is none");
    let finding = match (key.state, key.rsa_bits) {
        (TextState::Absent, _) => {
            Finding::new("dkim.absent", Severity::Medium, "There is no DKIM key under this selector.")
        }
        (TextState::Broken, _) if why == "revoked" => {
            Finding::new("dkim.revoked", Severity::Info, "The DKIM key under this selector is revoked.")
        }
        (TextState::Broken, _) => Finding::new(
            "dkim.broken",
            Severity::Medium,
            format!("The DKIM key under this selector can't be used: {why}."),
        ),
        (TextState::Failed, _) => Finding::new("dkim.lookup", Severity::Low, "The lookup of the DKIM key fails."),
        (TextState::Present, Some(..=1023)) => Finding::new(
            "dkim.broken",
            Severity::Medium,
            format!("The DKIM key is so short that it counts as none: {why}."),
        )
        .fix("publish an RSA key of 2048 bits"),
        (TextState::Present, Some(1024..=2047)) => {
            Finding::new("dkim.short", Severity::Low, format!("The DKIM key is short: {why}."))
                .fix("publish an RSA key of 2048 bits")
        }
        (TextState::Present, _) => return None,
    };
    Some(finding.about(format!("selector {}", key.selector)))
}
