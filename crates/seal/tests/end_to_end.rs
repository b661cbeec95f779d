//! A parcel that is sealed end to end: only what its tag names opens it, and
//! nothing comes out of it in clear.

use jiff::Timestamp;
use mail::{
    Address, Entropy, KeyFormat, KeySource, Level, MessageId, Method, Need, OrgId, ParcelId, Recipient, RecipientKeyId,
};
use openpgp::{Certificate, KeyKind, Limits, SecretIdentity, decrypt};
use seal::protect::{Keys, Replies};
use seal::{Edits, Grounds, NotOpened, Parcel, ParcelKey, SealedCopy, Sealing, Stamp, TagKey};

const STORED: &[u8] =
    b"From: n@clinic.example\r\nTo: a@x.example\r\nBcc: b@x.example\r\nSubject: Your results\r\n\r\nMetformin\r\n";

struct Provider;

impl Entropy for Provider {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn identity(name: &str) -> SecretIdentity {
    SecretIdentity::generate(&format!("P <{name}@x.example>"), KeyKind::V4, None, now(), &Provider).unwrap()
}

fn recipient(name: &str) -> Recipient {
    Recipient::new(Address::parse(&format!("{name}@x.example")).unwrap())
}

fn key(number: u8, certificate: &Certificate) -> ParcelKey {
    let fingerprint = certificate.fingerprint().to_string();
    ParcelKey { key: RecipientKeyId::from_bytes([number; 16]), fingerprint, source: KeySource::Staff }
}

fn stamp() -> Stamp {
    Stamp { org: OrgId(1), message: MessageId::from_bytes([2; 16]), parcel: ParcelId::from_bytes([3; 16]) }
}

fn grounds(need: Need) -> Grounds {
    Grounds { need, because: vec!["default".into()], policy_sha256: [5; 32] }
}

fn copy() -> SealedCopy {
    SealedCopy {
        body_sha256: aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STORED).as_ref().try_into().unwrap(),
        edits: Edits::default(),
        open_edits: Edits::default(),
        outer_subject: "A message".to_owned(),
    }
}

fn parcel(keys: &[(&str, &Certificate)]) -> Parcel {
    let keyed =
        |(number, (name, certificate)): (u8, &(&str, &Certificate))| (recipient(name), key(number, certificate));
    let recipients = (1..).zip(keys).map(keyed).collect();
    Parcel::end_to_end(stamp(), recipients, KeyFormat::OpenPgp, Level::None, grounds(Need::EndToEnd), copy()).unwrap()
}

fn open(parcel: &Parcel, stored: &[u8], to: &[Certificate]) -> Result<Vec<u8>, NotOpened> {
    let replies = Replies::default();
    let keys = Keys::OpenPgp { to, sign: None };
    let sealing = Sealing { keys, replies: &replies, is_displayed: false, now: now(), entropy: &Provider };
    parcel.open(stored, Some(&sealing)).map(|opened| opened.bytes)
}

#[test]
fn the_keys_that_the_parcel_names_open_it_and_nothing_is_in_clear() {
    let pat = identity("a");
    let sealed = open(&parcel(&[("a", pat.certificate())]), STORED, &[pat.certificate().clone()]).unwrap();
    let text = String::from_utf8(sealed).unwrap();
    assert!(!text.contains("Metformin") && !text.contains("results") && !text.contains("b@x"), "{text}");
    assert!(text.contains("Subject: A message\r\n"), "{text}");
    let begin = text.find("-----BEGIN PGP MESSAGE").unwrap();
    let opened = decrypt(&text.as_bytes()[begin..], &[pat], &[], now(), &Limits::default()).unwrap();
    let inside = String::from_utf8(opened.plain.to_vec()).unwrap();
    assert!(inside.contains("Subject: Your results\r\n") && inside.contains("Metformin"), "{inside}");
    assert!(!inside.contains("Bcc"), "{inside}");
}

#[test]
fn other_keys_or_none_give_no_bytes() {
    let (pat, eve) = (identity("a"), identity("a"));
    let parcel = parcel(&[("a", pat.certificate())]);
    let (pat, eve) = (pat.certificate().clone(), eve.certificate().clone());
    assert_eq!(open(&parcel, STORED, std::slice::from_ref(&eve)), Err(NotOpened::OtherKeys));
    assert_eq!(open(&parcel, STORED, &[pat.clone(), eve]), Err(NotOpened::OtherKeys));
    assert_eq!(open(&parcel, STORED, &[]), Err(NotOpened::OtherKeys));
    assert_eq!(parcel.open(STORED, None), Err(NotOpened::NoKeys));
    assert!(matches!(open(&parcel, b"other bytes", &[pat]), Err(NotOpened::Forged(_))));
}

#[test]
fn a_key_is_bound_to_its_recipient_by_the_tag() {
    let (one, two) = (identity("a"), identity("b"));
    let tag_key = TagKey::new(&[7; 32]);
    let parcel = parcel(&[("a", one.certificate()), ("b", two.certificate())]);
    let bytes = parcel.to_bytes(&tag_key);
    assert_eq!(Parcel::from_bytes(&bytes, &tag_key, stamp()).unwrap(), parcel);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (one, two) = (one.certificate().fingerprint().to_string(), two.certificate().fingerprint().to_string());
    let at = text.find(&one).unwrap();
    let start = bytes.windows(one.len()).position(|window| window == one.as_bytes()).unwrap();
    assert!(at > 0);
    let mut swapped = bytes.clone();
    swapped[start..start + one.len()].copy_from_slice(two.as_bytes());
    assert!(Parcel::from_bytes(&swapped, &tag_key, stamp()).is_err());
}

#[test]
fn the_rest_keeps_its_own_keys() {
    let (one, two) = (identity("a"), identity("b"));
    let parcel = parcel(&[("a", one.certificate()), ("b", two.certificate())]);
    let rest = parcel.for_rest(ParcelId::from_bytes([9; 16]), |address| address.local() == "b");
    assert_eq!(rest.recipients(), [recipient("b")]);
    assert_eq!(rest.keys(), [key(2, two.certificate())]);
    assert!(open(&rest, STORED, &[two.certificate().clone()]).is_ok());
    assert_eq!((rest.method(), rest.need(), rest.grounds().need), (Method::OpenPgp, Need::None, Need::EndToEnd));
}

#[test]
fn a_need_that_this_method_does_not_meet_gives_no_parcel() {
    let pat = identity("a");
    for need in Need::ALL {
        for format in [KeyFormat::OpenPgp, KeyFormat::Smime] {
            let recipients = vec![(recipient("a"), key(1, pat.certificate()))];
            let made = Parcel::end_to_end(stamp(), recipients, format, Level::Encrypted, grounds(need), copy());
            let is_met = match need {
                Need::None | Need::Portal => false,
                Need::OpenPgp => format == KeyFormat::OpenPgp,
                Need::Smime => format == KeyFormat::Smime,
                Need::Encrypted | Need::Verified | Need::Anchored | Need::EndToEnd => true,
            };
            assert_eq!(made.is_ok(), is_met, "{need} {format}");
        }
    }
    let nobody = Parcel::end_to_end(stamp(), vec![], KeyFormat::OpenPgp, Level::None, grounds(Need::EndToEnd), copy());
    assert!(nobody.is_err());
}
