//! What rules, switches and exemptions add up to.

use super::*;
use crate::facts::Direction;
use mail::reading::{Limits, read};

fn judge(policy: &str, raw: &str, recipient: &str) -> Verdict {
    judge_asking(policy, raw, recipient, false)
}

fn judge_asking(policy: &str, raw: &str, recipient: &str, requiretls: bool) -> Verdict {
    let policy = Policy::from_toml(policy).unwrap();
    let reading = read(raw.as_bytes(), &Limits::default());
    let facts = Facts {
        direction: Direction::Outbound,
        sender: Some(&Address::parse("dr@clinic.example").unwrap()),
        requiretls,
        header: mail::reading::header_block(raw.as_bytes()),
        reading: reading.as_ref(),
        body_bytes: raw.len() as u64,
        organisation: "Lakeside",
    };
    decide(&policy, &facts, &[Address::parse(recipient).unwrap()])
}

/// `deliver need` or the action's word, then the reasons.
fn told(verdict: &Verdict) -> String {
    let (_, decision) = &verdict.recipients[0];
    let action = match decision.action {
        Action::Deliver { needs } => needs.word(),
        Action::Hold | Action::Refuse => decision.action.word(),
    };
    let because: Vec<String> = decision.because.iter().map(Because::to_string).collect();
    format!("{action}: {}", because.join("; "))
}

fn check(policy: &str, raw: &str, expect: &str) {
    assert_eq!(told(&judge(policy, raw, "p@example.com")), expect, "{policy}");
}

const PLAIN: &str = "Subject: Hello\r\n\r\nHi.\r\n";

#[test]
fn requiretls_raises_what_is_needed_and_lowers_nothing() {
    let check = |policy: &str, expect: &str| {
        assert_eq!(told(&judge_asking(policy, PLAIN, "p@example.com", true)), expect, "{policy}");
    };
    check("", "verified: requiretls");
    check("[policy]\ndefault = \"none\"", "verified: requiretls");
    check("[policy]\ndefault = \"portal\"", "portal: default; requiretls");
}

#[test]
fn everything_needs_verified_by_default() {
    check("", PLAIN, "verified: default");
}

#[test]
fn the_strictest_matching_rule_wins_whatever_the_order() {
    let rule = |name: &str, act: &str| format!("[[policy.rule]]\nname = \"{name}\"\n{act}\n");
    let anchored = rule("a", "require = \"anchored\"");
    let portal = rule("p", "require = \"portal\"");
    check(&format!("{anchored}{portal}"), PLAIN, "portal: a; p");
    check(&format!("{portal}{anchored}"), PLAIN, "portal: p; a");
    check(&rule("n", "require = \"none\""), PLAIN, "verified: default; n");
    check(&rule("h", "hold = true"), PLAIN, "hold: h");
    check(&(rule("h", "hold = true") + &rule("r", "refuse = true")), PLAIN, "refuse: h; r");
}

#[test]
fn contradictory_exact_methods_hold() {
    let rule = |name: &str, need: &str| format!("[[policy.rule]]\nname = \"{name}\"\nrequire = \"{need}\"\n");
    let (pgp, smime) = (rule("g", "openpgp"), rule("s", "smime"));
    check(&format!("{pgp}{smime}"), PLAIN, "hold: g; s; contradiction");
    check(&format!("{pgp}{}", rule("p", "portal")), PLAIN, "hold: g; p; contradiction");
    check(&format!("{pgp}{}", rule("e", "end_to_end")), PLAIN, "openpgp: g; e");
}

#[test]
fn a_release_never_lowers_the_need() {
    let rule = |name: &str, act: &str| format!("[[policy.rule]]\nname = \"{name}\"\n{act}\n");
    let (staff, sender) = (rule("h", "hold = true"), rule("s", "hold = \"sender\""));
    let check = |policy: &str, raw: &str, needs: Need, by_sender: bool| {
        let released = judge(policy, raw, "p@example.com").recipients[0].1.released;
        assert_eq!(released, Some(Released { needs, by_sender }), "{policy}");
    };
    check(&staff, PLAIN, Need::Verified, false);
    check(&sender, PLAIN, Need::Verified, true);
    check(&format!("{sender}{staff}"), PLAIN, Need::Verified, false);
    check(&format!("{sender}{}", rule("p", "require = \"portal\"")), PLAIN, Need::Portal, true);
    check(&sender, "X-Sealpost-Protect: most\r\n\r\nHi.\r\n", Need::Verified, false);
    let both = rule("g", "require = \"openpgp\"") + &rule("m", "require = \"smime\"");
    check(&both, PLAIN, Need::Portal, false);
    assert_eq!(judge("", PLAIN, "p@example.com").recipients[0].1.released, None);
}

#[test]
fn an_exemption_cancels_what_it_names() {
    let policy = "[[policy.rule]]\nname = \"strict\"\nrequire = \"portal\"\n\
        [[policy.rule]]\nname = \"kind\"\nreason = \"asked for it\"\nexempt = \"strict\"\nrecipient = \"p@*\"\n";
    check(policy, PLAIN, "verified: default; kind (cancels strict: asked for it)");
    assert_eq!(told(&judge(policy, PLAIN, "q@example.com")), "portal: strict");
}

#[test]
fn the_default_is_cancelled_only_where_another_rule_says_what_is_needed() {
    let exempt = "[[policy.rule]]\nname = \"plain\"\nreason = \"patient's documented choice\"\nexempt = \"default\"\n";
    check(exempt, PLAIN, "verified: default");
    check(exempt, "X-Sealpost-Protect: none\r\n\r\nHi.\r\n", "verified: default; header-protect");
    let none = format!("{exempt}[[policy.rule]]\nname = \"none\"\nrequire = \"none\"\n");
    check(&none, PLAIN, "none: plain (cancels default: patient's documented choice); none");
}

#[test]
fn switches_raise_to_end_to_end() {
    check("", "Subject: [secure] Hello\r\n\r\nHi.\r\n", "end_to_end: subject-secure");
    check("", "Subject: =?utf-8?q?=2Bencrypt=2B_Hello?=\r\n\r\nHi.\r\n", "end_to_end: subject-encrypt");
    let verdict = judge("", "Subject: [secure] Hello\r\n\r\nHi.\r\n", "p@example.com");
    assert_eq!(verdict.subject, SubjectAction::Clean("Hello".to_owned()));
}

#[test]
fn the_protect_field_raises_and_an_unknown_level_holds() {
    check("", "X-Sealpost-Protect: portal\r\n\r\nHi.\r\n", "portal: header-protect");
    check("", "X-Sealpost-Protect: none\r\n\r\nHi.\r\n", "verified: default; header-protect");
    check("", "X-Sealpost-Protect: most\r\n\r\nHi.\r\n", "hold: header-protect");
}

#[test]
fn a_rule_as_strict_as_the_default_stands_in_for_it() {
    check("[[policy.rule]]\nname = \"v\"\nrequire = \"verified\"\n", PLAIN, "verified: v");
}

#[test]
fn health_information_in_the_subject_has_it_replaced() {
    let subject = |policy: &str, subject: &str| {
        judge(policy, &format!("Subject: {subject}\r\n\r\nHi.\r\n"), "p@example.com").subject
    };
    let replaced = SubjectAction::Replace("A message from Lakeside".to_owned());
    assert_eq!(subject("", "Your SSN 536-22-8141"), replaced);
    assert_eq!(subject("", "=?utf-8?b?TWV0Zm9ybWlu?= is ready"), replaced);
    assert_eq!(subject("", "[secure] MRN 12345678"), replaced);
    assert_eq!(subject("", "Your visit on Monday"), SubjectAction::Keep);
    assert_eq!(subject("[policy.subject]\nreplace = false", "MRN 12345678"), SubjectAction::Keep);
    assert_eq!(subject("[policy.subject]\nignore = \"mrn\"", "MRN 12345678"), SubjectAction::Keep);
    let own = "[policy.subject]\nreplacement = \"News\"";
    assert_eq!(subject(own, "MRN 12345678"), SubjectAction::Replace("News".to_owned()));
}

#[test]
fn conditions_match_what_they_name() {
    let raw = "Subject: [Legal] x\r\nX-App: Refills\r\nContent-Type: application/pdf; name=a.PDF\r\n\r\nx\r\n";
    let matches = |when: &str| {
        let rule = format!("[[policy.rule]]\nname = \"r\"\nhold = true\n{when}\n");
        told(&judge(&rule, raw, "P@sub.example.com")) == "hold: r"
    };
    for when in [
        "sender = \"*@clinic.example\"",
        "sender_domain = \"clinic.example\"",
        "recipient = [\"q@*\", \"p@sub.example.com\"]",
        "recipient_domain = \"*.example.com\"",
        "subject_tag = \"[LEGAL]\"",
        "header = { X-App = \"refill*\" }",
        "direction = \"outbound\"",
        "size_min = 10",
        "attachment_name = \"*.pdf\"",
        "attachment_type = \"application/*\"",
        "sender = \"*\"\nrecipient = \"*\"",
    ] {
        assert!(matches(when), "{when}");
    }
    for when in [
        "sender = \"*@other.example\"",
        "sender_domain = \"*.clinic.example\"",
        "recipient = \"q@*\"",
        "recipient_domain = \"example.com\"",
        "subject_tag = \"[legal ]\"",
        "header = { X-App = \"refill\" }",
        "header = { X-Other = \"*\" }",
        "direction = \"inbound\"",
        "size_min = \"1 MB\"",
        "attachment_name = \"*.doc\"",
        "attachment_type = \"image/*\"",
        "detector = \"any\"",
        "sender = \"*\"\nrecipient = \"q@*\"",
    ] {
        assert!(!matches(when), "{when}");
    }
}

#[test]
fn detectors_count_different_values_that_are_sure_enough() {
    let holds = |condition: &str, text: &str| {
        let rule = format!("[[policy.rule]]\nname = \"r\"\nhold = true\ndetector = {condition}\n");
        told(&judge(&rule, &format!("Subject: x\r\n\r\n{text}\r\n"), "p@example.com")) == "hold: r"
    };
    let two = "536-22-8141 and 536-22-8141 and 212-45-6780";
    assert!(holds("\"ssn\"", two));
    assert!(holds("\"any\"", two));
    assert!(!holds("\"mrn\"", two));
    assert!(holds("[\"mrn\", \"ssn\"]", two));
    assert!(holds("{ name = \"ssn\", count = 2 }", two));
    assert!(!holds("{ name = \"ssn\", count = 3 }", two));
    assert!(!holds("{ name = \"ssn\", confidence = 0.9 }", two));
    assert!(holds("{ name = \"ssn\", confidence = 0.9 }", "SSN 536-22-8141"));
}

#[test]
fn a_message_that_cannot_be_read_is_held() {
    check("", " ", "hold: unreadable");
}
