//! Signatures of real senders and of the RFCs, from the suite `dkim`.

use std::path::Path;

use testkit::suites::suite;
use trace::evidence::dkim::{Checks, Key, Outcome};
use trace::{Block, Limits};

fn outcomes(message: &[u8], keys: &[Key]) -> Vec<Outcome> {
    let block = Block::read(message, &Limits::default()).unwrap();
    let mut checks = Checks::begin(&block, keys);
    let body = &message[block.header().len()..];
    let body = body.strip_prefix(b"\r\n").or_else(|| body.strip_prefix(b"\n")).unwrap_or_default();
    body.chunks(7).for_each(|piece| checks.body(piece));
    checks.finish(true)
}

/// Lines of a name and a record, an empty line, the message.
fn sample(path: &Path) -> (Vec<Key>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let (records, _) = text.split_once("\n\n").unwrap();
    let keys = records.lines().map(|line| Key::read(line, None).unwrap()).collect();
    (keys, bytes[records.len() + 2..].to_vec())
}

#[test]
fn real_signatures_verify_and_changed_messages_do_not() {
    let Some(suite) = suite("dkim") else { return };
    let mut files: Vec<_> =
        std::fs::read_dir(suite.join("mail-auth/dkim")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 6);
    for file in files {
        let (keys, message) = sample(&file);
        let found = outcomes(&message, &keys);
        assert!(!found.is_empty());
        for outcome in &found {
            assert!(matches!(outcome, Outcome::Valid { .. }), "{}: {found:?}", file.display());
        }
        assert!(outcomes(&message, &[]).iter().all(|outcome| *outcome == Outcome::NoKey));
        let longer = [&message[..], b"one more line\r\n"].concat();
        let is_cut = |outcome: &Outcome| matches!(outcome, Outcome::Valid { body_bytes: Some(_) });
        assert!(outcomes(&longer, &keys).iter().all(|outcome| *outcome == Outcome::BodyChanged || is_cut(outcome)));
        let other = [&b"From: someone@else.example\n"[..], &message].concat();
        let changed = outcomes(&other, &keys);
        assert!(changed.len() == found.len(), "{}", file.display());
    }
}

#[test]
fn keys_without_a_name_are_tried() {
    let Some(suite) = suite("dkim") else { return };
    let check = |message: &str, key: &str, expect: &Outcome| {
        let key = std::fs::read_to_string(suite.join("mimekit").join(key)).unwrap();
        let message = std::fs::read(suite.join("mimekit").join(message)).unwrap();
        assert!(outcomes(&message, &[Key::read(&key, None).unwrap()]).contains(expect), "{key}");
    };
    check("gmail.msg", "gmail.pub", &Outcome::Valid { body_bytes: None });
    check("related.msg", "gmail.pub", &Outcome::Valid { body_bytes: None });
    check("gmail.msg", "example.pub", &Outcome::Mismatch);
    check("gmail.msg", "example.bind9", &Outcome::NoKey);
}
