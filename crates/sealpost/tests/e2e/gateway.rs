//! The gateway on port 25: what crosses in which direction, and what does not.

use crate::border::{self, OFFICE, PROVIDER, PROVIDER_NAME, Peer, SECRET, STRANGER, accepted, stranger};
use crate::clinic::{Clinic, Kind, Mail};

const INBOUND: &str = "From: Ann <ann@patient.example>\nTo: staff\nSubject: A question\n\
    Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <1@patient.example>\nX-Kept: as  it\n is\n\nMay I come?\n";

fn outbound(author: &str, more: &str) -> String {
    format!("From: Staff <{author}>\nTo: you\nSubject: Your visit\n{more}\nSee you.\n")
}

#[test]
fn inbound_mail_goes_to_the_next_hop_as_it_came() {
    let clinic = border::clinic("");
    let staff = clinic.nurse.clone();
    let server = clinic.serve();
    let id = accepted(stranger(&[&staff], INBOUND).bring(&server));
    let delivered = clinic.wait_for(&id, "delivered", &staff);
    assert_eq!(delivered["reply"]["code"], 250);
    let attempted = clinic.wait_for(&id, "attempted", "");
    assert_eq!((&attempted["level"], &attempted["mx_lookup"]), (&"anchored".into(), &"pinned".into()), "{attempted}");
    let letter = clinic.letter(Kind::Good, &staff);
    assert!(letter.text().contains("X-Kept: as  it\n is\n\nMay I come?\n"), "{}", letter.text());
    let received = letter.header("Received");
    assert!(received.iter().any(|one| one.contains(&id) && one.contains("with ESMTPS")), "{received:?}");
    assert!(letter.header("DKIM-Signature").is_empty(), "what comes from outside is not signed");
    assert_eq!(clinic.wait_for(&id, "accepted", "")["door"], "inbound");
    assert_eq!(clinic.dns.asked("clinic.example", "MX"), 0, "the MX of an own domain is this server");
}

#[test]
fn bounces_of_others_reach_own_recipients() {
    let clinic = border::clinic("");
    let staff = clinic.nurse.clone();
    let server = clinic.serve();
    let id = accepted(Peer { from: "", tls: false, ..stranger(&[&staff], INBOUND) }.bring(&server));
    clinic.wait_for(&id, "delivered", &staff);
    let letter = clinic.letter(Kind::Good, &staff);
    assert_eq!(letter.header("Return-Path"), ["<>"]);
    assert!(letter.header("Received").iter().any(|one| one.contains("with ESMTP ") && one.contains(&id)));
}

#[test]
fn what_a_stranger_may_not_write_is_taken_out() {
    let clinic = border::clinic("");
    let staff = clinic.nurse.clone();
    let server = clinic.serve();
    let message = format!(
        "X-Sealpost-Protect: portal\nX-Sealpost-Warning: none\nX-Sealpost-Tenant: {SECRET}\n\
         Authentication-Results: secure.clinic.example; dmarc=pass\n\
         Authentication-Results: (hi) CLINIC.example ; spf=pass\nReturn-Path: <boss@clinic.example>\n\
         Authentication-Results: mx.patient.example; auth=pass\n{INBOUND}"
    );
    let id = accepted(stranger(&[&staff], &message).bring(&server));
    clinic.wait_for(&id, "delivered", &staff);
    let letter = clinic.letter(Kind::Good, &staff);
    assert!(!letter.text().contains("dmarc=pass") && !letter.text().contains(SECRET), "{}", letter.text());
    let results = letter.header("Authentication-Results");
    assert!(results.iter().any(|one| one.starts_with("mx.patient.example")), "{results:?}");
    assert!(!letter.text().contains("X-Sealpost-Protect") && !letter.text().contains("Warning: none"));
    assert_eq!(letter.header("Return-Path"), ["<ann@patient.example>"]);
}

/// Who connects from where, sends as whom to whom, and what is said to the recipient and to the message.
#[test]
fn nothing_else_relays() {
    let clinic = border::clinic("");
    let patient = clinic.patient(Kind::Good);
    let outside = patient.as_str();
    let (staff, own) = (clinic.nurse.clone(), "boss@clinic.example");
    let shown = clinic.hosts.ca.issue(&[PROVIDER_NAME]);
    let other = clinic.hosts.ca.issue(&["mail.other.test"]);
    let own_made = clinic.hosts.ca.self_signed(&[PROVIDER_NAME]);
    let over = clinic.hosts.ca.expired(&[PROVIDER_NAME]);
    let server = clinic.serve();
    let proven = outbound(own, &format!("X-Sealpost-Tenant: {SECRET}\n"));
    let plain = outbound(own, "");
    let forged = outbound("x@evil.example", &format!("X-Sealpost-Tenant: {SECRET}\n"));
    let attempt = |address, tls, certificate, from, to: &str, message: &str, expect: &str| {
        let transcript = Peer { address, tls, certificate, from, to: &[to], message }.bring(&server);
        assert!(transcript.text.contains(expect), "{address} {from} {to} {message}: {}", transcript.text);
        assert_eq!(transcript.success, expect.contains("250"), "{}", transcript.text);
    };
    // A stranger reaches own recipients only, whatever it claims.
    for from in ["x@evil.example", own, ""] {
        attempt(STRANGER, true, None, from, outside, &proven, "rcpt 550 5.7.1");
        attempt(STRANGER, true, Some(&shown), from, outside, &proven, "rcpt 550 5.7.1");
    }
    for odd in ["x%evil.example@clinic.example", "\"x@evil.example\"@clinic.example"] {
        attempt(STRANGER, true, None, "x@evil.example", odd, INBOUND, "data 250");
    }
    attempt(STRANGER, true, None, "x@evil.example", "a@sub.clinic.example", INBOUND, "rcpt 550 5.7.1");
    // A network of one's own sends as its own domains, over TLS.
    attempt(OFFICE, true, None, own, outside, &plain, "data 250");
    attempt(OFFICE, true, None, "", outside, &plain, "data 250");
    attempt(OFFICE, false, None, own, outside, &plain, "rcpt 530 5.7.0");
    attempt(OFFICE, true, None, "x@evil.example", outside, &plain, "rcpt 550 5.7.1");
    attempt(OFFICE, true, None, own, outside, &forged, "data 550 5.7.1");
    attempt(OFFICE, true, None, "", outside, &forged, "data 550 5.7.1");
    // A shared network or certificate identifies nobody: the tenant is proven, or it is a stranger's.
    attempt(PROVIDER, true, Some(&shown), own, outside, &proven, "data 250");
    attempt(PROVIDER, true, Some(&shown), "", outside, &proven, "data 250");
    attempt(PROVIDER, true, Some(&shown), own, outside, &plain, "data 550 5.7.1");
    attempt(PROVIDER, true, Some(&shown), own, &staff, &plain, "data 550 5.7.1");
    attempt(PROVIDER, true, Some(&shown), "", outside, &plain, "data 550 5.7.1");
    let guessed = outbound(own, "X-Sealpost-Tenant: k7w2m5q4z3x6c2v5b4n3a6s5d5\n");
    attempt(PROVIDER, true, Some(&shown), own, outside, &guessed, "data 550 5.7.1");
    attempt(PROVIDER, true, Some(&shown), own, outside, &forged, "data 550 5.7.1");
    for certificate in [None, Some(&other), Some(&own_made), Some(&over)] {
        attempt(PROVIDER, true, certificate, own, outside, &proven, "rcpt 550 5.7.1");
    }
    attempt(PROVIDER, false, None, own, outside, &proven, "rcpt 530 5.7.0");
    attempt(PROVIDER, true, Some(&shown), "x@evil.example", &staff, INBOUND, "data 250");
    assert!(clinic.letters_now(Kind::Good, outside).iter().all(|letter| !letter.text().contains("evil.example")));
}

#[test]
fn outbound_mail_goes_the_whole_journey_and_the_secret_stays_here() {
    let clinic = border::clinic("");
    let (good, portal) = (clinic.patient(Kind::Good), clinic.patient(Kind::SelfSigned));
    let shown = clinic.hosts.ca.issue(&[PROVIDER_NAME]);
    let server = clinic.serve();
    let message = outbound(&clinic.nurse, &format!("X-Sealpost-Tenant: {SECRET}\nX-Sealpost-Stream: marketing\n"));
    let to = [good.as_str(), portal.as_str()];
    let peer = Peer {
        address: PROVIDER,
        tls: true,
        certificate: Some(&shown),
        from: &clinic.nurse,
        to: &to,
        message: &message,
    };
    let id = accepted(peer.bring(&server));
    let event = clinic.wait_for(&id, "accepted", "");
    assert_eq!((&event["door"], &event["submitter"]), (&"gateway".into(), &"connector:provider".into()));
    clinic.wait_for(&id, "delivered", &good);
    clinic.wait_for(&id, "notified", &portal);
    let letter = clinic.letter(Kind::Good, &good);
    assert!(!letter.text().contains(SECRET), "{}", letter.text());
    let ours =
        letter.text().lines().filter(|line| line.starts_with("X-Sealpost")).map(str::to_owned).collect::<Vec<_>>();
    assert!(ours.len() == 1 && ours[0].starts_with("X-Sealpost-Passed: "), "{ours:?}");
    assert_eq!(letter.header("DKIM-Signature").len(), 1);
    let export = clinic.machine.path("export");
    clinic.machine.ok(["receipt", "export", &id, "--out", export.to_str().unwrap()]);
    server.stop();
    for (path, content) in clinic.machine.files("data") {
        let holds = content.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!holds, "the secret is in {}", path.display());
    }
}

#[test]
fn mail_to_an_own_domain_never_asks_for_its_mx() {
    let clinic = border::clinic("");
    let boss = format!("boss-of-{}", clinic.nurse);
    let server = clinic.serve();
    let message = outbound(&clinic.nurse, "");
    let office =
        Peer { address: OFFICE, tls: true, certificate: None, from: &clinic.nurse, to: &[&boss], message: &message };
    let id = accepted(office.bring(&server));
    clinic.wait_for(&id, "delivered", &boss);
    let submitted = clinic.send(&server, &Mail { to: &[&boss], ..clinic.mail() });
    clinic.wait_for(&submitted, "delivered", &boss);
    assert_eq!(clinic.dns.asked("clinic.example", "MX"), 0);
    assert_eq!(clinic.letters(Kind::Good, &boss, 2).len(), 2);
}

#[test]
fn inbound_mail_waits_for_verified_tls_and_never_goes_to_the_portal() {
    let clinic = border::clinic("");
    let weak = clinic.hosts.get(Kind::SelfSigned);
    let moved = std::fs::read_to_string(clinic.machine.path("conf.d/test.toml")).unwrap();
    let good = clinic.hosts.get(Kind::Good);
    let moved =
        moved.replace(&format!("host = '{}'", good.address().ip()), &format!("host = '{}'", weak.address().ip()));
    clinic.machine.write("conf.d/test.toml", &moved.replace(good.hostname(), weak.hostname()));
    let staff = clinic.nurse.clone();
    let server = clinic.serve();
    let id = accepted(stranger(&[&staff], INBOUND).bring(&server));
    clinic.wait_for(&id, "deferred", &staff);
    let events = clinic.events(&id);
    assert!(events.iter().all(|event| event["event"] != "rerouted" && event["event"] != "notified"), "{events:#?}");
    assert!(clinic.letters_now(Kind::SelfSigned, &staff).is_empty());
}

#[test]
fn a_large_inbound_message_is_taken_and_then_passed_on() {
    let clinic: Clinic = border::clinic("");
    let staff = clinic.nurse.clone();
    let server = clinic.serve();
    let message = format!("{INBOUND}{}", "A line of a long letter to the clinic, again and again.\n".repeat(20_000));
    let id = accepted(stranger(&[&staff], &message).bring(&server));
    clinic.wait_for(&id, "delivered", &staff);
    let letter = clinic.letter(Kind::Good, &staff);
    assert!(letter.body() == message.split_once("\n\n").unwrap().1, "{} bytes", letter.body().len());
}

#[test]
fn inbound_mail_is_traced_as_it_arrives_and_its_verdict_is_shown() {
    let clinic = border::clinic("");
    let staff = clinic.nurse.clone();
    let server = clinic.serve();
    let way = "Received: from app.patient.example (app.patient.example [203.0.113.25])\n\
        \tby out.patient.example (Postfix) with ESMTP id 1; Mon, 5 Jan 2026 10:00:00 +0000\n";
    let bring = |tls| {
        let message = format!("{way}{INBOUND}");
        let id = accepted(Peer { tls, ..stranger(&[&staff], &message) }.bring(&server));
        clinic.wait_for(&id, "delivered", &staff);
        id
    };
    let id = bring(true);
    let traced = clinic.wait_for(&id, "traced", "");
    assert_eq!(
        (&traced["verdict"], traced["hops"].as_array().map(Vec::len)),
        (&"internal".into(), Some(2)),
        "{traced}"
    );
    let top = &traced["hops"][0];
    assert_eq!(
        (&top["verdict"], &top["trusted"]),
        (&"encrypted".into(), &true.into()),
        "our own field stands on top: {top}"
    );
    assert!(top["tls"][0].as_str().is_some_and(|version| version.starts_with("TLS 1.")), "{top}");
    let shown = clinic.machine.ok(["message", "show", &id]);
    for words in ["traced", "delivered", "app.patient.example", "out.patient.example"] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    let clear = clinic.wait_for(&bring(false), "traced", "");
    assert_eq!(clear["hops"][0]["tls"], serde_json::Value::Null, "{clear}");
    let plain = accepted(stranger(&[&staff], INBOUND).bring(&server));
    clinic.wait_for(&plain, "delivered", &staff);
    assert!(clinic.events(&plain).iter().all(|event| event["event"] != "traced"), "nobody else wrote a field");
}

/// Whoever answers a notice or a message by mail writes to its author, through the gateway.
#[test]
fn a_plain_reply_reaches_the_author_of_what_it_answers() {
    let clinic = border::clinic("");
    let (portal, open) = (clinic.patient(Kind::SelfSigned), clinic.patient(Kind::Good));
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&portal, &open], ..clinic.mail() });
    clinic.wait_for(&id, "notified", &portal);
    clinic.wait_for(&id, "delivered", &open);
    for letter in [clinic.letter(Kind::SelfSigned, &portal), clinic.letter(Kind::Good, &open)] {
        let from = letter.header("Reply-To").pop().or(letter.header("From").pop()).unwrap();
        let author = from.rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
        let reply = accepted(
            stranger(&[&author], &format!("In-Reply-To: {}\n{INBOUND}", letter.header("Message-ID")[0])).bring(&server),
        );
        let delivered = clinic.wait_for(&reply, "delivered", "");
        assert_eq!(delivered["recipient"], clinic.nurse.as_str(), "{from}");
    }
    assert_eq!(clinic.letters(Kind::Good, &clinic.nurse, 2).len(), 2);
}
