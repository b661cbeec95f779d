//! Findings on one MX host: sessions, TLS, certificates, what it would take.

use jiff::SignedDuration;

use super::super::certificate::CertificateReport;
use super::super::report::{AddressReport, DaneState, Dnssec, HostReport, Report, ScanReport, StartTls, TlsReport};
use super::{Finding, Severity};
use crate::hello::{Class, Version};

/// A certificate that is over within this is to be renewed now.
const RENEWAL: SignedDuration = SignedDuration::from_hours(21 * 24);
const RSA_BITS_MIN: u32 = 2048;

pub(super) fn findings(host: &HostReport, report: &Report) -> Vec<Finding> {
    let mut found: Vec<Finding> = dane(host).into_iter().collect();
    if let Some(why) = &host.failure {
        let text = format!("It can't be reached: {why}.");
        found.push(
            Finding::new("host.no_address", Severity::Medium, text)
                .about(&host.host)
                .fix(format!("publish an A record for {}, or take the host out of the MX records", host.host)),
        );
    }
    for address in &host.addresses {
        found.extend(session(host, address));
        found.extend(address.tls.iter().flat_map(|tls| certificates(host, address, tls, report)));
        found.extend(address.scan.iter().flat_map(|scan| scanned(host, scan)));
    }
    found
}

fn session(host: &HostReport, address: &AddressReport) -> Option<Finding> {
    let about = format!("{} [{}]", host.host, address.address);
    let finding = match (address.starttls, &address.tls) {
        (None, _) => {
            let why = address.failure.as_deref().unwrap_or("it does not answer");
            Finding::new("host.unreachable", Severity::Medium, format!("No session could be opened: {why}."))
                .fix("let it answer at port 25, or take it out of the MX records")
        }
        (Some(StartTls::NotOffered), _) => {
            Finding::new("starttls.missing", Severity::Fatal, "STARTTLS is not offered: mail crosses in clear.")
                .fix("give the server a certificate and turn STARTTLS on (Postfix: smtpd_tls_security_level = may)")
        }
        (Some(StartTls::Refused), _) => {
            let why = address.tls_failure.as_deref().unwrap_or("it refuses");
            Finding::new("starttls.refused", Severity::Fatal, format!("STARTTLS is offered and refused: {why}."))
                .fix("look for the reason in the server's log; mostly the certificate or its key can't be read")
        }
        (Some(StartTls::Offered), None) => {
            let why = address.tls_failure.as_deref().unwrap_or("it fails");
            let text = format!("The handshake fails with TLS 1.2 (ECDHE, AEAD) and 1.3: {why}.");
            Finding::new("tls.handshake", Severity::Fatal, text)
                .fix("allow TLS 1.2 and 1.3 with ECDHE and AES-GCM or ChaCha20-Poly1305")
        }
        (Some(StartTls::Offered), Some(_)) => return None,
    };
    Some(finding.about(about))
}

fn certificates(host: &HostReport, address: &AddressReport, tls: &TlsReport, report: &Report) -> Vec<Finding> {
    let about = format!("{} [{}]", host.host, address.address);
    let leaf = tls.chain.first();
    let mut found: Vec<Finding> = Vec::new();
    found.extend(tls.pkix_fault.map(|fault| unverified(fault, host, tls)));
    if host.dane.state == DaneState::Usable && tls.dane.is_none() {
        found.push(mismatch(host, leaf));
    }
    if let Some(leaf) = leaf {
        found.extend(expiring(leaf, tls, report));
    }
    found.extend(tls.chain.iter().filter_map(weak));
    found.into_iter().map(|finding| finding.about(&about)).collect()
}

fn unverified(fault: &str, host: &HostReport, tls: &TlsReport) -> Finding {
    let name = &host.host;
    let (code, text, fix) = match fault {
        "expired" => ("cert.expired", "The certificate has expired.", "renew the certificate".to_owned()),
        "not yet valid" => (
            "cert.not_yet_valid",
            "The certificate's time has not come.",
            "set the server's clock, or take the certificate that is valid today".to_owned(),
        ),
        "wrong name" => (
            "cert.wrong_name",
            "The certificate is for another name.",
            format!(
                "take a certificate with the DNS name {name}, or name the host in the MX record as its certificate does"
            ),
        ),
        "unknown issuer" => (
            "cert.unknown_issuer",
            "The certificate leads to no authority that is trusted.",
            format!("take a certificate of a public authority for {name} and show its intermediate certificates too"),
        ),
        "not for servers" => (
            "cert.wrong_purpose",
            "The certificate is not one for servers.",
            format!("take a certificate for TLS servers with the DNS name {name}"),
        ),
        _ => (
            "cert.unusable",
            "The certificate breaks a rule of RFC 5280, or its algorithms are too weak.",
            format!("take a new certificate of a public authority for {name}"),
        ),
    };
    // DANE vouches for it without names, dates and authorities (RFC 7672 §3.1.1).
    let severity = if tls.dane.is_some() { Severity::Info } else { Severity::High };
    Finding::new(code, severity, text).fix(fix)
}

fn mismatch(host: &HostReport, leaf: Option<&CertificateReport>) -> Finding {
    let text = "No TLSA record stands for the certificate: whoever heeds DANE delivers nothing here.";
    let finding = Finding::new("dane.mismatch", Severity::High, text);
    match leaf.and_then(|leaf| leaf.key_sha256.as_ref()) {
        Some(key) => finding.fix(format!("publish _25._tcp.{}. TLSA 3 1 1 {key}", host.host)),
        None => finding,
    }
}

fn expiring(leaf: &CertificateReport, tls: &TlsReport, report: &Report) -> Option<Finding> {
    let left = leaf.not_after?.duration_since(report.at);
    let is_soon = tls.pkix && left < RENEWAL;
    is_soon.then(|| {
        let days = left.as_hours().checked_div(24).unwrap_or_default();
        Finding::new("cert.expires_soon", Severity::Low, format!("The certificate expires in {days} days."))
            .fix("renew the certificate, and let that happen by itself")
    })
}

fn weak(certificate: &CertificateReport) -> Option<Finding> {
    let subject = &certificate.subject;
    if certificate.rsa_bits.is_some_and(|bits| bits < RSA_BITS_MIN) {
        let text = format!("The key of the certificate {subject} is too short: {}.", certificate.key);
        return Some(
            Finding::new("cert.weak_key", Severity::Medium, text)
                .fix("take a key of EC P-256 or RSA 2048 at the least"),
        );
    }
    // Nobody checks the signature that an authority made of itself.
    let is_root = certificate.subject == certificate.issuer;
    let is_broken = certificate.signature.ends_with("SHA-1") || certificate.signature.ends_with("MD5");
    (is_broken && !is_root).then(|| {
        let text = format!("The certificate {subject} is signed by {}.", certificate.signature);
        Finding::new("cert.weak_signature", Severity::Medium, text).fix("take a new certificate of its authority")
    })
}

fn dane(host: &HostReport) -> Option<Finding> {
    let finding = match (host.dane.state, host.dane.dnssec) {
        (DaneState::Failed, Dnssec::Bogus) => Finding::new(
            "dane.bogus",
            Severity::High,
            "The DNSSEC signatures of its addresses or TLSA records do not hold: no mail is delivered here.",
        )
        .fix("renew the signatures, or let the DS record at the parent match the zone's key"),
        (DaneState::Failed, _) => Finding::new(
            "dane.failed",
            Severity::High,
            "The lookup of its TLSA records fails: no mail is delivered here.",
        )
        .fix(format!("let the name servers answer for _25._tcp.{}, also with \"there is none\"", host.host)),
        (DaneState::Unusable, _) => {
            Finding::new("dane.unusable", Severity::Medium, "None of its TLSA records can be used for SMTP.")
                .fix("publish records of usage 3 (or 2), selector 1, matching type 1")
        }
        (DaneState::Unsigned, _) => {
            Finding::new("dane.unsigned", Severity::Low, "Its TLSA records don't count, for not all is signed.")
                .fix("sign both the domain's zone and the host's with DNSSEC")
        }
        (DaneState::Usable | DaneState::Absent, _) => return None,
    };
    Some(finding.about(&host.host))
}

fn scanned(host: &HostReport, scan: &ScanReport) -> Vec<Finding> {
    let mut found = versions(scan);
    found.extend(scan.classes.iter().filter(|class| class.taken == Some(true)).filter_map(class));
    let has_tls13 = scan.versions.iter().any(|version| is_taken(scan, Version::Tls13, version.offer));
    if has_tls13 && scan.is_complete && !scan.groups.iter().any(|group| group == "X25519MLKEM768") {
        let text = "No key exchange that withstands quantum computers: what is recorded today may be read one day.";
        found.push(Finding::new("tls.no_post_quantum", Severity::Info, text).fix("allow the group X25519MLKEM768"));
    }
    if !scan.is_complete {
        let text = format!("After {} connections it would have no more: not everything was asked.", scan.connections);
        found.push(Finding::new("scan.incomplete", Severity::Info, text));
    }
    found.into_iter().map(|finding| finding.about(&host.host)).collect()
}

fn is_taken(scan: &ScanReport, version: Version, offer: &str) -> bool {
    offer == version.word() && scan.versions.iter().any(|taken| taken.offer == offer && taken.taken == Some(true))
}

fn versions(scan: &ScanReport) -> Vec<Finding> {
    let taken = |version: Version| is_taken(scan, version, version.word());
    let mut found = Vec::new();
    if taken(Version::Ssl3) {
        found.push(
            Finding::new("tls.ssl3", Severity::Medium, "SSL 3.0 is taken, which has been broken since 2014.")
                .fix("turn SSL 3.0 off (Postfix: smtpd_tls_protocols = >=TLSv1.2)"),
        );
    }
    let old: Vec<&str> =
        [Version::Tls10, Version::Tls11].into_iter().filter(|version| taken(*version)).map(Version::word).collect();
    if !old.is_empty() {
        found.push(
            Finding::new("tls.old", Severity::Low, format!("{} is taken, which RFC 8996 forbids.", old.join(" and ")))
                .fix("turn TLS 1.0 and 1.1 off (Postfix: smtpd_tls_protocols = >=TLSv1.2)"),
        );
    }
    let lacks_tls13 =
        scan.versions.iter().any(|asked| asked.offer == Version::Tls13.word() && asked.taken == Some(false));
    if lacks_tls13 {
        found.push(Finding::new("tls.no_tls13", Severity::Low, "TLS 1.3 is not taken.").fix("turn TLS 1.3 on"));
    }
    found
}

fn class(taken: &super::super::report::Taken) -> Option<Finding> {
    let class = Class::OLD.into_iter().find(|class| class.word() == taken.offer)?;
    let suite = taken.suite.as_deref().unwrap_or("one");
    let (code, severity, text, off) = match class {
        Class::Export => ("cipher.export", Severity::Medium, "Export ciphers are taken, broken in minutes", "EXPORT"),
        Class::Null => ("cipher.null", Severity::Medium, "Suites without encryption are taken", "eNULL"),
        Class::Rc4 => ("cipher.rc4", Severity::Medium, "RC4 is taken, which RFC 7465 forbids", "RC4"),
        Class::SmallBlocks => {
            ("cipher.small_blocks", Severity::Low, "Ciphers with short blocks are taken", "3DES, DES, IDEA")
        }
        Class::RsaKeyExchange => {
            ("cipher.rsa_key_exchange", Severity::Low, "Key exchange without forward secrecy is taken", "kRSA")
        }
        Class::Anonymous => ("cipher.anonymous", Severity::Info, "Suites without a certificate are taken", "aNULL"),
        Class::Cbc => ("cipher.cbc", Severity::Info, "CBC ciphers are taken", "CBC"),
        Class::FiniteField | Class::Sound | Class::Tls13 => return None,
    };
    let fix = format!("exclude {off} (Postfix: smtpd_tls_exclude_ciphers)");
    Some(Finding::new(code, severity, format!("{text}, such as {suite}.")).fix(fix))
}
