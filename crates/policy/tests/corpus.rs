//! Each folder `testdata/NN-name`: a message and a policy, and the JSON form of
//! the verdict, with LF and with CRLF. `why.md` says what the case holds.

use std::path::{Path, PathBuf};

use mail::reading::{Limits, header_block, read};
use policy::{Direction, Facts, Policy, decide, explain};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let is_case = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(|c: char| c.is_ascii_digit())
    };
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(is_case).collect();
    cases.sort();
    cases
}

fn explained(case: &Path, message: &str, expected: &serde_json::Value) -> serde_json::Value {
    let policy = Policy::from_toml(&std::fs::read_to_string(case.join("policy.toml")).unwrap()).unwrap();
    let reading = read(message.as_bytes(), &Limits::default());
    let sender = "desk@clinic.example".parse().unwrap();
    let facts = Facts {
        direction: Direction::Outbound,
        sender: Some(&sender),
        requiretls: false,
        header: header_block(message.as_bytes()),
        reading: reading.as_ref(),
        body_bytes: message.len() as u64,
        organisation: "Lakeside",
    };
    let recipients = expected["recipients"].as_array().unwrap().iter();
    let recipients: Vec<_> = recipients.map(|one| one["address"].as_str().unwrap().parse().unwrap()).collect();
    assert!(!recipients.is_empty(), "{}", case.display());
    let verdict = decide(&policy, &facts, &recipients);
    serde_json::to_value(explain::explain(&verdict)).unwrap()
}

#[test]
fn each_message_is_judged_as_its_folder_says() {
    let cases = cases();
    assert!(cases.len() >= 28, "the corpus has lost cases");
    for case in cases {
        let message = std::fs::read_to_string(case.join("message.eml")).unwrap();
        let expected = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        assert!(!std::fs::read_to_string(case.join("why.md")).unwrap().trim().is_empty());
        assert!(!message.contains('\r'), "{}: the files are kept with LF", case.display());
        for ends in ["\n", "\r\n"] {
            let found = explained(&case, &message.replace('\n', ends), &expected);
            assert_eq!(found, expected, "{} with {ends:?}: {found:#}", case.display());
        }
    }
}
