//! The queue in an operator's hands, beside a running server.

use std::collections::HashMap;

use mail::{OrgId, Priority};
use serde_json::Value;
use store::Lane;
use testkit::clients::python;
use testkit::postgres::Postgres;
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Kind, Mail, find};

/// A message that waits: its server says "not yet".
fn late(clinic: &Clinic, server: &Server<'_>) -> (String, String) {
    let patient = clinic.patient(Kind::Strict).replace("pat@", "late@");
    (late_with(clinic, server, &patient, ""), patient)
}

fn late_with(clinic: &Clinic, server: &Server<'_>, patient: &str, header: &str) -> String {
    let id = clinic.send(server, &Mail { to: &[patient], header, ..clinic.mail() });
    clinic.wait_for(&id, "deferred", patient);
    id
}

/// Each line of a command's output, whatever it exits with.
fn lines(clinic: &Clinic, arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let output = clinic.machine.run(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), errors)
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
    assert!(why(&id).contains("an operator holds it back") && why(&id).contains("a wrong list"), "{}", why(&id));
    let listed = clinic.machine.run(["queue", "list"]);
    let told = String::from_utf8(listed.stderr).unwrap();
    assert!(told.contains("0 wait, 1 more are held back"), "{told}");
    let doctor = clinic.machine.run(["doctor", "--only", "queue"]);
    let told = String::from_utf8(doctor.stdout).unwrap();
    assert!(told.contains("0 wait to be delivered") && told.contains("1 are held back by an operator"), "{told}");

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
        let receipts = receipts(&clinic, id);
        assert_eq!((receipts.len(), &receipts[0]["status"]), (1, &"refused".into()), "{receipts:#?}");
    }
    assert_eq!(find(&clinic.events(&told), "rejected", &patient).unwrap()["reason"], "recalled by the ward");
    assert!(find(&clinic.events(&silent), "queued", "").is_some());
    assert_eq!(clinic.events(&silent).iter().filter(|one| one["kind"] == "dsn").count(), 0);
    let nothing = clinic.machine.run(["queue", "hold", "--reason", "everything?"]);
    assert!(!nothing.status.success(), "which ones has to be said");
    server.stop();
}

fn receipts(clinic: &Clinic, id: &str) -> Vec<Value> {
    let shown: Value = serde_json::from_str(&clinic.machine.ok(["receipt", "show", id, "--json"])).unwrap();
    shown.as_array().cloned().unwrap_or_else(|| vec![shown])
}

#[test]
fn a_notice_that_is_dropped_takes_its_message_out_of_the_portal() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let patient = clinic.patient(Kind::Strict).replace("pat@", "late@");
    let id = late_with(&clinic, &server, &patient, "X-Sealpost-Protect: portal\n");
    assert_eq!(shown(&clinic, &id)[0]["kind"], "notice");
    clinic.machine.ok(["queue", "drop", "--message", &id, "--reason", "wrong patient", "--silent", "--yes"]);
    assert!(find(&clinic.events(&id), "rejected", &patient).is_some());
    let receipts = receipts(&clinic, &id);
    assert_eq!((&receipts[0]["kind"], &receipts[0]["status"]), (&"notice".into(), &"refused".into()), "{receipts:#?}");
    // Whoever had found the link finds nothing: a recall has nothing left to withdraw.
    clinic.machine.ok(["message", "recall", &id, "--reason", "again"]);
    assert!(find(&clinic.events(&id), "recalled", "").is_none(), "its link was still alive");
    server.stop();
    clinic.machine.ok(["audit", "verify"]);
}

/// Two names whose lanes have the same number of a stream.
fn namesakes() -> (String, String) {
    let mut seen = HashMap::new();
    let number = |name: &str| Lane::new(Priority::Marketing, OrgId(1), name, "x").number();
    let names = (0..).map(|count| format!("news-{count}"));
    names
        .into_iter()
        .find_map(|name| Some((seen.insert(number(&name), name.clone())?, name)))
        .expect("there are more names than numbers")
}

#[test]
fn a_stream_is_picked_by_its_name_and_not_by_its_number() {
    let (meant, other) = namesakes();
    assert!(Lane::new(Priority::Marketing, OrgId(1), &meant, "x").is_of(&other));
    let clinic = Clinic::new(&format!(
        "[[stream]]\nname = '{meant}'\npriority = 'marketing'\n[[stream]]\nname = '{other}'\npriority = 'marketing'\n"
    ));
    let server = clinic.serve();
    let patient = clinic.patient(Kind::Strict).replace("pat@", "late@");
    let of = |stream: &str| late_with(&clinic, &server, &patient, &format!("X-Sealpost-Stream: {stream}\n"));
    let (gone, stays) = (of(&meant), of(&other));
    let (_, listed, _) = lines(&clinic, &["queue", "list", "--stream", &meant, "--json"]);
    assert_eq!(listed.iter().map(|one| one["message"].clone()).collect::<Vec<_>>(), [Value::from(gone.as_str())]);
    clinic.machine.ok(["queue", "drop", "--stream", &meant, "--reason", "a test", "--silent", "--yes"]);
    assert_eq!(shown(&clinic, &gone).len(), 0);
    assert_eq!(shown(&clinic, &stays).len(), 1, "a stream of another name was dropped");
    server.stop();
}

/// Damages the envelope of the oldest message.
fn damage(clinic: &Clinic) {
    let change = "UPDATE message SET envelope = %s WHERE id = (SELECT min(id) FROM message)";
    match &clinic.machine.database {
        Some(name) => drop(Postgres::shared().query(name, &change.replace("%s", "'\\x00'"))),
        None => {
            let program = format!(
                "import sqlite3\ndb = sqlite3.connect({:?})\ndb.execute({:?})\ndb.commit()",
                clinic.machine.path("data/sealpost.db"),
                change.replace("%s", "x'00'")
            );
            python(&program, b"").expect_success();
        }
    }
}

#[test]
fn one_damaged_message_ends_nothing_and_is_named() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let ((damaged, _), (whole, _)) = (late(&clinic, &server), late(&clinic, &server));
    server.stop();
    damage(&clinic);
    let (code, listed, errors) = lines(&clinic, &["queue", "list", "--json"]);
    assert_eq!(code, Some(1));
    assert!(listed.iter().any(|one| one["message"] == whole.as_str() && one["why"].is_string()), "{listed:?}");
    assert!(listed.iter().any(|one| one["message"] == damaged.as_str() && one["damaged"].is_string()), "{listed:?}");
    assert!(errors.contains(&damaged) && errors.contains("1 parcels can't be read"), "{errors}");
    for deed in [&["queue", "hold"][..], &["queue", "release"], &["queue", "drop", "--yes", "--silent"]] {
        let arguments = [deed, &["--all", "--reason", "a test", "--json"]].concat();
        let (code, told, errors) = lines(&clinic, &arguments);
        let was_met = deed[1] != "release";
        assert_eq!((code, &told[0]["parcels"]), (Some(i32::from(was_met)), &1.into()), "{deed:?} {errors}");
        assert_eq!(told[0]["damaged"].as_array().unwrap().len(), usize::from(was_met), "{deed:?}");
        assert_eq!(errors.contains(&damaged), was_met, "{errors}");
    }
    assert_eq!(shown(&clinic, &whole), Vec::<Value>::new());
}
