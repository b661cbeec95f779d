//! The table of the head of the file, row by row.

use super::*;
use crate::fixture::{Authority, Book, address, at, found, openpgp};
use policy::keys::LocalPart;

const PAT: &str = "pat@x.example";

use KeyState::{Active, HeldBack, Rejected, Replaced};

#[test]
fn the_first_key_is_used_unless_the_recipient_gave_it() {
    let key = openpgp(1, PAT, 400);
    for source in [KeySource::Staff, KeySource::Wkd, KeySource::SignedMail, KeySource::Autocrypt] {
        let mut book = Book::default();
        assert_eq!(book.take(found(&key, PAT, source, 1)), Ok("new"), "{source}");
        assert_eq!(book.states(), [Active]);
    }
    let mut book = Book::default();
    assert_eq!(book.take(found(&key, PAT, KeySource::Recipient, 1)), Ok("held"));
    assert_eq!(book.states(), [HeldBack]);
}

#[test]
fn a_key_that_does_not_name_the_address_is_never_its_key() {
    let key = openpgp(1, PAT, 400);
    for other in ["pat@y.example", "Pat@x.example", "pat+a@x.example", "pat@\u{445}.example"] {
        let learned = Book::default().take(found(&key, other, KeySource::Wkd, 1));
        assert_eq!(learned, Err(NotLearned::OtherAddress(address(other))), "{other}");
    }
    let mut folding = Book::with(KeyPolicy { local_part: LocalPart::AnyCase, ..KeyPolicy::default() });
    assert_eq!(folding.take(found(&key, "Pat@x.example", KeySource::Wkd, 1)), Ok("new"));
    let by_hand = Found { is_bound_by_hand: true, ..found(&key, "ward@y.example", KeySource::Staff, 1) };
    assert_eq!(Book::default().take(by_hand), Ok("new"));
}

#[test]
fn a_key_that_has_ended_is_not_learned() {
    let learned = Book::default().take(found(&openpgp(1, PAT, 5), PAT, KeySource::Wkd, 6));
    assert!(matches!(learned, Err(NotLearned::Unusable(_))), "{learned:?}");
}

#[test]
fn another_key_is_held_back_and_the_first_goes_on() {
    let mut book = Book::default();
    book.take(found(&openpgp(1, PAT, 400), PAT, KeySource::Wkd, 1)).unwrap();
    for source in [KeySource::Wkd, KeySource::SignedMail, KeySource::Autocrypt] {
        let seed = u64::from(source.number()) + 10;
        assert_eq!(book.take(found(&openpgp(seed, PAT, 400), PAT, source, 2)), Ok("held"), "{source}");
    }
    assert_eq!(book.states(), [Active, HeldBack, HeldBack, HeldBack]);
}

#[test]
fn a_more_trusted_source_takes_the_place() {
    let mut book = Book::default();
    book.take(found(&openpgp(1, PAT, 400), PAT, KeySource::Autocrypt, 1)).unwrap();
    assert_eq!(book.take(found(&openpgp(2, PAT, 400), PAT, KeySource::Wkd, 2)), Ok("new"));
    assert_eq!(book.take(found(&openpgp(3, PAT, 400), PAT, KeySource::Staff, 3)), Ok("new"));
    assert_eq!(book.states(), [Replaced, Replaced, Active]);
    assert_eq!(book.take(found(&openpgp(4, PAT, 400), PAT, KeySource::Recipient, 4)), Ok("held"));
}

#[test]
fn the_other_format_is_no_change_if_it_is_trusted_as_much() {
    let authority = Authority::new("A");
    let certificate = authority.issue(PAT);
    let mut book = Book::default();
    book.take(found(&openpgp(1, PAT, 400), PAT, KeySource::Wkd, 1)).unwrap();
    assert_eq!(book.take(found(&certificate, PAT, KeySource::SignedMail, 2)), Ok("held"), "less trusted");
    let mut book = Book::default();
    book.take(found(&openpgp(1, PAT, 400), PAT, KeySource::SignedMail, 1)).unwrap();
    assert_eq!(book.take(found(&certificate, PAT, KeySource::SignedMail, 2)), Ok("new"));
    assert_eq!(book.states(), [Active, Active]);
}

#[test]
fn the_key_before_vouches_for_the_next() {
    let (old, new) = (openpgp(1, PAT, 400), openpgp(2, PAT, 400));
    let vouched = || Found { vouched_by: vec![old.fingerprint()], ..found(&new, PAT, KeySource::Autocrypt, 2) };
    let mut book = Book::default();
    book.take(found(&old, PAT, KeySource::Staff, 1)).unwrap();
    assert_eq!(book.take(vouched()), Ok("new"));
    assert_eq!((book.states(), book.known[1].source), (vec![Replaced, Active], KeySource::Staff));
    let mut strict = Book::with(KeyPolicy { changes: [].into(), ..KeyPolicy::default() });
    strict.take(found(&old, PAT, KeySource::Staff, 1)).unwrap();
    assert_eq!(strict.take(vouched()), Ok("held"));
    let by_portal = Found { source: KeySource::Recipient, ..vouched() };
    let mut book = Book::default();
    book.take(found(&old, PAT, KeySource::Staff, 1)).unwrap();
    assert_eq!(book.take(by_portal), Ok("held"));
}

#[test]
fn an_ended_key_gives_way_where_policy_says_so() {
    let (old, new) = (openpgp(1, PAT, 5), openpgp(2, PAT, 400));
    let mut book = Book::default();
    book.take(found(&old, PAT, KeySource::Wkd, 1)).unwrap();
    assert_eq!(book.take(found(&new, PAT, KeySource::Wkd, 9)), Ok("held"));
    let lenient = KeyPolicy { changes: [ChangeRule::Ended].into(), ..KeyPolicy::default() };
    let mut book = Book::with(lenient.clone());
    book.take(found(&old, PAT, KeySource::Wkd, 1)).unwrap();
    assert_eq!(book.take(found(&new, PAT, KeySource::Wkd, 9)), Ok("new"));
    let mut book = Book::with(lenient);
    book.take(found(&old, PAT, KeySource::Wkd, 1)).unwrap();
    assert_eq!(book.take(found(&new, PAT, KeySource::SignedMail, 9)), Ok("held"), "less trusted");
}

#[test]
fn a_certificate_of_the_same_issuer_follows_where_policy_says_so() {
    let (authority, other) = (Authority::new("A"), Authority::new("B"));
    let renewing = KeyPolicy { changes: [ChangeRule::SameIssuer].into(), ..KeyPolicy::default() };
    let follows = |policy: &KeyPolicy, issuer: &Authority| {
        let mut book = Book::with(policy.clone());
        book.take(found(&authority.issue(PAT), PAT, KeySource::SignedMail, 1)).unwrap();
        book.take(found(&issuer.issue(PAT), PAT, KeySource::SignedMail, 2)).unwrap()
    };
    assert_eq!(follows(&renewing, &authority), "new");
    assert_eq!(follows(&renewing, &other), "held");
    assert_eq!(follows(&KeyPolicy::default(), &authority), "held");
}

#[test]
fn the_same_key_is_seen_again_and_its_trust_only_rises() {
    let key = openpgp(1, PAT, 400);
    let mut book = Book::default();
    book.take(found(&key, PAT, KeySource::SignedMail, 1)).unwrap();
    assert_eq!(book.take(found(&key, PAT, KeySource::Autocrypt, 3)), Ok("seen"));
    assert_eq!((book.known[0].source, book.known[0].last_seen), (KeySource::SignedMail, at(3)));
    assert_eq!(book.take(found(&key, PAT, KeySource::Wkd, 2)), Ok("updated"));
    assert_eq!((book.known[0].source, book.known[0].last_seen), (KeySource::Wkd, at(3)));
}

#[test]
fn a_rejected_key_comes_back_by_staff_alone() {
    let key = openpgp(1, PAT, 400);
    let mut book = Book::default();
    book.take(found(&key, PAT, KeySource::Wkd, 1)).unwrap();
    book.known[0].state = Rejected;
    assert_eq!(book.take(found(&key, PAT, KeySource::Wkd, 2)), Err(NotLearned::Rejected));
    assert_eq!(book.take(found(&key, PAT, KeySource::Recipient, 2)), Err(NotLearned::Rejected));
    assert_eq!(book.take(found(&key, PAT, KeySource::Staff, 2)), Ok("accepted"));
    assert_eq!(book.states(), [Active]);
}

#[test]
fn a_held_key_that_staff_gives_takes_the_place() {
    let (old, new) = (openpgp(1, PAT, 400), openpgp(2, PAT, 400));
    let mut book = Book::default();
    book.take(found(&old, PAT, KeySource::Wkd, 1)).unwrap();
    book.take(found(&new, PAT, KeySource::Wkd, 2)).unwrap();
    assert_eq!(book.take(found(&new, PAT, KeySource::Staff, 3)), Ok("accepted"));
    assert_eq!(book.states(), [Replaced, Active]);
}

#[test]
fn what_is_known_comes_back_as_it_was() {
    let authority = Authority::new("A");
    for material in [openpgp(1, PAT, 400), authority.issue(PAT)] {
        let mut book = Book::default();
        book.take(found(&material, PAT, KeySource::Staff, 1)).unwrap();
        let known = Known { confirmed_by: Some("operator:root".into()), ..book.known.remove(0) };
        let again = Known::from_bytes(known.id, &known.to_bytes()).unwrap();
        assert!(again.material.is_same(&known.material));
        assert_eq!(again.to_bytes(), known.to_bytes());
        let newer = String::from_utf8(known.to_bytes()).unwrap().replacen("\"v\":1", "\"v\":2", 1);
        assert!(matches!(Known::from_bytes(known.id, newer.as_bytes()), Err(crate::NotKnown::Format(2))));
    }
}

#[test]
fn what_the_holder_prefers_is_kept() {
    let key = openpgp(1, PAT, 400);
    let saying = |prefers, day| Found { prefers_encryption: prefers, ..found(&key, PAT, KeySource::Autocrypt, day) };
    let mut book = Book::default();
    book.take(saying(Some(true), 1)).unwrap();
    assert_eq!(book.known[0].prefers_encryption, Some(true));
    assert_eq!(book.take(saying(None, 2)), Ok("seen"));
    assert_eq!(book.take(saying(Some(false), 3)), Ok("updated"));
    assert_eq!(book.known[0].prefers_encryption, Some(false));
    let again = Known::from_bytes(book.known[0].id, &book.known[0].to_bytes()).unwrap();
    assert_eq!(again.prefers_encryption, Some(false));
}

#[test]
fn a_certificate_for_something_else_is_refused_whoever_gives_it() {
    let certificate = Authority::new("A").issue_for(PAT, rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    let mut book = Book::default();
    let refused = book.take(found(&certificate, PAT, KeySource::Staff, 1));
    assert_eq!(refused, Err(NotLearned::Unusable(crate::NotUsable::Purpose)));
    let by_hand = Found { is_bound_by_hand: true, ..found(&certificate, PAT, KeySource::Staff, 1) };
    assert!(book.take(by_hand).is_err(), "also where a person binds it");
    assert!(book.known.is_empty());
}

#[test]
fn a_certificate_of_staff_needs_no_authority_but_its_dates() {
    let certificate = Authority::new("nobody knows").issue(PAT);
    let mut book = Book::default();
    let ended = found(&certificate, PAT, KeySource::Staff, 9_000);
    assert!(matches!(book.take(ended), Err(NotLearned::Unusable(_))));
    assert_eq!(
        book.take(found(&certificate, "other@example.com", KeySource::Staff, 1)).unwrap_err(),
        NotLearned::OtherAddress(address("other@example.com"))
    );
    assert_eq!(book.take(found(&certificate, PAT, KeySource::Staff, 1)), Ok("new"));
}
