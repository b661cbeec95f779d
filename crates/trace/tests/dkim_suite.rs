//! Signatures of real senders and of the RFCs, from the suites `dkim` and `arc`.

use std::path::Path;

use testkit::clients::python;
use testkit::suites::suite;
use trace::evidence::dkim::{Checked, Checks, Key, Outcome};
use trace::{Block, Limits};

fn outcomes(message: &[u8], keys: &[Key]) -> Vec<Outcome> {
    checked(message, keys).dkim
}

fn checked(message: &[u8], keys: &[Key]) -> Checked {
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

/// Each case of a file of the ARC suite, as JSON: YAML is read by Python.
const CASES: &str = "
import json, sys, yaml
cases = []
for scenario in yaml.safe_load_all(open(sys.stdin.read().strip())):
    records = [f'{name} {text}' for name, text in (scenario.get('txt-records') or {}).items()]
    for name, test in scenario['tests'].items():
        cases.append({'name': name, 'records': records, 'message': test['message'], 'cv': str(test['cv']).lower()})
print(json.dumps(cases))
";

/// A message signature over no field at all: RFC 6376 §5.4 wants From signed, and RFC 8617 makes no exception.
const ARGUED: [&str; 1] = ["ams_fields_h_empty"];

#[test]
fn chains_of_the_arc_suite_are_judged() {
    let Some(suite) = suite("arc") else { return };
    let file = suite.join("arc-draft-validation-tests.yml").display().to_string();
    let cases: serde_json::Value = serde_json::from_str(&python(CASES, file.as_bytes()).expect_success().text).unwrap();
    let cases = cases.as_array().unwrap();
    assert!(cases.len() > 100);
    let mut wrong = Vec::new();
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap();
        let records = case["records"].as_array().unwrap().iter().map(|record| record.as_str().unwrap());
        let keys: Vec<Key> = records.filter_map(|record| Key::read(record, None).ok()).collect();
        let found = checked(text("message").as_bytes(), &keys).arc;
        let is_right = (text("cv") == "pass") == matches!(found, Some(Outcome::Valid { .. }));
        if is_right == ARGUED.contains(&text("name")) {
            wrong.push(format!("{}: {} is {found:?}", text("name"), text("cv")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
