//! An address is itself and nothing that resembles it: no homograph, no other
//! case of letters than policy allows, no tag, no dot, no expansion.

use mail::{Address, KeySource, Need};
use policy::KeyPolicy;
use policy::keys::LocalPart;
use proptest::prelude::*;
use smime::trust::Trust;

use crate::candidates::candidates;
use crate::fixture::{at, found, id, openpgp};
use crate::learn::{Lesson, learn};

/// Whether a key that was learned for one address seals a copy for another.
fn seals(named: &str, recipient: &str, policy: &KeyPolicy) -> bool {
    let key = openpgp(1, named, 400);
    let Ok(Lesson::New(known, _)) = learn(&[], found(&key, named, KeySource::Staff, 1), policy, id(1)) else {
        panic!("{named} is learned");
    };
    let recipient: Address = recipient.parse().unwrap();
    candidates(&[known], &recipient, Need::EndToEnd, policy, &Trust::default(), at(2)).openpgp.is_some()
}

fn any_case() -> KeyPolicy {
    KeyPolicy { local_part: LocalPart::AnyCase, ..KeyPolicy::default() }
}

#[test]
fn what_only_resembles_an_address_is_another_one() {
    let alike = [
        ("iris@clinic.example", "ir\u{131}s@clinic.example"),
        ("IRIS@clinic.example", "ir\u{131}s@clinic.example"),
        ("\u{131}@clinic.example", "I@clinic.example"),
        ("\u{212a}im@clinic.example", "kim@clinic.example"),
        ("\u{17f}am@clinic.example", "Sam@clinic.example"),
        ("strasse@clinic.example", "stra\u{df}e@clinic.example"),
        ("\u{fb01}n@clinic.example", "fin@clinic.example"),
        ("\u{ff50}at@clinic.example", "pat@clinic.example"),
        ("jo\u{308}rg@clinic.example", "j\u{f6}rg@clinic.example"),
        ("J\u{d6}RG@clinic.example", "j\u{f6}rg@clinic.example"),
        ("p\u{430}t@clinic.example", "pat@clinic.example"),
        ("pat+lab@clinic.example", "pat@clinic.example"),
        ("p.at@clinic.example", "pat@clinic.example"),
        ("pat@clinic.example", "pat@mail.clinic.example"),
        ("pat@clinic.example", "pat@cl\u{131}nic.example"),
        ("pat@clinic.example", "pat@cl\u{456}nic.example"),
        ("pat@stra\u{df}e.example", "pat@strasse.example"),
        ("pat@clinic.example", "pat@clinic-example.example"),
    ];
    for (named, recipient) in alike {
        for policy in [KeyPolicy::default(), any_case()] {
            assert!(!seals(named, recipient, &policy), "{named} {recipient}");
            assert!(!seals(recipient, named, &policy), "{recipient} {named}");
        }
    }
}

#[test]
fn one_domain_in_two_spellings_is_one() {
    for (one, other) in [
        ("pat@b\u{fc}cher.example", "pat@xn--bcher-kva.example"),
        ("pat@B\u{dc}CHER.example", "pat@b\u{fc}cher.example"),
        ("pat@\u{ff43}linic.example", "pat@clinic.example"),
        ("pat@CLINIC.example", "pat@clinic.example"),
    ] {
        assert!(seals(one, other, &KeyPolicy::default()), "{one} {other}");
    }
    assert!(!seals("Pat@clinic.example", "pat@clinic.example", &KeyPolicy::default()));
    assert!(seals("Pat@clinic.example", "pAT@clinic.example", &any_case()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is done to a local part, only the letters of ASCII may differ,
    /// and only where policy says so.
    #[test]
    fn a_local_part_matches_itself_alone(
        one in "[a-zA-Z0-9.+\u{131}\u{df}\u{17f}\u{212a}\u{ff21}-\u{ff3a}\u{430}-\u{44f}]{1,12}",
        other in "[a-zA-Z0-9.+\u{131}\u{df}\u{17f}\u{212a}\u{ff21}-\u{ff3a}\u{430}-\u{44f}]{1,12}",
    ) {
        let parse = |local: &str| Address::parse(&format!("{local}@clinic.example"));
        let variants = [other, one.to_lowercase(), one.to_uppercase(), one.replace('.', ""), format!("{one}+x")];
        let Ok(first) = parse(&one) else { return Ok(()) };
        for second in variants.iter().filter_map(|local| parse(local).ok()) {
            let (exact, any) = (KeyPolicy::default(), any_case());
            prop_assert_eq!(exact.is_same_mailbox(&first, &second), first.local() == second.local());
            let folded = |local: &str| local.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
            prop_assert_eq!(any.is_same_mailbox(&first, &second), folded(first.local()) == folded(second.local()));
        }
    }

    /// Two domains are one exactly where their A-labels are.
    #[test]
    fn a_domain_matches_its_a_label_alone(
        one in "[a-z\u{e0}-\u{f6}\u{430}-\u{44f}]{1,10}",
        other in "[a-z\u{e0}-\u{f6}\u{430}-\u{44f}]{1,10}",
    ) {
        let parse = |label: &str| Address::parse(&format!("pat@{label}.example"));
        if let (Ok(first), Ok(second)) = (parse(&one), parse(&other)) {
            let same = any_case().is_same_mailbox(&first, &second);
            prop_assert_eq!(same, first.domain().as_str() == second.domain().as_str());
            if same {
                prop_assert_eq!(one, other);
            }
        }
    }
}
