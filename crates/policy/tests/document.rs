//! `docs/policy.md` names all that there is, and its examples are read.

use std::path::Path;

use mail::Need;
use policy::{Detector, Policy};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_document_names_every_word() {
    let document = document();
    let keys = [
        "sender",
        "recipient",
        "sender_domain",
        "recipient_domain",
        "subject_tag",
        "header",
        "direction",
        "size_min",
        "attachment_name",
        "attachment_type",
        "detector",
        "require",
        "hold",
        "refuse",
        "exempt",
        "name",
        "reason",
        "default",
        "replace",
        "replacement",
        "confidence",
        "ignore",
        "off",
        "words",
        "patterns",
        "add",
        "remove",
        "count",
        "end_to_end",
        "transit",
        "prefer",
        "use_when",
        "changes",
        "accept_after",
        "local_part",
        "crossing",
        "unknown_revocation",
        "staff",
        "wkd",
        "signed_mail",
        "autocrypt",
        "fresher",
        "possible",
        "needed",
        "signed",
        "same_issuer",
        "ended",
        "exact",
        "any_case",
        "accept",
        "subject-secure",
        "subject-encrypt",
        "header-protect",
        "unreadable",
        "contradiction",
    ];
    let words = Detector::ALL.map(Detector::word).into_iter().chain(Need::ALL.map(Need::word)).chain(keys);
    for word in words {
        let is_whole = |at: usize| {
            let beside = [document[..at].chars().next_back(), document[at + word.len()..].chars().next()];
            beside.iter().flatten().all(|c| !c.is_alphanumeric() && *c != '_')
        };
        assert!(document.match_indices(word).any(|(at, _)| is_whole(at)), "{word} is not in docs/policy.md");
    }
}

#[test]
fn the_examples_are_read() {
    let mut examples = String::new();
    let mut found = 0;
    for line in document().lines() {
        match line.strip_prefix("    ") {
            Some(code) => examples.push_str(&format!("{code}\n")),
            None if line.is_empty() => examples.push('\n'),
            None => {
                let example = std::mem::take(&mut examples);
                if example.trim_start().starts_with('[') {
                    found += 1;
                    Policy::from_toml(&example).unwrap_or_else(|error| panic!("{error}\n{example}"));
                }
            }
        }
    }
    assert_eq!(found, 2);
}
