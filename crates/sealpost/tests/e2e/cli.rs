//! The command line as an operator and an auditor use it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::clients::python;
use testkit::postgres::Postgres;
use testkit::process::run;
use testkit::sealpost::is_on_sqlite;

use crate::clinic::{BINARY, Clinic, Kind, MARKER, Mail};

/// Standard error, for assertions.
fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The binary with nothing but arguments, away from every configuration.
fn bare(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().current_dir(folder).env("SEALPOST_CONFIG", folder.join("sealpost.toml"));
    run(&mut command, input)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut files: Vec<_> =
        entries.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap_or_default())).collect();
    files.sort();
    files
}

#[test]
fn init_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let init =
        ["init", "secure.clinic.example", "--domain", "clinic.example", "--name", "The \"Lake\"", "--data-dir", &data];
    let first = bare(folder.path(), &init, b"");
    assert!(first.status.success(), "{}", told(&first));
    let record = String::from_utf8(first.stdout.clone()).unwrap();
    assert!(record.starts_with("sealpost._domainkey.clinic.example. TXT \"v=DKIM1"), "{record}");
    let before = files(folder.path());
    let second = bare(folder.path(), &init, b"");
    assert!(second.status.success(), "{}", told(&second));
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(files(folder.path()), before);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(folder.path().join("root.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(bare(folder.path(), &["config", "check"], b"").status.success());
}

#[test]
fn exit_codes_are_0_1_and_2() {
    let folder = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| bare(folder.path(), arguments, b"").status.code();
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["help"]), Some(0));
    assert_eq!(code(&["config", "check"]), Some(1), "there is no configuration");
    assert_eq!(code(&["no-such-command"]), Some(2));
    assert_eq!(code(&["message", "show"]), Some(2));
    assert_eq!(code(&["message", "show", "not-an-id"]), Some(2));
}

#[test]
fn configuration_says_where_values_come_from_and_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let made =
        bare(folder.path(), &["init", "secure.clinic.example", "--domain", "clinic.example", "--data-dir", &data], b"");
    assert!(made.status.success());
    std::fs::create_dir(folder.path().join("conf.d")).unwrap();
    std::fs::write(folder.path().join("conf.d/10-portal.toml"), "[portal]\nlanguage = 'es'\n").unwrap();
    let shown = Command::new(BINARY)
        .args(["config", "show", "--origin"])
        .env_clear()
        .env("SEALPOST_CONFIG", folder.path().join("sealpost.toml"))
        .env("SEALPOST_DELIVERY__HELO", "out.clinic.example")
        .env("SEALPOST_STORE__URL", "postgres://sealpost:hunter2@db/sealpost")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success(), "{}", told(&shown));
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {text}"));
    assert!(line("portal.language").contains("10-portal.toml:2"), "{text}");
    assert!(line("delivery.helo").contains("SEALPOST_DELIVERY__HELO"), "{text}");
    assert!(line("delivery.mx_port").contains("default"), "{text}");
    assert!(line("server.hostname").contains("sealpost.toml:"), "{text}");
    assert!(!text.contains("hunter2"), "a secret is shown");

    std::fs::write(folder.path().join("conf.d/10-portal.toml"), "[portal]\nlangauge = 'es'\n").unwrap();
    let refused = bare(folder.path(), &["config", "check"], b"");
    assert_eq!(refused.status.code(), Some(1));
    let words = "10-portal.toml:2: unknown key portal.langauge; did you mean portal.language?";
    assert!(told(&refused).contains(words), "{}", told(&refused));
}

#[test]
fn policy_explains_without_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let message = "From: a@clinic.example\nTo: p@example.com\nSubject: [secure] results\n\nSSN 536-22-8141\n";
    std::fs::write(folder.path().join("message.eml"), message).unwrap();
    let arguments = ["policy", "explain", "message.eml", "--to", "p@example.com", "q@example.org", "--json"];
    let output = bare(folder.path(), &arguments, b"");
    assert!(output.status.success(), "{}", told(&output));
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    let recipients = explained["recipients"].as_array().unwrap();
    assert_eq!(recipients.len(), 2);
    assert_eq!(recipients[0]["address"], "p@example.com");
    assert_eq!((&recipients[0]["decision"], &recipients[0]["needs"]), (&json!("deliver"), &json!("end_to_end")));
    assert!(recipients[0]["because"].as_array().unwrap().contains(&json!("subject-secure")), "{explained}");
    let ssn = explained["findings"].as_array().unwrap().iter().find(|one| one["detector"] == "ssn").unwrap();
    assert_eq!((&ssn["where"], &ssn["masked"]), (&json!("text"), &json!("***-**-8141")));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("536-22"));
    let piped = bare(folder.path(), &["policy", "explain", "-", "--to", "p@example.com", "--json"], message.as_bytes());
    let piped: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(piped["findings"], explained["findings"]);
    assert!(files(folder.path()).len() == 1, "explain left something behind");
}

#[test]
fn messages_and_receipts_beside_a_running_server() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let header = "X-Sealpost-Passphrase: blue bicycle in the rain\n";
    let id = clinic.send(&server, &Mail { to: &[&patient], header, text: MARKER, ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);

    let listed = clinic.machine.ok(["message", "list", "--json"]);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&json!(id), &json!("decided")));
    let shown = clinic.machine.ok(["message", "show", &id]);
    assert!(shown.contains("delivered") && shown.contains("proved verified"), "{shown}");
    assert!(!shown.contains(MARKER));

    clinic.machine.ok(["receipt", "export", &id, "--out", clinic.machine.path("out").to_str().unwrap()]);
    let out = |name: &str| clinic.machine.path("out").join(name).display().to_string();
    let (jws, salt, key) = (out(&format!("{id}-01.jws")), out(&format!("{id}-01.salt")), out("receipts.jwk"));
    let check = |jws: &str, rest: &[&str]| {
        let output = clinic.machine.run([&["receipt", "verify", jws][..], rest].concat());
        (output.status.code(), told(&output))
    };
    assert_eq!(check(&jws, &["--key", &key]).0, Some(0));

    // One flipped character of the payload, and of the signature.
    let text = std::fs::read_to_string(&jws).unwrap();
    for at in [text.find('.').unwrap() + 20, text.rfind('.').unwrap() + 20] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        clinic.machine.write("flipped.jws", &String::from_utf8(bytes).unwrap());
        let flipped = clinic.machine.path("flipped.jws").display().to_string();
        let (code, words) = check(&flipped, &["--key", &key]);
        assert!(code == Some(1) && words.contains("not verified"), "{code:?} {words}");
    }
    let other = Clinic::new("");
    other.machine.write("other.jwk", &other.machine.ok(["audit", "key"]));
    let other_key = other.machine.path("other.jwk").display().to_string();
    assert_eq!(check(&jws, &["--key", &other_key]).0, Some(1));

    // What the receipt is about: the stored message, which is what was received, with our Received field and without
    // the passphrase.
    let stored = clinic.letter(Kind::Good, &patient).text().replace("\r\n", "\n");
    let start = stored.find("\nReceived: from client.test").unwrap() + 1;
    clinic.machine.write("stored.eml", &stored[start..].replace('\n', "\r\n"));
    let message = clinic.machine.path("stored.eml").display().to_string();
    let about = |salt: &str, message: &str, recipient: &str| {
        check(&jws, &["--key", &key, "--salt", salt, "--message", message, "--recipient", recipient])
    };
    assert_eq!(about(&salt, &message, &patient), (Some(0), about(&salt, &message, &patient).1));
    let (code, words) = about(&salt, &message, "someone@else.example");
    assert!(code == Some(1) && words.contains("another recipient"), "{words}");
    clinic.machine.write("other.eml", &stored[start..].replace('\n', "\r\n").replace("Marker", "marker"));
    let (code, words) = about(&salt, clinic.machine.path("other.eml").to_str().unwrap(), &patient);
    assert!(code == Some(1) && words.contains("another message"), "{words}");
    clinic.machine.write("other.salt", &"00".repeat(32));
    assert_eq!(about(clinic.machine.path("other.salt").to_str().unwrap(), &message, &patient).0, Some(1));

    let read = format!(
        "import json, jwt\nkey = jwt.PyJWK(json.load(open({key:?})))\n\
         print(json.dumps(jwt.decode(open({jws:?}).read().strip(), key.key, algorithms=['EdDSA'])))"
    );
    let payload: Value = serde_json::from_str(&python(&read, b"").expect_success().text).unwrap();
    assert_eq!((&payload["message"], &payload["proved"]), (&json!(id), &json!("verified")));
    assert!(!payload.to_string().contains(&patient), "a receipt names its recipient");
}

#[test]
fn the_audit_sees_a_flipped_byte_and_a_cut_tail() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    for _ in 0..2 {
        let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
        clinic.wait_for(&id, "delivered", &patient);
    }
    server.stop();
    let clean: Value = serde_json::from_str(&clinic.machine.ok(["audit", "verify", "--json"])).unwrap();
    assert!(clean["size"].as_u64().unwrap() >= 4, "{clean}");
    assert_eq!(clean["findings"], json!([]));
    clinic.machine.write("earlier.note", &clinic.machine.ok(["audit", "checkpoint"]));
    let vkey = clinic.machine.ok(["audit", "key", "--vkey"]);
    assert!(vkey.starts_with("secure.clinic.example/org/lakeside+"), "{vkey}");
    let earlier = clinic.machine.path("earlier.note").display().to_string();
    assert!(clinic.machine.run(["audit", "verify", "--checkpoint", &earlier]).status.success());

    let flip = "entry = bytearray(db.execute('SELECT entry FROM journal WHERE id = 2').fetchone()[0])\n\
        entry[len(entry) // 2] ^= 1\n\
        db.execute('UPDATE journal SET entry = ? WHERE id = 2', (bytes(entry),))";
    let (code, report) = audit_copy(&clinic, "flipped", flip, None);
    assert_eq!(code, Some(1), "{report}");
    let removed = "db.execute('DELETE FROM journal WHERE id = 2')";
    assert_eq!(audit_copy(&clinic, "removed", removed, None).0, Some(1));
    // The last run and all that it sequenced, as if they had never been: only an earlier checkpoint tells.
    let cut = "last = db.execute('SELECT max(first_position) FROM run').fetchone()[0]\n\
        db.execute('DELETE FROM run WHERE first_position = ?', (last,))\n\
        ids = [row[0] for row in db.execute('SELECT id FROM journal ORDER BY id')]\n\
        for id in ids[last:]: db.execute('DELETE FROM journal WHERE id = ?', (id,))";
    assert_eq!(audit_copy(&clinic, "cut", cut, None).0, Some(0));
    let (code, report) = audit_copy(&clinic, "cut-known", cut, Some(&earlier));
    assert_eq!(code, Some(1), "{report}");
}

/// Alters a copy of the data with Python's sqlite3 and audits it. The checkpoints outside the database stay behind,
/// as with a thief of all of the machine.
fn audit_copy(clinic: &Clinic, name: &str, change: &str, checkpoint: Option<&str>) -> (Option<i32>, String) {
    let copy = clinic.machine.path(name);
    let program = format!(
        "import shutil, sqlite3\nshutil.copytree({:?}, {copy:?}, ignore=shutil.ignore_patterns('checkpoints'))\n\
         db = sqlite3.connect({:?})\n{change}\ndb.commit()\ndb.close()\n",
        clinic.machine.path("data"),
        copy.join("sealpost.db")
    );
    python(&program, b"").expect_success();
    let mut command = clinic.machine.command(["audit", "verify"]);
    command.env("SEALPOST_SERVER__DATA_DIR", &copy);
    command.args(checkpoint.iter().flat_map(|path| ["--checkpoint", path]));
    let output = run(&mut command, b"");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + told(&output).as_str())
}

#[test]
fn rotation_keeps_and_erasure_destroys() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let send = || clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    let (kept, erased) = (send(), send());
    clinic.wait_for(&kept, "delivered", &patient);
    clinic.wait_for(&erased, "delivered", &patient);
    server.stop();
    let before = clinic.machine.ok(["message", "show", &kept]);
    clinic.machine.ok(["vault", "rotate"]);
    assert_eq!(clinic.machine.ok(["message", "show", &kept]), before);

    let wrapped = wrapped_keys(&clinic);
    assert_eq!(wrapped.len(), 2);
    let erase = ["message", "erase", &erased, "--reason", "asked for by the patient"];
    for more in [vec![], vec!["--no-input"], vec!["--json"]] {
        let refused = clinic.machine.run([&erase[..], &more].concat());
        assert_eq!(refused.status.code(), Some(1), "nobody can be asked");
        assert!(told(&refused).contains("this can't be undone") && told(&refused).contains("--yes"), "{refused:?}");
    }
    assert_eq!(wrapped_keys(&clinic), wrapped);
    clinic.machine.ok([&erase[..], &["--yes"]].concat());
    for command in [vec!["message", "show"], vec!["receipt", "show"], vec!["receipt", "export"]] {
        let output = clinic.machine.run([command.as_slice(), &[&erased]].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(told(&output).contains("erased"), "{}", told(&output));
    }
    assert_eq!(clinic.machine.ok(["message", "show", &kept]), before);
    let gone: Vec<Vec<u8>> = wrapped.iter().filter(|key| !wrapped_keys(&clinic).contains(key)).cloned().collect();
    assert_eq!(gone.len(), 1);
    // PostgreSQL keeps what was deleted until it vacuums.
    if is_on_sqlite() {
        let files = clinic.machine.files("data");
        let holds =
            |key: &[u8]| files.iter().any(|(_, content)| content.windows(key.len()).any(|window| window == key));
        assert!(!holds(&gone[0]), "the wrapped key of an erased message is still on disk");
        assert!(holds(wrapped.iter().find(|key| **key != gone[0]).unwrap()));
    }

    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    server.stop();
    assert!(clinic.machine.ok(["audit", "verify"]).contains("whole"));
}

fn wrapped_keys(clinic: &Clinic) -> Vec<Vec<u8>> {
    let text = match &clinic.machine.database {
        Some(name) => Postgres::shared().query(name, "SELECT encode(wrapped_key, 'hex') FROM message_key ORDER BY id"),
        None => {
            let program = format!(
                "import sqlite3\ndb = sqlite3.connect({:?})\n\
                 for (key,) in db.execute('SELECT wrapped_key FROM message_key ORDER BY id'): print(bytes(key).hex())",
                clinic.machine.path("data/sealpost.db")
            );
            python(&program, b"").expect_success().text
        }
    };
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}

#[test]
fn every_command_has_completions_and_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = bare(folder.path(), &["completions", shell], b"");
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("passphrase"), "{shell}");
    }
    let pages = folder.path().join("man");
    assert!(bare(folder.path(), &["manual", &pages.display().to_string()], b"").status.success());
    for page in ["sealpost.1", "sealpost-message.1", "sealpost-message-release.1"] {
        let text = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
}
