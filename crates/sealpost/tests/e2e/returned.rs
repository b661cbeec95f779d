//! Bounces that come in are told in the timeline of the message that they are about, and nobody else's are.

use testkit::loopback;
use testkit::postfix::{Postfix, Tls};

use crate::border::{Peer, STRANGER, accepted, stranger};
use crate::clinic::{Clinic, Hosts, Kind, Mail};

pub fn clinic(return_path: &str) -> (Clinic, std::net::SocketAddr) {
    let hosts = Hosts::shared();
    let next = hosts.get(Kind::Good);
    let gateway = loopback::free();
    let clinic = Clinic::new(&format!(
        "[gateway]\nlisten = ['{gateway}']\n{return_path}\n[[gateway.inbound]]\ndomains = ['clinic.example']\n\
         host = '{host}'\nport = {port}\ntls_name = '{name}'\n",
        host = next.address().ip(),
        port = next.address().port(),
        name = next.hostname(),
    ));
    (clinic, gateway)
}

/// A host that takes mail for a domain and says only later that there is no such user.
pub fn late_bouncer(clinic: &Clinic, domain: &str, gateway: std::net::SocketAddr) -> Postfix {
    // The host behind it says so, once it has been taken.
    let strict = clinic.hosts.get(Kind::Strict);
    let host = Postfix::named("mx.late.test")
        .port(clinic.hosts.port)
        .tls(&Tls::Valid(&clinic.hosts.ca))
        .relaying(gateway, STRANGER)
        .set("relay_domains", domain)
        .set("virtual_alias_maps", &format!("inline:{{{{frontdesk@{domain} = nobody@{domain}}}}}"))
        .set("relay_transport", &format!("smtp:[{}]:{}", strict.address().ip(), strict.address().port()))
        .start();
    clinic.mx_at(domain, host.hostname(), host.address());
    host
}

fn check_late_bounce(return_path: &str, proof: &str) {
    let (clinic, gateway) = clinic(return_path);
    let domain = clinic.domain();
    let _host = late_bouncer(&clinic, &domain, gateway);
    let (patient, other) = (format!("nobody@{domain}"), format!("sam@{domain}"));
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    let event = clinic.wait_for(&id, "dsn_received", &patient);
    assert_eq!(
        (&event["action"], &event["class"], &event["proof"]),
        (&"failed".into(), &"bad_address".into(), &proof.into()),
        "{event}"
    );
    assert_eq!(event["by"], "mx.late.test");
    // Whoever sent it gets the bounce as mail, too.
    let dsn = event["dsn"].as_str().unwrap();
    clinic.wait_for(dsn, "delivered", &clinic.nurse);
    let letter = clinic.letter(Kind::Good, &clinic.nurse);
    assert_eq!(letter.header("From").len(), 1);
    assert!(letter.text().contains("no such user here"), "{}", letter.text());
    // The mailbox is suppressed from then on.
    let added = clinic.wait_for(&id, "suppression_added", &patient);
    clinic.machine.ok(["suppression", "remove", added["suppression"].as_str().unwrap(), "--reason", "try again"]);
    // Of a copy that two share, the one is told whom it is about.
    let id = clinic.send(&server, &Mail { to: &[&patient, &other], ..clinic.mail() });
    clinic.wait_for(&id, "dsn_received", &patient);
    let events = clinic.events(&id);
    assert!(
        events.iter().all(|event| event["event"] != "dsn_received" || event["recipient"] == patient.as_str()),
        "{events:#?}"
    );
}

#[test]
fn a_bounce_comes_to_the_return_path_of_its_message() {
    check_late_bounce("return_path = 'bounces.clinic.example'", "return_path");
}

#[test]
fn a_bounce_bears_the_envelope_id_of_its_message() {
    check_late_bounce("", "envelope_id");
}

#[test]
fn a_late_bounce_of_a_notice_reaches_the_sender() {
    let (clinic, gateway) = clinic("return_path = 'bounces.clinic.example'");
    let domain = clinic.domain();
    let _host = late_bouncer(&clinic, &domain, gateway);
    let patient = format!("nobody@{domain}");
    let server = clinic.serve();
    let header = "X-Sealpost-Protect: portal\n";
    let id = clinic.send(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
    clinic.wait_for(&id, "notified", &patient);
    let event = clinic.wait_for(&id, "dsn_received", &patient);
    assert_eq!((&event["action"], &event["proof"]), (&"failed".into(), &"return_path".into()), "{event}");
    clinic.wait_for(event["dsn"].as_str().unwrap(), "delivered", &clinic.nurse);
    let letter = clinic.letter(Kind::Good, &clinic.nurse);
    assert!(letter.text().contains("no such user here"), "{}", letter.text());
}

fn report(patient: &str, returned: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.evil.example\nTo: staff\nSubject: Undelivered\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry.\n--b\n\
         Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.evil.example\n\n\
         Final-Recipient: rfc822; {patient}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 gone\n\n\
         --b\nContent-Type: text/rfc822-headers\n\n{returned}--b--\n"
    )
}

#[test]
fn a_bounce_that_nobody_was_asked_for_tells_nothing() {
    let (clinic, _) = clinic("return_path = 'bounces.clinic.example'");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let letter = clinic.letter(Kind::Good, &patient);
    let [path] = &letter.header("Return-Path")[..] else { panic!("{}", letter.text()) };
    let path = path.trim_matches(['<', '>']);
    assert!(path.starts_with("b-") && path.ends_with("@bounces.clinic.example"), "{path}");
    let bring = |to: &str, message: &str| Peer { from: "", ..stranger(&[to], message) }.bring(&server);
    // Nobody can write a return path that was not given out.
    let guessed = path.replace("b-0", "b-1");
    bring(&guessed, &report(&patient, "")).expect_failure("rcpt 550 5.7.1");
    bring("x@bounces.clinic.example", &report(&patient, "")).expect_failure("rcpt 550 5.7.1");
    // What anybody knows of a message proves nothing.
    let known = format!("Message-ID: {}\nSubject: Your visit\n", letter.header("Message-ID")[0]);
    let forged = accepted(bring(&clinic.nurse, &report(&patient, &known)));
    clinic.wait_for(&forged, "delivered", &clinic.nurse);
    // The field of another recipient's copy is none of this one's.
    let passed = letter.header("X-Sealpost-Passed").remove(0);
    let other = format!("other-{patient}");
    let stolen = accepted(bring(&clinic.nurse, &report(&other, &format!("X-Sealpost-Passed: {passed}\n"))));
    clinic.wait_for(&stolen, "delivered", &clinic.nurse);
    let events = clinic.events(&id);
    assert!(events.iter().all(|event| event["event"] != "dsn_received"), "{events:#?}");
    // What came back with the copy's own field does.
    let real = accepted(bring(&clinic.nurse, &report(&patient, &format!("X-Sealpost-Passed: {passed}\n"))));
    let event = clinic.wait_for(&id, "dsn_received", &patient);
    assert_eq!((&event["dsn"], &event["proof"]), (&real.as_str().into(), &"passage".into()));
    // Whoever has a return path writes no more into a timeline than one line, and the worst one.
    let block = |action: &str| format!("Final-Recipient: rfc822; {patient}\nAction: {action}\nStatus: 4.0.0\n\n");
    let many =
        report(&patient, "").replacen("Final-Recipient", &format!("{}Final-Recipient", block("delayed").repeat(50)), 1);
    let answer = accepted(bring(path, &many));
    clinic.wait_for(&answer, "delivered", &clinic.nurse);
    let told = clinic.events(&id).iter().filter(|event| event["event"] == "dsn_received").count();
    assert_eq!(told, 2, "one bounce is one line");
    let last = clinic.events(&id).into_iter().rfind(|event| event["event"] == "dsn_received").unwrap();
    assert_eq!((&last["dsn"], &last["action"]), (&answer.as_str().into(), &"failed".into()));
    // Nor does the same come again within the hour.
    let again = accepted(bring(path, &many));
    clinic.wait_for(&again, "delivered", &clinic.nurse);
    let told = clinic.events(&id).iter().filter(|event| event["event"] == "dsn_received").count();
    assert_eq!(told, 2, "the same is told once in an hour");
    // Once the message is gone nobody is left to get its bounces.
    clinic.machine.ok(["message", "erase", &id, "--reason", "asked for", "--yes"]);
    let late = accepted(bring(path, &report(&patient, "")));
    clinic.wait_for(&late, "refused", path);
}
