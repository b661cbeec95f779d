//! What policy holds, and the people who judge it.

use serde_json::Value;
use testkit::sealpost::Server;
use testkit::wait;

use crate::ward::{Client, Ward, message};

const HELD: &str = "[[policy.rule]]\nname = 'look first'\nrecipient_domain = 'sink.example'\nsubject_tag = 'quarter'\nhold = true\n\
    [[policy.rule]]\nname = 'by portal'\nrecipient = 'by-portal@sink.example'\nrequire = 'portal'\n";

/// Hands in a message that policy holds; its id.
#[track_caller]
fn held(ward: &Ward, server: &Server<'_>, to: &[&str]) -> String {
    ward.machine.write("conf.d/policy.toml", HELD);
    let mut client = Client::to(server);
    let sent = client.send(to, message("Subject: the quarter's figures\r\n", "text\r\n").as_bytes()).unwrap();
    sent.expect(250, "accepted").id()
}

fn ward() -> Ward {
    let ward = Ward::new("");
    ward.machine.write("conf.d/policy.toml", HELD);
    ward
}

#[track_caller]
fn wait_for(ward: &Ward, id: &str, kind: &str) -> Value {
    wait::until(&format!("{kind} of {id}"), || ward.events(id).into_iter().find(|event| event["event"] == kind))
}

#[test]
fn a_held_message_goes_on_once_staff_let_it_go() {
    let ward = ward();
    let server = ward.machine.serve();
    let id = held(&ward, &server, &["a@sink.example", "by-portal@sink.example"]);
    let listed: Value = serde_json::from_str(&ward.machine.ok(["message", "held", "--json"])).unwrap();
    assert_eq!(listed["id"], id.as_str());
    assert_eq!(listed["recipients"][0]["because"], "look first");
    assert!(ward.machine.ok(["message", "held"]).contains("a@sink.example: look first"));

    ward.machine.ok(["message", "release", &id, "--reason", "figures are public"]);
    let released = wait_for(&ward, &id, "released");
    assert_eq!(released["reason"], "figures are public");
    wait_for(&ward, &id, "delivered");
    let notified = wait_for(&ward, &id, "notified");
    assert_eq!(notified["recipient"], "by-portal@sink.example", "a release does not lower what else is asked");
    let copies = ward.sink.taken().iter().filter(|taken| taken.text().contains("quarter's figures")).count();
    assert_eq!(copies, 1, "the other copy stays in the portal");

    let again = ward.machine.run(["message", "release", &id, "--reason", "once more"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not held"));
    assert_eq!(ward.machine.ok(["message", "held"]).trim(), "");
}

#[test]
fn a_copy_that_policy_refuses_now_holds_up_no_other() {
    let ward = ward();
    let server = ward.machine.serve();
    let id = held(&ward, &server, &["a@sink.example", "gone@sink.example"]);
    let never = "[[policy.rule]]\nname = 'never'\nrecipient = 'gone@sink.example'\nrefuse = true\n";
    ward.machine.write("conf.d/policy.toml", &format!("{HELD}{never}"));
    let release = || ward.machine.run(["message", "release", &id, "--reason", "figures are public"]);
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let first = release();
    assert!(first.status.success(), "{}", said(&first));
    let stays = "the copy for gone@sink.example stays held: policy refuses it now (look first, never)";
    assert!(said(&first).contains(stays), "{}", said(&first));
    assert_eq!(wait_for(&ward, &id, "delivered")["recipient"], "a@sink.example");
    let listed: Value = serde_json::from_str(&ward.machine.ok(["message", "held", "--json"])).unwrap();
    assert_eq!(listed["recipients"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["recipients"][0]["recipient"], "gone@sink.example", "{listed}");

    let second = release();
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains("policy refuses the copy for gone@sink.example"), "{}", said(&second));
    // Once policy allows it, it goes, and the other not again.
    ward.machine.write("conf.d/policy.toml", HELD);
    assert!(release().status.success());
    let copies = || ward.sink.taken().iter().filter(|taken| taken.text().contains("quarter's figures")).count();
    wait::until("the second copy", || (copies() >= 2).then_some(()));
    assert_eq!((copies(), ward.machine.ok(["message", "held"]).trim()), (2, ""));
}

#[test]
fn a_rejected_message_is_never_sent_and_its_sender_is_told() {
    let ward = ward();
    let server = ward.machine.serve();
    let id = held(&ward, &server, &["a@sink.example"]);
    ward.machine.ok(["message", "reject", &id, "--reason", "wrong recipient"]);
    assert_eq!(wait_for(&ward, &id, "rejected")["reason"], "wrong recipient");
    wait_for(&ward, &id, "dsn_sent");
    let told = ward.sink.wait_for("a word to the sender", |taken| taken.text().contains("wrong recipient"));
    assert!(told.text().contains("Action: failed"), "{}", told.text());
    assert!(!ward.sink.taken().iter().any(|taken| taken.text().contains("a@sink.example\r\nSubject: the quarter")));
}

#[test]
fn what_nobody_judges_in_time_is_not_sent() {
    let ward = ward();
    ward.machine.write("conf.d/holds.toml", "[holds]\nexpiry = '1s'\n");
    let server = ward.machine.serve();
    let id = held(&ward, &server, &["a@sink.example"]);
    wait::until("its end", || {
        server.signal("HUP");
        ward.events(&id).iter().any(|event| event["event"] == "expired").then_some(())
    });
    wait_for(&ward, &id, "dsn_sent");
    assert_eq!(ward.machine.ok(["message", "held"]).trim(), "");
}
