//! The peers against each other: what Postfix shows and accepts, as clients
//! that nobody here wrote see it.

use testkit::ca::Ca;
use testkit::clients::{Security, Submission, s_client, smtplib, swaks};
use testkit::loopback;
use testkit::postfix::{Builder, Postfix, Tls};
use testkit::proxy::{Mischief, Proxy};

const LETTER: &str = "From: a@clinic.example\nTo: p@patient.example\nSubject: hello\n\n.dot\nJörg\n";

fn submission<'s>(postfix: &Postfix, security: Security) -> Submission<'s> {
    Submission {
        server: postfix.address(),
        security,
        anchors: None,
        tls_name: "mx.patient.example",
        login: None,
        from: "a@clinic.example",
        to: &["p@patient.example"],
        message: LETTER,
    }
}

fn mx(tls: &Tls<'_>) -> Builder {
    Postfix::named("mx.patient.example").tls(tls)
}

#[test]
fn a_host_without_tls_delivers_into_its_maildir() {
    let postfix = mx(&Tls::None).start();
    let heard = swaks(&submission(&postfix, Security::Clear)).expect_success();
    assert!(!heard.text.contains("STARTTLS"), "{}", heard.text);
    smtplib(&submission(&postfix, Security::Clear)).expect_success();
    let letters = postfix.wait_for(2);
    for letter in &letters {
        assert_eq!(letter.header("Subject"), ["hello"]);
        assert_eq!(letter.header("Delivered-To"), ["p@patient.example"]);
        assert_eq!(letter.body(), ".dot\nJörg\n");
    }
}

#[test]
fn each_certificate_is_judged_as_it_deserves() {
    let ca = Ca::new();
    let anchors = ca.anchors();
    let judged = |tls: &Tls<'_>| {
        let postfix = mx(tls).start();
        let sent = smtplib(&Submission { anchors: Some(&anchors), ..submission(&postfix, Security::Starttls) });
        if sent.success {
            assert!(postfix.wait_for(1)[0].header("Received")[0].contains("using TLSv1.3"));
        }
        sent
    };
    judged(&Tls::Valid(&ca)).expect_success();
    judged(&Tls::SelfSigned(&ca)).expect_failure("self-signed certificate");
    judged(&Tls::WrongName(&ca)).expect_failure("Hostname mismatch");
    judged(&Tls::Expired(&ca)).expect_failure("certificate has expired");
}

#[test]
fn swaks_verifies_and_sends_over_tls() {
    let ca = Ca::new();
    let postfix = mx(&Tls::Valid(&ca)).start();
    let anchors = ca.anchors();
    let sent = swaks(&Submission { anchors: Some(&anchors), ..submission(&postfix, Security::Starttls) });
    assert!(sent.expect_success().text.contains("TLS started"));
    assert_eq!(postfix.wait_for(1)[0].body(), ".dot\nJörg\n");
}

#[test]
fn a_host_of_tls_1_0_speaks_nothing_newer() {
    let ca = Ca::new();
    let postfix = mx(&Tls::Tls10(&ca)).start();
    let old = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"];
    let heard = s_client(postfix.address(), Security::Starttls, &old, "QUIT\n").expect_success();
    assert!(heard.text.contains("Protocol  : TLSv1\n"), "{}\n{}", heard.text, postfix.log());
    s_client(postfix.address(), Security::Starttls, &["-tls1_2"], "QUIT\n").expect_failure("unsupported protocol");
}

#[test]
fn extensions_are_switched_off() {
    let postfix = mx(&Tls::None).without("8bitmime, smtputf8, dsn").start();
    let heard = swaks(&submission(&postfix, Security::Clear));
    assert!(heard.text.contains("PIPELINING"));
    assert!(!heard.text.contains("8BITMIME") && !heard.text.contains("SMTPUTF8"), "{}", heard.text);
}

#[test]
fn single_recipients_are_answered_as_told() {
    let replies = [("late@patient.example", "450 4.2.0 not yet"), ("gone@patient.example", "550 5.1.1 no such user")];
    let postfix = mx(&Tls::None).answering(&replies).start();
    let to = ["p@patient.example", "late@patient.example", "gone@patient.example"];
    let heard = smtplib(&Submission { to: &to, ..submission(&postfix, Security::Clear) }).expect_success();
    assert!(heard.text.contains("refused late@patient.example 450 4.2.0"), "{}", heard.text);
    assert!(heard.text.contains("refused gone@patient.example 550 5.1.1"), "{}", heard.text);
    assert_eq!(postfix.wait_for(1).len(), 1);
}

#[test]
fn hosts_share_a_port_at_addresses_of_their_own() {
    let port = loopback::port();
    let one = Postfix::named("mx.one.example").port(port).start();
    let two = Postfix::named("mx.two.example").port(port).start();
    assert_ne!(one.address().ip(), two.address().ip());
    assert_eq!(one.mx_of("one.example").lines().count(), 2);
    swaks(&submission(&two, Security::Clear)).expect_success();
    assert_eq!((two.wait_for(1).len(), one.letters().len()), (1, 0));
}

#[test]
fn a_proxy_strips_starttls_of_a_real_host() {
    let ca = Ca::new();
    let postfix = mx(&Tls::Valid(&ca)).start();
    let proxy = Proxy::start(postfix.address(), Mischief::StripStarttls);
    let through = Submission { server: proxy.address(), ..submission(&postfix, Security::Starttls) };
    smtplib(&through).expect_failure("STARTTLS extension not supported");
    proxy.turn(Mischief::DropAfterDot);
    smtplib(&Submission { security: Security::Clear, ..through }).expect_failure("failed SMTPServerDisconnected");
    assert_eq!(postfix.wait_for(1).len(), 1);
}
