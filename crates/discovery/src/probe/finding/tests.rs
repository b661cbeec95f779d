//! Each finding that is rare in the wild: from a sound report with one thing
//! changed comes that finding and no other.

use jiff::Timestamp;
use mail::{Domain, Level};

use super::super::certificate::CertificateReport;
use super::super::report::{
    AddressReport, CaaReport, DaneReport, DaneState, Dnssec, HostReport, MxReport, MxState, Report, ScanReport,
    StartTls, StsPolicyReport, StsReport, Taken, TextReport, TextState, TlsReport,
};
use super::super::texts::{DkimReport, DmarcReport, SpfReport};
use super::{Severity, findings};
use crate::hello::{Class, Version};

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 24 * 60 * 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn certificate() -> CertificateReport {
    CertificateReport {
        subject: "CN=mx.sound.example".into(),
        issuer: "CN=Authority".into(),
        names: vec!["mx.sound.example".into()],
        not_before: Some(at(NOW - DAY)),
        not_after: Some(at(NOW + 60 * DAY)),
        key: "EC P-256".into(),
        rsa_bits: None,
        signature: "ECDSA with SHA-256".into(),
        sha256: "00".repeat(32),
        key_sha256: None,
    }
}

fn host() -> HostReport {
    let scan = ScanReport {
        versions: vec![Taken { offer: Version::Tls13.word(), taken: Some(true), suite: None }],
        groups: vec!["X25519MLKEM768".into()],
        is_complete: true,
        ..ScanReport::default()
    };
    let tls = TlsReport {
        version: "TLSv1.3".into(),
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        group: None,
        pkix: true,
        pkix_fault: None,
        dane: None,
        chain: vec![certificate()],
    };
    HostReport {
        host: Domain::parse("mx.sound.example").unwrap(),
        preference: 10,
        failure: None,
        dane: DaneReport { state: DaneState::Absent, dnssec: Dnssec::Secure, records: Vec::new() },
        mta_sts_names: Some(true),
        addresses: vec![AddressReport {
            address: [192, 0, 2, 1].into(),
            failure: None,
            banner: None,
            extensions: Vec::new(),
            starttls: Some(StartTls::Offered),
            tls: Some(tls),
            tls_failure: None,
            level: Level::Anchored,
            forbidden: None,
            scan: Some(scan),
        }],
    }
}

/// A domain where nothing is to be mended.
fn sound() -> Report {
    let present = || TextReport { state: TextState::Present, text: None };
    Report {
        domain: Domain::parse("sound.example").unwrap(),
        at: at(NOW),
        grade: None,
        level: Level::Anchored,
        mx: MxReport { state: MxState::Found, dnssec: Dnssec::Secure, is_cut: false },
        hosts: vec![host()],
        mta_sts: StsReport {
            record: present(),
            policy: Some(StsPolicyReport { mode: "enforce", mx: vec!["mx.sound.example".into()], max_age_s: 604_800 }),
            failure: None,
        },
        tls_rpt: present(),
        spf: SpfReport { state: TextState::Present, text: None, others: Some("-all".into()), lookups: 1 },
        dkim: vec![DkimReport { selector: "s".into(), state: TextState::Present, key: None, rsa_bits: Some(2048) }],
        dmarc: DmarcReport { state: TextState::Present, at: None, text: None, policy: Some("reject".into()) },
        caa: CaaReport { state: TextState::Present, at: None, records: Vec::new() },
        findings: Vec::new(),
    }
}

fn tls(report: &mut Report) -> &mut TlsReport {
    report.hosts[0].addresses[0].tls.as_mut().unwrap()
}

fn leaf(report: &mut Report) -> &mut CertificateReport {
    &mut tls(report).chain[0]
}

fn scan(report: &mut Report) -> &mut ScanReport {
    report.hosts[0].addresses[0].scan.as_mut().unwrap()
}

#[track_caller]
fn check(code: &str, severity: Severity, counts: bool, change: impl FnOnce(&mut Report)) {
    let mut report = sound();
    change(&mut report);
    let found = findings(&report);
    let told: Vec<_> = found.iter().map(|one| (one.code, one.severity, one.counts)).collect();
    assert_eq!(told, [(code, severity, counts)]);
}

#[test]
fn a_sound_domain_has_none() {
    assert_eq!(findings(&sound()), []);
}

#[test]
fn each_fault_of_a_certificate_is_its_own_finding() {
    for (fault, code) in [
        ("expired", "cert.expired"),
        ("not yet valid", "cert.not_yet_valid"),
        ("wrong name", "cert.wrong_name"),
        ("unknown issuer", "cert.unknown_issuer"),
        ("not for servers", "cert.wrong_purpose"),
        ("unusable", "cert.unusable"),
    ] {
        let unverified = |report: &mut Report| (tls(report).pkix, tls(report).pkix_fault) = (false, Some(fault));
        check(code, Severity::High, true, unverified);
        // DANE vouches for it without names, dates and authorities (RFC 7672 §3.1.1).
        check(code, Severity::Info, true, |report| {
            unverified(report);
            report.hosts[0].dane.state = DaneState::Usable;
            tls(report).dane = Some("3 1 1".into());
        });
    }
    check("cert.expires_soon", Severity::Low, true, |report| leaf(report).not_after = Some(at(NOW + 20 * DAY)));
    check("cert.weak_key", Severity::Medium, true, |report| leaf(report).rsa_bits = Some(1024));
    for signature in ["RSA with SHA-1", "RSA with MD5"] {
        check("cert.weak_signature", Severity::Medium, true, |report| leaf(report).signature = signature.into());
    }
    // Nobody checks the signature that a root made of itself.
    let mut report = sound();
    let root =
        CertificateReport { subject: "CN=Authority".into(), signature: "RSA with SHA-1".into(), ..certificate() };
    tls(&mut report).chain.push(root);
    assert_eq!(findings(&report), []);
}

#[test]
fn what_a_host_refuses_or_still_takes_is_told() {
    check("starttls.refused", Severity::Fatal, true, |report| {
        let address = &mut report.hosts[0].addresses[0];
        (address.starttls, address.tls, address.scan) = (Some(StartTls::Refused), None, None);
    });
    check("cipher.rsa_key_exchange", Severity::Low, true, |report| {
        let offer = Class::RsaKeyExchange.word();
        scan(report).classes.push(Taken { offer, taken: Some(true), suite: None });
    });
    check("tls.no_post_quantum", Severity::Info, true, |report| scan(report).groups = vec!["X25519".into()]);
    check("scan.incomplete", Severity::Info, true, |report| scan(report).is_complete = false);
}

#[test]
fn what_binds_the_hosts_and_where_reports_go_is_told() {
    check("mx.many", Severity::Info, true, |report| report.mx.is_cut = true);
    check("dane.failed", Severity::High, true, |report| {
        (report.hosts[0].dane.state, report.hosts[0].dane.dnssec) = (DaneState::Failed, Dnssec::Failed);
    });
    check("sts.short", Severity::Info, true, |report| {
        report.mta_sts.policy.as_mut().unwrap().max_age_s = 24 * 60 * 60 - 1;
    });
    check("mx.failed", Severity::High, true, |report| {
        report.mx = MxReport { state: MxState::Failed, dnssec: Dnssec::Failed, is_cut: false };
        report.hosts.clear();
    });
}

#[test]
fn a_lookup_that_fails_is_no_absence() {
    check("sts.lookup", Severity::Low, true, |report| report.mta_sts.record.state = TextState::Failed);
    check("tlsrpt.lookup", Severity::Low, true, |report| report.tls_rpt.state = TextState::Failed);
    check("spf.lookup", Severity::Low, false, |report| report.spf.state = TextState::Failed);
    check("dmarc.lookup", Severity::Low, false, |report| report.dmarc.state = TextState::Failed);
    check("dkim.lookup", Severity::Low, false, |report| report.dkim[0].state = TextState::Failed);
}
