//! What holds for every policy and every message.

use mail::Address;
use mail::reading::{Limits, header_block, read};
use policy::{Action, Direction, Facts, Policy, Verdict, decide, explain};
use proptest::prelude::*;

fn judge(policy: &Policy, raw: &[u8]) -> Verdict {
    let reading = read(raw, &Limits::default());
    let sender: Address = "desk@clinic.example".parse().unwrap();
    let facts = Facts {
        direction: Direction::Outbound,
        sender: Some(&sender),
        requiretls: false,
        header: header_block(raw),
        reading: reading.as_ref(),
        body_bytes: raw.len() as u64,
        organisation: "Lakeside",
    };
    decide(policy, &facts, &["p@example.com".parse().unwrap(), "q@other.example".parse().unwrap()])
}

/// The strictness of each recipient's action.
fn strictness(verdict: &Verdict) -> Vec<u8> {
    verdict.recipients.iter().map(|(_, decision)| decision.action.strictness()).collect()
}

/// A rule without its name: a condition and an act that is no exemption.
fn any_rule() -> impl Strategy<Value = String> {
    let condition = prop_oneof![
        Just(String::new()),
        Just("recipient = \"p@*\"".to_owned()),
        Just("recipient_domain = \"other.example\"".to_owned()),
        Just("sender_domain = \"clinic.example\"".to_owned()),
        Just("detector = \"any\"".to_owned()),
        Just("detector = { name = \"ssn\", count = 2 }".to_owned()),
        Just("subject_tag = \"a\"".to_owned()),
        (0_u32..2_000).prop_map(|bytes| format!("size_min = {bytes}")),
    ];
    let words = ["none", "encrypted", "verified", "anchored", "end_to_end", "openpgp", "smime", "portal"];
    let act = prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(|word| format!("require = \"{word}\"")),
        1 => Just("hold = true".to_owned()),
        1 => Just("refuse = true".to_owned()),
    ];
    (condition, act).prop_map(|(condition, act)| format!("{condition}\n{act}\n"))
}

fn policy_of(rules: &[String]) -> Policy {
    let text: String = rules
        .iter()
        .enumerate()
        .map(|(number, rule)| format!("[[policy.rule]]\nname = \"rule {number}\"\n{rule}"))
        .collect();
    Policy::from_toml(&text).unwrap()
}

/// Pieces that make messages interesting.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "Subject: ",
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: text/html\r\n",
        "\r\n",
        "\r\n\r\n",
        "--b\r\n",
        "--b--\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "a",
        " ",
        "SSN 536-22-8141",
        "dob 1/2/80",
        "mrn,ssn\n1,2",
        "<b>",
        "&#50;",
        "=?utf-8?q?=41?=",
        "[secure]",
        "é",
        "\u{202E}",
        "X-Sealpost-Protect: portal\r\n",
        "Content-Disposition: attachment; filename=mrn 12345678.txt\r\n",
        "\n",
        "4111 ",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_judged(raw in any_message(), rules in proptest::collection::vec(any_rule(), 0..4)) {
        let verdict = judge(&policy_of(&rules), &raw);
        prop_assert_eq!(verdict.recipients.len(), 2);
        for (_, decision) in &verdict.recipients {
            prop_assert!(!decision.because.is_empty());
        }
        for finding in &verdict.findings {
            prop_assert!((0.0..=1.0).contains(&finding.confidence));
        }
        let json = serde_json::to_string(&explain::explain(&verdict)).unwrap();
        let told = format!("{json}{}", explain::text(&verdict));
        prop_assert!(!told.contains("536-22-8141") && !told.contains("12345678"), "{}", told);
    }

    #[test]
    fn a_further_rule_never_lowers_a_decision(
        raw in any_message(), rules in proptest::collection::vec(any_rule(), 0..5), more in any_rule(), at in 0_usize..6
    ) {
        let before = strictness(&judge(&policy_of(&rules), &raw));
        let mut rules = rules;
        rules.insert(at.min(rules.len()), more);
        let after = strictness(&judge(&policy_of(&rules), &raw));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| after >= before), "{:?} {:?}", before, after);
    }

    #[test]
    fn order_changes_no_action(raw in any_message(), rules in proptest::collection::vec(any_rule(), 0..5)) {
        let actions = |rules: &[String]| -> Vec<Action> {
            judge(&policy_of(rules), &raw).recipients.iter().map(|(_, decision)| decision.action).collect()
        };
        let reversed: Vec<String> = rules.iter().rev().cloned().collect();
        prop_assert_eq!(actions(&rules), actions(&reversed));
    }

    #[test]
    fn no_exemption_frees_what_is_held(raw in any_message(), act in proptest::sample::select(vec!["hold", "refuse"])) {
        let text = format!(
            "[[policy.rule]]\nname = \"kept\"\n{act} = true\n[[policy.rule]]\nname = \"strict\"\nrequire = \"portal\"\n\
             [[policy.rule]]\nname = \"free\"\nreason = \"r\"\nexempt = [\"strict\", \"default\"]\n"
        );
        let verdict = judge(&Policy::from_toml(&text).unwrap(), &raw);
        prop_assert!(strictness(&verdict).iter().all(|strictness| *strictness >= Action::Hold.strictness()));
    }

    #[test]
    fn no_configuration_panics(text in "(\\[policy(\\.[a-z]{1,9})?\\]\n|[a-z_]{1,9} = (1|\"[^\"\n]{0,9}\"|\\[\\]|true)\n){0,8}") {
        let _ = Policy::from_toml(&text);
    }
}
