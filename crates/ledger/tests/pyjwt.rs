//! A receipt verifies with a JOSE library that nobody here wrote: PyJWT.

use std::io::Write;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use ledger::{ContentDigest, Digest, Receipt, ReceiptKind, Salt, SigningKey, Status, Verdict, recipient_digest};
use mail::{Address, MessageId, Method, Need};

/// What `docs/receipts.md` tells people to run, with the salt's check.
const SCRIPT: &str = r#"
import hashlib, json, sys
import jwt
given = json.load(sys.stdin)
key = jwt.PyJWK(json.loads(given["jwk"])).key
payload = jwt.decode(given["jws"], key, algorithms=["EdDSA"])
assert jwt.get_unverified_header(given["jws"])["kid"] == json.loads(given["jwk"])["kid"]
salt = bytes.fromhex(given["salt"])
digest = lambda word, value: hashlib.sha256(word + b"\n" + salt + value).hexdigest()
assert payload["recipient_sha256"] == digest(b"sealpost-receipt-recipient-v1", given["recipient"].encode())
assert payload["content_sha256"] == digest(b"sealpost-receipt-content-v1", given["content"].encode())
head, body, signature = given["jws"].split(".")
flipped = "B" if body[40] == "A" else "A"
try:
    jwt.decode(".".join([head, body[:40] + flipped + body[41:], signature]), key, algorithms=["EdDSA"])
    sys.exit("a changed receipt verified")
except jwt.exceptions.InvalidSignatureError:
    pass
print(payload["message"])
"#;

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
    }
}

#[test]
fn pyjwt_verifies_a_receipt_and_refuses_a_changed_one() {
    let installed = Command::new("/usr/bin/python3").args(["-c", "import jwt, cryptography"]).output();
    assert!(
        installed.is_ok_and(|output| output.status.success()),
        "this test needs PyJWT: apt-get install -y python3-jwt python3-cryptography"
    );
    let (key, salt) = (SigningKey::from_seed(&[1; 32]), Salt::new([2; 32]));
    let (recipient, stored) = (Address::parse("jane@example.com").unwrap(), "Subject: Hello\r\n\r\nHello.\r\n");
    let receipt = receipt(&salt, &recipient, stored);
    let given = serde_json::json!({
        "jws": receipt.sign(&key),
        "jwk": key.jwk().to_json(),
        "salt": salt.to_string(),
        "recipient": recipient.to_string(),
        "content": stored,
    });
    let mut python = Command::new("/usr/bin/python3");
    let python = python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), receipt.message.to_string());
}
