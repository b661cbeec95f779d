//! What a policy file may say, and what each mistake is told as.

use super::*;
use crate::policy::Policy;

/// The mistakes in a text, one a line.
fn check(text: &str, expect: &str) {
    let found = Policy::from_toml(text).map_or_else(|error| error.to_string(), |_| String::new());
    assert_eq!(found, expect, "{text}");
}

fn rule(keys: &str) -> String {
    format!("[[policy.rule]]\nname = \"r\"\n{keys}\n")
}

#[test]
fn nothing_gives_the_built_in_policy() {
    for text in ["", "[policy]", "[policy.detectors]", "[policy.subject]\n[policy.detectors.mrn]"] {
        assert_eq!(Policy::from_toml(text).unwrap(), Policy::default(), "{text}");
    }
}

#[test]
fn unknown_keys_have_their_path_and_a_suggestion() {
    check("polcy = 1", "polcy: there is no such key: did you mean \"policy\"?");
    check("[policy]\ndefalt = \"none\"", "policy.defalt: there is no such key: did you mean \"default\"?");
    check(
        &rule("hold = true\nrecipent = \"x\""),
        "policy.rule[0].recipent: there is no such key: did you mean \"recipient\"?",
    );
    check(
        "[policy.detectors]\ndisabled = \"x\"",
        "policy.detectors.disabled: there is no such key; there are off, mrn, member_id, drug",
    );
    check(
        &rule("hold = true\ndetector = { name = \"ssn\", cont = 2 }"),
        "policy.rule[0].detector: cont: there is no such key: did you mean \"count\"?",
    );
}

#[test]
fn wrong_values_say_what_is_wanted() {
    check("policy = 3", "policy: wants a table, not integer");
    check(
        "[policy]\ndefault = \"verifed\"",
        "policy.default: \"verifed\" is no level or method: did you mean \"verified\"?",
    );
    check(
        &rule("require = \"tls\""),
        "policy.rule[0].require: \"tls\" is no level or method; there are none, encrypted, verified, anchored, end_to_end, openpgp, smime, portal",
    );
    check(&rule("hold = false"), "policy.rule[0].hold: is either true or left out");
    check(
        &rule("hold = true\nsize_min = \"10 XB\""),
        "policy.rule[0].size_min: wants a size such as 500000 or \"10 MB\"",
    );
    check(
        &rule("hold = true\nsender = []"),
        "policy.rule[0].sender: is empty: name at least one, or leave the key out",
    );
    check(
        &rule("hold = true\nsender_domain = [\"a.example\", \"b_\"]"),
        "policy.rule[0].sender_domain[1]: \"b_\" is no domain; write clinic.example or *.clinic.example",
    );
    check(
        &rule("hold = true\ndirection = \"out\""),
        "policy.rule[0].direction: \"out\" is no direction; there are outbound, inbound",
    );
    check(
        &rule("hold = true\ndetector = \"sss\""),
        "policy.rule[0].detector: \"sss\" is no detector: did you mean \"ssn\"?",
    );
    check(
        &rule("hold = true\ndetector = { name = \"ssn\", confidence = 2 }"),
        "policy.rule[0].detector: confidence: wants a number from 0 to 1, not integer",
    );
    check("[policy.subject]\nreplacement = \"a\\r\\nBcc: x\"", "policy.subject.replacement: wants one line of text");
    check(
        "[policy.detectors.mrn]\npatterns = [\"a(\"]",
        "policy.detectors.mrn.patterns: \"a(\" is no pattern: error: unclosed group",
    );
    check(
        "[policy.detectors.mrn]\npatterns = [\"a)(b\"]",
        "policy.detectors.mrn.patterns: \"a)(b\" is no pattern: error: unopened group",
    );
    check(
        "[policy.detectors.drug]\nremove = \"sugar\"",
        "policy.detectors.drug.remove: \"sugar\" is not on the list that ships",
    );
    check("[policy\n", "line 1: not TOML: unclosed table, expected `]`");
}

#[test]
fn a_rule_has_a_name_of_its_own_and_does_one_thing() {
    check("[[policy.rule]]\nhold = true", "policy.rule[0].name: is missing: decisions cite rules by name");
    check(
        "[[policy.rule]]\nname = \"default\"\nhold = true",
        "policy.rule[0].name: \"default\" is the name of a built-in rule",
    );
    check(&(rule("hold = true") + &rule("hold = true")), "policy.rule[1].name: \"r\" is the name of a rule above");
    check(
        &rule("hold = true\nrefuse = true"),
        "policy.rule[0].require: a rule does only one of require, hold, refuse, exempt, banner",
    );
    check(&rule(""), "policy.rule[0].require: is missing: a rule does one of require, hold, refuse, exempt, banner");
}

#[test]
fn an_exemption_has_a_reason_and_never_cancels_hold_or_refuse() {
    let exempt = |name: &str| format!("[[policy.rule]]\nname = \"e\"\nreason = \"why\"\nexempt = \"{name}\"\n");
    check(&(rule("require = \"portal\"") + &exempt("r")), "");
    check(&exempt("default"), "");
    check(
        &(rule("hold = true") + &exempt("r")),
        "policy.rule[1].exempt: \"r\" holds or refuses, which no exemption cancels",
    );
    check(&exempt("e"), "policy.rule[0].exempt: \"e\" is itself an exemption");
    check(&exempt("subject-secure"), "policy.rule[0].exempt: the built-in rule \"subject-secure\" can't be cancelled");
    check(
        &(rule("require = \"portal\"") + &exempt("rr")),
        "policy.rule[1].exempt: there is no rule \"rr\": did you mean \"r\"?",
    );
    check(
        &(rule("require = \"portal\"") + "[[policy.rule]]\nname = \"e\"\nexempt = \"r\"\n"),
        "policy.rule[1].reason: is missing: an exemption must give its reason",
    );
}

#[test]
fn what_is_said_of_keys_is_checked() {
    let keys = |line: &str| format!("[policy.keys]\n{line}\n");
    check(&keys("prefer = \"pgp\""), "policy.keys.prefer: \"pgp\" is no preference; there are smime, openpgp, fresher");
    check(
        &keys("end_to_end = [\"staff\", \"keyserver\"]"),
        "policy.keys.end_to_end[1]: \"keyserver\" is no source of keys; there are staff, recipient, wkd, signed_mail, autocrypt",
    );
    check(&keys("transit = []"), "policy.keys.transit: is empty: name at least one, or leave the key out");
    check(
        &keys("changes = \"hold\""),
        "policy.keys.changes: \"hold\" is no rule for changes; there are signed, same_issuer, ended",
    );
    check(&keys("accept_after = 7"), "policy.keys.accept_after: wants a span such as \"12h\" or \"7d\"");
    check(
        &keys("crossing = \"anchored\""),
        "policy.keys.crossing: \"anchored\" is no level; there are none, encrypted, verified",
    );
    check(
        &keys("sources = 1"),
        "policy.keys.sources: there is no such key; there are end_to_end, transit, prefer, use_when, changes, accept_after, local_part, crossing, unknown_revocation",
    );
}

const WHOLE: &str = r#"
[policy]
default = "anchored"
[policy.subject]
replace = false
replacement = "News from {organisation}"
confidence = 0.25
ignore = ["phone", "npi"]
legacy_display = true
[policy.detectors]
off = ["icd10", "card"]
[policy.detectors.mrn]
words = ["kardex"]
patterns = ['K\d{6}', "x|y"]
[policy.detectors.drug]
add = ["Lakesidol"]
remove = ["Lipitor"]
[policy.keys]
end_to_end = ["staff", "wkd"]
transit = "staff"
prefer = "fresher"
use_when = "needed"
changes = []
accept_after = "7d"
local_part = "any_case"
crossing = "encrypted"
unknown_revocation = "refuse"
[policy.signing]
end_to_end = "required"
transit = "if_possible"
format = "openpgp"
[policy.replies]
key = false
portal = "sealed"
quotes = false
[[policy.rule]]
name = "all"
reason = "it's \"needed\""
sender = ["*@a.example", "b@c.example"]
sender_domain = "*.a.example"
recipient = "p@*"
recipient_domain = ["a.example", "bücher.example"]
subject_tag = "[x]"
header = { X-App = "refill*", B = "?" }
direction = "inbound"
size_min = "10 MB"
attachment_name = "*.xlsx"
attachment_type = "image/*"
detector = ["any", { name = "ssn", confidence = 0.9, count = 3 }]
require = "portal"
[[policy.rule]]
name = "exempt"
reason = "why"
exempt = ["all", "default"]
[[policy.rule]]
name = "hold"
hold = true
[[policy.rule]]
name = "refuse"
refuse = true
"#;

#[test]
fn what_is_said_of_signatures_and_replies_is_checked() {
    check("[policy.signing]\ntransit = true\n", "policy.signing.transit: wants rule for signatures, not boolean");
    check(
        "[policy.signing]\nend_to_end = \"always\"\n",
        "policy.signing.end_to_end: \"always\" is no rule for signatures; there are never, if_possible, required",
    );
    check(
        "[policy.signing]\nformat = \"pgp\"\n",
        "policy.signing.format: \"pgp\" is no format; there are openpgp, smime",
    );
    check("[policy.replies]\nquote = true\n", "policy.replies.quote: there is no such key: did you mean \"quotes\"?");
    check(
        "[policy.replies]\nportal = \"yes\"\n",
        "policy.replies.portal: \"yes\" is no rule for replies; there are never, sealed, always",
    );
}

#[test]
fn the_canonical_text_is_read_back_as_the_same_policy() {
    for text in ["", WHOLE] {
        let policy = Policy::from_toml(text).unwrap();
        let again = Policy::from_toml(&policy.canonical()).unwrap();
        assert_eq!(again, policy);
        assert_eq!(again.canonical(), policy.canonical());
        assert_eq!(again.hash(), policy.hash());
    }
}

#[test]
fn the_hash_is_of_what_is_effective_and_not_of_how_it_is_written() {
    let hash = |text: &str| Policy::from_toml(text).unwrap().hash();
    assert_eq!(hash(""), hash("# nothing\n[policy]\ndefault = \"verified\"\n[policy.subject]\nreplace = true"));
    assert_eq!(hash(&rule("hold = true\nsender = \"x\"")), hash(&rule("sender = [\"x\"]\nhold = true")));
    assert_ne!(hash(""), hash("[policy]\ndefault = \"anchored\""));
    assert_ne!(hash(&rule("hold = true")), hash(&rule("refuse = true")));
}

#[test]
fn a_policy_is_read_out_of_a_larger_configuration() {
    #[derive(serde::Deserialize)]
    struct Larger {
        policy: Policy,
    }
    let larger: Larger = toml::from_str("other = 1\n[policy]\ndefault = \"portal\"").unwrap();
    assert_eq!(larger.policy.default, Need::Portal);
    let wrong = toml::from_str::<Larger>("[policy]\ndefalt = 1").map(|_| ()).unwrap_err().to_string();
    assert!(wrong.contains("policy.defalt: there is no such key"), "{wrong}");
}
