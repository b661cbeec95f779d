//! Who is suppressed, how that comes about, and who takes it back.

use serde_json::{Value, json};

use crate::api;
use crate::border::{Peer, accepted, stranger};
use crate::clinic::{Clinic, Kind, Mail};
use crate::returned;

fn listed(clinic: &Clinic) -> Vec<Value> {
    let text = clinic.machine.ok(["suppression", "list", "--json"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a command says on stdout that fails.
fn fails<const N: usize>(clinic: &Clinic, arguments: [&str; N]) -> String {
    let output = clinic.machine.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn is_told(clinic: &Clinic, id: &str, kind: &str) -> bool {
    clinic.events(id).iter().any(|event| event["event"] == kind)
}

#[test]
fn a_mailbox_that_is_not_there_is_sent_nothing_more_until_staff_takes_it_back() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let gone = clinic.patient(Kind::Strict).replace("pat@", "nobody@");
    let first = clinic.send(&server, &Mail { to: &[&gone], ..clinic.mail() });
    let added = clinic.wait_for(&first, "suppression_added", &gone);
    assert_eq!((&added["reason"], &added["origin"]), (&"hard_bounce".into(), &format!("delivery of {first}").into()));
    let [one] = &listed(&clinic)[..] else { panic!("{:?}", listed(&clinic)) };
    assert_eq!((&one["id"], &one["address"]), (&added["suppression"], &gone.as_str().into()));
    // In whatever case it is written, mail that somebody waits for as well.
    let (header, shouted) = ("X-Sealpost-Stream: transactional\n", gone.replace("nobody", "NoBody"));
    let second = clinic.send(&server, &Mail { to: &[&shouted], header, ..clinic.mail() });
    clinic.wait_for(&second, "suppressed", &shouted);
    clinic.wait_for(&second, "dsn_sent", &clinic.nurse);
    let words = clinic.letters(Kind::Good, &clinic.nurse, 2);
    assert!(words.iter().any(|letter| letter.text().contains("this address is suppressed since")));
    assert!(!is_told(&clinic, &second, "bounced"));

    let id = added["suppression"].as_str().unwrap();
    clinic.machine.ok(["suppression", "remove", id, "--reason", "the mailbox is there now"]);
    fails(&clinic, ["suppression", "remove", id, "--reason", "again"]);
    let third = clinic.send(&server, &Mail { to: &[&gone], ..clinic.mail() });
    clinic.wait_for(&third, "bounced", &gone);
    server.stop();
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn a_late_bounce_suppresses_only_whom_its_return_path_was_given_out_for() {
    let (clinic, gateway) = returned::clinic("return_path = 'bounces.clinic.example'");
    let domain = clinic.domain();
    let _host = returned::late_bouncer(&clinic, &domain, gateway);
    let (patient, other) = (format!("nobody@{domain}"), format!("sam@{domain}"));
    let server = clinic.serve();
    // Two share a copy: either could write such a bounce of the other.
    let shared = clinic.send(&server, &Mail { to: &[&patient, &other], ..clinic.mail() });
    clinic.wait_for(&shared, "dsn_received", &patient);
    assert!(!is_told(&clinic, &shared, "suppression_added"), "{:#?}", clinic.events(&shared));
    // Somebody behind an alias has left; the alias has not.
    let alias = format!("frontdesk@{domain}");
    let through = clinic.send(&server, &Mail { to: &[&alias], ..clinic.mail() });
    clinic.wait_for(&through, "dsn_received", &alias);
    assert!(!is_told(&clinic, &through, "suppression_added"), "{:#?}", clinic.events(&through));
    let alone = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    let added = clinic.wait_for(&alone, "suppression_added", &patient);
    assert!(added["origin"].as_str().unwrap().starts_with("bounce msg_"), "{added}");
    let next = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&next, "suppressed", &patient);
}

fn complaint(kind: &str, fields: &str, returned: &str) -> String {
    format!(
        "From: fbl@provider.test\nTo: abuse@clinic.example\nSubject: complaint\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nA complaint.\n--b\n\
         Content-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: FBL/1\nVersion: 1\n{fields}\n\
         --b\nContent-Type: text/rfc822-headers\n\n{returned}\n--b--\n"
    )
}

#[test]
fn a_complaint_that_is_shown_to_be_about_a_message_ends_marketing_alone() {
    let (clinic, _) = returned::clinic("return_path = 'bounces.clinic.example'");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let header = "X-Sealpost-Stream: marketing\n";
    let id = clinic.send(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let letter = clinic.letter(Kind::Good, &patient);
    let path = letter.header("Return-Path").remove(0);
    let bring = |message: &str| {
        accepted(Peer { from: "fbl@provider.test", ..stranger(&[&clinic.nurse], message) }.bring(&server))
    };
    // What anybody can know, and what is no complaint.
    let known = format!("Message-ID: {}\nTo: {patient}", letter.header("Message-ID")[0]);
    let named = format!("Original-Rcpt-To: <{patient}>\n");
    let idle = [
        complaint("abuse", &named, &known),
        complaint(
            "abuse",
            "Original-Mail-From: <b-01k00000000000000000000000-0000-0011223344556677@bounces.clinic.example>\n",
            &known,
        ),
        complaint("auth-failure", &format!("Original-Mail-From: {path}\n"), &known),
        complaint("not-spam", &format!("Original-Mail-From: {path}\n"), &known),
    ];
    for message in &idle {
        let report = bring(message);
        clinic.wait_for(&report, "delivered", &clinic.nurse);
    }
    assert!(!is_told(&clinic, &id, "complained"), "{:#?}", clinic.events(&id));
    let report = bring(&complaint("abuse", &format!("Original-Mail-From: {path}\n"), &known));
    let complained = clinic.wait_for(&id, "complained", &patient);
    assert_eq!((&complained["report"], &complained["proof"]), (&report.as_str().into(), &"return_path".into()));
    // However often it is told.
    let again = bring(&complaint("fraud", "", &format!("Return-Path: {path}")));
    clinic.wait_for(&again, "delivered", &clinic.nurse);
    assert_eq!(clinic.events(&id).iter().filter(|event| event["event"] == "complained").count(), 1);

    let marketing = clinic.send(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
    let stopped = clinic.wait_for(&marketing, "suppressed", &patient);
    assert_eq!(stopped["reason"], "complaint");
    let result = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&result, "delivered", &patient);
}

#[test]
fn a_list_comes_in_and_goes_out() {
    let clinic = Clinic::new("");
    let text = "address,stream,reason\na@x.example,,hard_bounce\nA@X.example,,hard_bounce\nnobody\n\
                b@x.example,marketing,unsubscribe\nc@x.example,nosuch\n'=d@x.example\n";
    clinic.machine.write("list.csv", text);
    let list = clinic.machine.path("list.csv");
    let list = list.to_str().unwrap();
    let said = fails(&clinic, ["suppression", "import", list, "--dry-run"]);
    assert!(said.contains("line 4: ") && said.contains("line 6: "), "{said}");
    assert_eq!(listed(&clinic).len(), 0);
    fails(&clinic, ["suppression", "import", list]);
    assert_eq!(listed(&clinic).len(), 3);
    let shown = clinic.machine.ok(["suppression", "show", "B@x.example"]);
    assert!(shown.contains("unsubscribe") && shown.contains("marketing"), "{shown}");
    let out = clinic.machine.ok(["suppression", "export"]);
    assert!(out.starts_with("address,stream,reason,since,origin\n"), "{out}");
    assert!(out.contains("\n'=d@x.example,,manual,"), "no formula leaves: {out}");
    let added = clinic.machine.ok(["suppression", "add", "a@x.example", "--reason", "hard_bounce"]);
    assert!(added.contains("hard_bounce") && listed(&clinic).len() == 3);
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn an_application_sees_and_changes_what_its_key_is_for_and_no_address_is_in_a_url() {
    let ward = api::ward();
    let server = ward.machine.serve();
    let writing = api::client(&ward, &server, &["--scope", "suppressions:write", "suppressions:read", "messages:send"]);
    let reading = api::client(&ward, &server, &["--scope", "suppressions:read"]);
    let sending = api::client(&ward, &server, &["--scope", "messages:send"]);
    let testing = api::client(&ward, &server, &["--test", "--scope", "suppressions:write", "suppressions:read"]);
    let wanted = json!({ "address": "Ann@sink.example", "reason": "unsubscribe", "stream": "marketing" }).to_string();
    let post = |client: &api::Client<'_>, body: &str| client.ask("POST", "/v1/suppressions", "", body);
    post(&reading, &wanted).problem(403, "forbidden");
    post(&testing, &wanted).problem(403, "forbidden");
    sending.get("/v1/suppressions").problem(403, "forbidden");
    let added = post(&writing, &wanted).expect(201).json;
    assert!(added["origin"].as_str().unwrap().starts_with("api_key:key_"), "{added}");
    assert_eq!(post(&writing, &wanted).expect(200).json["id"], added["id"]);
    for bad in [json!({ "address": "marker" }), json!({ "address": "a@x.example", "stream": "marker" })] {
        post(&writing, &bad.to_string()).problem(422, "invalid_field");
    }
    let path = format!("/v1/suppressions/{}", added["id"].as_str().unwrap());
    assert_eq!(reading.get(&path).expect(200).json, added);
    let found = reading.ask("POST", "/v1/suppressions/search", "", r#"{"address":"ann@SINK.example"}"#).expect(200);
    assert_eq!(found.json["items"], json!([added]));
    assert_eq!(reading.get("/v1/suppressions?reason=manual").expect(200).json["items"], json!([]));
    let page = reading.get("/v1/suppressions?limit=1&stream=marketing").expect(200).json;
    assert_eq!((&page["items"], &page["next"]), (&json!([added]), &added["id"]));
    let last = reading.get(&format!("/v1/suppressions?cursor={}", added["id"].as_str().unwrap())).expect(200).json;
    assert_eq!((&last["items"], &last["next"]), (&json!([]), &Value::Null));
    reading.ask("DELETE", &path, "", "").problem(403, "forbidden");
    writing.ask("DELETE", &path, "", "").expect(204);
    writing.ask("DELETE", &path, "", "").problem(404, "not_found");
    reading.get(&path).problem(404, "not_found");
}
