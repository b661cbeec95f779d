//! A receipt verifies with a JOSE library that nobody here wrote, PyJWT, as its
//! docs say.

use std::path::Path;
use std::process::{Command, Output};

use jiff::Timestamp;
use ledger::{ContentDigest, Digest, Receipt, ReceiptKind, Salt, SigningKey, Status, Verdict, recipient_digest};
use mail::{Address, MessageId, Method, Need};

const DOCS: &str = include_str!("../../../docs/receipts.md");

/// What people are told to run.
fn documented_script() -> &'static str {
    let (_, after) = DOCS.split_once("```python\n").expect("the docs have a script");
    after.split_once("```").expect("the script ends").0
}

fn python(script: &str, dir: &Path) -> Output {
    Command::new("/usr/bin/python3").args(["-c", script]).current_dir(dir).output().expect("Debian's python3 is there")
}

fn receipt(salt: &Salt, recipient: &Address, stored: &str) -> Receipt {
    let mut content = ContentDigest::new(salt);
    content.update(stored.as_bytes());
    Receipt {
        message: MessageId::from_bytes([7; 16]),
        organisation: "lakeside".to_owned(),
        recipient_sha256: recipient_digest(salt, recipient),
        content_sha256: content.finish(),
        policy_sha256: Digest::of(&[b"policy"]),
        decision: Verdict::Deliver,
        because: vec!["default".to_owned()],
        need: Some(Need::Portal),
        proved: None,
        method: Method::Portal,
        kind: ReceiptKind::Content,
        status: Status::Opened,
        tls: None,
        mx_lookup: None,
        mx: None,
        mx_address: None,
        reply: None,
        accepted_at: Timestamp::UNIX_EPOCH,
        sent_at: Timestamp::UNIX_EPOCH,
        seal: None,
        signature: None,
        requiretls: false,
    }
}

#[test]
fn pyjwt_verifies_a_receipt_as_documented_and_refuses_a_changed_one() {
    let dir = tempfile::tempdir().unwrap();
    let installed = python("import jwt, cryptography", dir.path()).status.success();
    assert!(installed, "this test needs PyJWT: apt-get install -y python3-jwt python3-cryptography");
    let (key, salt) = (SigningKey::from_seed(&[1; 32]), Salt::new([2; 32]));
    let (recipient, stored) = (Address::parse("jane@example.com").unwrap(), "Subject: Hello\r\n\r\nHello.\r\n");
    let receipt = receipt(&salt, &recipient, stored);
    let jws = receipt.sign(&key);
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("receipts.jwk", &key.jwk().to_json());
    write("receipt.salt", &format!("{salt}\n"));
    write("stored.eml", stored);
    write("receipt.jws", &format!("{jws}\n"));
    let verified = python(documented_script(), dir.path());
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let expected = format!("{} opened None", receipt.message);
    assert_eq!(String::from_utf8_lossy(&verified.stdout).trim(), expected);

    let changed = Receipt { status: Status::Delivered, ..receipt }.sign(&SigningKey::from_seed(&[2; 32]));
    let (signed, _) = changed.rsplit_once('.').unwrap();
    let (_, signature) = jws.rsplit_once('.').unwrap();
    for bad in [&changed, &format!("{signed}.{signature}")] {
        write("receipt.jws", bad);
        let refused = python(documented_script(), dir.path());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("InvalidSignatureError"));
    }
}

#[test]
fn every_member_of_a_receipt_is_in_the_docs() {
    let receipt = receipt(&Salt::new([2; 32]), &Address::parse("jane@example.com").unwrap(), "");
    let members = serde_json::to_value(receipt).unwrap();
    let members = members.as_object().unwrap().keys().map(String::as_str);
    for member in members.chain(["v", "alg", "kid", "typ"]) {
        assert!(DOCS.contains(&format!("\n| `{member}` |")), "{member}");
    }
}
