//! The judgement of a chain by TLSA records, a row a case (RFC 7671, RFC 7672).

use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use testkit::ca::{Ca, Identity};
use transport::{DaneNeed, Fault, Judgement, Tlsa, dane_need, judge_dane};

const HOST: &str = "mx.example";

/// `3 1 1 0123…`, as [`Identity::tlsa`] writes it.
fn record(text: &str) -> Tlsa {
    let fields: Vec<&str> = text.split(' ').collect();
    let number = |at: usize| fields[at].parse().unwrap();
    let hex = fields[3].as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    Tlsa { usage: number(0), selector: number(1), matching: number(2), data: hex.chunks(2).map(byte).collect() }
}

fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(Result::unwrap).collect()
}

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000))
}

fn judged(records: &[String], chain: &[CertificateDer<'_>], names: &[&str]) -> Result<String, Fault> {
    let records: Vec<Tlsa> = records.iter().map(|text| record(text)).collect();
    let DaneNeed::Match(counted) = dane_need(&records) else { panic!("nothing to match") };
    let names: Vec<ServerName<'_>> = names.iter().map(|name| ServerName::try_from(*name).unwrap()).collect();
    match judge_dane(&counted, chain, &names, now()) {
        Judgement::Dane { name, record } => {
            assert_eq!(name, names[0].to_str());
            Ok(record)
        }
        Judgement::NotVerified { fault, .. } => Err(fault),
        Judgement::Verified { .. } => panic!("DANE judges by records"),
    }
}

#[test]
fn usage_3_is_the_peers_own_certificate_or_key() {
    let ca = Ca::new();
    for identity in [
        ca.issue(&[HOST]),
        // Names, dates and issuers don't count (RFC 7672 §3.1.1).
        ca.issue(&["somebody.else"]),
        ca.expired(&[HOST]),
        ca.self_signed(&[HOST]),
    ] {
        for selector in [0, 1] {
            for matching in [0, 1, 2] {
                let text = identity.tlsa(3, selector, matching);
                let expect = text.rsplit_once(' ').unwrap().0.to_owned();
                assert_eq!(judged(&[text], &chain(&identity), &[HOST]), Ok(expect));
            }
        }
    }
    let (one, other) = (ca.issue(&[HOST]), ca.issue(&[HOST]));
    assert_eq!(judged(&[other.tlsa(3, 1, 1)], &chain(&one), &[HOST]), Err(Fault::NotInTlsa));
    assert_eq!(judged(&[other.tlsa(3, 1, 1), one.tlsa(3, 1, 1)], &chain(&one), &[HOST]), Ok("3 1 1".to_owned()));
    // The authority's record under usage 3 stands for a peer that shows that very certificate first.
    assert_eq!(judged(&[ca.tlsa(3, 1, 1)], &chain(&one), &[HOST]), Err(Fault::NotInTlsa));
}

#[test]
fn usage_2_is_an_authority_above_it() {
    let ca = Ca::new();
    let identity = ca.issue(&[HOST]);
    for selector in [0, 1] {
        for matching in [0, 1, 2] {
            let text = ca.tlsa(2, selector, matching);
            let expect = text.rsplit_once(' ').unwrap().0.to_owned();
            assert_eq!(judged(&[text], &chain(&identity), &[HOST]), Ok(expect));
        }
    }
    // One that stands in the record whole need not be shown.
    let leaf_alone = &chain(&identity)[..1];
    for selector in [0, 1] {
        assert_eq!(judged(&[ca.tlsa(2, selector, 0)], leaf_alone, &[HOST]), Ok(format!("2 {selector} 0")));
        assert_eq!(judged(&[ca.tlsa(2, selector, 1)], leaf_alone, &[HOST]), Err(Fault::NotInTlsa));
    }
}

#[test]
fn usage_2_counts_names_and_dates() {
    let ca = Ca::new();
    let tlsa = || [ca.tlsa(2, 0, 1)];
    assert_eq!(judged(&tlsa(), &chain(&ca.expired(&[HOST])), &[HOST]), Err(Fault::Expired));
    assert_eq!(judged(&tlsa(), &chain(&ca.issue(&["other.example"])), &[HOST]), Err(Fault::WrongName));
    // The name that the record's base was expanded from will do too (RFC 7672 §3.2.2).
    assert_eq!(
        judged(&tlsa(), &chain(&ca.issue(&["other.example"])), &[HOST, "other.example"]),
        Ok("2 0 1".to_owned())
    );
    assert_eq!(judged(&tlsa(), &chain(&ca.self_signed(&[HOST])), &[HOST]), Err(Fault::NotInTlsa));
    let impostor = Ca::new();
    assert_eq!(judged(&tlsa(), &chain(&impostor.issue(&[HOST])), &[HOST]), Err(Fault::NotInTlsa));
    // The right authority is shown beside a leaf that it did not sign.
    let forged = vec![chain(&impostor.issue(&[HOST]))[0].clone(), chain(&ca.issue(&[HOST]))[1].clone()];
    assert_eq!(judged(&tlsa(), &forged, &[HOST]), Err(Fault::Unusable));
}

#[test]
fn one_that_matches_is_enough() {
    let ca = Ca::new();
    let identity = ca.issue(&["other.example"]);
    let records = [ca.tlsa(2, 0, 1), identity.tlsa(3, 1, 1)];
    assert_eq!(judged(&records, &chain(&identity), &[HOST]), Ok("3 1 1".to_owned()));
}

#[test]
fn only_the_strongest_digest_of_a_kind_counts() {
    let ca = Ca::new();
    let (one, other) = (ca.issue(&[HOST]), ca.issue(&[HOST]));
    let mixed = [one.tlsa(3, 1, 1), other.tlsa(3, 1, 2)];
    assert_eq!(judged(&mixed, &chain(&one), &[HOST]), Err(Fault::NotInTlsa));
    assert_eq!(judged(&mixed, &chain(&other), &[HOST]), Ok("3 1 2".to_owned()));
    // Of another selector, or whole, it counts beside it.
    assert_eq!(judged(&[one.tlsa(3, 0, 1), other.tlsa(3, 1, 2)], &chain(&one), &[HOST]), Ok("3 0 1".to_owned()));
    assert_eq!(judged(&[one.tlsa(3, 1, 0), other.tlsa(3, 1, 2)], &chain(&one), &[HOST]), Ok("3 1 0".to_owned()));
}

fn need(records: &[&str]) -> String {
    let records: Vec<Tlsa> = records.iter().map(|text| record(text)).collect();
    match dane_need(&records) {
        DaneNeed::Nothing => "nothing".to_owned(),
        DaneNeed::Encryption => "encryption".to_owned(),
        DaneNeed::Match(records) => format!("match {}", records.len()),
    }
}

#[test]
fn what_is_unusable_still_asks_for_encryption() {
    let sha256 = "ab".repeat(32);
    let with = |parameters: &str, data: &str| format!("{parameters} {data}");
    assert_eq!(need(&[]), "nothing");
    for unusable in ["0 0 1", "1 1 1", "4 1 1", "255 1 1", "3 2 1", "3 255 1", "3 1 3", "3 1 255"] {
        assert_eq!(need(&[&with(unusable, &sha256)]), "encryption", "{unusable}");
    }
    assert_eq!(need(&[&with("3 1 1", "abcd")]), "encryption");
    assert_eq!(need(&[&with("3 1 2", &sha256)]), "encryption");
    assert_eq!(need(&[&with("3 1 1", &sha256)]), "match 1");
    assert_eq!(need(&[&with("1 1 1", &sha256), &with("3 1 1", &sha256)]), "match 1");
}

#[test]
fn a_peer_without_certificates_matches_nothing() {
    let ca = Ca::new();
    assert_eq!(judged(&[ca.tlsa(3, 1, 1)], &[], &[HOST]), Err(Fault::NotInTlsa));
    let junk = [CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff, 1, 2, 3])];
    for text in [ca.tlsa(3, 1, 1), ca.tlsa(2, 1, 0), ca.tlsa(2, 0, 0)] {
        assert!(judged(&[text], &junk, &[HOST]).is_err());
    }
}
