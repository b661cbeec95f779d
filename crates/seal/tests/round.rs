//! What is protected is opened again: fields, authors, what stands around it,
//! and whose key was the one that could not be used.

use jiff::{Timestamp, ToSpan as _};
use mail::{Address, Entropy};
use openpgp::{KeyKind, SecretIdentity};
use seal::Edits;
use seal::opening::{self, Covers, Limits, Opened, Refused, restored};
use seal::protect::{Enclosed, HeaderPolicy, Integrity, Keys, ProtectError, Protected, Protection, Replies, protect};
use smime::trust::Trust;

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn key(address: &str, kind: KeyKind, expires_at: Option<Timestamp>) -> SecretIdentity {
    let made_at = now() - 100.hours();
    SecretIdentity::generate(&format!("X <{address}>"), kind, expires_at, made_at, &Random).unwrap()
}

/// Alice writes to Bob.
struct Pair {
    alice: SecretIdentity,
    bob: SecretIdentity,
}

const MESSAGE: &str = "From: Alice <alice@x.example>\r\nTo: bob@x.example\r\nBcc: hidden@x.example\r\n\
    Subject: Your results\r\nReply-To: desk@x.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello\r\n";

impl Pair {
    fn new(kind: KeyKind) -> Self {
        Self { alice: key("alice@x.example", kind, None), bob: key("bob@x.example", kind, None) }
    }

    fn protect(&self, message: &str, replies: &Replies) -> Protected {
        let to = [self.bob.certificate().clone()];
        let sign = self.alice.signing(now()).unwrap();
        let (headers, edits) = (HeaderPolicy::default(), Edits::default());
        let keys = Keys::OpenPgp { to: &to, sign: Some(&sign) };
        let how = Protection { keys, headers: &headers, edits: &edits, replies };
        protect(message.as_bytes(), &how, now(), &Random).unwrap()
    }

    fn open(&self, message: &[u8]) -> Result<Opened, Refused> {
        let secret = [self.bob.clone()];
        let signers = [self.alice.certificate().clone()];
        let trust = Trust::default();
        let keys =
            opening::Keys { openpgp: &secret, openpgp_signers: &signers, smime: &[], smime_trust: &trust, given: &[] };
        opening::open(message, &keys, now(), &Limits::default())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn keys_of_both_versions_come_back() {
    for kind in [KeyKind::V4, KeyKind::V6] {
        let pair = Pair::new(kind);
        let sealed = pair.protect(MESSAGE, &Replies::default());
        assert_eq!(sealed.facts.integrity, Integrity::Aead);
        let opened = pair.open(&sealed.bytes).unwrap();
        assert_eq!(opened.report.integrity, Integrity::Aead);
        assert!(opened.report.signatures[0].valid && opened.report.signatures[0].from);
        assert!(!text(&sealed.bytes).contains("hidden") && !text(&opened.entity).contains("hidden"));
        let headers = opened.report.headers.clone().unwrap();
        assert_eq!((headers.subject.as_deref(), headers.hidden), (Some("Your results"), vec!["Subject".to_owned()]));
        assert_eq!(
            text(&restored(&sealed.bytes, &opened).unwrap()),
            "From: Alice <alice@x.example>\r\nTo: bob@x.example\r\nSubject: Your results\r\nReply-To: desk@x.example\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        );
    }
}

#[test]
fn replies_are_led_back_and_a_key_is_enclosed() {
    let pair = Pair::new(KeyKind::V4);
    let enclosed = Enclosed {
        content_type: "application/pgp-keys".to_owned(),
        name: "clinic.asc".to_owned(),
        text: "-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n".to_owned(),
    };
    let replies = Replies {
        reply_to: Some(Address::parse("portal@secure.clinic.example").unwrap()),
        autocrypt: Some("addr=alice@x.example; keydata=AAAA".to_owned()),
        enclosed: Some(enclosed),
    };
    let sealed = pair.protect(MESSAGE, &replies);
    let outside = text(&sealed.bytes);
    assert!(
        outside.contains("\r\nReply-To: portal@secure.clinic.example\r\nAutocrypt: addr=alice@x.example;"),
        "{outside}"
    );
    assert!(!outside.contains("desk@x.example"));
    let opened = text(&pair.open(&sealed.bytes).unwrap().entity);
    assert!(opened.contains("\r\n\r\nhello\r\n\r\n--") && opened.contains("filename=\"clinic.asc\""), "{opened}");
    let parts = mail::entity::Entity::read(opened.as_bytes()).part_ranges().len();
    assert_eq!(parts, 2, "{opened}");
}

#[test]
fn only_the_payload_s_own_fields_are_protected() {
    let pair = Pair::new(KeyKind::V4);
    let misplaced = MESSAGE.replace(
        "Content-Type: text/plain\r\n\r\nhello\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nSubject: phony\r\nFrom: eve@x.example\r\n\
         Content-Type: text/plain; hp=\"cipher\"; protected-headers=\"v1\"\r\n\r\nhello\r\n--b--\r\n",
    );
    let opened = pair.open(&pair.protect(&misplaced, &Replies::default()).bytes).unwrap();
    let headers = opened.report.headers.unwrap();
    assert_eq!(headers.subject.as_deref(), Some("Your results"));
    assert!(opened.report.signatures[0].valid);
}

#[test]
fn what_a_mailing_list_wraps_is_a_part() {
    let pair = Pair::new(KeyKind::V4);
    let sealed = text(&pair.protect(MESSAGE, &Replies::default()).bytes);
    let (fields, entity) = sealed.split_once("MIME-Version: 1.0\r\n").unwrap();
    let wrapped = format!(
        "{fields}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=list\r\n\r\n--list\r\n{entity}\r\n\
         --list\r\nContent-Type: text/html\r\n\r\n<img src=//evil.example>\r\n--list--\r\n"
    );
    let opened = pair.open(wrapped.as_bytes()).unwrap();
    assert_eq!((opened.report.covers, opened.report.headers.is_none()), (Covers::Part, true));
    assert_eq!(opened.report.signatures[0].covers, Covers::Part);
    assert!(!text(&opened.entity).contains("evil"));
    assert_eq!(restored(wrapped.as_bytes(), &opened), None);
    let twice = wrapped.replace("--list--", &format!("--list\r\n{entity}\r\n--list--"));
    assert_eq!(pair.open(twice.as_bytes()).unwrap_err(), Refused::Several);
}

#[test]
fn a_signature_counts_only_for_whom_both_from_fields_name() {
    let pair = Pair::new(KeyKind::V4);
    let sealed = text(&pair.protect(MESSAGE, &Replies::default()).bytes);
    let valid = |message: &str| pair.open(message.as_bytes()).unwrap().report.signatures[0].valid;
    assert!(valid(&sealed));
    assert!(!valid(&sealed.replacen("alice@x.example", "eve@x.example", 1)));
    assert!(!valid(&format!("From: eve@x.example\r\n{sealed}")));
    let forged = pair.protect(&MESSAGE.replace("alice@", "eve@"), &Replies::default());
    assert!(!valid(&text(&forged.bytes).replacen("eve@x.example", "alice@x.example", 1)));
}

#[test]
fn every_recipient_whose_key_is_unusable_is_named() {
    let expired = key("old@x.example", KeyKind::V4, Some(now() - 1.hour()));
    let good = key("bob@x.example", KeyKind::V4, None);
    let to = [expired.certificate().clone(), good.certificate().clone(), expired.certificate().clone()];
    let (headers, edits, replies) = (HeaderPolicy::default(), Edits::default(), Replies::default());
    let keys = Keys::OpenPgp { to: &to, sign: None };
    let how = Protection { keys, headers: &headers, edits: &edits, replies: &replies };
    let Err(ProtectError::Recipients(unusable)) = protect(MESSAGE.as_bytes(), &how, now(), &Random) else {
        panic!("an expired key was used")
    };
    assert_eq!(unusable.iter().map(|key| key.index).collect::<Vec<_>>(), [0, 2]);
    let nobody = Protection { keys: Keys::OpenPgp { to: &[], sign: None }, ..how };
    assert_eq!(protect(MESSAGE.as_bytes(), &nobody, now(), &Random), Err(ProtectError::Nobody));
}
