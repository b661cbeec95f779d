//! Streams: which one a message is of, and that a campaign holds nobody up.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use testkit::{loopback, wait};

use crate::api::Client;
use crate::clinic::{Clinic, Kind, Mail, find};
use crate::sink::Sink;

const STREAMS: &str = "[[stream]]\nname = 'reminders'\npriority = 'marketing'\nretry = ['7m']\n\
    submitters = ['credential:nurse']\n";

#[test]
fn a_message_is_of_the_stream_that_it_names_or_that_of_its_submitter() {
    let clinic = Clinic::new(STREAMS);
    let server = clinic.serve();
    let patient = clinic.patient(Kind::Good);
    let send = |header: &str| clinic.submit(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
    let stream_of = |header: &str| {
        let id = clinic.send(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
        clinic.wait_for(&id, "accepted", "")["stream"].as_str().unwrap().to_owned()
    };
    assert_eq!(stream_of(""), "reminders");
    assert_eq!(stream_of("X-Sealpost-Stream: transactional\n"), "transactional");
    let refused = send("X-Sealpost-Stream: remindres\n");
    assert!(!refused.success, "{}", refused.text);
    let expected = "550 5.6.0 X-Sealpost-Stream: there is no such stream; there are default, marketing, reminders, \
                    transactional";
    assert!(refused.text.contains(expected), "{}", refused.text);
    assert!(!send("X-Sealpost-Stream: codes\n").success);
    for letter in clinic.letters(Kind::Good, &patient, 2) {
        assert!(!letter.text().contains("X-Sealpost-Stream"), "{}", letter.text());
    }
    server.stop();
}

#[test]
fn what_is_urgent_for_some_is_refused_to_others_by_smtp_and_rest() {
    let stream = |name: &str, who: &str| {
        format!("[[stream]]\nname = '{name}'\npriority = 'transactional'\nonly = ['credential:{who}']\n")
    };
    let streams = [stream("codes-of-ehr", "nurse"), stream("transactional", "ehr")].concat();
    let clinic = Clinic::new(&format!("{streams}[portal]\nurl = 'http://127.0.0.1'\n"));
    let key = clinic.machine.ok(["apikey", "create", "shop", "--sender", "*@clinic.example"]).trim().to_owned();
    let server = clinic.serve();
    let patient = clinic.patient(Kind::Good);
    let send = |header: &str| clinic.submit(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
    let refused = send("X-Sealpost-Stream: transactional\n");
    let words = "this sender may not send as transactional; it may as codes-of-ehr, default, marketing";
    assert!(!refused.success && refused.text.contains("550 5.7.1"), "{}", refused.text);
    assert!(refused.text.contains(words), "{}", refused.text);
    send("X-Sealpost-Stream: codes-of-ehr\n").expect_success();
    let client = Client { server: &server, key };
    let body = |stream: &str| {
        json!({ "from": clinic.nurse, "to": [&patient], "subject": "News", "text": "News.", "stream": stream })
            .to_string()
    };
    let problem = client.ask("POST", "/v1/messages", "", &body("transactional")).expect(422).json;
    assert_eq!(problem["code"], "refused");
    assert!(problem["detail"].as_str().unwrap().ends_with("it may as default, marketing"), "{problem}");
    client.ask("POST", "/v1/messages", "", &body("marketing")).expect(202);
    assert_eq!(clinic.letters(Kind::Good, &patient, 2).len(), 2, "nothing of what was refused");
    server.stop();
}

/// Without lanes and places of its own it would wait for the campaign's deliveries, which have no end.
#[test]
fn a_campaign_to_slow_servers_holds_up_no_password_reset() {
    let clinic = Clinic::new("");
    let slow = Sink::valid(&clinic.hosts.ca, "mx.slow.example", Sink::anywhere());
    let sink_port = slow.address.port();
    let readers: Vec<String> = (0..300).map(|number| format!("reader@news{number}.example")).collect();
    let routes: String = (0..300)
        .map(|number| {
            format!(
                "[[route]]\ndomain = 'news{number}.example'\nhost = '{}'\nport = {sink_port}\n\
                 tls_name = 'mx.slow.example'\n",
                slow.address.ip()
            )
        })
        .collect();
    clinic.machine.write("conf.d/routes.toml", &routes);
    slow.close();
    let server = clinic.serve();
    let readers: Vec<&str> = readers.iter().map(String::as_str).collect();
    let campaign = Mail { to: &readers, ..clinic.mail() };
    let message =
        format!("From: {}\nTo: readers:;\nSubject: News\nX-Sealpost-Stream: marketing\n\nNews.\n", clinic.nurse);
    for _ in 0..3 {
        clinic.submit_raw(&server, &campaign, &message).expect_success();
    }
    wait::until("the campaign to be under way", || (slow.waiting() >= 10).then_some(()));
    let patient = clinic.patient(Kind::Good);
    for header in ["X-Sealpost-Stream: transactional\n", ""] {
        let id = clinic.send(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
        clinic.wait_for(&id, "delivered", &patient);
    }
    assert!(slow.waiting() >= 10, "the campaign is still waiting for its replies");
    slow.open();
    server.stop();
}

#[test]
fn what_is_over_a_destinations_rate_waits_for_its_turn_without_being_tried() {
    // Two an hour: one may go, and one more as the burst that there always is.
    let clinic = Clinic::new("[[shaping]]\nname = 'slow'\nmx = ['good.test']\nper_hour = 2\n");
    let server = clinic.serve();
    // Two domains at one provider: one destination.
    let (one, other) = (clinic.patient(Kind::Good), clinic.patient(Kind::Good));
    let elsewhere = clinic.patient(Kind::Strict);
    let send = |to: &str| clinic.send(&server, &Mail { to: &[to], ..clinic.mail() });
    for to in [&one, &other] {
        let id = send(to);
        clinic.wait_for(&id, "delivered", to);
    }
    let over = send(&one);
    let passing = send(&elsewhere);
    clinic.wait_for(&passing, "delivered", &elsewhere);
    let events = clinic.events(&over);
    assert!(find(&events, "queued", "").is_some() && find(&events, "attempted", "").is_none(), "{events:?}");
    assert!(find(&events, "deferred", "").is_none(), "{events:?}");
    server.stop();
}

/// Postfix writes who came, and from where, into each letter.
#[test]
fn a_stream_leaves_from_its_own_addresses_under_their_names() {
    let [one, two, other] = [(); 3].map(|()| loopback::address());
    let source = |name: &str, address: Ipv4Addr| {
        format!("[[source]]\nname = '{name}'\nipv4 = '{address}'\nhelo = '{name}.out.example'\n")
    };
    let stream = |name: &str, sources: &str| {
        format!("[[stream]]\nname = '{name}'\npriority = 'marketing'\nsources = [{sources}]\n")
    };
    let sources = [source("one", one), source("two", two), source("other", other)].concat();
    let streams = [stream("news", "'one', 'two'"), stream("visits", "'other'")].concat();
    let clinic = Clinic::new(&[sources, streams].concat());
    let server = clinic.serve();
    let came = |header: &str| {
        let patient = clinic.patient(Kind::Good);
        let id = clinic.send(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
        clinic.wait_for(&id, "delivered", &patient);
        clinic.letters(Kind::Good, &patient, 1)[0].header("Received")[0].clone()
    };
    let is_from = |received: &str, name: &str, address: Ipv4Addr| {
        received.contains(&format!("from {name}.out.example")) && received.contains(&format!("[{address}]"))
    };
    let visits = came("X-Sealpost-Stream: visits\n");
    assert!(is_from(&visits, "other", other), "{visits}");
    let plain = came("");
    assert!(plain.contains("from secure.clinic.example") && plain.contains("[127.0.0.1]"), "{plain}");
    let mut seen = [0_u32; 2];
    while seen.contains(&0) {
        let news = came("X-Sealpost-Stream: news\n");
        let by = [is_from(&news, "one", one), is_from(&news, "two", two)];
        assert_ne!(by[0], by[1], "{news}");
        seen[usize::from(by[1])] += 1;
        assert!(seen.iter().sum::<u32>() < 40, "both addresses are used: {seen:?}");
    }
    server.stop();
}

#[test]
fn the_name_of_a_source_leads_to_its_address_and_back() {
    let address = loopback::address();
    let source = format!("[[source]]\nname = 'bulk'\nipv4 = '{address}'\nhelo = 'bulk.out.example'\n");
    let stream = "[[stream]]\nname = 'news'\npriority = 'marketing'\nsources = ['bulk']\n";
    let clinic = Clinic::new(&[source.as_str(), stream].concat());
    let found = || {
        let output = clinic.machine.run(["domain", "check", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let records = report["domains"][0]["records"].as_array().expect("records").clone();
        let ehlo = records.into_iter().find(|record| record["record"] == "EHLO").expect("one about EHLO");
        let words = |name: &str| ehlo[name].as_str().unwrap_or_default().to_owned();
        (words("outcome"), words("found"), words("fix"))
    };
    let [a, b, c, d] = address.octets();
    let reverse = format!("{d}.{c}.{b}.{a}.in-addr.arpa");
    let (outcome, told, fix) = found();
    assert_eq!((outcome.as_str(), fix), ("failed", format!("publish: bulk.out.example. A {address}")), "{told}");
    clinic.dns.add(&format!("bulk.out.example A {address}\n"));
    let (outcome, told, fix) = found();
    assert!(outcome == "warning" && told.contains("has no name"), "{told}");
    assert_eq!(fix, format!("ask who gave you {address} to set its PTR record to bulk.out.example"));
    clinic.dns.add(&format!("{reverse} PTR host.provider.example\n"));
    assert!(found().1.contains("host.provider.example, which does not lead back"), "{:?}", found());
    clinic.dns.remove(&reverse);
    clinic.dns.add(&format!("{reverse} PTR bulk.out.example\n"));
    assert_eq!(found().0, "ok", "{:?}", found());
}
