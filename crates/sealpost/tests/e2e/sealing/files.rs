//! Key files, options and exit codes.

use testkit::gnupg::GnuPg;

use super::peers::{Desk, openssl, told};

const MESSAGE: &[u8] =
    b"From: alice@x.example\nTo: bob@x.example\nBcc: hidden@x.example\nSubject: Your results\nX-Record: 7\n\nhello\n";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.certificate("bob", &["rsa:2048"]);
    desk.write("message.eml", MESSAGE);
    desk
}

#[track_caller]
fn check_opens(desk: &Desk, key: &str, more: &[&str]) {
    let sealed = desk.must(&["seal", "message.eml", "--key", "bob.crt"], b"");
    let opened = desk.must(&[&["open", "-", "--key", key], more].concat(), &sealed);
    assert!(opened.ends_with(b"\r\n\r\nhello\r\n"), "{key}");
}

#[test]
fn key_files_of_all_forms_are_read() {
    let desk = desk();
    let (key, crt) = (desk.named("bob.key"), desk.named("bob.crt"));
    let turned = [std::fs::read(&crt).unwrap(), std::fs::read(&key).unwrap()].concat();
    desk.write("turned.pem", &turned);
    openssl(&["rsa", "-in", &key, "-out", &desk.named("old.key"), "-traditional"], b"");
    openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", &key, "-out", &desk.named("key.der")], b"");
    openssl(&["pkcs8", "-topk8", "-in", &key, "-out", &desk.named("locked.pem"), "-passout", "pass:blue heron"], b"");
    let p12 = |name: &str, more: &[&str]| {
        let out = desk.named(name);
        openssl(&[&["pkcs12", "-export", "-inkey", &key, "-in", &crt, "-out", &out], more].concat(), b"");
    };
    p12("bob.p12", &["-passout", "pass:blue heron"]);
    p12("legacy.p12", &["-legacy", "-passout", "pass:blue heron"]);
    p12("open.p12", &["-passout", "pass:"]);
    desk.write("passphrase", b"blue heron\n");
    for name in ["bob.pem", "bob.key", "turned.pem", "old.key", "key.der", "open.p12"] {
        check_opens(&desk, name, &[]);
    }
    for name in ["locked.pem", "bob.p12", "legacy.p12"] {
        check_opens(&desk, name, &["--passphrase-file", "passphrase"]);
        let locked = desk.sealpost(&["open", "message.eml", "--key", name], b"");
        assert!(locked.status.code() == Some(1) && told(&locked).contains("--passphrase-file"), "{}", told(&locked));
    }
    let der = openssl(&["x509", "-in", &crt, "-outform", "DER"], b"");
    desk.write("bob.der", &der);
    for name in ["bob.der", "bob.pem", "turned.pem", "open.p12"] {
        let sealed = desk.must(&["seal", "message.eml", "--key", name], b"");
        assert!(desk.open(&["bob.key"], &sealed).ends_with(b"hello\r\n"), "{name}");
    }
}

#[test]
fn openpgp_key_files_of_all_forms_are_read() {
    let (desk, gnupg) = (desk(), GnuPg::new());
    let fingerprint = gnupg.generate("bob <bob@x.example>", "ed25519", "cv25519");
    for (name, arguments) in [
        ("public.asc", &["--armor", "--export"][..]),
        ("public.gpg", &["--export"]),
        ("secret.asc", &["--armor", "--export-secret-keys"]),
        ("secret.gpg", &["--export-secret-keys"]),
    ] {
        desk.write(name, &gnupg.must(&[arguments, &[fingerprint.as_str()]].concat(), b""));
    }
    for public in ["public.asc", "public.gpg", "secret.asc"] {
        let sealed = desk.must(&["seal", "message.eml", "--key", public], b"");
        for secret in ["secret.asc", "secret.gpg"] {
            assert!(desk.open(&[secret], &sealed).ends_with(b"\r\n\r\nhello\r\n"), "{public} {secret}");
        }
    }
    let mixed = desk.sealpost(&["seal", "message.eml", "--key", "public.asc", "bob.crt"], b"");
    assert_eq!(mixed.status.code(), Some(1));
    assert!(told(&mixed).contains("two formats") && mixed.stdout.is_empty(), "{}", told(&mixed));
    let other = desk.sealpost(&["seal", "message.eml", "--key", "public.asc", "--format", "smime"], b"");
    assert!(other.status.code() == Some(1) && told(&other).contains("OpenPGP"), "{}", told(&other));
}

#[test]
fn the_message_may_stand_anywhere_and_usage_is_2() {
    let desk = desk();
    let code = |arguments: &[&str]| desk.sealpost(arguments, MESSAGE).status.code();
    assert_eq!(code(&["seal", "message.eml", "--key", "bob.crt"]), Some(0));
    assert_eq!(code(&["seal", "--key", "bob.crt", "message.eml"]), Some(0));
    assert_eq!(code(&["seal", "--key", "bob.crt", "bob.pem", "--", "message.eml"]), Some(0));
    assert_eq!(code(&["seal", "--key", "bob.crt", "--format", "smime", "-"]), Some(0));
    assert_eq!(code(&["seal", "message.eml"]), Some(2));
    assert_eq!(code(&["seal"]), Some(2));
    assert_eq!(code(&["seal", "--key", "bob.crt"]), Some(2));
    assert_eq!(code(&["seal", "message.eml", "--key", "bob.crt", "--format", "zip"]), Some(2));
    assert_eq!(code(&["seal", "message.eml", "--key", "bob.crt", "--json"]), Some(2));
    assert_eq!(code(&["open"]), Some(2));
    assert_eq!(code(&["open", "message.eml", "--key", "bob.pem"]), Some(1));
    assert_eq!(code(&["open", "missing.eml", "--key", "bob.pem"]), Some(1));
    assert_eq!(code(&["open", "message.eml", "--key", "message.eml"]), Some(1));
}

#[test]
fn only_what_says_nothing_stands_outside() {
    let desk = desk();
    let sealed = String::from_utf8(desk.must(&["seal", "message.eml", "--key", "bob.crt"], b"")).unwrap();
    let outside: Vec<&str> = sealed.split("\r\nMIME-Version").next().unwrap().split("\r\n").collect();
    assert_eq!(outside, ["From: alice@x.example", "To: bob@x.example", "Subject: [...]"]);
    let opened = String::from_utf8(desk.open(&["bob.pem"], sealed.as_bytes())).unwrap();
    assert!(opened.contains("Subject: Your results\r\n") && opened.contains("X-Record: 7\r\n"), "{opened}");
    assert!(!opened.contains("hidden@x.example"), "{opened}");
    let report = desk.report(&["bob.pem"], sealed.as_bytes());
    assert_eq!(report["headers"]["subject"], "Your results");

    let shown = desk
        .must(&["seal", "message.eml", "--key", "bob.crt", "--legacy-display", "--outer-subject", "Geschützt"], b"");
    assert!(String::from_utf8_lossy(&shown).contains("Subject: =?utf-8?B?R2VzY2jDvHR6dA==?="));
    assert!(desk.open(&["bob.pem"], &shown).ends_with(b"\r\n\r\nSubject: Your results\r\n\r\nhello\r\n"));
}

#[test]
fn json_goes_to_stdout_and_the_message_to_its_file() {
    let desk = desk();
    let arguments = ["seal", "message.eml", "--key", "bob.crt", "--json", "--out", "sealed.eml"];
    let facts: serde_json::Value = serde_json::from_slice(&desk.must(&arguments, b"")).unwrap();
    assert_eq!((&facts["method"], &facts["cipher"]), (&"smime".into(), &"AES-256-CBC".into()));
    assert_eq!(facts["to"].as_array().unwrap().len(), 1);
    let report: serde_json::Value =
        serde_json::from_slice(&desk.must(&["open", "sealed.eml", "--key", "bob.pem", "--json"], b"")).unwrap();
    assert_eq!((&report["format"], &report["encrypted"]), (&"smime".into(), &true.into()));
}
