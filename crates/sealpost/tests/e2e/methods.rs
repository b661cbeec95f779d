//! The transit of a copy, with Postfix as the recipients' MX host in every
//! state of health: what is sent by TLS, what goes to the portal, what waits,
//! and what the sender is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use testkit::clients::python;
use testkit::dns::Failure;
use testkit::loopback;
use testkit::postfix::{Letter, Postfix, Tls};
use testkit::proxy::{Mischief, Proxy};

use crate::clinic::{Clinic, Hosts, Kind, MARKER, Mail, find, letters_to};
use crate::markers::Text;

/// Attempts follow each other quickly.
const QUICK: &str = "[delivery]\nretry = ['300ms']\n";

#[test]
fn a_valid_certificate_gets_the_letter_by_verified_tls() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let header = "Bcc: hidden@clinic.example\nX-Sealpost-Campaign: recall\n";
    let text = format!("{MARKER}\n.\n..dots\nSee you.\n");
    let id = clinic.send(&server, &Mail { to: &[&patient], header, text: &text, ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let attempted = clinic.wait_for(&id, "attempted", "");
    assert_eq!((&attempted["level"], &attempted["mx_lookup"]), (&json!("verified"), &json!("insecure")));
    assert_eq!(attempted["tls"]["verified"], "chain and name mx.good.test");

    let letter = clinic.letter(Kind::Good, &patient);
    assert!(letter.header("Received")[0].contains("using TLSv1.3"), "{}", letter.text());
    assert_eq!(letter.body().trim_end(), text.trim_end());
    assert_eq!(letter.header("Subject"), ["Your visit"]);
    assert!(letter.header("Bcc").is_empty(), "{}", letter.text());
    // Only the field of the passage goes out, by which the copy is known again.
    assert_eq!((letter.text().matches("X-Sealpost").count(), letter.header("X-Sealpost-Passed").len()), (1, 1));
    assert!(!letter.text().contains("hidden@"), "{}", letter.text());
    assert_eq!(dkim_verdict(&clinic, &letter.text()), "True", "{}", letter.text());
    let altered = letter.text().replace("See you", "See me");
    assert_eq!(dkim_verdict(&clinic, &altered), "False");
}

#[test]
fn what_cannot_be_verified_goes_to_the_portal_at_once_and_never_in_clear() {
    let clinic = Clinic::new("");
    let kinds = [
        (Kind::SelfSigned, "certificate that does not verify (unknown issuer)"),
        (Kind::WrongName, "certificate that does not verify (wrong name)"),
        (Kind::Expired, "certificate that does not verify (expired)"),
        (Kind::Tls10, "can't agree on TLS 1.2 or 1.3"),
        (Kind::Clear, "does not offer STARTTLS"),
    ];
    let patients: Vec<String> = kinds.iter().map(|(kind, _)| clinic.patient(*kind)).collect();
    let stripper = proxy(&clinic.hosts, clinic.hosts.get(Kind::Good).address(), Mischief::StripStarttls);
    let stripped = format!("pat@{}", clinic.domain());
    clinic.mx_at(stripped.split_once('@').unwrap().1, "mx.stripped.test", stripper.address());

    let server = clinic.serve();
    let to: Vec<&str> = patients.iter().chain([&stripped]).map(String::as_str).collect();
    let id = clinic.send(&server, &Mail { to: &to, text: MARKER, ..clinic.mail() });
    for patient in &to {
        clinic.wait_for(&id, "notified", patient);
    }
    let events = clinic.events(&id);
    let reasons = kinds.iter().map(|(_, reason)| *reason).chain(["does not offer STARTTLS"]);
    for (patient, reason) in to.iter().zip(reasons) {
        let rerouted = find(&events, "rerouted", patient).unwrap();
        assert!(rerouted["because"].as_str().unwrap().contains(reason), "{patient}: {rerouted}");
        assert_eq!((&rerouted["from"], &rerouted["to"]), (&json!("tls"), &json!("portal")));
        // No waiting: the attempt, the new way and the queued notice are one transaction.
        let of_parcel = |one: &&Value| one["event"] == "attempted" && one["parcel"] == rerouted["parcel"];
        let attempted = events.iter().find(of_parcel).unwrap();
        assert_eq!(attempted["at"], rerouted["at"]);
        let is_notice = |one: &&Value| one["kind"] == "notice" && one["recipients"][0] == **patient;
        assert_eq!(events.iter().find(is_notice).unwrap()["at"], rerouted["at"]);
        assert!(find(&events, "delivered", patient).is_none());
    }
    let kinds = kinds.iter().map(|(kind, _)| *kind).chain([Kind::Good]);
    for (patient, kind) in to.iter().zip(kinds) {
        let letters = clinic.letters(kind, patient, 1);
        assert_eq!(letters.len(), 1, "only the notice came to {patient}");
        assert!(letters[0].text().contains("secure message"), "{}", letters[0].text());
        assert!(!holds_marker(&letters[0]), "{}", letters[0].text());
    }
}

#[test]
fn recipients_of_one_domain_share_a_transaction_and_other_domains_are_independent() {
    let clinic = Clinic::new("");
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Good);
    let (one, two) = (format!("one@{domain}"), format!("two@{domain}"));
    let other = clinic.patient(Kind::Good);
    let silent = format!("pat@{}", clinic.domain());
    clinic.dns.fail(silent.split_once('@').unwrap().1, Failure::ServFail);
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&one, &silent, &two, &other], ..clinic.mail() });
    for delivered in [&one, &two, &other] {
        clinic.wait_for(&id, "delivered", delivered);
    }
    clinic.wait_for(&id, "deferred", &silent);
    let queue_id = |to: &str| {
        let received = clinic.letter(Kind::Good, to).header("Received").remove(0);
        received.split(" with ESMTPS id ").nth(1).unwrap().split([';', ' ']).next().unwrap().to_owned()
    };
    assert_eq!(queue_id(&one), queue_id(&two));
    assert_ne!(queue_id(&one), queue_id(&other));
}

#[test]
fn a_refused_recipient_is_reported_without_the_content_and_the_other_is_served() {
    let clinic = Clinic::new("");
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Strict);
    let (nobody, pat) = (format!("nobody@{domain}"), format!("pat@{domain}"));
    let server = clinic.serve();
    let id = clinic.send(
        &server,
        &Mail {
            to: &[&nobody, &pat],
            mail: &["RET=FULL", "ENVID=QQ314159"],
            rcpt: &["ORCPT=rfc822;somebody@clinic.example"],
            text: MARKER,
            ..clinic.mail()
        },
    );
    clinic.wait_for(&id, "delivered", &pat);
    assert_eq!(clinic.wait_for(&id, "bounced", &nobody)["class"], "bad_address");
    clinic.wait_for(&id, "dsn_sent", &clinic.nurse);
    let letter = clinic.letter(Kind::Good, &clinic.nurse);
    assert_eq!(letter.header("Return-Path"), ["<>"]);
    assert!(letter.header("Received")[0].contains("using TLSv1.3"));
    assert!(!holds_marker(&letter) && !letter.text().contains("Your visit"), "{}", letter.text());
    assert_eq!(dkim_verdict(&clinic, &letter.text()), "True");

    let report = read_report(&letter);
    assert_eq!(report["type"], "multipart/report");
    assert_eq!(report["report_type"], "delivery-status");
    assert_eq!(report["message"]["Reporting-MTA"], "dns; secure.clinic.example");
    assert_eq!(report["message"]["Original-Envelope-Id"], "QQ314159");
    assert_eq!(report["recipients"].as_array().unwrap().len(), 1);
    let recipient = &report["recipients"][0];
    assert_eq!(recipient["Final-Recipient"], format!("rfc822; {nobody}"));
    assert_eq!(recipient["Original-Recipient"], "rfc822;somebody@clinic.example");
    assert_eq!((&recipient["Action"], &recipient["Status"]), (&json!("failed"), &json!("5.1.1")));
    assert_eq!(recipient["Remote-MTA"], "dns; mx.strict.test");
    assert!(recipient["Diagnostic-Code"].as_str().unwrap().starts_with("smtp; 550 5.1.1 "), "{recipient}");
    assert!(letter.text().contains(&id));
}

#[test]
fn notify_says_who_is_told() {
    let clinic = Clinic::new("");
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Strict);
    let (nobody, pat) = (format!("nobody@{domain}"), format!("pat@{domain}"));
    let server = clinic.serve();
    let silent = clinic.send(&server, &Mail { to: &[&nobody, &pat], rcpt: &["NOTIFY=NEVER"], ..clinic.mail() });
    clinic.wait_for(&silent, "bounced", &nobody);
    clinic.wait_for(&silent, "delivered", &pat);
    let is_dsn = |one: &Value| one["event"] == "queued" && one["kind"] == "dsn";
    // A word to the sender is queued in the transaction of the bounce: were there one, it would be seen.
    assert!(!clinic.events(&silent).iter().any(is_dsn));

    let told = clinic.send(&server, &Mail { to: &[&pat], rcpt: &["NOTIFY=SUCCESS"], ..clinic.mail() });
    clinic.wait_for(&told, "dsn_sent", &clinic.nurse);
    let letters = clinic.letters(Kind::Good, &clinic.nurse, 1);
    let report = read_report(&letters[0]);
    assert_eq!(report["recipients"][0]["Action"], "delivered");
    assert!(report["recipients"][0]["Status"].as_str().unwrap().starts_with("2."));
    assert_eq!(letters.len(), 1);
}

#[test]
fn greylisting_delays_and_does_not_reroute() {
    let greylist = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let policy = format!(
        "check_policy_service inet:127.0.0.1:{}, reject_unauth_destination",
        greylist.local_addr().unwrap().port()
    );
    std::thread::spawn(move || serve_greylist(&greylist));
    let clinic = Clinic::new(QUICK);
    let host = Postfix::named("mx.grey.test").port(clinic.hosts.port).tls(&Tls::Valid(&clinic.hosts.ca));
    let host = host.set("smtpd_recipient_restrictions", &policy).start();
    let domain = clinic.domain();
    clinic.mx_at(&domain, host.hostname(), host.address());
    let patient = format!("pat@{domain}");
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let events = clinic.events(&id);
    let deferred = find(&events, "deferred", &patient).unwrap();
    assert_eq!(deferred["reply"]["code"], 450);
    assert!(deferred["reply"]["text"].as_str().unwrap().ends_with(": greylisted"), "{deferred}");
    assert!(find(&events, "rerouted", &patient).is_none());
    assert!(holds_marker(&letters_to(&host, &patient)[0]));
}

#[test]
fn a_454_to_starttls_is_waited_for() {
    let clinic = Clinic::new(QUICK);
    // A host whose certificate can't be read still offers STARTTLS, and then answers 454.
    let host = Postfix::named("mx.busy.test").port(clinic.hosts.port).tls(&Tls::Valid(&clinic.hosts.ca));
    let host = host.set("smtpd_tls_chain_files", "/etc/hostname").start();
    let domain = clinic.domain();
    clinic.mx_at(&domain, host.hostname(), host.address());
    let patient = format!("pat@{domain}");
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    assert_eq!(clinic.wait_for(&id, "deferred", &patient)["reply"]["code"], 454);
    clinic.mx(&domain, Kind::Good);
    clinic.wait_for(&id, "delivered", &patient);
    assert!(find(&clinic.events(&id), "rerouted", &patient).is_none());
    assert!(letters_to(&host, &patient).is_empty());
}

#[test]
fn a_lost_reply_after_the_dot_means_once_more() {
    let clinic = Clinic::new(QUICK);
    let cutter = proxy(&clinic.hosts, clinic.hosts.get(Kind::Good).address(), Mischief::DropAfterSent(12_000));
    let domain = clinic.domain();
    clinic.mx_at(&domain, "mx.good.test", cutter.address());
    let patient = format!("pat@{domain}");
    let server = clinic.serve();
    let text = "A long letter.\n".repeat(2_000);
    let id = clinic.send(&server, &Mail { to: &[&patient], text: &text, ..clinic.mail() });
    let deferred = clinic.wait_for(&id, "deferred", &patient);
    assert!(deferred["because"].as_str().unwrap().contains("before the reply to the content"), "{deferred}");
    clinic.letter(Kind::Good, &patient);
    cutter.turn(Mischief::Honest);
    clinic.wait_for(&id, "delivered", &patient);
    let letters = clinic.letters(Kind::Good, &patient, 2);
    assert_eq!(letters[0].header("Message-ID"), letters[1].header("Message-ID"));
}

#[test]
fn what_dns_says_for_good_bounces_and_what_it_fails_to_say_waits() {
    let clinic = Clinic::new(QUICK);
    let null = clinic.domain();
    clinic.dns.add(&format!("{null} MX 0 ."));
    let (null, missing) = (format!("pat@{null}"), format!("pat@{}", clinic.domain()));
    let failing = clinic.domain();
    clinic.dns.fail(&failing, Failure::ServFail);
    let waiting = format!("pat@{failing}");
    // No MX, but an address: the domain is its own host (RFC 5321 §5.1).
    clinic.mx(&clinic.domain(), Kind::Good);
    let own = clinic.nurse.replace("clinic.example", "mx.good.test");
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&null, &missing, &waiting, &own], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &own);
    assert_eq!(clinic.letter(Kind::Good, &own).header("Subject"), ["Your visit"]);
    clinic.wait_for(&id, "bounced", &null);
    clinic.wait_for(&id, "bounced", &missing);
    let reports: Vec<Value> = clinic.letters(Kind::Good, &clinic.nurse, 2).iter().map(read_report).collect();
    let status = |of: &str| {
        let recipients = reports.iter().flat_map(|report| report["recipients"].as_array().unwrap());
        let found = recipients.into_iter().find(|one| one["Final-Recipient"] == format!("rfc822; {of}"));
        found.unwrap_or_else(|| panic!("no report of {of} in {reports:#?}"))["Status"].as_str().unwrap().to_owned()
    };
    // RFC 7505 §4.2; RFC 3463 §3.2.
    assert_eq!((status(&null).as_str(), status(&missing).as_str()), ("5.1.10", "5.1.2"));

    clinic.wait_for(&id, "deferred", &waiting);
    clinic.dns.heal(&failing);
    clinic.mx(&failing, Kind::Good);
    clinic.wait_for(&id, "delivered", &waiting);
}

#[test]
fn a_route_needs_no_mx() {
    let hosts = Hosts::shared();
    let good = hosts.get(Kind::Good).address();
    let clinic = Clinic::new(&format!(
        "[[route]]\ndomain = 'pinned.example'\nhost = '{}'\nport = {}\ntls_name = 'mx.good.test'\n\
         [[route]]\ndomain = 'misnamed.example'\nhost = '{0}'\nport = {1}\ntls_name = 'mx.else.test'\n",
        good.ip(),
        good.port()
    ));
    let local = clinic.nurse.split_once('@').unwrap().0.to_owned();
    let (pinned, misnamed) = (format!("{local}@pinned.example"), format!("{local}@misnamed.example"));
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&pinned, &misnamed], ..clinic.mail() });
    let delivered = clinic.wait_for(&id, "delivered", &pinned);
    let events = clinic.events(&id);
    let of_parcel = |one: &&Value| one["event"] == "attempted" && one["parcel"] == delivered["parcel"];
    let attempted = events.iter().find(of_parcel).unwrap();
    assert_eq!((&attempted["mx_lookup"], &attempted["level"]), (&json!("pinned"), &json!("anchored")));
    assert_eq!(clinic.dns.asked("pinned.example", "MX"), 0);
    clinic.wait_for(&id, "rerouted", &misnamed);
}

#[test]
fn a_host_without_8bitmime_gets_seven_bits_that_are_signed_so() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Narrow);
    let server = clinic.serve();
    let header = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";
    let text = "Ihre Prüfung = bestanden, señora.\n";
    let id = clinic.send(&server, &Mail { to: &[&patient], header, text, ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let letter = clinic.letter(Kind::Narrow, &patient);
    assert!(letter.0.is_ascii());
    assert_eq!(letter.header("Content-Transfer-Encoding"), ["quoted-printable"]);
    assert_eq!(dkim_verdict(&clinic, &letter.text()), "True");
    let read = "import sys, email, email.policy\n\
        m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
        sys.stdout.buffer.write(m.get_content().encode())";
    assert_eq!(python(read, &letter.0).expect_success().text.trim_end(), text.trim_end());
}

#[test]
fn a_host_without_smtputf8_gets_a_notice_or_the_sender_a_bounce() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Narrow);
    let foreign = patient.replace("pat@", "jürgen@");
    let server = clinic.serve();
    let header = "X-Note: Grüße\n";
    let mail = Mail { to: &[&patient, &foreign], header, text: MARKER, ..clinic.mail() };
    let id = clinic.send(&server, &mail);
    let rerouted = clinic.wait_for(&id, "rerouted", &patient);
    assert_eq!(rerouted["to"], "portal");
    clinic.wait_for(&id, "notified", &patient);
    assert!(!holds_marker(&clinic.letter(Kind::Narrow, &patient)));

    clinic.wait_for(&id, "bounced", &foreign);
    let letter = clinic.letter(Kind::Good, &clinic.nurse);
    let report = read_report(&letter);
    assert_eq!(report["recipients"][0]["Status"], "5.6.7", "{report:#}");
    assert!(!holds_marker(&letter));
}

/// Answers the first try with 450, and lets every other pass (Postfix's SMTPD_POLICY_README).
fn serve_greylist(listener: &TcpListener) {
    let known = Arc::new(AtomicBool::new(false));
    while let Ok((stream, _)) = listener.accept() {
        let known = known.clone();
        std::thread::spawn(move || answer_greylist(stream, &known));
    }
}

/// One connection: each request ends with an empty line.
fn answer_greylist(stream: TcpStream, known: &AtomicBool) {
    let Ok(mut out) = stream.try_clone() else { return };
    for _request in BufReader::new(stream).lines().map_while(Result::ok).filter(String::is_empty) {
        let action = if known.swap(true, Ordering::SeqCst) { "DUNNO" } else { "450 4.2.0 greylisted" };
        drop(write!(out, "action={action}\n\n"));
    }
}

/// A proxy at the port of the MX hosts.
fn proxy(hosts: &Hosts, target: SocketAddr, mischief: Mischief) -> Proxy {
    Proxy::at(SocketAddr::from((loopback::address(), hosts.port)), target, mischief)
}

fn holds_marker(letter: &Letter) -> bool {
    Text::of(&letter.0).holds(MARKER)
}

/// What dkimpy makes of a letter and the record of `sealpost dkim show`.
pub fn dkim_verdict(clinic: &Clinic, letter: &str) -> String {
    let program = "import dkim, json, re, sys\n\
        job = json.load(sys.stdin)\n\
        name, _, record = job['shown'].strip().partition(' TXT ')\n\
        records = {name.encode(): ''.join(re.findall('\"([^\"]*)\"', record)).encode()}\n\
        letter = job['letter'].replace('\\r\\n', '\\n').replace('\\n', '\\r\\n').encode()\n\
        print(dkim.verify(letter, dnsfunc=lambda name, timeout=5: records.get(name)))";
    let job = json!({ "letter": letter, "shown": clinic.machine.ok(["dkim", "show"]) });
    python(program, job.to_string().as_bytes()).expect_success().text.trim().to_owned()
}

/// A delivery status notification as Python's email package reads it.
fn read_report(letter: &Letter) -> Value {
    let program = "import email, email.policy, json, sys\n\
        m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
        status = next(p for p in m.walk() if p.get_content_type().endswith('delivery-status')).get_payload()\n\
        fields = [dict(part.items()) for part in status]\n\
        print(json.dumps({'type': m.get_content_type(), 'report_type': m.get_param('report-type'),\n\
        \x20 'subject': m['Subject'], 'message': fields[0], 'recipients': fields[1:],\n\
        \x20 'defects': [str(d) for p in m.walk() for d in p.defects]}))";
    let report: Value = serde_json::from_str(&python(program, &letter.0).expect_success().text).unwrap();
    assert_eq!(report["defects"], json!([]), "{}", letter.text());
    report
}
