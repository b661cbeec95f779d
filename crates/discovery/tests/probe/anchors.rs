//! What binds a host to its domain: DANE right, wrong and bogus, MTA-STS in
//! each mode and broken.

use discovery::probe::{DaneState, Dnssec, Grade, Report};
use mail::Level;
use testkit::ca::{Ca, Identity};
use testkit::postfix::{Postfix, Tls};
use testkit::signed_zone::{SignedDns, Signing};

use super::world::{Site, codes, finding, lacks, policy, probe, prober};

/// A signed domain with this MX host and TLSA data.
fn signed(postfix: &Postfix, tlsa: &str) -> SignedDns {
    let port = postfix.address().port();
    let mut records = postfix.mx_of("safe.test");
    if !tlsa.is_empty() {
        records.push_str(&format!("_{port}._tcp.mx.safe.test TLSA {tlsa}\n"));
    }
    SignedDns::zones().zone("test", Signing::Secure, "").zone("safe.test", Signing::Secure, &records).start()
}

async fn with_dane(ca: &Ca, tls: &Tls<'_>, tlsa: impl FnOnce(&Identity) -> String) -> Report {
    let postfix = Postfix::named("mx.safe.test").tls(tls).start();
    let dns = signed(&postfix, &tlsa(postfix.identity().unwrap()));
    probe(&prober(&dns, ca, postfix.address().port(), 443), "safe.test").await
}

#[tokio::test(flavor = "multi_thread")]
async fn dane_that_is_right_anchors() {
    let ca = Ca::new();
    let report = with_dane(&ca, &Tls::Valid(&ca), |identity| identity.tlsa(3, 1, 1)).await;
    assert_eq!((report.level, report.mx.dnssec), (Level::Anchored, Dnssec::Secure), "{:?}", codes(&report));
    let tls = report.hosts[0].addresses[0].tls.as_ref().unwrap();
    assert_eq!((tls.dane.as_deref(), tls.pkix), (Some("3 1 1"), true));
    assert_eq!(report.hosts[0].dane.state, DaneState::Usable);
    for code in ["anchor.none", "mx.unsigned", "dane.mismatch"] {
        lacks(&report, code);
    }
    let authority = with_dane(&ca, &Tls::Valid(&ca), |_| ca.tlsa(2, 0, 1)).await;
    assert_eq!(authority.level, Level::Anchored);
}

#[tokio::test(flavor = "multi_thread")]
async fn dane_vouches_for_a_certificate_that_nobody_signed() {
    let ca = Ca::new();
    let report = with_dane(&ca, &Tls::SelfSigned(&ca), |identity| identity.tlsa(3, 1, 1)).await;
    assert_eq!(report.level, Level::Anchored);
    assert!(report.grade.is_some_and(|grade| grade <= Grade::B), "{:?}", codes(&report));
    let tls = report.hosts[0].addresses[0].tls.as_ref().unwrap();
    assert_eq!((tls.pkix, tls.dane.as_deref()), (false, Some("3 1 1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn dane_that_is_wrong_lets_nothing_through() {
    let ca = Ca::new();
    let other = ca.issue(&["mx.safe.test"]);
    let report = with_dane(&ca, &Tls::Valid(&ca), |_| other.tlsa(3, 1, 1)).await;
    assert_eq!((report.level, report.grade), (Level::None, Some(Grade::D)));
    let found = finding(&report, "dane.mismatch");
    let key = report.hosts[0].addresses[0].tls.as_ref().unwrap().chain[0].key_sha256.clone().unwrap();
    assert!(found.fix.as_ref().unwrap().ends_with(&format!("TLSA 3 1 1 {key}")));
    assert!(report.hosts[0].addresses[0].forbidden.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn dane_that_is_bogus_lets_nothing_through() {
    let ca = Ca::new();
    let postfix = Postfix::named("mx.bogus.test").tls(&Tls::Valid(&ca)).start();
    let port = postfix.address().port();
    let host = format!(
        "mx.bogus.test A {}\n_{port}._tcp.mx.bogus.test TLSA {}",
        postfix.address().ip(),
        postfix.identity().unwrap().tlsa(3, 1, 1)
    );
    let dns = SignedDns::zones()
        .zone("test", Signing::Secure, "safe.test MX 10 mx.bogus.test\n bogus-tlsa.test MX 10 mx.half.test")
        .zone("bogus.test", Signing::Bogus, &host)
        .zone("half.test", Signing::Secure, &format!("mx.half.test A {}", postfix.address().ip()))
        .zone("_tcp.mx.half.test", Signing::Bogus, &format!("_{port}._tcp.mx.half.test TLSA {}", ca.tlsa(2, 0, 1)))
        .start();
    let prober = prober(&dns, &ca, port, 443);
    let report = probe(&prober, "safe.test").await;
    assert_eq!(report.level, Level::None);
    assert_eq!((report.hosts[0].dane.state, report.hosts[0].dane.dnssec), (DaneState::Failed, Dnssec::Bogus));
    finding(&report, "dane.bogus");
    // The host's own zone is well, and only the record below it is not.
    let report = probe(&prober, "bogus-tlsa.test").await;
    assert_eq!((report.level, report.grade), (Level::None, Some(Grade::D)));
    finding(&report, "dane.bogus");
    assert_eq!(
        report.hosts[0].addresses[0].forbidden.as_deref(),
        Some("the lookup of its TLSA records is bogus or fails")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tlsa_records_that_do_not_count_are_told() {
    let ca = Ca::new();
    let unusable = with_dane(&ca, &Tls::SelfSigned(&ca), |identity| identity.tlsa(1, 1, 1)).await;
    assert_eq!((unusable.level, unusable.hosts[0].dane.state), (Level::Encrypted, DaneState::Unusable));
    finding(&unusable, "dane.unusable");
    let postfix = Postfix::named("mx.plain.test").tls(&Tls::Valid(&ca)).start();
    let port = postfix.address().port();
    let tlsa = postfix.identity().unwrap().tlsa(3, 1, 1);
    let records = format!("{}_{port}._tcp.mx.plain.test TLSA {tlsa}\n", postfix.mx_of("plain.test"));
    let dns =
        SignedDns::zones().zone("test", Signing::Secure, "").zone("plain.test", Signing::Insecure, &records).start();
    let report = probe(&prober(&dns, &ca, port, 443), "plain.test").await;
    assert_eq!((report.level, report.hosts[0].dane.state), (Level::Verified, DaneState::Unsigned));
    finding(&report, "dane.unsigned");
}

/// A domain with this MX host, whose policy host gives this answer.
async fn with_policy(ca: &Ca, postfix: &Postfix, answer: &str, more: &str) -> Report {
    let site = Site::start(&ca.issue(&["mta-sts.plain.test"]), answer.to_owned()).await;
    let records = format!(
        "{}mta-sts.plain.test A 127.0.0.1\n_mta-sts.plain.test TXT \"v=STSv1; id=1;\"\n{more}\n",
        postfix.mx_of("plain.test")
    );
    let dns =
        SignedDns::zones().zone("test", Signing::Secure, "").zone("plain.test", Signing::Insecure, &records).start();
    probe(&prober(&dns, ca, postfix.address().port(), site.address.port()), "plain.test").await
}

fn text(mode: &str, mx: &str) -> String {
    policy(&format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 604800\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_policy_anchors() {
    let ca = Ca::new();
    let postfix = Postfix::named("mx.plain.test").tls(&Tls::Valid(&ca)).start();
    let report = with_policy(&ca, &postfix, &text("enforce", "*.plain.test"), "").await;
    assert_eq!(report.level, Level::Anchored, "{:?} {:?}", report.mta_sts, codes(&report));
    assert_eq!(report.mta_sts.policy.as_ref().unwrap().mode, "enforce");
    assert_eq!(report.hosts[0].mta_sts_names, Some(true));
    lacks(&report, "anchor.none");
    let other = with_policy(&ca, &postfix, &text("enforce", "mail.plain.test"), "").await;
    assert_eq!((other.level, other.grade), (Level::None, Some(Grade::D)));
    assert!(finding(&other, "sts.not_named").fix.as_ref().unwrap().contains("mx: mx.plain.test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_policy_wants_a_valid_certificate() {
    let ca = Ca::new();
    let postfix = Postfix::named("mx.plain.test").tls(&Tls::Expired(&ca)).start();
    let report = with_policy(&ca, &postfix, &text("enforce", "mx.plain.test"), "").await;
    assert_eq!((report.level, report.grade), (Level::None, Some(Grade::D)));
    finding(&report, "cert.expired");
    assert!(report.hosts[0].addresses[0].forbidden.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_not_enforced_binds_nothing() {
    let ca = Ca::new();
    let postfix = Postfix::named("mx.plain.test").tls(&Tls::Valid(&ca)).start();
    let testing = with_policy(&ca, &postfix, &text("testing", "mx.other.test"), "").await;
    assert_eq!(testing.level, Level::Verified);
    finding(&testing, "sts.testing");
    finding(&testing, "sts.not_named");
    let none = with_policy(&ca, &postfix, &policy("version: STSv1\nmode: none\nmax_age: 86400\n"), "").await;
    assert_eq!((none.level, none.hosts[0].mta_sts_names), (Level::Verified, None));
    finding(&none, "anchor.none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_can_not_be_had_is_told() {
    let ca = Ca::new();
    let postfix = Postfix::named("mx.plain.test").tls(&Tls::Valid(&ca)).start();
    for (answer, why) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), "404"),
        ("HTTP/1.1 302 Found\r\nLocation: https://x.test/\r\nContent-Length: 0\r\n\r\n".to_owned(), "redirects"),
        (policy("hello"), "line 1"),
        (
            policy("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 1").replace("text/plain", "text/html"),
            "text/plain",
        ),
        (policy(&"x".repeat(70_000)), "65536"),
    ] {
        let report = with_policy(&ca, &postfix, &answer, "").await;
        assert_eq!(report.level, Level::Verified);
        assert!(finding(&report, "sts.policy").text.contains(why), "{why}: {:?}", report.mta_sts.failure);
    }
    let twice =
        with_policy(&ca, &postfix, &text("enforce", "x.test"), "_mta-sts.plain.test TXT \"v=STSv1; id=2;\"").await;
    finding(&twice, "sts.record");
    assert_eq!((twice.level, twice.mta_sts.policy), (Level::Verified, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_host_with_a_bad_certificate_gives_no_policy() {
    let ca = Ca::new();
    let postfix = Postfix::named("mx.plain.test").tls(&Tls::Valid(&ca)).start();
    let site = Site::start(&ca.self_signed(&["mta-sts.plain.test"]), text("enforce", "x.test")).await;
    let records = format!(
        "{}mta-sts.plain.test A 127.0.0.1\n_mta-sts.plain.test TXT \"v=STSv1; id=1;\"\n",
        postfix.mx_of("plain.test")
    );
    let dns =
        SignedDns::zones().zone("test", Signing::Secure, "").zone("plain.test", Signing::Insecure, &records).start();
    let report = probe(&prober(&dns, &ca, postfix.address().port(), site.address.port()), "plain.test").await;
    assert!(finding(&report, "sts.policy").text.contains("certificate"));
}
