//! OpenPGP both ways with GnuPG 2.2.

use testkit::gnupg::{GnuPg, said};

use super::letters::{body, crlf, large, letters};
use super::peers::{Desk, armored, pgp_mime, python};

/// Two key rings: Alice and Bob know each other's certificates; their key files are on the desk.
fn desk(algorithm: &str, subkey: &str) -> (Desk, GnuPg) {
    let (desk, gnupg) = (Desk::new(), GnuPg::new());
    for name in ["alice", "bob"] {
        let user_id = format!("{name} <{name}@x.example>");
        let fingerprint = gnupg.generate(&user_id, algorithm, subkey);
        desk.write(&format!("{name}.asc"), &gnupg.must(&["--armor", "--export", &fingerprint], b""));
        desk.write(&format!("{name}.sec"), &gnupg.must(&["--export-secret-keys", &fingerprint], b""));
    }
    (desk, gnupg)
}

fn check_both_ways(algorithm: &str, subkey: &str) {
    let (desk, gnupg) = desk(algorithm, subkey);
    for letter in letters() {
        let sealed = desk.must(&["seal", "-", "--key", "bob.asc", "--sign", "alice.sec"], &letter.bytes);
        let output = gnupg.run(&["--decrypt"], &armored(&sealed));
        assert!(output.status.success() && said(&output).contains("GOODSIG"), "{}: {}", letter.name, said(&output));
        assert!(output.stdout.ends_with(&[b"\r\n\r\n", body(&letter.bytes).as_slice()].concat()), "{}", letter.name);
        assert_eq!(desk.open(&["bob.sec", "alice.asc"], &sealed), output.stdout, "{}", letter.name);

        let wire = crlf(&letter.bytes);
        let theirs = gnupg.must(&["--armor", "--encrypt", "--sign", "-u", "alice", "-r", "bob"], &wire);
        let message = pgp_mime(&theirs);
        assert_eq!(desk.open(&["bob.sec"], &message), wire, "{}", letter.name);
        let report = desk.report(&["bob.sec", "alice.asc"], &message);
        assert_eq!(report["integrity"], "mdc");
        assert_eq!(report["signatures"][0]["by"], "alice@x.example", "{report}");
        assert_eq!(report["signatures"][0]["valid"], true, "{report}");
    }
}

#[test]
fn gnupg_and_curve25519() {
    check_both_ways("ed25519", "cv25519");
}

#[test]
fn gnupg_and_rsa() {
    check_both_ways("rsa3072", "rsa3072");
}

#[test]
fn gnupg_and_a_nist_curve() {
    check_both_ways("nistp256", "nistp256");
}

#[test]
fn a_large_message_goes_both_ways() {
    let (desk, gnupg) = desk("ed25519", "cv25519");
    let letter = large();
    let sealed = desk.must(&["seal", "-", "--key", "bob.asc", "alice.asc"], &letter.bytes);
    let opened = gnupg.must(&["--decrypt"], &armored(&sealed));
    assert!(opened.ends_with(&body(&letter.bytes)));
    assert_eq!(desk.open(&["alice.sec"], &sealed), opened);
    let theirs = pgp_mime(&gnupg.must(&["--armor", "--encrypt", "-r", "bob"], &letter.bytes));
    assert_eq!(desk.open(&["bob.sec"], &theirs), letter.bytes);
}

const SPLIT: &str = "
import sys, email, email.policy
raw = sys.stdin.buffer.read()
message = email.message_from_bytes(raw, policy=email.policy.default)
assert not message.defects, message.defects
assert message.get_content_type() == 'multipart/signed'
assert message.get_param('protocol') == 'application/pgp-signature'
assert message.get_param('micalg').startswith('pgp-sha')
mark = b'--' + message.get_boundary().encode()
parts = raw.split(b'\\r\\n' + mark)
open(sys.argv[1], 'wb').write(parts[1][2:])
open(sys.argv[2], 'wb').write(parts[2].split(b'\\r\\n\\r\\n', 1)[1])
";

#[test]
fn gnupg_verifies_what_is_only_signed() {
    let (desk, gnupg) = desk("ed25519", "cv25519");
    for letter in letters() {
        let signed = desk.must(&["seal", "-", "--sign", "alice.sec"], &letter.bytes);
        python(SPLIT, &[&desk.path("content"), &desk.path("signature")], &signed);
        let output = gnupg.run(&["--verify", &desk.named("signature"), &desk.named("content")], b"");
        assert!(said(&output).contains("GOODSIG"), "{}: {}", letter.name, said(&output));
        let report = desk.report(&["alice.asc"], &signed);
        assert_eq!(report["signatures"][0]["valid"], true, "{}: {report}", letter.name);
        // A mailbox that keeps LF alone changes nothing.
        let stored: Vec<u8> = signed.iter().copied().filter(|byte| *byte != b'\r').collect();
        assert_eq!(desk.report(&["alice.asc"], &stored)["signatures"][0]["valid"], true, "{}", letter.name);
    }
}

#[test]
fn what_gnupg_signs_is_verified() {
    let (desk, gnupg) = desk("ed25519", "cv25519");
    let content = "Content-Type: text/plain\r\n\r\nhello\r\n";
    let signature = gnupg.must(&["--armor", "--detach-sign", "-u", "alice"], content.as_bytes());
    let signature = String::from_utf8(signature).unwrap();
    let message = format!(
        "From: alice@x.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s;\r\n micalg=pgp-sha512; \
         protocol=\"application/pgp-signature\"\r\n\r\n--s\r\n{content}\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n{signature}\r\n--s--\r\n"
    );
    assert_eq!(desk.report(&["alice.asc"], message.as_bytes())["signatures"][0]["valid"], true);
    assert_eq!(desk.open(&["alice.asc"], message.as_bytes()), content.as_bytes());
    let changed = message.replace("hello", "hullo");
    assert_eq!(desk.report(&["alice.asc"], changed.as_bytes())["signatures"][0]["valid"], false);

    let inline = gnupg.must(&["--clear-sign", "-u", "alice"], b"- dash\nFrom here  \nhello\n");
    let inline = [b"From: alice@x.example\n\nbefore\n", inline.as_slice()].concat();
    let report = desk.report(&["alice.asc"], &inline);
    assert_eq!((&report["signatures"][0]["valid"], &report["covers"]), (&true.into(), &"part".into()), "{report}");
    assert_eq!(desk.open(&["alice.asc"], &inline), b"- dash\nFrom here  \nhello");
    let sealed = gnupg.must(&["--armor", "--encrypt", "-r", "bob"], b"inline\n");
    let inline = [b"From: alice@x.example\n\nbefore\n", sealed.as_slice(), b"after\n"].concat();
    assert_eq!(desk.open(&["bob.sec"], &inline), b"inline\n");
    assert_eq!(desk.report(&["bob.sec"], &inline)["covers"], "part");
    assert_eq!(desk.open(&["bob.sec"], &sealed), b"inline\n");
    assert_eq!(desk.report(&["bob.sec"], &sealed)["covers"], "whole");
}

#[test]
fn what_was_changed_or_is_for_others_is_refused() {
    let (desk, gnupg) = desk("rsa3072", "rsa3072");
    let sealed = gnupg.must(&["--encrypt", "-r", "bob"], b"secret\n");
    assert_eq!(desk.open(&["bob.sec"], &sealed), b"secret\n");
    let mut changed = sealed.clone();
    let last = changed.len() - 30;
    changed[last] ^= 1;
    desk.refuses(&["bob.sec"], &changed, "could not be decrypted");
    desk.refuses(&["alice.sec"], &sealed, "not encrypted to any of these keys");
}
