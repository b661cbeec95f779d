//! Streams: which one a message is of, and that a campaign holds nobody up.

use testkit::wait;

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
