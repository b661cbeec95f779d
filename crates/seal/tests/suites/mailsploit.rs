//! From fields that read as somebody else's: the author is the address in the
//! angle brackets, or nobody.

use mail::mailbox::author;
use serde_json::Value;
use testkit::suites::suite;

use crate::keys::read;

#[test]
fn the_author_is_never_whom_the_display_names() {
    let Some(spoofing) = suite("spoofing") else { return };
    let cases: Vec<Value> = serde_json::from_slice(&read(&spoofing.join("mailsploit-from-headers.json"))).unwrap();
    assert_eq!(cases.len(), 15);
    for case in cases {
        let field = format!("From: {}\r\nTo: p@x.example\r\n", case["from_header"].as_str().unwrap());
        if let Some(author) = author(field.as_bytes()) {
            assert_eq!(author.domain().as_str(), "attacker.test", "{}", case["id"]);
            assert!(!author.to_string().contains(['\0', '\r', '\n']), "{}", case["id"]);
        }
    }
}
