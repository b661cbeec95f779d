//! The queue in an operator's hands, beside a running server.

use serde_json::Value;
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Kind, Mail, find};

/// A message that waits: its server says "not yet".
fn late(clinic: &Clinic, server: &Server<'_>) -> (String, String) {
    let patient = clinic.patient(Kind::Strict).replace("pat@", "late@");
    let id = clinic.send(server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&id, "deferred", &patient);
    (id, patient)
}

fn shown(clinic: &Clinic, id: &str) -> Vec<Value> {
    let shown: Value = serde_json::from_str(&clinic.machine.ok(["queue", "show", id, "--json"])).unwrap();
    shown["waiting"].as_array().unwrap().clone()
}

#[test]
fn what_waits_is_held_let_go_and_tried_again_and_says_why_it_waits() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let (id, patient) = late(&clinic, &server);
    let why = |id: &str| shown(&clinic, id)[0]["why"].as_str().unwrap().to_owned();
    assert!(why(&id).contains("450 4.2.0"), "{}", why(&id));
    assert!(clinic.machine.ok(["message", "show", &id]).contains("waits: deferred at attempt 1"));
    let domain = patient.split_once('@').unwrap().1;
    assert!(clinic.machine.ok(["queue", "list", "--domain", domain]).contains(&id));
    assert_eq!(clinic.machine.ok(["queue", "list", "--domain", "elsewhere.example"]), "");
    assert_eq!(clinic.machine.ok(["queue", "list", "--stream", "marketing"]), "");

    let hold = ["queue", "hold", "--message", &id, "--reason", "a wrong list"];
    let rehearsed = clinic.machine.ok(hold.iter().chain(&["--dry-run", "--json"]));
    let rehearsed: Value = serde_json::from_str(&rehearsed).unwrap();
    assert_eq!((&rehearsed["dry_run"], &rehearsed["parcels"]), (&true.into(), &1.into()));
    assert_eq!(shown(&clinic, &id)[0]["held"], false);
    clinic.machine.ok(hold);
    assert_eq!(shown(&clinic, &id)[0]["held"], true);
    assert!(why(&id).contains("an operator holds it back"));

    clinic.machine.ok(["queue", "release", "--domain", domain, "--reason", "it was right"]);
    clinic.wait_for(&id, "attempted", "");
    let deeds: Vec<Value> = clinic.events(&id).into_iter().filter(|one| one["event"] == "queue_changed").collect();
    let told = |at: usize| (deeds[at]["deed"].clone(), deeds[at]["reason"].clone());
    assert_eq!(told(0), ("hold".into(), "a wrong list".into()));
    assert_eq!(told(1), ("release".into(), "it was right".into()));
    testkit::wait::until("a second attempt", || {
        (clinic.events(&id).iter().filter(|one| one["event"] == "deferred").count() == 2).then_some(())
    });
    clinic.machine.ok(["queue", "retry", "--older-than", "0s", "--reason", "now"]);
    testkit::wait::until("a third attempt", || {
        (clinic.events(&id).iter().filter(|one| one["event"] == "deferred").count() == 3).then_some(())
    });
    server.stop();
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn what_is_dropped_bounces_unless_it_is_silent_and_stays_in_the_record() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let ((told, patient), (silent, _)) = (late(&clinic, &server), late(&clinic, &server));
    let refused = clinic.machine.run(["queue", "drop", "--message", &told, "--reason", "recalled by the ward"]);
    assert!(!refused.status.success(), "without --yes");
    clinic.machine.ok(["queue", "drop", "--message", &told, "--reason", "recalled by the ward", "--yes"]);
    clinic.machine.ok(["queue", "drop", "--message", &silent, "--reason", "a test", "--silent", "--yes"]);
    let bounce = clinic.letter(Kind::Good, &clinic.nurse);
    assert!(bounce.text().contains("recalled by the ward") && bounce.text().contains(&patient), "{}", bounce.text());
    for id in [&told, &silent] {
        assert_eq!(find(&clinic.events(id), "queue_changed", "").unwrap()["deed"], "drop");
        assert_eq!(shown(&clinic, id), Vec::<Value>::new());
    }
    assert!(find(&clinic.events(&silent), "queued", "").is_some());
    assert_eq!(clinic.events(&silent).iter().filter(|one| one["kind"] == "dsn").count(), 0);
    let nothing = clinic.machine.run(["queue", "hold", "--reason", "everything?"]);
    assert!(!nothing.status.success(), "which ones has to be said");
    server.stop();
}
