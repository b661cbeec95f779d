//! Deliveries held to what binds an MX host: the real binary over signed zones.

use serde_json::{Value, json};
use testkit::signed_zone::{SignedDns, Signing};

use crate::clinic::{Clinic, Kind, MARKER, Mail, find};

/// Lets a clinic see signed zones: `right.test`, whose host has the key that its
/// TLSA record names, and `wrong.test`, whose host has another.
fn zones(clinic: &mut Clinic) -> SignedDns {
    let hosts = &clinic.hosts;
    let (right, wrong) = (hosts.get(Kind::SelfSigned), hosts.get(Kind::Good));
    let zone = |domain: &str, host: &testkit::postfix::Postfix, tlsa: String| {
        let name = host.hostname();
        (
            format!("{domain} MX 10 {name}\n"),
            format!("{name} A {}\n_{}._tcp.{name} TLSA {tlsa}\n", host.address().ip(), hosts.port),
        )
    };
    let (right_mx, right_host) = zone("right.test", right, right.identity().unwrap().tlsa(3, 1, 1));
    let (wrong_mx, wrong_host) = zone("wrong.test", wrong, hosts.ca.issue(&["mx.good.test"]).tlsa(3, 1, 1));
    let dns = SignedDns::zones()
        .zone("test", Signing::Secure, "")
        .zone("right.test", Signing::Secure, &right_mx)
        .zone("wrong.test", Signing::Secure, &wrong_mx)
        .zone("selfsigned.test", Signing::Secure, &right_host)
        .zone("good.test", Signing::Secure, &wrong_host)
        .start();
    clinic.machine.write("dnssec.anchors", dns.anchors());
    let anchors = clinic.machine.path("dnssec.anchors").display().to_string();
    clinic.machine.set("SEALPOST_DELIVERY__DNSSEC", "validate");
    clinic.machine.set("SEALPOST_DELIVERY__DNSSEC_ANCHORS", &anchors);
    clinic.machine.set("SEALPOST_DELIVERY__NAME_SERVERS", &dns.address().to_string());
    dns
}

#[test]
fn dane_vouches_for_a_host_and_its_receipt_says_so() {
    let mut clinic = Clinic::new("");
    let _dns = zones(&mut clinic);
    let patient = format!("{}@right.test", clinic.domain());
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let attempted = find(&clinic.events(&id), "attempted", "").unwrap();
    assert_eq!((&attempted["level"], &attempted["mx_lookup"]), (&json!("anchored"), &json!("dnssec")));
    assert_eq!(attempted["tls"]["verified"], "DANE 3 1 1 for mx.selfsigned.test");
    let receipt: Value = serde_json::from_str(&clinic.machine.ok(["receipt", "show", &id, "--json"])).unwrap();
    let told = receipt.to_string();
    for said in [r#""proved":"anchored""#, r#""mx_lookup":"dnssec""#, "DANE 3 1 1 for mx.selfsigned.test"] {
        assert!(told.contains(said), "{said} in {told}");
    }
    clinic.letter(Kind::SelfSigned, &patient);
}

#[test]
fn a_host_that_dane_does_not_name_gets_nothing_not_even_a_notice() {
    let mut clinic = Clinic::new("");
    let _dns = zones(&mut clinic);
    let patient = format!("{}@wrong.test", clinic.domain());
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    let rerouted = clinic.wait_for(&id, "rerouted", &patient);
    assert!(rerouted["because"].as_str().unwrap().contains("not in TLSA"), "{rerouted}");
    let deferred = clinic.wait_for(&id, "deferred", &patient);
    assert_eq!(deferred["because"], "the server is not the one that DANE or MTA-STS names");
    assert!(clinic.letters_now(Kind::Good, &patient).is_empty());
}

#[test]
fn a_domain_that_was_verified_gets_nothing_over_less() {
    let clinic = Clinic::new("[policy]\ndefault = 'encrypted'\n");
    let patient = clinic.patient(Kind::Good);
    let domain = patient.split_once('@').unwrap().1;
    let server = clinic.serve();
    let send = || clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    clinic.wait_for(&send(), "delivered", &patient);

    // The message needs no more than TLS, and this host has TLS.
    clinic.mx(domain, Kind::SelfSigned);
    let id = send();
    let rerouted = clinic.wait_for(&id, "rerouted", &patient);
    assert!(rerouted["because"].as_str().unwrap().contains("unknown issuer"), "{rerouted}");
    let fell = find(&clinic.events(&id), "posture_fell", "").unwrap();
    assert_eq!((&fell["domain"], &fell["because"]), (&json!(domain), &json!(["level verified → encrypted"])));
    let letters = clinic.letters(Kind::SelfSigned, &patient, 1);
    assert!(!letters[0].text().contains(MARKER), "only the notice comes there");
    let again = send();
    clinic.wait_for(&again, "rerouted", &patient);
    assert!(find(&clinic.events(&again), "posture_fell", "").is_none(), "a fall is told once");

    clinic.mx(domain, Kind::Good);
    let id = send();
    clinic.wait_for(&id, "delivered", &patient);
    assert!(find(&clinic.events(&id), "posture_recovered", "").is_some());

    // A domain that never showed more gets what the message needs.
    let modest = clinic.patient(Kind::SelfSigned);
    let id = clinic.send(&server, &Mail { to: &[&modest], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &modest);
}
