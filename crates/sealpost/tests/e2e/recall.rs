//! A message that is recalled: what is stopped, and what is said.

use serde_json::{Value, json};

use crate::clinic::{Clinic, Kind, MARKER, Mail, find};
use crate::replies::{Reader, clinic};

fn recall(clinic: &Clinic, id: &str) -> Vec<Value> {
    let told = clinic.machine.ok(["message", "recall", id, "--reason", "wrong patient", "--json"]);
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Receipts that say so.
fn recalled_receipts(clinic: &Clinic, id: &str) -> usize {
    let shown = clinic.machine.ok(["receipt", "show", id, "--json"]);
    shown.matches("\"recalled\"").count()
}

fn recalled(clinic: &Clinic, id: &str) -> usize {
    clinic.events(id).iter().filter(|event| event["event"] == "recalled").count()
}

#[test]
fn a_message_in_the_portal_vanishes_from_an_open_session() {
    let clinic = clinic();
    let server = clinic.serve();
    let mut reader = Reader::of(&clinic, &server, "");
    for _ in 0..2 {
        let told = recall(&clinic, &reader.id);
        assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("withdrawn")));
    }
    assert_eq!(recalled(&clinic, &reader.id), 1, "to recall twice is to ask again");
    assert_eq!(recalled_receipts(&clinic, &reader.id), 1);
    for page in ["message", "body"] {
        let page = reader.visitor.get(&format!("{}/{page}", reader.link)).text();
        assert!(!page.contains(MARKER), "{page}");
    }
    let page = reader.visitor.get(&format!("{}/message", reader.link)).text();
    assert!(page.contains("This message was withdrawn") && !page.contains("name=\"text\""), "{page}");
    server.stop();
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn what_waits_is_stopped_and_what_arrived_is_told() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Strict);
    let (late, here) = (format!("late@{domain}"), format!("pat@{domain}"));
    let id = clinic.send(&server, &Mail { to: &[&late, &here], ..clinic.mail() });
    clinic.wait_for(&id, "deferred", &late);
    clinic.wait_for(&id, "delivered", &here);
    let told = recall(&clinic, &id);
    let outcome = |recipient: &str| told.iter().find(|one| one["recipient"] == recipient).unwrap().clone();
    assert_eq!(outcome(&late)["outcome"], "stopped");
    assert_eq!(outcome(&here)["outcome"], "delivered");
    assert!(outcome(&here)["delivered_at"].is_string());
    assert_eq!(recall(&clinic, &id), told, "the same again");
    let events = clinic.events(&id);
    let event = find(&events, "recalled", &late).unwrap();
    assert_eq!((event["reason"].as_str(), event["outcome"].as_str()), (Some("wrong patient"), Some("stopped")));
    assert!(find(&events, "recalled", &here).is_none(), "nothing became of that copy");
    assert_eq!(recalled_receipts(&clinic, &id), 1);
    let words = clinic.machine.ok(["message", "recall", &id, "--reason", "again"]);
    assert!(words.contains(&format!("{here}: delivered, can't be recalled")), "{words}");
    server.stop();
    clinic.machine.ok(["audit", "verify"]);
}
