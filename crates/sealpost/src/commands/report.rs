//! `sealpost report …`: what other systems report of the organisation's mail,
//! in words.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::reports::{Kept, What, dropped, received};
use identity::{Action, Resource};
use reports::{DmarcReport, DmarcRow, Found, PolicyReport, TlsReport};
use serde_json::json;

use super::{Opened, print, say};
use crate::cli::{Cli, ReportVerb, ReportsShown};

/// Rows that are read to find those of one kind.
const READ_MAX: usize = 100_000;

/// Runs it.
pub async fn run(cli: &Cli, verb: &ReportVerb) -> Result<ExitCode> {
    match verb {
        ReportVerb::Tls(shown) => list(cli, shown, false, |what| matches!(what, What::Tls(_))).await,
        ReportVerb::Dmarc { shown, all } => list(cli, shown, *all, |what| matches!(what, What::Dmarc(_))).await,
        ReportVerb::Unread(shown) => {
            list(cli, shown, false, |what| matches!(what, What::Unread(_) | What::Dropped { .. })).await
        }
        ReportVerb::Read { files, all } => read(cli, files, *all),
    }
}

async fn list(cli: &Cli, shown: &ReportsShown, all: bool, is_wanted: fn(&What) -> bool) -> Result<ExitCode> {
    let opened = Opened::new(cli, &shown.organisation).await?;
    opened.may(Action::ReadReports, &Resource::Organisation(opened.organisation.org))?;
    let kept = received(&opened.installation.journey, &opened.organisation, READ_MAX).await?;
    let wanted: Vec<&Kept> = kept.iter().filter(|kept| is_wanted(&kept.what)).take(shown.limit).collect();
    if wanted.is_empty() {
        let address = opened.loaded.config.reports.address.as_ref();
        say(&match address {
            Some(address) => format!("no such report has come to {address} yet"),
            None => "no reports are read: set reports.address".to_owned(),
        });
    }
    for kept in wanted {
        print(&match cli.json {
            true => serde_json::to_string(kept)?,
            false => format!("{}\n{}", arrived(kept), text(&kept.what, all)),
        })?;
    }
    for (day, what) in dropped(&kept) {
        let day = jiff::Timestamp::from_second(day.0.saturating_mul(86_400)).unwrap_or_default().strftime("%F");
        say(&format!(
            "! on {day} {} reports or more, {} of them of nobody proven, {} KiB, were more than is read and kept in a \
             day, and are left out",
            what.count,
            what.unproven,
            what.bytes / 1024
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reports in files, whole messages or as they are: for who gets them elsewhere.
fn read(cli: &Cli, files: &[std::path::PathBuf], all: bool) -> Result<ExitCode> {
    let mut is_well = true;
    for file in files {
        let bytes = contents(file)?;
        for what in found(&bytes) {
            is_well &= !matches!(what, What::Unread(_));
            print(&match cli.json {
                true => json!({ "file": file, "what": what }).to_string(),
                false => format!("{}\n{}", file.display(), text(&what, all)),
            })?;
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn contents(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).with_context(|| format!("can't read {}", file.display()))?;
    // A packed report has at most this, and a message some more.
    let bound = reports::PACKED_BYTES_MAX as u64 * 4;
    opened.take(bound).read_to_end(&mut bytes).with_context(|| format!("can't read {}", file.display()))?;
    Ok(bytes)
}

fn found(bytes: &[u8]) -> Vec<What> {
    let in_message: Vec<What> = reports::find(bytes).into_iter().map(what).collect();
    if !in_message.is_empty() {
        return in_message;
    }
    let unpacked = match reports::unpack(bytes) {
        Ok(unpacked) => unpacked,
        Err(why) => return vec![What::Unread(why.to_string())],
    };
    let is_json = unpacked.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    vec![what(match is_json {
        true => TlsReport::parse(&unpacked).map_or_else(Found::NotTls, |report| Found::Tls(Box::new(report))),
        false => DmarcReport::parse(&unpacked).map_or_else(Found::NotDmarc, |report| Found::Dmarc(Box::new(report))),
    })]
}

fn what(found: Found) -> What {
    match found {
        Found::Tls(report) => What::Tls(report),
        Found::Dmarc(report) => What::Dmarc(report),
        Found::Packed(why) => What::Unread(why.to_string()),
        Found::NotTls(why) => What::Unread(why.to_string()),
        Found::NotDmarc(why) => What::Unread(why.to_string()),
    }
}

fn arrived(kept: &Kept) -> String {
    let from = kept.from.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let proven = if kept.is_proven { "" } else { ", which is not proven" };
    format!("{}  in {} from {from}{proven}", kept.at.strftime("%F %R"), kept.message)
}

fn text(what: &What, all: bool) -> String {
    match what {
        What::Tls(report) => tls(report),
        What::Dmarc(report) => dmarc(report, all),
        What::Unread(why) => format!("  can't be read: {why}\n"),
        What::Dropped { what, .. } => format!("  {} reports or more were turned away\n", what.count),
    }
}

fn tls(report: &TlsReport) -> String {
    let (good, bad) = report.counts();
    let (begin, end) = (report.date_range.start_datetime, report.date_range.end_datetime);
    let period = format!("{} to {}", begin.strftime("%F"), end.strftime("%F"));
    let head = format!("  {} on {period}: {good} sessions with TLS, {bad} without\n", report.organization_name);
    report.policies.iter().fold(head, |text, of| text + &policy(of))
}

fn policy(of: &PolicyReport) -> String {
    let kind = match of.policy.policy_type.as_str() {
        "tlsa" => "DANE",
        "sts" => "MTA-STS",
        "no-policy-found" => "no policy",
        other => other,
    };
    let summary = of.summary;
    let head = format!(
        "    {} under {kind}: {} well, {} failed\n",
        of.policy.policy_domain, summary.total_successful_session_count, summary.total_failure_session_count
    );
    of.failure_details.iter().fold(head, |text, detail| {
        let host = [&detail.receiving_mx_hostname, &detail.receiving_ip];
        let host: Vec<&str> = host.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let more = [&detail.failure_reason_code, &detail.additional_information];
        let more: String = more.into_iter().filter(|part| !part.is_empty()).map(|part| format!(" ({part})")).collect();
        text + &format!(
            "      {} at {}: {}{more}\n",
            detail.failed_session_count,
            if host.is_empty() { "a host that is not told".to_owned() } else { host.join(" ") },
            detail.meaning()
        )
    })
}

fn dmarc(report: &DmarcReport, all: bool) -> String {
    let day = |at: Option<jiff::Timestamp>| at.map_or_else(|| "?".to_owned(), |at| at.strftime("%F").to_string());
    let (messages, passing) = report.counts();
    let mut text = format!(
        "  {} on {} to {}, of {} (p={}): {messages} messages, {passing} pass\n",
        report.reporter,
        day(report.begin),
        day(report.end),
        report.domain,
        report.policy
    );
    report.errors.iter().for_each(|error| text.push_str(&format!("    the reporter had trouble: {error}\n")));
    for row in report.rows.iter().filter(|row| all || !row.passes()) {
        text.push_str(&source(row));
    }
    if report.rows_left_out > 0 {
        text.push_str(&format!("    {} further sources are not kept\n", report.rows_left_out));
    }
    text
}

fn source(row: &DmarcRow) -> String {
    let from = row.source.map_or_else(|| "an address that can't be read".to_owned(), |ip| ip.to_string());
    let verdict = if row.passes() { "passes" } else { "fails" };
    let seen: Vec<String> = [("DKIM", &row.signatures), ("SPF", &row.senders)]
        .into_iter()
        .map(|(name, found)| {
            format!("{name} {}", if found.is_empty() { "nothing".to_owned() } else { found.join(", ") })
        })
        .collect();
    let reasons = if row.reasons.is_empty() { String::new() } else { format!("; because: {}", row.reasons.join(", ")) };
    format!(
        "    {} from {from} as {}: {verdict}, {} done ({}){reasons}\n",
        row.count,
        row.header_from,
        if row.disposition.is_empty() { "nothing told to be" } else { &row.disposition },
        seen.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_words() {
        let json = r#"{"organization-name":"Big","date-range":{"start-datetime":"2026-01-01T00:00:00Z",
            "end-datetime":"2026-01-01T23:59:59Z"},"policies":[{"policy":{"policy-type":"sts","policy-domain":"c.example"},
            "summary":{"total-successful-session-count":5,"total-failure-session-count":2},"failure-details":
            [{"result-type":"certificate-expired","receiving-mx-hostname":"mx.c.example","failed-session-count":2}]}]}"#;
        let found = found(json.as_bytes());
        assert_eq!(
            text(&found[0], false),
            "  Big on 2026-01-01 to 2026-01-01: 5 sessions with TLS, 2 without\n    \
             c.example under MTA-STS: 5 well, 2 failed\n      2 at mx.c.example: the certificate is over\n"
        );
    }

    #[test]
    fn a_file_that_holds_none_is_told() {
        assert!(matches!(found(b"nothing").as_slice(), [What::Unread(_)]));
    }
}
