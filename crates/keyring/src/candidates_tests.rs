//! Which keys count, and that no other ever does.

use std::time::Duration;

use proptest::prelude::*;
use smime::trust::Said;

use super::*;
use crate::Checked;
use crate::fixture::{Authority, address, at, found, id, openpgp};
use crate::learn::{Lesson, learn};

const PAT: &str = "pat@x.example";

fn known(number: u8, material: &Material, source: KeySource, days: i64) -> Known {
    let policy = KeyPolicy::default();
    match learn(&[], found(material, PAT, source, days), &policy, id(number)).unwrap() {
        Lesson::New(known, _) | Lesson::Held(known) => known,
        other => panic!("{other:?}"),
    }
}

fn check(known: &[Known], need: Need, policy: &KeyPolicy, trust: &Trust) -> (Option<u8>, Option<u8>, Vec<String>) {
    let found = candidates(known, &address(PAT), need, policy, trust, at(9));
    let number = |one: &Option<Candidate>| one.as_ref().map(|one| one.known.id.as_bytes()[0]);
    let why = found.passed_over.iter().map(|(_, why)| why.to_string()).collect();
    (number(&found.openpgp), number(&found.smime), why)
}

#[test]
fn the_more_trusted_and_then_the_newer_key_counts() {
    let (policy, trust) = (KeyPolicy::default(), Trust::default());
    let keys = [
        known(1, &openpgp(1, PAT, 400), KeySource::Wkd, 1),
        known(2, &openpgp(2, PAT, 400), KeySource::Staff, 1),
        known(3, &openpgp(3, PAT, 400), KeySource::Staff, 2),
        known(4, &openpgp(4, PAT, 400), KeySource::SignedMail, 3),
    ];
    let (openpgp, smime, why) = check(&keys, Need::EndToEnd, &policy, &trust);
    assert_eq!((openpgp, smime, why.len()), (Some(3), None, 3));
}

#[test]
fn a_key_counts_only_while_it_can_be_used() {
    let (policy, trust) = (KeyPolicy::default(), Trust::default());
    let ended = known(1, &openpgp(1, PAT, 5), KeySource::Staff, 1);
    let (none, _, why) = check(&[ended], Need::EndToEnd, &policy, &trust);
    assert!(none.is_none() && why[0].contains("expired"), "{why:?}");
    for state in [KeyState::HeldBack, KeyState::Rejected, KeyState::Replaced] {
        let key = Known { state, because: Some("why".into()), ..known(1, &openpgp(1, PAT, 400), KeySource::Staff, 1) };
        let (none, _, why) = check(&[key], Need::EndToEnd, &policy, &trust);
        assert!(none.is_none() && why[0].contains("why"), "{why:?}");
    }
}

#[test]
fn a_held_key_counts_after_as_long_as_policy_says() {
    let key = openpgp(1, PAT, 400);
    let held = |state| Known { state, ..known(1, &key, KeySource::Wkd, 1) };
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let of = |state, accept_after| {
        let policy = KeyPolicy { accept_after, ..KeyPolicy::default() };
        check(&[held(state)], Need::EndToEnd, &policy, &Trust::default()).0
    };
    assert_eq!((of(KeyState::HeldBack, days(8)), of(KeyState::HeldBack, days(9))), (Some(1), None));
    assert_eq!((of(KeyState::HeldBack, None), of(KeyState::Rejected, days(8))), (None, None));
}

#[test]
fn sources_count_by_need() {
    let policy = KeyPolicy {
        end_to_end: [KeySource::Staff].into(),
        transit: [KeySource::Staff, KeySource::Wkd].into(),
        ..KeyPolicy::default()
    };
    let key = known(1, &openpgp(1, PAT, 400), KeySource::Wkd, 1);
    let of = |key: &Known, need| check(std::slice::from_ref(key), need, &policy, &Trust::default()).0;
    assert_eq!((of(&key, Need::EndToEnd), of(&key, Need::Verified)), (None, Some(1)));
    let accepted = Known { confirmed_by: Some("root".into()), ..key };
    assert_eq!(of(&accepted, Need::EndToEnd), Some(1));
}

#[test]
fn a_certificate_from_mail_needs_a_chain_and_one_by_hand_does_not() {
    let policy = KeyPolicy { unknown_revocation: Unknown::Accept, ..KeyPolicy::default() };
    let authority = Authority::new("A");
    let certificate = authority.issue(PAT);
    let (by_mail, by_hand) =
        (known(1, &certificate, KeySource::SignedMail, 1), known(2, &certificate, KeySource::Staff, 1));
    let trusted = Trust::new(vec![authority.anchor()]);
    let of = |key: &Known, trust: &Trust| check(std::slice::from_ref(key), Need::EndToEnd, &policy, trust).1;
    assert_eq!((of(&by_mail, &Trust::default()), of(&by_mail, &trusted)), (None, Some(1)));
    assert_eq!(of(&by_hand, &Trust::default()), Some(2));
}

/// A key whose issuer was asked on the first day and said this, for five days.
fn checked(key: &Known, authority: &Authority, said: Said) -> Known {
    let Material::Smime(smime) = &key.material else { panic!("no certificate") };
    let standing = authority.standing(&smime.certificate, said, at(6));
    let checked = Checked { at: at(1), again: at(6), standings: vec![standing], trouble: None };
    Known { revocation: Some(checked), ..key.clone() }
}

#[test]
fn what_its_issuer_says_of_a_certificate_counts_for_a_while() {
    let (authority, other) = (Authority::new("A"), Authority::new("A"));
    let trust = Trust::new(vec![authority.anchor()]);
    let refuse = KeyPolicy::default();
    assert_eq!(refuse.unknown_revocation, Unknown::Refuse);
    let accept = KeyPolicy { unknown_revocation: Unknown::Accept, ..refuse.clone() };
    let key = known(1, &authority.issue(PAT), KeySource::SignedMail, 1);
    let counts = |key: &Known, policy: &KeyPolicy, day: i64| {
        let found = candidates(std::slice::from_ref(key), &address(PAT), Need::EndToEnd, policy, &trust, at(day));
        match found.passed_over.first() {
            None => "counts".to_owned(),
            Some((_, why)) => why.to_string().split(':').next().unwrap().to_owned(),
        }
    };
    let unknown = "it is unknown whether the certificate is revoked";
    assert_eq!((counts(&key, &refuse, 2).as_str(), counts(&key, &accept, 2).as_str()), (unknown, "counts"));
    let good = checked(&key, &authority, Said::Good);
    assert_eq!((counts(&good, &refuse, 2).as_str(), counts(&good, &refuse, 7).as_str()), ("counts", unknown));
    let revoked = checked(&key, &authority, Said::Revoked { since: at(0) });
    for (policy, day) in [(&refuse, 2), (&accept, 2), (&accept, 300)] {
        assert!(counts(&revoked, policy, day).starts_with("the certificate is revoked since"), "{day}");
    }
    // Another authority of the same name says nothing about it, for good or ill.
    let strange = |said| checked(&key, &other, said);
    assert_eq!(counts(&strange(Said::Good), &refuse, 2), unknown);
    assert_eq!(counts(&strange(Said::Revoked { since: at(0) }), &accept, 2), "counts");
    // Who is asked, and when.
    let asks = |key: &Known, day: i64| wants_asking(key, &trust, at(day));
    assert!(asks(&key, 2) && !asks(&good, 2) && asks(&good, 7) && !asks(&revoked, 7));
}

#[test]
fn who_vouches_for_a_certificate_does_not_outvote_its_issuer() {
    let (authority, policy) = (Authority::new("A"), KeyPolicy::default());
    let given = known(1, &authority.issue_with_place(PAT), KeySource::Staff, 1);
    let silent = known(2, &authority.issue(PAT), KeySource::Staff, 1);
    let trust = Trust::new(vec![authority.anchor()]);
    let counts = |key: &Known, trust: &Trust| check(std::slice::from_ref(key), Need::EndToEnd, &policy, trust).1;
    // Somebody can be asked about the one, and nobody about the other.
    assert_eq!((counts(&given, &trust), counts(&silent, &trust)), (None, Some(2)));
    assert!(wants_asking(&given, &trust, at(2)) && !wants_asking(&silent, &trust, at(2)));
    let told = |key: &Known, said| {
        let key = checked(key, &authority, said);
        let found = candidates(&[key], &address(PAT), Need::EndToEnd, &policy, &trust, at(2));
        found.smime.is_some()
    };
    assert!(told(&given, Said::Good));
    assert!(!told(&given, Said::Revoked { since: at(0) }) && !told(&silent, Said::Revoked { since: at(0) }));
}

#[test]
fn where_both_formats_count_policy_prefers() {
    let authority = Authority::new("A");
    let keys =
        [known(1, &openpgp(1, PAT, 400), KeySource::Staff, 2), known(2, &authority.issue(PAT), KeySource::Staff, 1)];
    let found = candidates(&keys, &address(PAT), Need::EndToEnd, &KeyPolicy::default(), &Trust::default(), at(9));
    let preferred = |prefer| found.preferred(&KeyPolicy { prefer, ..KeyPolicy::default() });
    use policy::keys::Prefer;
    assert_eq!(preferred(Prefer::Smime), KeyFormat::Smime);
    assert_eq!(preferred(Prefer::OpenPgp), KeyFormat::OpenPgp);
    assert_eq!(preferred(Prefer::Fresher), KeyFormat::OpenPgp);
}

const NAMES: [&str; 3] = ["pat@x.example", "Pat@x.example", "pat@y.example"];

/// A key for each name that lives, and one that has ended; making one takes a while.
fn pooled(name: usize, lives: bool) -> Material {
    static POOL: std::sync::LazyLock<Vec<Material>> = std::sync::LazyLock::new(|| {
        let of = |name: &&str| [openpgp(1, name, 3), openpgp(2, name, 400)];
        NAMES.iter().flat_map(of).collect()
    });
    POOL[name * 2 + usize::from(lives)].clone()
}

proptest! {
    /// Whatever is known, what counts is active, for the mailbox, of a source that counts, and usable.
    #[test]
    fn nothing_else_ever_counts(
        rows in prop::collection::vec((0u8..4, 0u8..5, 0u8..3, any::<bool>()), 0..6),
        end_to_end in prop::collection::btree_set(prop::sample::select(KeySource::ALL), 1..5),
        is_transit in any::<bool>(),
    ) {
        let policy = KeyPolicy { end_to_end: end_to_end.clone(), transit: [KeySource::Staff].into(), ..KeyPolicy::default() };
        let keys: Vec<Known> = (1..).zip(&rows).map(|(number, (state, source, name, lives))| {
            let name = usize::from(*name);
            Known {
                address: crate::fixture::address(NAMES[name]),
                state: KeyState::from_number(*state).unwrap(),
                source: KeySource::from_number(*source).unwrap(),
                material: pooled(name, *lives),
                ..known(number, &pooled(0, true), KeySource::Staff, 1)
            }
        }).collect();
        let need = if is_transit { Need::Verified } else { Need::EndToEnd };
        let found = candidates(&keys, &address(PAT), need, &policy, &Trust::default(), at(9));
        if let Some(candidate) = &found.openpgp {
            let key = &candidate.known;
            prop_assert_eq!(key.state, KeyState::Active);
            prop_assert_eq!(key.address.to_string(), PAT);
            prop_assert!(key.material.usable(at(9)).is_ok());
            let counting = if is_transit { &policy.transit } else { &policy.end_to_end };
            prop_assert!(counting.contains(&key.source));
        }
        prop_assert_eq!(found.passed_over.len() + usize::from(found.openpgp.is_some()), keys.len());
    }
}
