//! The REST door as an application meets it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::sealpost::Server;
use testkit::wait;

use crate::ward::Ward;

const PORTAL: &str = "[portal]\nurl = 'http://127.0.0.1'\n";

/// An answer: its status, its header block, its JSON.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub json: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.head, self.json);
        self
    }

    /// A problem with this code; it names nobody.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let answer = self.expect(status);
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
        assert_eq!(answer.json["code"], code, "{}", answer.json);
        assert_eq!(answer.json["type"], format!("urn:sealpost:problem:{code}"));
        assert!(!answer.json.to_string().contains("marker"), "{}", answer.json);
        answer.json
    }
}

/// An application with its key.
pub struct Client<'s> {
    pub server: &'s Server<'s>,
    pub key: String,
}

impl Client<'_> {
    pub fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        self.ask_as("application/json", method, path, fields, body.as_bytes())
    }

    pub fn ask_as(&self, kind: &str, method: &str, path: &str, fields: &str, body: &[u8]) -> Answer {
        self.try_ask(kind, method, path, fields, body).expect("an answer")
    }

    /// None where the server is gone before it has answered.
    pub fn try_ask(&self, kind: &str, method: &str, path: &str, fields: &str, body: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.server.address("portal")).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let length = body.len();
        let key = &self.key;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n{fields}\r\n"
        );
        stream.write_all(request.as_bytes()).ok()?;
        // A server that refuses reads no further.
        let _refused = stream.write_all(body);
        let mut answer = Vec::new();
        let _cut = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Some(Answer { status, head: head.to_lowercase(), json: serde_json::from_str(body).unwrap_or_default() })
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    pub fn send(&self, fields: &str, body: &Value) -> Answer {
        self.ask("POST", "/v1/messages", fields, &body.to_string())
    }

    #[track_caller]
    fn wait_for(&self, id: &str, kind: &str) -> Value {
        wait::until(&format!("{kind} of {id}"), || {
            let answer = self.get(&format!("/v1/messages/{id}/events")).expect(200);
            let events = answer.json["events"].as_array().cloned().unwrap_or_default();
            events.into_iter().find(|event| event["event"] == kind)
        })
    }
}

pub fn ward() -> Ward {
    Ward::new(PORTAL)
}

pub fn client<'s>(ward: &Ward, server: &'s Server<'s>, more: &[&str]) -> Client<'s> {
    let arguments = [&["apikey", "create", "refills", "--sender", "refills@clinic.example"][..], more].concat();
    let key = ward.machine.ok(arguments).trim().to_owned();
    assert!(key.starts_with("key_") && key.contains(".sp_"), "{key}");
    Client { server, key }
}

pub fn letter(to: &str) -> Value {
    json!({
        "from": { "address": "refills@clinic.example", "name": "Lakeside" },
        "to": [to],
        "subject": "A message from Lakeside",
        "text": "Your refill is ready.",
    })
}

#[test]
fn a_message_goes_in_is_delivered_and_can_be_followed() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &[]);
    let mut message = letter("a@sink.example");
    message["bcc"] = json!(["hidden@sink.example"]);
    message["html"] = json!("<p>Your refill is <b>ready</b>.</p>");
    message["stream"] = json!("transactional");
    message["tags"] = json!(["autumn"]);
    message["headers"] = json!({ "X-Refill": "8841" });
    message["attachments"] = json!([{ "name": "notes.txt", "content_type": "text/plain", "content": "aGVsbG8=" }]);
    let taken = client.send("", &message).expect(202);
    let id = taken.json["id"].as_str().unwrap().to_owned();
    assert_eq!(taken.json["timeline"], format!("/v1/messages/{id}/events"));
    let accepted = client.wait_for(&id, "accepted");
    assert_eq!(accepted["door"], "rest");
    client.wait_for(&id, "delivered");
    let copy = ward.sink.wait_for("the copy", |taken| taken.text().contains("A message from Lakeside"));
    let text = copy.text();
    assert!(text.contains("X-Refill: 8841") && text.contains("notes.txt") && text.contains("multipart/"), "{text}");
    assert!(!text.contains("hidden@") && !text.to_lowercase().contains("\nbcc"), "{text}");

    let one = client.get(&format!("/v1/messages/{id}")).expect(200).json;
    assert_eq!((one["stream"].as_str(), one["tags"][0].as_str()), (Some("transactional"), Some("autumn")));
    let page = client.get("/v1/messages?stream=transactional&tag=autumn&limit=1").expect(200).json;
    assert_eq!(page["items"][0]["id"], id.as_str());
    assert_eq!(client.get("/v1/messages?stream=marketing").expect(200).json["items"], json!([]));
    client.get("/v1/messages?colour=red").problem(422, "invalid_field");
    client.get("/v1/messages/msg_nothing").problem(404, "not_found");
}

#[test]
fn a_repeated_request_finds_the_message_of_the_first() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &[]);
    let message = letter("a@sink.example");
    let key = "Idempotency-Key: refill/8841\r\n";
    let first = client.send(key, &message).expect(202).json;
    let again = client.send(key, &message).expect(202);
    assert!(again.head.contains("idempotent-replayed: true"), "{}", again.head);
    assert_eq!((again.json["id"].clone(), again.json["replayed"].clone()), (first["id"].clone(), json!(true)));
    client.send(key, &letter("b@sink.example")).problem(422, "idempotency_key_reused");
    let other = client.send("Idempotency-Key: refill/8842\r\n", &message).expect(202).json;
    assert_ne!(other["id"], first["id"]);
    assert_eq!(ward.stored(), 2);
}

#[test]
fn pages_have_each_message_once_while_more_come_in() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &[]);
    let send = || client.send("", &letter("a@sink.example")).expect(202).json["id"].as_str().unwrap().to_owned();
    let mut before: Vec<String> = (0..7).map(|_| send()).collect();
    let (mut seen, mut path) = (Vec::new(), "/v1/messages?limit=2".to_owned());
    loop {
        let page = client.get(&path).expect(200).json;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        // Newer than all of this walk: none of it is in a later page, and it moves none.
        send();
        let Some(cursor) = page["next"].as_str() else { break };
        path = format!("/v1/messages?limit=2&cursor={cursor}");
    }
    before.reverse();
    assert_eq!(seen, before);
}

#[test]
fn a_key_does_what_it_is_for_and_no_more() {
    let ward = ward();
    let server = ward.machine.serve();
    let sending = client(&ward, &server, &["--scope", "messages:send"]);
    let reading = client(&ward, &server, &["--scope", "messages:read"]);
    let nobody =
        Client { server: &server, key: "key_01K00000000000000000000000.sp_aebagbafaydqqcikbmga2dqpcaireeyu".into() };
    let message = letter("a@sink.example");
    let id = sending.send("", &message).expect(202).json["id"].as_str().unwrap().to_owned();
    sending.get(&format!("/v1/messages/{id}")).problem(403, "forbidden");
    sending.get("/v1/messages").problem(403, "forbidden");
    reading.send("", &message).problem(403, "forbidden");
    let reason = json!({ "reason": "looked" }).to_string();
    reading.ask("POST", &format!("/v1/messages/{id}/release"), "", &reason).problem(403, "forbidden");
    reading.ask("POST", &format!("/v1/messages/{id}/recall"), "", &reason).problem(403, "forbidden");
    let refused = nobody.get("/v1/messages");
    assert!(refused.head.contains("www-authenticate: bearer"));
    refused.problem(401, "unauthorized");
    let mut forged = message.clone();
    forged["from"] = json!("director@clinic.example");
    assert_eq!(sending.send("", &forged).problem(403, "sender_not_allowed")["pointer"], "/from");

    let key = sending.key.split('.').next().unwrap();
    ward.machine.ok(["apikey", "revoke", key, "--yes"]);
    sending.send("", &message).problem(401, "unauthorized");
    let listed = ward.machine.ok(["apikey", "list"]);
    assert!(listed.contains("revoked") && !listed.contains("sp_"), "{listed}");
}

#[test]
fn what_can_not_be_sent_is_told_by_its_place() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &[]);
    let check = |change: &dyn Fn(&mut Value), status: u16, code: &str, pointer: Option<&str>| {
        let mut message = letter("a@sink.example");
        change(&mut message);
        let problem = client.send("", &message).problem(status, code);
        assert_eq!(problem["pointer"].as_str(), pointer, "{problem}");
    };
    check(&|message| message["to"] = json!([]), 422, "invalid_field", Some("/to"));
    check(&|message| message["to"] = json!(["marker"]), 422, "invalid_field", Some("/to/0"));
    check(&|message| message["subject"] = json!("marker\r\nBcc: x@y.example"), 422, "invalid_field", Some("/subject"));
    check(
        &|message| message["headers"] = json!({ "Bcc": "marker@x.example" }),
        422,
        "invalid_field",
        Some("/headers/Bcc"),
    );
    check(
        &|message| message["headers"] = json!({ "X-A": "marker\nX-B: c" }),
        422,
        "invalid_field",
        Some("/headers/X-A"),
    );
    check(&|message| message["protect"] = json!("marker"), 422, "invalid_field", Some("/protect"));
    check(&|message| message["colour"] = json!("marker"), 422, "invalid_json", None);
    let file = json!([{ "name": "a", "content": "marker!" }]);
    check(&|message| message["attachments"] = file.clone(), 422, "invalid_field", Some("/attachments/0/content"));
    client.ask("POST", "/v1/messages", "", "{\"from\": \"marker").problem(400, "invalid_json");
    client.ask("DELETE", "/v1/messages", "", "").problem(405, "method_not_allowed");
    assert_eq!(ward.stored(), 0);
}

#[test]
fn what_a_test_key_hands_in_never_leaves() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &["--test"]);
    let send = |to: &str| client.send("", &letter(to)).expect(202).json["id"].as_str().unwrap().to_owned();
    let (fine, hard, soft, bare) = (
        send("delivered@sink.example"),
        send("bounce-hard@sink.example"),
        send("bounce-soft@sink.example"),
        send("no-tls@sink.example"),
    );
    client.wait_for(&fine, "delivered");
    client.wait_for(&hard, "bounced");
    client.wait_for(&soft, "deferred");
    client.wait_for(&bare, "rerouted");
    client.wait_for(&bare, "notified");
    assert!(ward.sink.taken().is_empty(), "nothing was sent");
    for kind in ["MX", "A", "AAAA", "TLSA", "TXT"] {
        for name in ["sink.example", "_mta-sts.sink.example", "openpgpkey.sink.example"] {
            assert_eq!(ward.dns.asked(name, kind), 0, "{name} {kind} was asked for");
        }
    }
    let meters = crate::operate::page(&server, "/metrics");
    assert!(!meters.contains("sealpost_deliveries_total{"), "a rehearsal was counted: {meters}");
    assert_eq!(ward.machine.ok(["receipt", "show", &fine]).trim(), "", "a rehearsal proves nothing");
}

#[test]
fn a_test_key_sees_and_changes_rehearsals_alone() {
    let ward = ward();
    let rule = "[[policy.rule]]\nname = 'look first'\nsubject_tag = 'Lakeside'\nhold = true\n";
    ward.machine.write("conf.d/policy.toml", rule);
    let server = ward.machine.serve();
    let scopes = ["--scope", "messages:send", "messages:read", "messages:judge"];
    let (live, test) = (client(&ward, &server, &scopes), client(&ward, &server, &[&["--test"][..], &scopes].concat()));
    let send = |client: &Client<'_>| {
        let taken = client.send("", &letter("a@sink.example")).expect(202);
        taken.json["id"].as_str().unwrap().to_owned()
    };
    let (real, rehearsed) = (send(&live), send(&test));
    let listed = |client: &Client<'_>, query: &str| -> Vec<String> {
        let page = client.get(&format!("/v1/messages{query}")).expect(200).json;
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    for query in ["", "?test=true", "?test=false", "?state=held"] {
        assert_eq!(listed(&test, query), [rehearsed.as_str()], "{query}");
    }
    assert_eq!(listed(&live, ""), [real.as_str()]);
    assert_eq!(listed(&live, "?test=true"), [rehearsed.as_str()]);
    for path in ["", "/events"] {
        test.get(&format!("/v1/messages/{real}{path}")).problem(404, "not_found");
        test.get(&format!("/v1/messages/{rehearsed}{path}")).expect(200);
    }
    let judge =
        |id: &str, verb: &str| test.ask("POST", &format!("/v1/messages/{id}/{verb}"), "", "{\"reason\": \"x\"}");
    for verb in ["release", "reject", "recall"] {
        judge(&real, verb).problem(404, "not_found");
    }
    assert_eq!(live.get(&format!("/v1/messages/{real}")).expect(200).json["state"], "held", "nobody judged it");
    judge(&rehearsed, "release").expect(200);
    test.wait_for(&rehearsed, "delivered");
    let to_patient = |taken: &crate::sink::Taken| taken.to.iter().any(|to| to == "a@sink.example");
    assert!(!ward.sink.taken().iter().any(to_patient), "nothing was sent");
    // Without the scope it is told no more than any key.
    let blind = client(&ward, &server, &["--test"]);
    blind.ask("POST", &format!("/v1/messages/{real}/release"), "", "{\"reason\": \"x\"}").problem(403, "forbidden");
}

#[test]
fn a_held_message_is_judged_by_a_key_that_may() {
    let ward = ward();
    let rule = "[[policy.rule]]\nname = 'look first'\nsubject_tag = 'Lakeside'\nhold = true\n";
    ward.machine.write("conf.d/policy.toml", rule);
    let server = ward.machine.serve();
    let client = client(&ward, &server, &["--scope", "messages:send", "messages:read", "messages:judge"]);
    let id = client.send("", &letter("a@sink.example")).expect(202).json["id"].as_str().unwrap().to_owned();
    assert_eq!(client.get("/v1/messages?state=held").expect(200).json["items"][0]["id"], id.as_str());
    let release = format!("/v1/messages/{id}/release");
    client.ask("POST", &release, "", "{\"reason\": \" \"}").problem(422, "invalid_field");
    client.ask("POST", &release, "", "{\"reason\": \"fine\"}").expect(200);
    client.wait_for(&id, "delivered");
    client.ask("POST", &release, "", "{\"reason\": \"fine\"}").problem(409, "not_held");
    let recalled = client.ask("POST", &format!("/v1/messages/{id}/recall"), "", "{\"reason\": \"wrong patient\"}");
    assert_eq!(recalled.expect(200).json["recipients"][0]["outcome"], "delivered");
}

/// Two hops, the first of them clear.
const HEADER: &str = "Received: from out.a.example (out.a.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTPS id 1;\r\n\
    \tTue, 13 Jan 2026 10:00:07 +0000\r\n\
    Received: from app.c.example (app.c.example [192.0.2.2]) by out.a.example (Postfix) with ESMTP id 1;\r\n\
    \tTue, 13 Jan 2026 10:00:05 +0000\r\nSubject: marker\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n";

#[test]
fn a_header_is_inspected_as_by_the_command() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &["--scope", "headers:inspect"]);
    ward.machine.write("mail.eml", HEADER);
    let path = ward.machine.path("mail.eml").display().to_string();
    let mut command: Value = serde_json::from_str(&ward.machine.ok(["inspect", "--json", &path])).unwrap();
    command.as_object_mut().unwrap().remove("file");
    let raw = client.ask_as("message/rfc822", "POST", "/v1/inspect", "", HEADER.as_bytes()).expect(200).json;
    assert_eq!(raw, command);
    assert_eq!((&raw["verdict"], &raw["content"]), (&json!("not_encrypted"), &json!("openpgp_encrypted")));
    let in_json = json!({"message": HEADER}).to_string();
    assert_eq!(client.ask("POST", "/v1/inspect", "", &in_json).expect(200).json, command);
    assert!(!server.log().contains("out.a.example"), "nothing of a header is logged");
    client.ask("POST", "/v1/inspect", "", "{\"header\": \"x\"}").problem(422, "invalid_json");
    client.ask("POST", "/v1/inspect", "", "{").problem(400, "invalid_json");
    client.ask_as("text/plain", "POST", "/v1/inspect", "", b"marker").problem(422, "no_header");
    client.ask("GET", "/v1/messages", "", "").problem(403, "forbidden");
}

#[test]
fn whatever_is_inspected_gets_an_answer_within_bounds() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &["--scope", "headers:inspect"]);
    let ask = |bytes: &[u8]| client.ask_as("message/rfc822", "POST", "/v1/inspect", "", bytes);
    let many = ask(&b"Received: from a by b\r\n".repeat(10_000)).expect(200).json;
    assert_eq!(many["hops"].as_array().unwrap().len(), 10_000);
    ask(&[HEADER.as_bytes(), &[b'x'; 50 << 20]].concat()).expect(200);
    ask(&[b"X: ".as_slice(), &vec![b'x'; 50 << 20]].concat()).problem(413, "too_large");
    ask(&vec![0; 1 << 20]).problem(422, "no_header");
    ask(b"A: \xff\xfe\0\r\nReceived: from \xe9 by \0\r\n").expect(200);
    ask(&vec![b'x'; 120 << 20]).problem(413, "too_large");
    let other = self::client(&ward, &server, &["--scope", "messages:read"]);
    other.ask_as("message/rfc822", "POST", "/v1/inspect", "", HEADER.as_bytes()).problem(403, "forbidden");
}

#[test]
fn one_key_inspects_only_so_often() {
    let ward = ward();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &["--scope", "headers:inspect"]);
    let ask = || client.ask_as("message/rfc822", "POST", "/v1/inspect", "", HEADER.as_bytes());
    let refused = (0..3_000).find_map(|_| Some(ask()).filter(|answer| answer.status == 429)).expect("a bound");
    assert!(refused.head.contains("retry-after:"), "{}", refused.head);
    refused.problem(429, "too_many_requests");
}
