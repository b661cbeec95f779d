//! What is found on MX hosts: certificates, versions, ciphers.

use discovery::probe::{Dnssec, Grade, MxState, Report, ScanReport, Severity, StartTls};
use mail::Level;
use testkit::ca::Ca;
use testkit::loopback;
use testkit::postfix::{Postfix, Tls};
use testkit::signed_zone::{SignedDns, Signing};

use super::world::{codes, finding, lacks, probe, prober};

/// The zone of one domain and its MX host.
fn zone(postfix: &Postfix) -> SignedDns {
    let records = postfix.mx_of("plain.test");
    SignedDns::zones().zone("test", Signing::Secure, "").zone("plain.test", Signing::Insecure, &records).start()
}

async fn probed(ca: &Ca, tls: &Tls<'_>) -> Report {
    let postfix = Postfix::named("mx.plain.test").tls(tls).start();
    probe_of(ca, &postfix).await
}

async fn probe_of(ca: &Ca, postfix: &Postfix) -> Report {
    let dns = zone(postfix);
    probe(&prober(&dns, ca, postfix.address().port(), 443), "plain.test").await
}

fn taken(scan: &ScanReport) -> Vec<&'static str> {
    let all = scan.versions.iter().chain(&scan.classes);
    all.filter(|asked| asked.taken == Some(true)).map(|asked| asked.offer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_host_is_verified() {
    let ca = Ca::new();
    // Postfix's own default still takes TLS 1.0.
    let builder = Postfix::named("mx.plain.test").tls(&Tls::Valid(&ca)).set("smtpd_tls_protocols", ">=TLSv1.2");
    let report = probe_of(&ca, &builder.start()).await;
    assert_eq!((report.level, report.grade), (Level::Verified, Some(Grade::B)), "{:?}", codes(&report));
    assert_eq!((report.mx.state, report.mx.dnssec), (MxState::Found, Dnssec::Insecure));
    let host = &report.hosts[0];
    assert_eq!((host.host.as_str(), host.preference), ("mx.plain.test", 10));
    let address = &host.addresses[0];
    assert!(address.banner.as_ref().unwrap().starts_with("mx.plain.test ESMTP"), "{:?}", address.banner);
    for keyword in ["STARTTLS", "PIPELINING", "CHUNKING", "SMTPUTF8", "8BITMIME", "DSN", "SIZE"] {
        assert!(address.extensions.contains(&keyword), "{keyword} in {:?}", address.extensions);
    }
    let tls = address.tls.as_ref().unwrap();
    assert_eq!((tls.version.as_str(), tls.pkix, tls.pkix_fault), ("TLSv1.3", true, None));
    assert_eq!((tls.chain.len(), tls.chain[0].names.as_slice()), (2, ["mx.plain.test".to_owned()].as_slice()));
    let scan = address.scan.as_ref().unwrap();
    assert!(scan.is_complete, "{scan:?}");
    assert_eq!(&taken(scan)[..2], ["TLSv1.3", "TLSv1.2"]);
    assert!(!taken(scan).iter().any(|offer| ["TLSv1.1", "TLSv1", "SSLv3", "null", "rc4", "export"].contains(offer)));
    let mut suites = scan.tls13_suites.clone();
    suites.sort();
    assert_eq!(suites, ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]);
    assert!(scan.groups.iter().any(|group| group == "X25519"), "{:?}", scan.groups);
    let unbound = finding(&report, "anchor.none");
    assert!(unbound.fix.as_ref().unwrap().contains("mx: mx.plain.test"));
    for code in ["mx.unsigned", "tlsrpt.absent", "spf.absent", "dmarc.absent", "caa.absent"] {
        finding(&report, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_certificate_is_told() {
    let ca = Ca::new();
    for (tls, code) in [
        (Tls::Expired(&ca), "cert.expired"),
        (Tls::WrongName(&ca), "cert.wrong_name"),
        (Tls::SelfSigned(&ca), "cert.unknown_issuer"),
    ] {
        let report = probed(&ca, &tls).await;
        assert_eq!((report.level, report.grade), (Level::Encrypted, Some(Grade::D)), "{code}");
        let found = finding(&report, code);
        assert_eq!(found.severity, Severity::High);
        assert!(found.about.as_ref().unwrap().starts_with("mx.plain.test ["));
        assert!(found.fix.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_tls_fails() {
    let ca = Ca::new();
    let report = probed(&ca, &Tls::None).await;
    assert_eq!((report.level, report.grade), (Level::None, Some(Grade::F)));
    assert_eq!(report.hosts[0].addresses[0].starttls, Some(StartTls::NotOffered));
    assert_eq!(finding(&report, "starttls.missing").severity, Severity::Fatal);
    assert!(report.hosts[0].addresses[0].extensions.contains(&"PIPELINING"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_yesterday_is_seen_through() {
    let ca = Ca::new();
    let report = probed(&ca, &Tls::Tls10(&ca)).await;
    assert_eq!((report.level, report.grade), (Level::None, Some(Grade::F)));
    finding(&report, "tls.handshake");
    assert!(finding(&report, "tls.old").text.starts_with("TLSv1 is taken"));
    finding(&report, "tls.no_tls13");
    let scan = report.hosts[0].addresses[0].scan.as_ref().unwrap();
    assert!(taken(scan).contains(&"TLSv1"), "{scan:?}");
    assert!(!taken(scan).contains(&"TLSv1.2"), "{scan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careless_host_takes_what_it_should_not() {
    let ca = Ca::new();
    let postfix = Postfix::named("mx.plain.test").tls(&Tls::Careless(&ca)).start();
    let report = probe_of(&ca, &postfix).await;
    // Sealpost itself still gets sound TLS there.
    assert_eq!((report.level, report.grade), (Level::Verified, Some(Grade::C)), "{:?}", codes(&report));
    let scan = report.hosts[0].addresses[0].scan.as_ref().unwrap();
    for offer in ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1", "null", "anonymous", "cbc", "sound"] {
        assert!(taken(scan).contains(&offer), "{offer} in {scan:?}");
    }
    for code in ["cipher.null", "tls.old", "cipher.anonymous", "cipher.cbc"] {
        finding(&report, code);
    }
    lacks(&report, "tls.ssl3");
    lacks(&report, "cipher.rc4");
    // What a whole handshake of another's client says.
    for (version, word) in [("-tls1", "TLSv1"), ("-tls1_1", "TLSv1.1"), ("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]
    {
        assert_eq!(
            openssl_shakes(&postfix, &[version, "-cipher", "ALL:@SECLEVEL=0"]),
            taken(scan).contains(&word),
            "{word}"
        );
    }
    assert!(openssl_shakes(&postfix, &["-tls1_2", "-cipher", "NULL-SHA256:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"]));
}

fn openssl_shakes(postfix: &Postfix, how: &[&str]) -> bool {
    let address = postfix.address().to_string();
    let mut client = std::process::Command::new("openssl");
    client.args(["s_client", "-starttls", "smtp", "-connect", &address]).args(how).stdin(std::process::Stdio::null());
    client.output().expect("openssl").status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_without_hosts_are_told_apart() {
    let ca = Ca::new();
    let port = loopback::free().port();
    let dns = SignedDns::zones()
        .zone("test", Signing::Secure, "null.test MX 0 .\n nohost.test MX 10 _x.test\n gone.test MX 10 mx.gone.test")
        .zone("bogus.test", Signing::Bogus, "bogus.test MX 10 mx.bogus.test")
        .start();
    let prober = prober(&dns, &ca, port, 443);
    for (domain, state, code) in [
        ("null.test", MxState::Null, "mx.null"),
        ("nobody.test", MxState::NoSuchDomain, "mx.no_such_domain"),
        ("nohost.test", MxState::NoHost, "mx.no_host"),
        ("bogus.test", MxState::Failed, "mx.bogus"),
        ("gone.test", MxState::Found, "host.no_address"),
    ] {
        let report = probe(&prober, domain).await;
        assert_eq!((report.mx.state, report.grade, report.level), (state, None, Level::None), "{domain}");
        finding(&report, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_domain_says_of_its_own_mail_is_told_and_does_not_count() {
    let ca = Ca::new();
    let zone = "
        own.test                 MX    0 .
        own.test                 TXT   \"v=spf1 +all\"
        own.test                 CAA   0 issue \"ca.example\"
        _dmarc.own.test          TXT   \"v=DMARC1; p=none\"
        s1._domainkey.own.test   TXT   \"v=DKIM1; k=ed25519; p=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\"
        s2._domainkey.own.test   TXT   \"v=DKIM1; p=\"
        _dmarc.sub.own.test      A     192.0.2.1
        _smtp._tls.own.test      TXT   \"v=TLSRPTv1; rua=mailto:tls@own.test\"
    ";
    let dns = SignedDns::zones().zone("test", Signing::Secure, zone).start();
    let selectors = ["s1", "s2", "s3"].map(str::to_owned);
    let domain = mail::Domain::parse("sub.own.test").unwrap();
    let prober = prober(&dns, &ca, 25, 443);
    let report = prober.probe(&mail::Domain::parse("own.test").unwrap(), &selectors).await;
    for code in ["spf.everybody", "dmarc.none", "dkim.revoked", "dkim.absent"] {
        assert!(!finding(&report, code).counts, "{code}");
    }
    lacks(&report, "caa.absent");
    assert_eq!(report.caa.records, ["issue \"ca.example\""]);
    assert_eq!(report.dkim[0].key.as_deref(), Some("Ed25519"));
    assert_eq!(report.tls_rpt.text.as_deref(), Some("mailto:tls@own.test"));
    // What stands above a domain holds for it.
    let below = prober.probe(&domain, &[]).await;
    assert_eq!((below.dmarc.at.as_deref(), below.caa.at.as_deref()), (Some("own.test"), Some("own.test")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_gets_everything_half_right_is_told_each_of_it() {
    let ca = Ca::new();
    let zone = format!(
        "
        bare.test                A     127.0.0.1
        bare.test                TXT   \"v=spf1 ?all\"
        _dmarc.bare.test         TXT   \"v=DMARC1; p=reject\"
        _dmarc.bare.test         TXT   \"v=DMARC1; p=none\"
        _smtp._tls.bare.test     TXT   \"v=TLSRPTv1; rua=mailto:a@bare.test\"
        _smtp._tls.bare.test     TXT   \"v=TLSRPTv1; rua=mailto:b@bare.test\"
        s1._domainkey.bare.test  TXT   \"v=DKIM1; p=x\"
        s2._domainkey.bare.test  TXT   \"v=DKIM1; p={RSA_1024}\"
        twice.test               MX    0 .
        twice.test               TXT   \"v=spf1 -all\"
        twice.test               TXT   \"v=spf1 ~all\"
        "
    );
    let dns = SignedDns::zones().zone("test", Signing::Secure, &zone).start();
    let selectors = ["s1", "s2"].map(str::to_owned);
    let prober = prober(&dns, &ca, loopback::free().port(), 443);
    let report = prober.probe(&mail::Domain::parse("bare.test").unwrap(), &selectors).await;
    assert_eq!((report.mx.state, report.grade), (MxState::Implicit, None));
    for (code, severity, counts) in [
        ("mx.implicit", Severity::Low, true),
        ("host.unreachable", Severity::Medium, true),
        ("tlsrpt.broken", Severity::Low, true),
        ("spf.open", Severity::Low, false),
        ("dmarc.broken", Severity::Medium, false),
        ("dkim.broken", Severity::Medium, false),
        ("dkim.short", Severity::Low, false),
    ] {
        let found = finding(&report, code);
        assert_eq!((found.severity, found.counts), (severity, counts), "{code}");
    }
    assert_eq!(finding(&report, "dkim.broken").about.as_deref(), Some("selector s1"));
    assert_eq!(finding(&report, "dkim.short").about.as_deref(), Some("selector s2"));
    finding(&probe(&prober, "twice.test").await, "spf.broken");
}

/// An RSA key of 1024 bits that nobody signs with.
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDPXZ00PF2GIW19AAUaBfltomf/P/EKFw3d++ERhrGr2CPwx/zlvYy3/AqMi7XtHTTXeYHU8OfWRGwk7/iLlzmJrMVQEAGbgHQDPdwK31eGU+r0YpmFE/Q3WWDdUXvOeL9vKALo+hGeNeEoAALF8o45WWtituNkdUD7kYucFFfkTQIDAQAB";
