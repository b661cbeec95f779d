//! Where mail at the gateway comes from: verdicts, pretences, proofs of the tenant by DKIM, and who hears of failures.

use serde_json::json;
use testkit::clients::python;
use testkit::sealpost::Server;
use testkit::suites::suite;

use crate::border::{self, PROVIDER, PROVIDER_NAME, Peer, STRANGER, accepted, stranger};
use crate::clinic::{Clinic, Kind};

fn letter(from: &str, more: &str) -> String {
    format!(
        "From: {from}\nTo: staff\nSubject: A question\nDate: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <1@p.example>\n{more}\nMay I come?\n"
    )
}

/// A domain whose only host is the stranger's, which asks for mail that does not pass to be refused.
fn domain(clinic: &Clinic, policy: &str) -> String {
    let domain = clinic.domain();
    clinic
        .dns
        .add(&format!("{domain} TXT \"v=spf1 ip4:{STRANGER} -all\"\n_dmarc.{domain} TXT \"v=DMARC1; p={policy}\"\n"));
    domain
}

#[test]
fn verdicts_are_told_to_the_mail_system_and_in_the_timeline() {
    let clinic = border::clinic("");
    let staff = clinic.nurse.clone();
    let domain = domain(&clinic, "reject");
    let server = clinic.serve();
    let (from, message) = (format!("ann@{domain}"), letter(&format!("Ann <ann@{domain}>"), ""));
    let id = accepted(Peer { from: &from, ..stranger(&[&staff], &message) }.bring(&server));
    clinic.wait_for(&id, "delivered", &staff);
    let results = clinic.letter(Kind::Good, &staff).header("Authentication-Results");
    let [results] = &results[..] else { panic!("one field: {results:?}") };
    let expect = format!(
        "secure.clinic.example; spf=pass smtp.mailfrom={domain}; dkim=none; dmarc=pass (p=reject) header.from={domain}; arc=none"
    );
    assert_eq!(*results, expect);
    let event = clinic.wait_for(&id, "authenticated", "");
    assert_eq!((&event["results"], &event["return_path"]), (&expect.into(), &true.into()));
}

#[test]
fn mail_that_its_domain_wants_refused_is_refused() {
    let clinic = border::clinic("");
    let staff = clinic.nurse.clone();
    let domain = domain(&clinic, "reject");
    let server = clinic.serve();
    let message = letter(&format!("ann@{domain}"), "");
    let to = [staff.as_str()];
    let elsewhere = Peer { address: "127.0.0.24", from: "x@evil.example", ..stranger(&to, &message) };
    elsewhere.bring(&server).expect_failure("data 550 5.7.26");
    server.stop();
    clinic.machine.write("conf.d/zz.toml", "[gateway]\nhonour_dmarc = false\n");
    let server = clinic.serve();
    accepted(elsewhere.bring(&server));
}

#[test]
fn pretences_are_marked() {
    let clinic = border::clinic("");
    clinic.machine.write(
        "conf.d/zz.toml",
        "[gateway]\npartners = ['lab-partner.example']\nstaff = ['Dr. Ann Lee']\n\
         [[policy.rule]]\nname = 'own domain from outside'\ndirection = 'inbound'\n\
         header = { X-Sealpost-Warning = 'own-domain*' }\nhold = true\n",
    );
    let server = clinic.serve();
    let warnings = |from: &str, mailbox: &str| {
        let to = format!("{mailbox}-{}", clinic.nurse);
        let message = letter(from, "X-Sealpost-Warning: none\n");
        let id = accepted(Peer { from: "x@else.example", ..stranger(&[&to], &message) }.bring(&server));
        clinic.wait_for(&id, "delivered", &to);
        clinic.letter(Kind::Good, &to).header("X-Sealpost-Warning").join("|")
    };
    assert!(warnings("x@lab-partnor.example", "look").starts_with("lookalike; "));
    assert!(warnings("\"Lee, Ann\" <x@else.example>", "staff").starts_with("staff-name; "));
    assert!(warnings("\"boss@clinic.example\" <x@else.example>", "address").starts_with("own-address; "));
    assert_eq!(warnings("Bob <x@else.example>", "nothing"), "");
    let held = format!("held-{}", clinic.nurse);
    let message = letter("Boss <boss@clinic.example>", "");
    let id = accepted(Peer { from: "x@else.example", ..stranger(&[&held], &message) }.bring(&server));
    clinic.wait_for(&id, "held", &held);
    assert!(clinic.letters_now(Kind::Good, &held).is_empty());
}

#[test]
fn a_failure_is_told_to_whom_it_is_proven_to_be() {
    let clinic = border::clinic("");
    let (good, strict) = (clinic.hosts.get(Kind::Good), clinic.hosts.get(Kind::Strict));
    let moved = std::fs::read_to_string(clinic.machine.path("conf.d/test.toml")).unwrap();
    let moved = moved.replace(&good.address().ip().to_string(), &strict.address().ip().to_string());
    clinic.machine.write("conf.d/test.toml", &moved.replace(good.hostname(), strict.hostname()));
    let domain = domain(&clinic, "none");
    clinic.mx_at(&domain, good.hostname(), good.address());
    clinic.dns.add(&format!("{domain} TXT \"v=spf1 ip4:{STRANGER} -all\"\n"));
    let server = clinic.serve();
    let sender = format!("ann@{domain}");
    let message = letter(&sender, "");
    let to = ["nobody@clinic.example"];
    let proven = accepted(Peer { from: &sender, ..stranger(&to, &message) }.bring(&server));
    clinic.wait_for(&proven, "bounced", to[0]);
    clinic.wait_for(&proven, "dsn_sent", &sender);
    let forged = accepted(Peer { from: &sender, address: "127.0.0.24", ..stranger(&to, &message) }.bring(&server));
    clinic.wait_for(&forged, "bounced", to[0]);
    let events = clinic.events(&forged);
    assert!(events.iter().all(|event| event["kind"] != "dsn"), "a forged sender is told: {events:#?}");
}

/// Signs a message of the clinic as its provider would, with dkimpy.
const SIGN: &str = "
import sys, json, dkim, time
from email.utils import formatdate
job = json.load(sys.stdin)
head = 'From: Staff <%s>\\r\\nTo: %s\\r\\nSubject: s\\r\\nDate: %s\\r\\nMessage-ID: <%s@clinic.example>\\r\\n' % (
    job['from'], job['to'], formatdate(time.time() - job['age']), job['id'])
message = (head + '\\r\\nSee you.\\r\\n').encode()
names = [b'from', b'to', b'cc', b'date', b'message-id', b'subject']
key = open(job['key'], 'rb').read()
signature = dkim.sign(message, b'tenant', job['domain'].encode(), key, include_headers=names)
if job['age'] > 0:
    import re
    real = dkim.time.time
    dkim.time.time = lambda: real() - job['age']
    signature = dkim.sign(message, b'tenant', job['domain'].encode(), key, include_headers=names)
sys.stdout.write((signature + message).decode())
";

#[test]
fn a_fresh_signature_of_the_own_domain_proves_the_tenant_once() {
    let clinic = border::clinic("");
    let key = clinic.machine.path("dkim.pem");
    let made = python(
        "import subprocess, sys\npath = sys.stdin.read()\n\
         subprocess.run(['openssl', 'genrsa', '-traditional', '-out', path, '2048'], check=True, capture_output=True)\n\
         out = subprocess.run(['openssl', 'rsa', '-in', path, '-pubout'], check=True, capture_output=True).stdout.decode()\n\
         sys.stdout.write(''.join(out.splitlines()[1:-1]))",
        key.to_str().unwrap().as_bytes(),
    );
    let record = made.expect_success().text;
    let record = record.trim();
    for domain in ["clinic.example", "other-tenant.example"] {
        let (first, rest) = record.split_at(200);
        clinic.dns.add(&format!("tenant._domainkey.{domain} TXT \"v=DKIM1; k=rsa; p=\" \"{first}\" \"{rest}\"\n"));
    }
    let (patient, other) = (clinic.patient(Kind::Good), clinic.patient(Kind::Good));
    let shown = clinic.hosts.ca.issue(&[PROVIDER_NAME]);
    let nurse = clinic.nurse.clone();
    let server = clinic.serve();
    let signed = |domain: &str, id: &str, age: u32| {
        let job = json!({"from": nurse, "to": patient, "id": id, "age": age, "key": key, "domain": domain});
        python(SIGN, job.to_string().as_bytes()).expect_success().text
    };
    let bring = |to: &[&str], message: &str| {
        Peer { address: PROVIDER, tls: true, certificate: Some(&shown), from: &nurse, to, message }.bring(&server)
    };
    let first = signed("clinic.example", "first", 0);
    bring(&[&patient, &other], &first).expect_failure("data 550 5.7.1 this network is shared");
    let id = accepted(bring(&[&patient], &first));
    clinic.wait_for(&id, "delivered", &patient);
    // Its server lost our 250 and brings it again, signed anew or not: it is told the same, and nothing goes twice.
    assert_eq!(accepted(bring(&[&patient], &first)), id);
    assert_eq!(accepted(bring(&[&patient], &format!("Received: from x by y; retried\r\n{first}"))), id);
    let copies = clinic.events(&id).iter().filter(|event| event["event"] == "delivered").count();
    let stored = clinic.machine.ok(["message", "list"]).lines().count();
    assert_eq!((copies, stored), (1, 1));
    // Another content under that id is none.
    bring(&[&patient], &signed("clinic.example", "first", 120)).expect_failure("data 550 5.7.1 this message was taken");
    bring(&[&other], &first).expect_failure("data 550 5.7.1");
    bring(&[&patient], &signed("other-tenant.example", "second", 0)).expect_failure("data 550 5.7.1");
    bring(&[&patient], &signed("clinic.example", "third", 16 * 60)).expect_failure("data 550 5.7.1");
    bring(&[&patient], &first.replace("See you", "Pay me")).expect_failure("data 550 5.7.1");
    bring(&[&patient], &format!("To: {other}\n{first}")).expect_failure("data 550 5.7.1");
}

/// A stranger with the name and the sender of a case, byte for byte.
const SPOOF: &str = "
import json, socket, sys
job = json.load(sys.stdin)
peer = socket.create_connection((job['host'], job['port']), 30, (job['source'], 0))
lines = peer.makefile('rb')
def hear():
    while True:
        line = lines.readline().decode()
        if line[3:4] != '-': return line
def say(text): peer.sendall(text.encode()); return hear()
hear()
last = say('EHLO ' + job['helo'] + '\\r\\n')
for line in ['MAIL FROM:' + job['mailfrom'], 'RCPT TO:<' + job['to'] + '>', 'DATA']:
    last = say(line + '\\r\\n')
    if last[0] not in '23': print(last); sys.exit(0)
print(say(job['data'] + '\\r\\n.\\r\\n'))
";

fn spoof(server: &Server<'_>, case: &serde_json::Value, to: &str) -> String {
    let data = |key: &str| case["data"][key].as_str().unwrap_or_default().to_owned();
    let content = [data("from_header"), data("to_header"), data("subject_header"), data("other_headers"), data("body")];
    let gateway = server.address("gateway");
    let job = json!({
        "host": gateway.ip().to_string(), "port": gateway.port(), "source": STRANGER, "to": to,
        "helo": case["helo"], "mailfrom": case["mailfrom"], "data": content.concat(),
    });
    python(SPOOF, job.to_string().as_bytes()).expect_success().text
}

/// No case makes a message of the attacker's pass for one of the domain that it forges.
#[test]
fn no_case_of_espoofer_passes_for_the_domain_that_it_forges() {
    let Some(suite) = suite("spoofing") else { return };
    let text = std::fs::read_to_string(suite.join("espoofer-cases.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let clinic = border::clinic("[gateway.limits]\nconnections_per_minute = 1000\n");
    for domain in ["attack.com", "33.attack.com", "helo.attack.com", "any.attack.com", "a.attack.com"] {
        clinic.dns.add(&format!("{domain} TXT \"v=spf1 ip4:{STRANGER} -all\"\n"));
    }
    for domain in ["legitimate.com", "example.com"] {
        clinic.dns.add(&format!("{domain} TXT \"v=spf1 -all\"\n_dmarc.{domain} TXT \"v=DMARC1; p=none\"\n"));
    }
    let server = clinic.serve();
    let cases = cases.as_object().unwrap();
    assert_eq!(cases.len(), 22);
    for (name, case) in cases {
        let to = format!("{}-{}", name.replace('_', "-"), clinic.nurse);
        let reply = spoof(&server, case, &to);
        let Some(id) = reply.split_whitespace().find(|word| word.starts_with("msg_")) else {
            assert!(reply.starts_with('5'), "{name}: {reply}");
            continue;
        };
        let event = clinic.wait_for(id, "authenticated", "");
        let results = event["results"].as_str().unwrap();
        let is_forged = results.contains("dmarc=pass") && !results.contains("attack.com");
        assert!(!is_forged, "{name}: {results}");
    }
}
