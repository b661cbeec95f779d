//! S/MIME both ways.

use serde_json::json;

use super::letters::{Letter, body, crlf, large, letters};
use super::peers::{Desk, openssl, python};

const RSA: &[&str] = &["rsa:2048"];
const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.certificate("alice", RSA);
    desk.certificate("bob", RSA);
    desk.certificate("carol", P256);
    desk.certificate("dave", P384);
    desk
}

/// What `openssl cms` finds inside, of a message that is sealed for `name`.
fn decrypted(desk: &Desk, name: &str, sealed: &[u8]) -> Vec<u8> {
    let (key, certificate) = (desk.named(&format!("{name}.key")), desk.named(&format!("{name}.crt")));
    openssl(&["cms", "-decrypt", "-inkey", &key, "-recip", &certificate], sealed)
}

fn verified(desk: &Desk, name: &str, signed: &[u8]) -> Vec<u8> {
    let authority = desk.named(&format!("{name}.crt"));
    openssl(&["cms", "-verify", "-purpose", "any", "-CAfile", &authority], signed)
}

#[track_caller]
fn assert_has_body(letter: &Letter, entity: &[u8]) {
    let body = body(&letter.bytes);
    assert!(entity.ends_with(&[b"\r\n\r\n", body.as_slice()].concat()), "{}: {}", letter.name, head(entity));
}

fn head(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]).into_owned()
}

#[test]
fn openssl_opens_every_letter_for_every_kind_of_key() {
    let desk = desk();
    for letter in letters() {
        for (name, aead) in [("bob", false), ("bob", true), ("carol", false), ("dave", true)] {
            let key = format!("{name}.crt");
            let arguments = [&["seal", "-", "--key", &key][..], if aead { &["--aead"] } else { &[] }].concat();
            let sealed = desk.must(&arguments, &letter.bytes);
            assert!(sealed.is_ascii() && sealed.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
            assert_has_body(&letter, &decrypted(&desk, name, &sealed));
            assert_has_body(&letter, &desk.open(&[&format!("{name}.pem")], &sealed));
            let integrity = if aead { "aead" } else { "none" };
            assert_eq!(desk.report(&[&format!("{name}.pem")], &sealed)["integrity"], integrity);
        }
    }
}

#[test]
fn openssl_verifies_what_is_signed_and_what_is_signed_and_sealed() {
    let desk = desk();
    for letter in letters() {
        for signer in ["alice", "carol"] {
            let pem = format!("{signer}.pem");
            let sealed = desk.must(&["seal", "-", "--key", "bob.crt", "--sign", &pem], &letter.bytes);
            let inside = decrypted(&desk, "bob", &sealed);
            assert_has_body(&letter, &verified(&desk, signer, &inside));
            let crt = format!("{signer}.crt");
            assert_has_body(&letter, &desk.open(&["bob.pem", &crt], &sealed));
            let report = desk.report(&["bob.pem", &crt], &sealed);
            assert_eq!(report["signatures"][0]["by"], format!("{signer}@x.example"), "{}", letter.name);
            assert_eq!(report["signatures"][0]["valid"], true, "{}: {report}", letter.name);
            assert_eq!(report["signatures"][0]["covers"], "whole");

            let signed = desk.must(&["seal", "-", "--sign", &pem], &letter.bytes);
            let verified = verified(&desk, signer, &signed);
            assert_eq!(crlf(&desk.open(&[&crt], &signed)), crlf(&verified), "{}", letter.name);
            assert_eq!(desk.report(&[&crt], &signed)["signatures"][0]["valid"], true, "{}", letter.name);
        }
    }
}

#[test]
fn one_message_is_sealed_for_several() {
    let desk = desk();
    let letter = large();
    let sealed = desk.must(&["seal", "-", "--key", "bob.crt", "carol.crt", "--key", "dave.pem"], &letter.bytes);
    for name in ["bob", "carol", "dave"] {
        assert_has_body(&letter, &decrypted(&desk, name, &sealed));
        assert_has_body(&letter, &desk.open(&[&format!("{name}.pem")], &sealed));
    }
    desk.refuses(&["alice.pem"], &sealed, "not sealed for this key");
}

#[test]
fn what_openssl_seals_comes_out_byte_for_byte() {
    let desk = desk();
    let ciphers = ["-aes128", "-aes256", "-aes-256-gcm", "-aes-128-gcm", "-des3"];
    for (at, letter) in letters().iter().enumerate() {
        let wire = crlf(&letter.bytes);
        let cipher = ciphers[at % ciphers.len()];
        for name in ["bob", "carol", "dave"] {
            let (crt, pem) = (desk.named(&format!("{name}.crt")), format!("{name}.pem"));
            for stream in [&[][..], &["-stream"]] {
                let arguments = [&["cms", "-encrypt", "-binary", cipher], stream, &[crt.as_str()]].concat();
                let sealed = openssl(&arguments, &wire);
                assert_eq!(desk.open(&[&pem], &sealed), wire, "{} {cipher} {name}", letter.name);
            }
        }
        let crt = desk.named("bob.crt");
        let oaep = ["cms", "-encrypt", "-binary", "-aes256", "-recip", &crt, "-keyopt", "rsa_padding_mode:oaep"];
        assert_eq!(desk.open(&["bob.pem"], &openssl(&oaep, &wire)), wire, "{} OAEP", letter.name);
    }
}

#[test]
fn what_openssl_signs_is_verified() {
    let desk = desk();
    let alice = desk.named("alice.pem");
    let bob = desk.named("bob.crt");
    for letter in letters() {
        let wire = crlf(&letter.bytes);
        for form in [&["-binary"][..], &["-binary", "-nodetach"]] {
            let signed = openssl(&[&["cms", "-sign", "-signer", &alice], form].concat(), &wire);
            let report = desk.report(&["alice.crt"], &signed);
            assert_eq!(report["signatures"][0]["valid"], true, "{} {form:?}: {report}", letter.name);
            assert_eq!(report["encrypted"], false);
            assert_eq!(desk.open(&["alice.crt"], &signed), wire, "{} {form:?}", letter.name);
            let sealed = openssl(&["cms", "-encrypt", "-binary", "-aes-256-gcm", &bob], &signed);
            assert_eq!(desk.open(&["bob.pem", "alice.crt"], &sealed), wire, "{} {form:?}", letter.name);
            let report = desk.report(&["bob.pem", "alice.crt"], &sealed);
            assert_eq!((&report["integrity"], &report["signatures"][0]["valid"]), (&json!("aead"), &json!(true)));
            let wrapped = openssl(&["cms", "-sign", "-binary", "-signer", &alice], &sealed);
            let report = desk.report(&["bob.pem", "alice.crt"], &wrapped);
            assert_eq!(report["signatures"].as_array().unwrap().len(), 2, "{report}");
            assert_eq!(desk.open(&["bob.pem", "alice.crt"], &wrapped), wire, "{} wrapped {form:?}", letter.name);
        }
    }
}

#[test]
fn a_signature_by_a_stranger_or_over_changed_content_is_not_valid() {
    let desk = desk();
    let alice = desk.named("alice.pem");
    let signed = openssl(
        &["cms", "-sign", "-signer", &alice, "-from", "alice@x.example"],
        b"Content-Type: text/plain\r\n\r\nhello\r\n",
    );
    assert_eq!(desk.report(&["alice.crt"], &signed)["signatures"][0]["valid"], true);
    assert_eq!(desk.report(&["bob.crt"], &signed)["signatures"][0]["valid"], false);
    let changed = String::from_utf8(signed).unwrap().replace("hello", "hullo");
    let report = desk.report(&["alice.crt"], changed.as_bytes());
    assert_eq!(report["signatures"][0]["valid"], false);
    assert_eq!(report["signatures"][0]["because"], "the content was changed after it was signed");
}

const READ: &str = "
import sys, email, email.policy
message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
assert not message.defects, message.defects
assert message.get_content_type() == 'application/pkcs7-mime', message.get_content_type()
assert message.get_param('smime-type') == sys.argv[1], message.get_param('smime-type')
assert message.get_filename() == 'smime.p7m'
assert message['Subject'] == '[...]' and message['From'] and not message['Bcc']
sys.stdout.buffer.write(message.get_payload(decode=True))
";

const SIGN: &str = "
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
pem = open(sys.argv[1], 'rb').read()
key, crt = serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
builder = pkcs7.PKCS7SignatureBuilder().set_data(sys.stdin.buffer.read()).add_signer(crt, key, hashes.SHA256())
options = [pkcs7.PKCS7Options.DetachedSignature]
sys.stdout.buffer.write(builder.sign(serialization.Encoding.SMIME, options))
";

#[test]
fn python_reads_what_is_sealed_and_signs_what_is_verified() {
    let desk = desk();
    for letter in letters() {
        let sealed = desk.must(&["seal", "-", "--aead", "--key", "bob.crt"], &letter.bytes);
        let der = python(READ, &["authEnveloped-data".as_ref()], &sealed);
        let crt = (desk.named("bob.key"), desk.named("bob.crt"));
        let opened = openssl(&["cms", "-decrypt", "-inform", "DER", "-inkey", &crt.0, "-recip", &crt.1], &der);
        assert_has_body(&letter, &opened);
    }
    let entity = b"Content-Type: text/plain\r\n\r\nhello\r\n";
    let signed = python(SIGN, &[&desk.path("alice.pem")], entity);
    let report = desk.report(&["alice.crt"], &signed);
    assert_eq!(report["signatures"][0]["valid"], true, "{report}");
}

#[test]
fn files_without_a_mail_around_them_are_opened() {
    let desk = desk();
    let crt = desk.named("bob.crt");
    for form in ["DER", "PEM"] {
        let sealed = openssl(&["cms", "-encrypt", "-aes-256-gcm", "-binary", "-outform", form, &crt], b"bytes\n");
        assert_eq!(desk.open(&["bob.pem"], &sealed), b"bytes\n", "{form}");
        assert_eq!(desk.report(&["bob.pem"], &sealed)["covers"], "whole", "{form}");
    }
}

#[test]
fn a_changed_message_is_refused() {
    let desk = desk();
    let sealed = desk.must(&["seal", "-", "--aead", "--key", "bob.crt"], &letters()[0].bytes);
    let mut changed = String::from_utf8(sealed).unwrap();
    let at = changed.len() - 200;
    let other = if &changed[at..=at] == "A" { "B" } else { "A" };
    changed.replace_range(at..=at, other);
    desk.refuses(&["bob.pem"], changed.as_bytes(), "could not be opened");
}
