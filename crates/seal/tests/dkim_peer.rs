//! Signatures are verified by dkimpy (Debian's python3-dkim), which nobody
//! here wrote.

use std::io::Write as _;
use std::process::{Command, Stdio};

use aws_lc_rs::signature::Ed25519KeyPair;
use jiff::Timestamp;
use mail::Domain;
use seal::DkimKey;

const VERIFY: &str = "
import sys, dkim
record, message = sys.argv[1].encode(), sys.stdin.buffer.read()
sys.exit(0 if dkim.verify(message, dnsfunc=lambda name, timeout=5: record) else 1)
";

const MESSAGE: &[u8] = b"Received: from x\r\nFrom: A <a@clinic.example>\r\nTo: b@x.example,\r\n\tc@x.example\r\n\
    Subject:  a  b\r\n\tc \r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@clinic.example>\r\n\
    MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nbody \t text \r\n\r\n  \r\nmore\r\n\r\n\r\n";

fn verifies(key: &DkimKey, message: &[u8]) -> bool {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", VERIFY, &key.record()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 is there (apt-get install python3-dkim)");
    python.stdin.take().unwrap().write_all(message).unwrap();
    python.wait().unwrap().success()
}

fn signed(key: &DkimKey, message: &[u8]) -> Vec<u8> {
    let now = Timestamp::now();
    [key.sign(message, now).as_bytes(), message].concat()
}

fn keys() -> [DkimKey; 2] {
    let domain = || Domain::parse("clinic.example").unwrap();
    let rsa = DkimKey::generate_rsa().unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    [DkimKey::from_pkcs8(domain(), "s1", &rsa).unwrap(), DkimKey::from_pkcs8(domain(), "s2", ed25519.as_ref()).unwrap()]
}

#[test]
fn a_signed_message_verifies_and_a_changed_one_does_not() {
    for key in keys() {
        let message = signed(&key, MESSAGE);
        assert!(verifies(&key, &message));
        let text = String::from_utf8(message).unwrap();
        assert!(!verifies(&key, text.replace("more", "less").as_bytes()));
        assert!(!verifies(&key, text.replace("From: A", "From: B").as_bytes()));
        assert!(!verifies(&key, text.replace("\r\nTo:", "\r\nCc: d@x.example\r\nTo:").as_bytes()));
    }
}

/// Whether the signature at this place, counted from the top, verifies by the record of its own selector.
fn verifies_at(place: usize, key: &DkimKey, message: &[u8]) -> bool {
    let program = "
import sys, dkim
record, name, message = sys.argv[1].encode(), sys.argv[2].encode(), sys.stdin.buffer.read()
verifier = dkim.DKIM(message)
known = lambda asked, timeout=5: record if asked.rstrip(b'.') == name else None
sys.exit(0 if verifier.verify(idx=int(sys.argv[3]), dnsfunc=known) else 1)
";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", program, &key.record(), &key.record_name(), &place.to_string()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 is there (apt-get install python3-dkim)");
    python.stdin.take().unwrap().write_all(message).unwrap();
    python.wait().unwrap().success()
}

#[test]
fn two_keys_sign_and_each_signature_verifies_by_its_own_record_alone() {
    let [rsa, ed25519] = keys();
    let key = rsa.with_second(ed25519);
    let message = signed(&key, MESSAGE);
    let all: Vec<&DkimKey> = key.all().collect();
    assert_eq!(String::from_utf8_lossy(&message).matches("DKIM-Signature: ").count(), 2);
    for (place, one) in all.iter().enumerate() {
        assert!(verifies_at(place, one, &message));
        assert!(!verifies_at(place, all[1 - place], &message));
        let changed = String::from_utf8(message.clone()).unwrap().replace("more", "less");
        assert!(!verifies_at(place, one, changed.as_bytes()));
    }
}

#[test]
fn an_empty_body_verifies() {
    for key in keys() {
        assert!(verifies(&key, &signed(&key, b"From: a@clinic.example\r\n\r\n")));
    }
}
