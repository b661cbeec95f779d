//! How received messages travelled: `sealpost inspect` over files of every
//! shape, and what Sealpost itself sent, checked with its key and its receipt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::clients::python;
use testkit::process::run;

use crate::clinic::{BINARY, Clinic, Kind, Mail};

/// Three hops: over TLS from the author's program, without TLS to a relay, and over TLS to the reader.
const MESSAGE: &str = "\
Authentication-Results: mx.clinic.example; spf=pass smtp.mailfrom=ana@sender.example
Received: from out.relay.example (out.relay.example [198.51.100.7])
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)
\t key-exchange X25519 server-signature RSA-PSS (2048 bits))
\t(No client certificate requested)
\tby mx.clinic.example (Postfix) with ESMTPS id 4F1A2B3C4D
\tfor <care@clinic.example>; Tue, 13 Jan 2026 10:00:07 +0000 (UTC)
Received: from mail.sender.example (mail.sender.example [203.0.113.25])
\tby out.relay.example (Postfix) with ESMTP id 9A8B7C6D5E
\tfor <care@clinic.example>; Tue, 13 Jan 2026 10:00:05 +0000 (UTC)
Received: from [192.168.1.20] (cable-77.provider.example [198.51.100.77])
\tby mail.sender.example (Postfix) with ESMTPSA id 1122334455
\tfor <care@clinic.example>; Tue, 13 Jan 2026 11:00:04 +0100 (CET)
From: Ana <ana@sender.example>
To: care@clinic.example
Subject: Appointment
Message-ID: <1@sender.example>

Hello
";

/// A folder of a test's own, and the binary in it, without a configuration.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("inspect").args(arguments).env_clear().current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        run(&mut self.command(arguments), input)
    }

    /// Standard output of a run that is well.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, b"");
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn sources(lines: &[Value]) -> Vec<(&str, Option<u64>)> {
    lines.iter().map(|line| (line["file"].as_str().unwrap(), line["message"].as_u64())).collect()
}

#[test]
fn the_table_is_in_the_order_of_travel_and_ends_with_a_sentence() {
    let bench = Bench::new();
    bench.write("message.eml", MESSAGE);
    for columns in [80, 120] {
        let output = run(bench.command(&["message.eml"]).env("COLUMNS", columns.to_string()), b"");
        let text = String::from_utf8(output.stdout).unwrap();
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("10:00:0")).collect();
        assert_eq!(rows.len(), 3, "{text}");
        for (row, (clock, verdict)) in
            rows.iter().zip([("10:00:04", "encrypted"), ("10:00:05", "not encrypted"), ("10:00:07", "encrypted")])
        {
            assert!(row.contains(clock) && row.ends_with(verdict), "{row}");
        }
        assert!(rows[2].contains("+2s") && rows[2].contains("TLS 1.3"), "{text}");
        let line = text.find("other servers' word; below").unwrap();
        assert!(text.find("10:00:05").unwrap() < line && line < text.find("10:00:07").unwrap(), "{text}");
        let last = text.trim_end().replace('\n', " ");
        assert!(last.ends_with(
            "Not encrypted between mail.sender.example and out.relay.example: Postfix always says so when TLS was \
             used, and says nothing here (another server's word)."
        ));
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
        assert!(!text.contains('\u{1b}'), "colours without a terminal");
    }
    let explained = bench.ok(&["--explain", "message.eml"]);
    for words in ["“with ESMTPSA” says that TLS was used", "key-exchange X25519", "told by   a server that you trust"]
    {
        assert!(explained.contains(words), "{words}: {explained}");
    }
    let all = [explained, bench.ok(&["--help"]), bench.ok(&["--json", "message.eml"])].concat();
    assert!(!all.to_lowercase().contains("secure"));
}

#[test]
fn json_has_an_object_a_message_with_every_hop() {
    let bench = Bench::new();
    bench.write("message.eml", MESSAGE);
    let found = lines(&bench.ok(&["--json", "message.eml"])).remove(0);
    let hops = found["hops"].as_array().unwrap();
    assert_eq!(
        hops[0],
        json!({
            "index": 0, "from": "out.relay.example", "by": "mx.clinic.example", "with": "ESMTPS",
            "time": "2026-01-13T10:00:07Z", "delay_s": 2,
            "tls": {
                "version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256, "version_name": "TLS 1.3",
                "cipher_name": "TLS_AES_256_GCM_SHA384", "weak": null, "strength": "good", "anonymous": false,
                "key_exchange": "X25519", "server_signature": "RSA-PSS (2048 bits)",
                "client_certificate": "No client certificate requested"
            },
            "verdict": "encrypted", "trusted": true,
            "because": "the receiving server writes “using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) \
                key-exchange X25519 server-signature RSA-PSS (2048 bits)”",
            "leg": "between", "protocol": "SMTP over TLS", "software": "Postfix",
            "from_name": "out.relay.example", "from_reverse": "out.relay.example", "from_address": "198.51.100.7",
            "by_address": null, "via": null, "id": "4F1A2B3C4D", "for": "<care@clinic.example>",
            "skewed": false, "cut": false
        })
    );
    let of = |key: &str| hops.iter().map(|hop| hop[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("verdict"), ["encrypted", "not_encrypted", "encrypted"]);
    assert_eq!(of("trusted"), [true, false, false]);
    assert_eq!((&found["verdict"], &hops[1]["tls"]), (&json!("not_encrypted"), &Value::Null));
    assert!(found["ends"]["sender"].as_str().unwrap().contains("over TLS"), "{found}");
    let expect = json!([{
        "kind": "authentication_results", "source": "mx.clinic.example",
        "says": "spf=pass smtp.mailfrom=ana@sender.example", "weight": "believed", "hop": 0
    }]);
    assert_eq!((&found["evidence"], &found["content"]), (&expect, &Value::Null));

    // A header block alone, with CRLF, from a pipe: the same, but for its name.
    let header = MESSAGE.split_once("\n\n").unwrap().0.replace('\n', "\r\n");
    let piped = bench.run(&["--json", "-"], header.as_bytes());
    let mut piped = lines(&String::from_utf8(piped.stdout).unwrap()).remove(0);
    assert_eq!(piped["file"], "-");
    piped["file"] = found["file"].clone();
    assert_eq!(piped, found);
}

#[test]
fn an_mbox_a_maildir_and_a_folder_are_read_in_order() {
    let bench = Bench::new();
    let quoted = format!("{MESSAGE}\nFrom here on it is quoted\n").replace("\nFrom here", "\n>From here");
    let from = "From ana@sender.example Tue Jan 13 10:00:07 2026\n";
    let signed = "From: b@b.example\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"\n\nx\n";
    bench.write("in/box.mbox", format!("{from}{quoted}\n{from}{signed}\n{from}{MESSAGE}"));
    bench.write("in/mail/cur/1:2,S", MESSAGE);
    bench.write("in/mail/new/2", MESSAGE.replace('\n', "\r\n"));
    bench.write("in/mail/tmp/3", "half");
    bench.write("in/mail/dovecot-uidlist", "not mail");
    bench.write("in/mail/.Sent/cur/4", MESSAGE);
    fs::create_dir_all(bench.path("in/mail/.Sent/new")).unwrap();
    bench.write("in/sub/deeper/5.eml", MESSAGE);
    for jobs in ["1", "4"] {
        let found = lines(&bench.ok(&["--json", "--jobs", jobs, "in"]));
        assert_eq!(
            sources(&found),
            [
                ("in/box.mbox", Some(1)),
                ("in/box.mbox", Some(2)),
                ("in/box.mbox", Some(3)),
                ("in/mail/.Sent/cur/4", None),
                ("in/mail/cur/1:2,S", None),
                ("in/mail/new/2", None),
                ("in/sub/deeper/5.eml", None),
            ]
        );
        let is_whole = |found: &&Value| found["hops"].as_array().unwrap().len() == 3;
        assert_eq!(found.iter().filter(is_whole).count(), 6);
        assert_eq!(found[1]["content"], "openpgp_signed");
    }
    let table = bench.ok(&["in/box.mbox"]);
    assert!(table.contains("in/box.mbox, message 3") && table.contains("signed with OpenPGP"), "{table}");
}

#[test]
fn what_can_t_be_judged_is_named_and_the_rest_is_judged() {
    let bench = Bench::new();
    bench.write("in/a-empty.eml", "");
    bench.write(
        "in/b-garbage.eml",
        (0..60_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
    );
    bench.write("in/c-huge.eml", format!("X: {}\n", "y".repeat(17 << 20)));
    bench.write("in/d-good.eml", MESSAGE);
    bench.write("in/e-prose.txt", "Dear all\n\nthis is no message.\n");
    let long = format!("From a 10:00 2026\nX: {}\n\nFrom b 10:00 2026\n{MESSAGE}", "y".repeat(17 << 20));
    bench.write("in/f.mbox", long);
    std::os::unix::fs::symlink("nowhere", bench.path("in/g-gone.eml")).unwrap();
    let output = bench.run(&["--json", "in", "missing"], b"");
    assert_eq!(output.status.code(), Some(1));
    let found = lines(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(sources(&found), [("in/d-good.eml", None), ("in/f.mbox", Some(2))]);
    let told = told(&output);
    for words in [
        "in/a-empty.eml: it is empty",
        "in/b-garbage.eml: not a message",
        "in/c-huge.eml: its header block is larger than 16 MiB",
        "in/e-prose.txt: not a message",
        "in/f.mbox, message 1: its header block is larger than 16 MiB",
        "in/g-gone.eml: No such file",
        "missing: No such file",
        "2 judged, 7 not",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    fs::create_dir_all(bench.path("nothing")).unwrap();
    let output = bench.run(&["nothing"], b"");
    assert!(output.status.code() == Some(1) && self::told(&output).contains("it holds no message"));
    assert_eq!(bench.run(&[], b"").status.code(), Some(2));
    assert_eq!(bench.run(&["--jobs", "0", "in"], b"").status.code(), Some(2));
    let output = bench.run(&["--trust", "in/d-good.eml", "in/d-good.eml"], b"");
    assert!(output.status.code() == Some(1) && self::told(&output).contains("no file of trust"));
}

#[test]
fn nothing_that_a_stranger_wrote_moves_a_cursor() {
    let bench = Bench::new();
    let hostile = "Received: from \x1b]0;owned\x07\x1b[2J.example (\u{202e}elpmaxe.live [192.0.2.1])\n\
        \tby 日本語日本語日本語日本語日本語日本語.example with ESMTPS id \u{9b}31m; Tue, 13 Jan 2026 10:00:07 +0000\n\
        Message-ID: <\x1b[31m\r1@x>\nX-Pm-Transfer-Encryption: \x1b[1m\nFrom: a@b.example\n\n";
    bench.write("hostile\x1b[31m.eml", hostile);
    for arguments in [vec!["--explain", "."], vec!["."]] {
        let output = run(bench.command(&arguments).env("COLUMNS", "80"), b"");
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let bad = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(bad), "{text:?}");
        assert!(text.contains("日本語"), "{text}");
    }
    bench.write("bad\x1b[31m.eml", "");
    assert!(!told(&bench.run(&["."], b"")).contains('\x1b'));
}

#[test]
fn what_the_reader_states_changes_the_verdict() {
    let bench = Bench::new();
    bench.write("message.eml", MESSAGE);
    bench.write("own.toml", "own_names = ['clinic.example', 'relay.example']\n");
    let found = lines(&bench.ok(&["--json", "--trust", "own.toml", "message.eml"])).remove(0);
    let trusted: Vec<_> = found["hops"].as_array().unwrap().iter().map(|hop| hop["trusted"].clone()).collect();
    assert_eq!(trusted, [true, true, false], "{found}");
    bench.write("silent.toml", "silent_about_tls = ['out.relay.example']\n");
    let found = lines(&bench.ok(&["--json", "--trust", "silent.toml", "message.eml"])).remove(0);
    assert_eq!((&found["hops"][1]["verdict"], &found["verdict"]), (&json!("unknown"), &json!("unknown")), "{found}");
    assert!(bench.ok(&["--trust", "silent.toml", "message.eml"]).contains("not provable"));
    bench.write("internal.toml", "internal = [['sender.example', 'relay.example']]\n");
    let found = lines(&bench.ok(&["--json", "--trust", "internal.toml", "message.eml"])).remove(0);
    assert_eq!((&found["hops"][1]["verdict"], &found["verdict"]), (&json!("internal"), &json!("encrypted")), "{found}");
}

#[test]
fn what_was_sent_from_here_is_proved_with_its_key_and_its_receipt() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let bench = Bench::new();
    bench.write("letter.eml", clinic.letter(Kind::Good, &patient).text());
    bench.write("key.txt", clinic.machine.ok(["dkim", "show"]));
    let out = bench.path("out").display().to_string();
    clinic.machine.ok(["receipt", "export", &id, "--out", &out]);
    let (jws, salt) = (format!("out/{id}-01.jws"), format!("out/{id}-01.salt"));
    let receipt = ["--receipt", &jws, "--receipt-key", "out/receipts.jwk"];
    let all = |rest: &[&str]| {
        let arguments = [&["--json", "--dkim-key", "key.txt"], &receipt[..], rest].concat();
        lines(&bench.ok(&arguments)).remove(0)
    };
    let piece = |found: &Value, kind: &str| {
        let evidence = found["evidence"].as_array().unwrap();
        evidence.iter().find(|item| item["kind"] == kind).cloned().unwrap_or_else(|| panic!("no {kind} in {found}"))
    };

    let found = all(&["--receipt-salt", &salt, "letter.eml"]);
    let dkim = piece(&found, "dkim");
    assert_eq!((&dkim["weight"], &dkim["source"]), (&json!("proved"), &json!("clinic.example")), "{dkim}");
    let proof = piece(&found, "receipt");
    assert_eq!((&proof["weight"], &proof["tls"]), (&json!("proved"), &json!(true)), "{proof}");
    let hop = &found["hops"][proof["hop"].as_u64().unwrap() as usize];
    assert!(hop["verdict"] == "encrypted" && hop["because"].as_str().unwrap().contains("receipt"), "{found}");

    // Without the salt the receipt is a claim; for another text it is refuted, and so is the signature.
    assert_eq!(piece(&all(&["letter.eml"]), "receipt")["weight"], "claimed");
    let letter = fs::read_to_string(bench.path("letter.eml")).unwrap();
    bench.write("other.eml", letter.replace("See you on Tuesday", "See you on Friday"));
    let found = all(&["--receipt-salt", &salt, "other.eml"]);
    assert_eq!(piece(&found, "receipt")["weight"], "refuted", "{found}");
    assert_eq!(piece(&found, "dkim")["weight"], "refuted", "{found}");
    assert!(piece(&found, "dkim")["says"].as_str().unwrap().contains("the body was changed"));

    // In an mbox between others, quoted, and with LF: the same.
    let from = "From x Tue Jan 13 10:00:07 2026\n";
    bench.write(
        "box.mbox",
        format!("{from}{MESSAGE}\n{from}{}\n", letter.replace("\r\n", "\n").trim_start_matches('\n')),
    );
    let arguments =
        [&["--json", "--dkim-key", "key.txt"], &receipt[..], &["--receipt-salt", &salt, "box.mbox"]].concat();
    let found = lines(&bench.ok(&arguments));
    assert_eq!(found.len(), 2);
    assert_eq!(piece(&found[1], "dkim")["weight"], "proved", "{}", found[1]);
    assert_eq!(piece(&found[1], "receipt")["weight"], "proved", "{}", found[1]);

    // A flipped receipt is an error; a key that is none, too.
    let flipped = fs::read_to_string(bench.path(&jws)).unwrap().replacen(".e", ".f", 1);
    bench.write("flipped.jws", flipped);
    let output = bench.run(&["--receipt", "flipped.jws", "--receipt-key", "out/receipts.jwk", "letter.eml"], b"");
    assert!(output.status.code() == Some(1) && told(&output).contains("does not verify"), "{}", told(&output));
    let output = bench.run(&["--dkim-key", "letter.eml", "letter.eml"], b"");
    assert!(output.status.code() == Some(1) && told(&output).contains("is no DKIM key"), "{}", told(&output));
}

#[test]
fn what_arrived_from_another_system_is_traced_with_its_message() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let header = "Received: from [10.0.0.9] (ward-9.clinic.example [203.0.113.9])\n\
        \tby mail.other.example (Postfix) with ESMTP id 1; Tue, 13 Jan 2026 10:00:05 +0000\n";
    let traced = clinic.send(&server, &Mail { to: &[&patient], header, ..clinic.mail() });
    let plain = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&traced, "delivered", &patient);
    let events = clinic.events(&traced);
    assert_eq!((&events[0]["event"], &events[1]["event"]), (&json!("accepted"), &json!("traced")), "{events:#?}");
    let (way, hops) = (&events[1], events[1]["hops"].as_array().unwrap());
    assert_eq!((&way["verdict"], &events[0]["at"]), (&json!("not_encrypted"), &way["at"]), "{way}");
    assert_eq!((&hops[0]["verdict"], &hops[0]["trusted"]), (&json!("encrypted"), &json!(true)), "our own hop: {way}");
    assert_eq!((&hops[1]["by"], &hops[1]["trusted"]), (&json!("mail.other.example"), &json!(false)), "{way}");
    let shown = clinic.machine.ok(["message", "show", &traced]);
    assert!(shown.contains("not encrypted between") && shown.contains("proved verified"), "both directions: {shown}");
    assert!(clinic.events(&plain).iter().all(|event| event["event"] != "traced"), "nobody else wrote a field");
}

/// Runs the binary with standard output or standard error on a terminal, and gives what the terminal and the other got.
const TERMINAL: &str = r#"
import json, os, pty, subprocess, sys, tempfile
job = json.load(sys.stdin)
main, other = pty.openpty()
file = tempfile.TemporaryFile()
pipe = {"stdout": file, "stderr": file, job["terminal"]: other}
child = subprocess.Popen(job["command"], cwd=job["folder"], env=job["env"], stdin=subprocess.DEVNULL, **pipe)
os.close(other)
seen = b""
while True:
    try:
        part = os.read(main, 65536)
    except OSError:
        break
    if not part:
        break
    seen += part
child.wait()
file.seek(0)
rest = file.read()
print(json.dumps({"terminal": seen.decode(errors="replace"), "pipe": rest.decode(), "code": child.returncode}))
"#;

fn on_terminal(bench: &Bench, terminal: &str, arguments: &[&str], env: &[(&str, &str)]) -> (String, String) {
    let command = [&[BINARY, "inspect"][..], arguments].concat();
    let env: serde_json::Map<_, _> =
        env.iter().chain(&[("TERM", "xterm")]).map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let job = json!({ "command": command, "folder": bench.folder.path(), "terminal": terminal, "env": env });
    let answer = python(TERMINAL, job.to_string().as_bytes()).expect_success().text;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["code"], 0, "{answer}");
    (answer["terminal"].as_str().unwrap().to_owned(), answer["pipe"].as_str().unwrap().to_owned())
}

#[test]
fn colours_and_progress_are_for_terminals() {
    let bench = Bench::new();
    bench.write("message.eml", MESSAGE);
    bench.write("box.mbox", format!("From a 10:00 2026\n{MESSAGE}\n").repeat(2_000));
    let red = "\u{1b}[1;31mnot encrypted\u{1b}[0m";
    assert!(on_terminal(&bench, "stdout", &["message.eml"], &[]).0.contains(red));
    for (arguments, env) in
        [(vec!["message.eml"], vec![("NO_COLOR", "1")]), (vec!["--no-color", "message.eml"], vec![])]
    {
        let seen = on_terminal(&bench, "stdout", &arguments, &env).0;
        assert!(seen.contains("not encrypted") && !seen.contains('\u{1b}'), "{seen:?}");
    }
    let (bar, json) = on_terminal(&bench, "stderr", &["--json", "box.mbox"], &[]);
    assert!(bar.contains("messages") && bar.contains("MiB"), "{bar:?}");
    assert_eq!(lines(&json).len(), 2_000);
    let piped = bench.run(&["--json", "box.mbox"], b"");
    assert_eq!(told(&piped), "", "no progress where nobody looks on");
}

/// The most memory that inspecting an mbox takes, in KiB: so many times 9 MB, an eighth of it one message.
#[track_caller]
fn memory_of(rounds: u32) -> u64 {
    let program = format!(
        "import resource, subprocess, sys\n\
         child = subprocess.Popen([{BINARY:?}, 'inspect', '--json', '-'], stdin=subprocess.PIPE, \
         stdout=subprocess.DEVNULL)\n\
         message = b'From a 10:00 2026\\n' + {:?}.encode() + b'x' * 70 + b'\\n' * 2\n\
         large = b'From a 10:00 2026\\n' + {:?}.encode() + (b'y' * 76 + b'\\n') * 100000 + b'\\n'\n\
         for _ in range({rounds}): child.stdin.write(message * 1000 + large)\n\
         child.stdin.close()\n\
         assert child.wait() == 0\n\
         print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
        MESSAGE, MESSAGE
    );
    python(&program, b"").expect_success().text.trim().parse().unwrap()
}

#[test]
fn memory_stays_flat_over_a_large_mbox() {
    let (small, large) = (memory_of(8), memory_of(32));
    assert!(small < 128 * 1024, "{small} KiB for 72 MB of mail");
    assert!(large < small + 48 * 1024, "{small} KiB for 72 MB of mail, {large} KiB for 288 MB");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = Bench::new();
    bench.write("box.mbox", format!("From a 10:00 2026\n{MESSAGE}\n").repeat(3_000));
    let script = format!("{BINARY} inspect --json {} | head -1", Path::new("box.mbox").display());
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &script]).current_dir(bench.folder.path()).output();
    let output = output.unwrap();
    assert_eq!((output.status.code(), lines(&String::from_utf8_lossy(&output.stdout)).len()), (Some(0), 1));
    assert_eq!(told(&output), "");
}
