//! REQUIRETLS and `TLS-Required: No` (RFC 8689): from a client that asks to a
//! host that promises, or doesn't.

use serde_json::{Value, json};

use crate::clinic::{Clinic, Hosts, Kind, MARKER, Mail, find};
use crate::sink::Sink;

const ASKED: &[&str] = &["REQUIRETLS"];

/// A clinic with a route to a host that offers REQUIRETLS, `whole.example`, and
/// one to a Postfix, which knows nothing of it: `part.example`.
fn clinic(policy: &str) -> (Clinic, Sink) {
    let (hosts, address) = (Hosts::shared(), Sink::anywhere());
    let sink = Sink::promising(&hosts.ca, "mx.whole.test", address);
    let postfix = hosts.get(Kind::Good);
    let route = |domain: &str, name: &str, address: std::net::SocketAddr| {
        let (host, port) = (address.ip(), address.port());
        format!("[[route]]\ndomain = '{domain}'\nhost = '{host}'\nport = {port}\ntls_name = '{name}'\n")
    };
    let routes = [
        route("whole.example", "mx.whole.test", address),
        route("part.example", postfix.hostname(), postfix.address()),
    ];
    (Clinic::new(&format!("{policy}{}", routes.concat())), sink)
}

#[test]
fn requiretls_is_passed_on_to_a_host_that_promises_it_and_the_receipt_says_so() {
    let (clinic, sink) = clinic("");
    let server = clinic.serve();
    let patient = format!("{}@whole.example", clinic.domain());
    let id = clinic.send(&server, &Mail { mail: ASKED, to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let taken = sink.wait_for("the message", |taken| taken.to.contains(&patient));
    assert!(taken.mail.ends_with(" REQUIRETLS") && taken.tls, "{taken:?}");
    let events = clinic.events(&id);
    let decided = find(&events, "decided", &patient).unwrap();
    assert!(decided["because"].to_string().contains("requiretls"), "{decided}");
    assert_eq!(find(&events, "attempted", "").unwrap()["result"], "sent with REQUIRETLS");
    let receipt = clinic.machine.ok(["receipt", "show", &id, "--json"]);
    assert!(receipt.contains(r#""requiretls":true"#), "{receipt}");

    // The same patient without the parameter: nothing is asked of the host.
    let id = clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let taken = sink.wait_for("the other message", |taken| taken.text().contains(MARKER));
    assert!(!taken.mail.contains("REQUIRETLS"), "{taken:?}");
}

#[test]
fn what_no_host_promises_goes_to_the_portal() {
    let (clinic, _sink) = clinic("");
    let server = clinic.serve();
    let patient = format!("{}@part.example", clinic.domain());
    let send = |to: &str| {
        let header = "TLS-Required: No\n";
        clinic.send(&server, &Mail { mail: ASKED, to: &[to], header, text: MARKER, ..clinic.mail() })
    };
    let id = send(&patient);
    let rerouted = clinic.wait_for(&id, "rerouted", &patient);
    assert!(rerouted["because"].as_str().unwrap().contains("does not offer REQUIRETLS"), "{rerouted}");
    let told = find(&clinic.events(&id), "tls_required_no", "").unwrap();
    assert_eq!(told["heeded"], json!(false));
    // The word about it goes also where REQUIRETLS is not offered (§5).
    clinic.wait_for(&id, "notified", &patient);
    let letter = clinic.letter(Kind::Good, &patient);
    assert!(!letter.text().contains(MARKER));

    // Verified, and found by a lookup that nothing proves.
    let stranger = clinic.patient(Kind::Good);
    let rerouted = clinic.wait_for(&send(&stranger), "rerouted", &stranger);
    assert!(rerouted["because"].as_str().unwrap().contains("not itself bound"), "{rerouted}");
}

#[test]
fn policy_may_have_it_bounced_with_the_code_of_the_standard() {
    let (clinic, _sink) = clinic("[policy.tls]\nrequiretls_unmet = 'bounce'\n");
    let server = clinic.serve();
    let patient = format!("{}@part.example", clinic.domain());
    let id = clinic.send(&server, &Mail { mail: ASKED, to: &[&patient], text: MARKER, ..clinic.mail() });
    clinic.wait_for(&id, "bounced", &patient);
    let dsn = clinic.letter(Kind::Good, &clinic.nurse).text();
    assert!(dsn.contains("Status: 5.7.30") && !dsn.contains(MARKER), "{dsn}");
    let refused: Vec<Value> = clinic.events(&id).into_iter().filter(|event| event["event"] == "rerouted").collect();
    assert!(refused.is_empty(), "{refused:?}");
}
