//! A report for people: aligned, and coloured on a terminal.

use discovery::probe::{
    AddressReport, DaneState, Finding, Grade, HostReport, MxState, Report, ScanReport, Severity, StartTls, TextState,
    TlsReport,
};

/// Whether to colour.
#[derive(Clone, Copy)]
pub struct Paint {
    /// Whether stdout is a terminal whose owner likes colours.
    pub is_coloured: bool,
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "34";
const FAINT: &str = "2";
const BOLD: &str = "1";
/// The column of values.
const COLUMN: usize = 14;

impl Paint {
    fn paint(self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The whole report.
pub fn text(report: &Report, paint: Paint) -> String {
    let grade = report.grade.map_or_else(|| "none".to_owned(), |grade| grade.to_string());
    let grade = paint.paint(colour_of_grade(report.grade), &grade);
    let mut lines =
        vec![format!("{}  grade {grade}  level {}", paint.paint(BOLD, report.domain.as_str()), report.level)];
    lines.push(row("mx", mx(report)));
    for host in &report.hosts {
        lines.extend(host_lines(host, paint));
    }
    lines.push(String::new());
    lines.extend(domain_lines(report));
    if !report.findings.is_empty() {
        lines.push(String::new());
        lines.extend(report.findings.iter().flat_map(|finding| finding_lines(finding, paint)));
    }
    lines.join("\n")
}

fn row(label: &str, value: impl AsRef<str>) -> String {
    format!("  {label:<COLUMN$}{}", value.as_ref())
}

fn mx(report: &Report) -> String {
    let found = match report.mx.state {
        MxState::Found if report.hosts.len() == 1 => "1 host".to_owned(),
        MxState::Found => format!("{} hosts", report.hosts.len()),
        MxState::Implicit => "none: the domain itself is the host".to_owned(),
        MxState::Null => "takes no mail (null MX)".to_owned(),
        MxState::NoSuchDomain => "the domain does not exist".to_owned(),
        MxState::NoHost => "names no host".to_owned(),
        MxState::Failed => "the lookup failed".to_owned(),
    };
    format!("{found}, DNSSEC {}", word(report.mx.dnssec))
}

/// The word that JSON has for a value without fields.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        Ok(_) | Err(_) => String::new(),
    }
}

fn host_lines(host: &HostReport, paint: Paint) -> Vec<String> {
    let name = paint.paint(BOLD, host.host.as_str());
    let mut lines = vec![String::new(), row(&host.preference.to_string(), name)];
    if let Some(why) = &host.failure {
        lines.push(row("", why));
    }
    let dane = match host.dane.state {
        DaneState::Absent => "no TLSA records".to_owned(),
        state => format!("{}: {}", word(state), host.dane.records.join("; ")),
    };
    lines.push(row("DANE", dane));
    if let Some(is_named) = host.mta_sts_names {
        lines.push(row("MTA-STS", if is_named { "named by the policy" } else { "not named by the policy" }));
    }
    for address in &host.addresses {
        lines.extend(address_lines(address, paint));
    }
    lines
}

fn address_lines(address: &AddressReport, paint: Paint) -> Vec<String> {
    let mut lines = vec![row("address", format!("{}  level {}", address.address, address.level))];
    if let Some(why) = &address.failure {
        lines.push(row("", paint.paint(RED, why)));
    }
    lines.extend(address.banner.as_ref().map(|banner| row("banner", banner)));
    if !address.extensions.is_empty() {
        lines.push(row("offers", address.extensions.join(" ")));
    }
    lines.extend(match address.starttls {
        Some(StartTls::NotOffered) => Some(row("TLS", paint.paint(RED, "not offered"))),
        Some(StartTls::Refused) => Some(row("TLS", paint.paint(RED, "refused"))),
        Some(StartTls::Offered) | None => None,
    });
    lines.extend(address.tls_failure.as_ref().map(|why| row("TLS", paint.paint(RED, why))));
    lines.extend(address.tls.iter().flat_map(|tls| tls_lines(tls, paint)));
    lines.extend(address.forbidden.as_ref().map(|why| row("", paint.paint(RED, &format!("no delivery: {why}")))));
    lines.extend(address.scan.iter().flat_map(scan_lines));
    lines
}

fn tls_lines(tls: &TlsReport, paint: Paint) -> Vec<String> {
    let mut lines = vec![row("TLS", format!("{} {} {}", tls.version, tls.cipher, tls.group.unwrap_or_default()))];
    let verified = match (&tls.dane, tls.pkix_fault) {
        (Some(record), _) => paint.paint(GREEN, &format!("matches TLSA {record}")),
        (None, None) => paint.paint(GREEN, "chain and name verify"),
        (None, Some(fault)) => paint.paint(RED, fault),
    };
    lines.push(row("certificate", verified));
    for certificate in &tls.chain {
        let until = certificate.not_after.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        let text = format!(
            "{}, {}, signed by {} ({}), until {until}",
            certificate.subject, certificate.key, certificate.issuer, certificate.signature
        );
        lines.push(row("", text));
        if !certificate.names.is_empty() {
            lines.push(row("", format!("for {}", certificate.names.join(", "))));
        }
    }
    lines
}

fn scan_lines(scan: &ScanReport) -> Vec<String> {
    let taken = |all: &[discovery::probe::Taken]| {
        let yes = all.iter().filter(|asked| asked.taken == Some(true)).map(|asked| asked.offer.replace('_', " "));
        yes.collect::<Vec<String>>().join(", ")
    };
    let mut lines = vec![row("takes", taken(&scan.versions))];
    for (label, all) in [("ciphers", &scan.tls13_suites), ("groups", &scan.groups)] {
        if !all.is_empty() {
            lines.push(row(label, all.join(" ")));
        }
    }
    if !scan.classes.is_empty() {
        lines.push(row("TLS 1.2 takes", taken(&scan.classes)));
    }
    lines
}

fn domain_lines(report: &Report) -> Vec<String> {
    let policy = match (&report.mta_sts.policy, &report.mta_sts.failure) {
        (Some(policy), _) => format!("{}, {}, for {} s", policy.mode, policy.mx.join(" "), policy.max_age_s),
        (None, Some(why)) => why.clone(),
        (None, None) => state(report.mta_sts.record.state, report.mta_sts.record.text.as_deref()),
    };
    let mut lines = vec![
        row("MTA-STS", policy),
        row("TLS-RPT", state(report.tls_rpt.state, report.tls_rpt.text.as_deref())),
        row("SPF", state(report.spf.state, report.spf.text.as_deref())),
        row("DMARC", state(report.dmarc.state, report.dmarc.text.as_deref())),
    ];
    for key in &report.dkim {
        lines.push(row("DKIM", format!("{}: {}", key.selector, state(key.state, key.key.as_deref()))));
    }
    lines.push(row("CAA", state(report.caa.state, Some(&report.caa.records.join("; ")))));
    lines
}

fn state(state: TextState, text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    match state {
        TextState::Absent => "none".to_owned(),
        TextState::Present => text.to_owned(),
        TextState::Broken => format!("broken: {text}"),
        TextState::Failed => "the lookup failed".to_owned(),
    }
}

fn finding_lines(finding: &Finding, paint: Paint) -> Vec<String> {
    let (mark, colour) = match finding.severity {
        Severity::Fatal | Severity::High => ("✗", RED),
        Severity::Medium => ("!", YELLOW),
        Severity::Low => ("·", BLUE),
        Severity::Info => ("·", FAINT),
    };
    let head = format!("{mark} {:<7}{}", finding.severity.word(), finding.code);
    let about = finding.about.as_ref().map(|about| format!("  {about}")).unwrap_or_default();
    let mut lines = vec![format!("{}{about}", paint.paint(colour, &head)), format!("    {}", finding.text)];
    lines.extend(finding.fix.as_ref().map(|fix| format!("    → {fix}")));
    lines
}

const fn colour_of_grade(grade: Option<Grade>) -> &'static str {
    match grade {
        Some(Grade::A | Grade::B) => GREEN,
        Some(Grade::C) => YELLOW,
        Some(Grade::D | Grade::F) => RED,
        None => FAINT,
    }
}
