//! `sealpost send`: what people and programs on the machine hand in.

use serde_json::Value;
use testkit::process::run;
use testkit::wait;

use crate::ward::Ward;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

#[track_caller]
fn wait_for(ward: &Ward, id: &str, kind: &str) -> Value {
    wait::until(&format!("{kind} of {id}"), || ward.events(id).into_iter().find(|event| event["event"] == kind))
}

#[test]
fn a_message_of_flags_goes_its_way_beside_the_server_and_once() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    ward.machine.write("text.txt", "The refill is ready.\nPlease come.\n");
    ward.machine.write("notes.pdf", "%PDF");
    let flags = [
        ["send", "--from", "Lakeside <desk@clinic.example>"].as_slice(),
        &["--to", "a@sink.example", "--bcc", "hidden@sink.example", "--subject", "A message from Lakeside"],
        &["--text", "text.txt", "--attach", "notes.pdf", "--header", "X-Refill: 8841", "--stream", "transactional"],
        &["--tag", "autumn", "--idempotency-key", "refill/8841", "--json"],
    ]
    .concat();
    let first = json(&ward.machine.ok(&flags));
    let id = first["id"].as_str().unwrap().to_owned();
    assert_eq!((first["status"].as_str(), first["replayed"].as_bool()), (Some("queued"), Some(false)));
    let accepted = wait_for(&ward, &id, "accepted");
    assert_eq!(accepted["door"], "command");
    assert!(accepted["submitter"].as_str().unwrap().starts_with("operator:"), "{accepted}");
    wait_for(&ward, &id, "delivered");
    let text = ward.sink.wait_for("the copy", |taken| taken.text().contains("X-Refill: 8841")).text();
    assert!(text.contains("The refill is ready.\r\nPlease come.") && text.contains("notes.pdf"), "{text}");
    assert!(!text.contains("hidden@") && !text.to_lowercase().contains("\nbcc"), "{text}");

    // The same again finds it; another under the same key is none.
    let again = json(&ward.machine.ok(&flags));
    assert_eq!((again["id"].as_str(), again["replayed"].as_bool()), (Some(id.as_str()), Some(true)));
    let other: Vec<&str> = flags.iter().map(|flag| if *flag == "autumn" { "winter" } else { flag }).collect();
    let refused = ward.machine.run(&other);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("used for another request"));
    assert_eq!(ward.stored(), 1);
    assert!(ward.machine.ok(["message", "list", "--stream", "transactional", "--tag", "autumn"]).contains(&id));
    assert_eq!(ward.machine.ok(["message", "list", "--stream", "marketing"]).trim(), "");
    assert_eq!(ward.machine.ok(["message", "list", "--before", &id]).trim(), "");
    server.stop();
    ward.assert_ledger_is_whole();
}

#[test]
fn a_whole_message_goes_to_its_own_recipients_without_bcc() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let message = "From: Desk <desk@clinic.example>\nTo: A <a@sink.example>, b@sink.example\n\
                   Bcc: hidden@sink.example\nSubject: whole\n\nline one\nline two\n";
    let done = run(&mut ward.machine.command(["send", "-"]), message.as_bytes());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let id = String::from_utf8(done.stdout).unwrap().trim().to_owned();
    assert_eq!(wait_for(&ward, &id, "accepted")["recipients"].as_array().unwrap().len(), 3);
    wait_for(&ward, &id, "delivered");
    let text = ward.sink.wait_for("a copy", |taken| taken.text().contains("Subject: whole")).text();
    assert!(text.contains("line one\r\nline two\r\n") && !text.contains("hidden@"), "{text}");
    let bad = run(&mut ward.machine.command(["send", "-"]), b"From: desk@clinic.example\nTo: a@sink.example\n\na\rb\n");
    assert_eq!(bad.status.code(), Some(1), "what no server may send on is not taken");
    drop(server);
}

#[test]
fn a_dry_run_tells_what_policy_would_decide_and_writes_nothing() {
    let ward = Ward::new("");
    ward.machine.write(
        "conf.d/policy.toml",
        "[[policy.rule]]\nname = 'by portal'\nrecipient_domain = 'portal.example'\nrequire = 'portal'\n",
    );
    ward.machine.write("text.txt", "text");
    let flags =
        ["send", "--from", "desk@clinic.example", "--to", "a@sink.example", "b@portal.example", "--text", "text.txt"];
    let told = json(&ward.machine.ok([&flags[..], &["--dry-run", "--json"]].concat()));
    assert_eq!(told["recipients"][0]["needs"], "verified");
    assert_eq!(
        (told["recipients"][1]["needs"].as_str(), told["recipients"][1]["method"].as_str()),
        (Some("portal"), Some("portal"))
    );
    assert!(ward.machine.ok([&flags[..], &["--dry-run"]].concat()).contains("by portal"));
    assert_eq!(ward.stored(), 0);
    let protected = json(&ward.machine.ok([&flags[..], &["--protect", "portal", "--dry-run", "--json"]].concat()));
    assert_eq!(protected["recipients"][0]["needs"], "portal");
}

#[test]
fn what_can_not_be_sent_is_told_and_usage_is_apart_from_failure() {
    let ward = Ward::new("");
    ward.machine.write("text.txt", "text");
    let check = |flags: &[&str], code: i32, words: &str| {
        let done = ward.machine.run([&["send"][..], flags].concat());
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{flags:?}: {said}");
        assert!(said.contains(words), "{flags:?}: {said}");
        assert!(done.stdout.is_empty());
    };
    check(&["--from", "desk@clinic.example", "--text", "text.txt"], 2, "--to");
    check(&["--to", "a@sink.example"], 2, "--from");
    check(&["--from", "desk@clinic.example", "--to", "nobody"], 2, "local-part@domain");
    check(&["--from", "desk@clinic.example", "--to", "a@sink.example", "--protect", "much"], 2, "no level");
    check(&["text.txt", "--subject", "x"], 2, "cannot be used with");
    check(
        &["--from", "desk@other.example", "--to", "a@sink.example", "--text", "text.txt"],
        1,
        "not allowed to send as",
    );
    check(&["--from", "desk@clinic.example", "--to", "a@sink.example", "--text", "none.txt"], 1, "can't read");
    check(&["--from", "desk@clinic.example", "--to", "a@sink.example", "--header", "Bcc: x"], 1, "can't be set");
    assert_eq!(ward.stored(), 0);
}
