//! The table of the head of the file, and what waits from when.

use std::time::Duration;

use mail::{Address, Need, RecipientKeyId};
use smime::trust::Trust;

use super::*;
use crate::candidates::candidates;
use crate::fixture::{Book, address, at, found, openpgp};
use KeyState::{Active, HeldBack, Rejected, Replaced, Withdrawn};
use policy::keys::ChangeRule;

const PAT: &str = "pat@x.example";

/// Policy that lets go what was held back for ten days.
fn patient() -> KeyPolicy {
    KeyPolicy { accept_after: Some(Duration::from_secs(10 * 86_400)), ..KeyPolicy::default() }
}

/// The key that seals a copy on that day, and as what it counts.
fn counting(book: &Book, day: i64) -> Option<(RecipientKeyId, KeySource)> {
    let to: Address = address(PAT);
    let found = candidates(&book.known, &to, Need::EndToEnd, &book.policy, &Trust::default(), at(day));
    found.openpgp.map(|one| (one.known.id, one.known.counts_as()))
}

#[test]
fn a_held_key_waits_from_the_day_of_the_source_that_lets_it_count() {
    let (old, new) = (openpgp(1, PAT, 50), openpgp(2, PAT, 400));
    let mut book = Book::with(patient());
    book.take(found(&old, PAT, KeySource::Wkd, 1)).unwrap();
    // Autocrypt counts for nothing here, however long it waits.
    assert_eq!(book.take(found(&new, PAT, KeySource::Autocrypt, 2)), Ok("held"));
    let second = book.known[1].id;
    assert_eq!(book.take(found(&new, PAT, KeySource::SignedMail, 60)), Ok("withheld"));
    assert_eq!(counting(&book, 60), None, "it was known for 58 days, but not from there");
    assert_eq!(book.take(found(&new, PAT, KeySource::SignedMail, 65)), Ok("seen"));
    assert_eq!((counting(&book, 69), counting(&book, 70)), (None, Some((second, KeySource::SignedMail))));
    assert_eq!((book.known[1].first_seen, book.known[1].held_since), (at(2), at(60)));
}

#[test]
fn a_key_that_is_used_and_then_proven_at_the_portal_counts_no_more_at_once() {
    let key = openpgp(1, PAT, 400);
    let mut book = Book::with(patient());
    book.take(found(&key, PAT, KeySource::Autocrypt, 1)).unwrap();
    assert_eq!(book.take(found(&key, PAT, KeySource::Recipient, 100)), Ok("withheld"));
    let known = book.known[0].clone();
    assert_eq!((known.state, known.counts_as(), known.is_given()), (Active, KeySource::Autocrypt, true));
    assert_eq!(counting(&book, 100), None);
    assert_eq!(book.take(found(&key, PAT, KeySource::Recipient, 105)), Ok("seen"), "it waits from the first time");
    assert_eq!((counting(&book, 109), counting(&book, 110)), (None, Some((known.id, KeySource::Recipient))));
    book.policy.accept_after = None;
    assert_eq!(counting(&book, 5_000), None, "for a person, where policy names no time");
    let lenient = KeyPolicy { end_to_end: [KeySource::Autocrypt].into(), ..KeyPolicy::default() };
    book.policy = lenient;
    assert_eq!(counting(&book, 110), Some((known.id, KeySource::Autocrypt)), "it stays what it was");
}

#[test]
fn what_is_claimed_of_a_key_comes_back_as_it_was() {
    let key = openpgp(1, PAT, 400);
    let mut book = Book::default();
    book.take(found(&key, PAT, KeySource::Autocrypt, 1)).unwrap();
    book.take(found(&key, PAT, KeySource::Recipient, 2)).unwrap();
    let known = Known { unwanted_since: Some(at(3)), ..book.known.remove(0) };
    let again = Known::from_bytes(known.id, &known.to_bytes()).unwrap();
    assert_eq!((&again.claim, again.held_since, again.unwanted_since), (&known.claim, at(1), Some(at(3))));
    assert!(again.claim.is_some());
    // Written before there was such a day: the last one on which its source can have changed.
    let mut written: serde_json::Value = serde_json::from_slice(&known.to_bytes()).unwrap();
    written.as_object_mut().unwrap().remove("held_since");
    let older = Known::from_bytes(known.id, written.to_string().as_bytes()).unwrap();
    assert_eq!(older.held_since, at(2));
}

#[test]
fn a_more_trusted_source_of_a_key_in_use_is_held_back_where_a_new_key_would_be() {
    let authority = crate::fixture::Authority::new("A");
    let key = openpgp(1, PAT, 400);
    let mut book = Book::default();
    book.take(found(&key, PAT, KeySource::Autocrypt, 1)).unwrap();
    book.take(found(&authority.issue(PAT), PAT, KeySource::Staff, 2)).unwrap();
    assert_eq!(book.states(), [Active, Active]);
    assert_eq!(book.take(found(&key, PAT, KeySource::Wkd, 3)), Ok("withheld"), "staff named another one");
    assert_eq!(book.known[0].counts_as(), KeySource::Autocrypt);
    assert_eq!(book.take(found(&key, PAT, KeySource::Staff, 4)), Ok("updated"));
    assert_eq!((book.known[0].counts_as(), &book.known[0].claim), (KeySource::Staff, &None));
}

#[test]
fn a_held_key_is_let_go_once_the_rule_for_changes_is_met() {
    let (old, new) = (openpgp(1, PAT, 50), openpgp(2, PAT, 400));
    let mut book = Book::with(KeyPolicy { changes: [ChangeRule::Ended].into(), ..KeyPolicy::default() });
    book.take(found(&old, PAT, KeySource::Wkd, 1)).unwrap();
    assert_eq!(book.take(found(&new, PAT, KeySource::Wkd, 2)), Ok("held"));
    assert_eq!(book.take(found(&new, PAT, KeySource::Wkd, 49)), Ok("seen"));
    assert_eq!(book.take(found(&new, PAT, KeySource::Wkd, 51)), Ok("accepted"), "the one before has ended");
    assert_eq!(book.states(), [Replaced, Active]);
    // The key before signs what brings it a second time.
    let (old, new) = (openpgp(1, PAT, 400), openpgp(2, PAT, 400));
    let mut book = Book::default();
    book.take(found(&old, PAT, KeySource::Wkd, 1)).unwrap();
    assert_eq!(book.take(found(&new, PAT, KeySource::Autocrypt, 2)), Ok("held"));
    let vouched = Found { vouched_by: vec![old.fingerprint()], ..found(&new, PAT, KeySource::SignedMail, 3) };
    assert_eq!(book.take(vouched), Ok("accepted"));
    assert_eq!((book.states(), book.known[1].source), (vec![Replaced, Active], KeySource::Wkd));
}

#[test]
fn a_key_from_the_portal_counts_as_what_else_it_is_found_as_and_no_more() {
    let key = openpgp(1, PAT, 400);
    let mut book = Book::with(patient());
    book.take(found(&key, PAT, KeySource::Recipient, 1)).unwrap();
    assert_eq!(book.take(found(&key, PAT, KeySource::Wkd, 2)), Ok("accepted"));
    let known = book.known[0].clone();
    assert_eq!((known.state, known.counts_as(), known.is_given()), (Active, KeySource::Wkd, true));
    assert_eq!(
        (counting(&book, 2), counting(&book, 11)),
        (Some((known.id, KeySource::Wkd)), Some((known.id, KeySource::Recipient)))
    );
}

#[test]
fn a_withdrawn_key_comes_back_by_its_holder_or_staff_and_nothing_weaker_takes_its_place() {
    let (key, other) = (openpgp(1, PAT, 400), openpgp(2, PAT, 400));
    let withdrawn = || {
        let mut book = Book::default();
        book.take(found(&key, PAT, KeySource::Recipient, 1)).unwrap();
        book.known[0].state = Withdrawn;
        book
    };
    for source in [KeySource::Wkd, KeySource::SignedMail, KeySource::Autocrypt] {
        let mut book = withdrawn();
        assert_eq!(book.take(found(&key, PAT, source, 2)), Err(NotLearned::Withdrawn), "{source}");
        assert_eq!(book.take(found(&other, PAT, source, 3)), Ok("held"), "{source}");
        assert_eq!(book.states(), [Withdrawn, HeldBack]);
    }
    let vouched = Found { vouched_by: vec![key.fingerprint()], ..found(&other, PAT, KeySource::SignedMail, 3) };
    assert_eq!(withdrawn().take(vouched), Ok("held"), "it speaks for nobody any more");
    let mut book = withdrawn();
    assert_eq!(book.take(found(&key, PAT, KeySource::Recipient, 2)), Ok("withheld"));
    assert_eq!((book.states(), book.known[0].held_since), (vec![HeldBack], at(2)));
    let mut book = withdrawn();
    assert_eq!(book.take(found(&key, PAT, KeySource::Staff, 2)), Ok("accepted"));
}

#[test]
fn a_replaced_key_that_the_recipient_gives_is_held_back_as_any() {
    let (old, new) = (openpgp(1, PAT, 400), openpgp(2, PAT, 400));
    let mut book = Book::default();
    book.take(found(&old, PAT, KeySource::Staff, 1)).unwrap();
    book.take(found(&new, PAT, KeySource::Staff, 2)).unwrap();
    assert_eq!(book.take(found(&old, PAT, KeySource::Wkd, 3)), Ok("seen"));
    assert_eq!(book.states(), [Replaced, Active]);
    assert_eq!(book.take(found(&old, PAT, KeySource::Recipient, 4)), Ok("withheld"));
    assert_eq!((book.states(), book.known[0].counts_as()), (vec![HeldBack, Active], KeySource::Recipient));
}

#[test]
fn who_gives_a_key_wants_it_used_again() {
    let key = openpgp(1, PAT, 400);
    let mut book = Book::default();
    book.take(found(&key, PAT, KeySource::Staff, 1)).unwrap();
    book.known[0].unwanted_since = Some(at(2));
    assert_eq!(book.take(found(&key, PAT, KeySource::Wkd, 3)), Ok("seen"));
    assert_eq!(book.known[0].unwanted_since, Some(at(2)));
    assert_eq!(book.take(found(&key, PAT, KeySource::Recipient, 4)), Ok("updated"));
    assert_eq!((book.known[0].unwanted_since, book.states()), (None, vec![Active]));
}

#[test]
fn a_rejected_key_stays_so() {
    let key = openpgp(1, PAT, 400);
    let mut book = Book::default();
    book.take(found(&key, PAT, KeySource::Wkd, 1)).unwrap();
    book.known[0].state = Rejected;
    for source in [KeySource::Recipient, KeySource::Wkd, KeySource::SignedMail, KeySource::Autocrypt] {
        assert_eq!(book.take(found(&key, PAT, source, 2)), Err(NotLearned::Rejected), "{source}");
    }
}
