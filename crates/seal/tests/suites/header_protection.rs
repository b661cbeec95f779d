//! Header protection as others wrote it, before and around RFC 9788.

use mail::entity::Entity;
use seal::opening::{Covers, Opened, Refused, Scheme, restored};
use testkit::suites::suite;

use crate::keys::{Ring, messages, read, told};

const SUBJECT: &str = "BarCorp contract signed, let's go!";

fn ring() -> Option<Ring> {
    let folder = suite("header-protection")?.join("autocrypt");
    let ring = Ring::at("2020-01-01T00:00:00Z")
        .openpgp(&folder.join("bob@openpgp.example.sec.asc"))
        .openpgp(&folder.join("alice@openpgp.example.pub.asc"))
        .smime(&folder.join("bob.p12"), "bob")
        .trusting(&folder.join("sample-ca.pem"));
    Some(ring)
}

fn check(name: &str, subject: &str, hidden: &[&str], signatures: &str) {
    let Some(ring) = ring() else { return };
    let path = suite("header-protection").unwrap().join("autocrypt").join(name);
    let message = read(&path);
    let opened = ring.open(&message).unwrap_or_else(|error| panic!("{name}: {error}"));
    let headers = opened.report.headers.clone().unwrap_or_else(|| panic!("{name}: nothing is protected"));
    assert_eq!((opened.report.covers, headers.by), (Covers::Whole, Scheme::V1), "{name}");
    assert_eq!(headers.subject.as_deref(), Some(subject), "{name}");
    assert_eq!((headers.hidden, headers.mismatch), (owned(hidden), vec![]), "{name}");
    assert_eq!(told(&opened.report.signatures), signatures, "{name}");
    check_inner(name, &opened);
    let passed_on = restored(&message, &opened).unwrap();
    let text = Entity::read(&passed_on).fields("Subject").map(|field| field.text()).collect::<Vec<_>>();
    assert_eq!(text, [subject], "{name}");
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// The suite has what decryption gives, line ends aside; what came out is that,
/// or the signed part of it.
fn check_inner(name: &str, opened: &Opened) {
    let folder = suite("header-protection").unwrap().join("autocrypt");
    let base = name.trim_end_matches(".eml");
    let inner =
        [".inner.inner", ".inner"].iter().map(|end| folder.join(format!("{base}{end}"))).find(|path| path.is_file());
    let Some(inner) = inner else { return };
    let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    assert!(plain(&read(&inner)).contains(plain(&opened.entity).trim_end()), "{name}");
}

#[test]
fn protected_fields_are_given_back() {
    let openpgp = "valid whole alice@openpgp.example";
    check("pgpmime-signed.eml", "The FooCorp contract", &[], openpgp);
    check("pgpmime-sign+enc.eml", SUBJECT, &["Subject"], openpgp);
    check("pgpmime-sign+enc+legacy-disp.eml", SUBJECT, &["Subject"], openpgp);
    check("pgpmime-enc+legacy-disp.eml", SUBJECT, &["Subject"], "");
    check("pgpmime-layered.eml", SUBJECT, &["Subject"], openpgp);
    check("pgpmime-layered+legacy-disp.eml", SUBJECT, &["Subject"], openpgp);
    check("unfortunately-complex.eml", SUBJECT, &["Subject"], openpgp);
    let smime = "valid whole alice@smime.example";
    check("smime-multipart-signed.eml", "The FooCorp contract", &[], smime);
    check("smime-onepart-signed.eml", "The FooCorp contract", &[], smime);
    check("smime-sign+enc.eml", SUBJECT, &["Subject"], smime);
    check("smime-sign+enc+legacy-disp.eml", SUBJECT, &["Subject"], smime);
    check("smime-enc+legacy-disp.eml", SUBJECT, &["Subject"], "");
}

/// Most of notmuch's cases are sealed for a key that is not among them; none of
/// them opens, and what is signed by an unknown key is not valid.
#[test]
fn cases_without_their_key_prove_nothing() {
    let Some(ring) = ring() else { return };
    let folder = suite("header-protection").unwrap().join("notmuch");
    for path in messages(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match ring.open(&read(&path)) {
            Err(Refused::OpenPgp(openpgp::OpenError::NoKey)) => assert!(!name.contains("signed-protected"), "{name}"),
            Err(error) => assert_eq!(name, "phony-protected-header-bad-encryption.eml", "{error}"),
            Ok(opened) if name.starts_with("smime") => assert!(opened.report.headers.is_some(), "{name}"),
            Ok(opened) => assert!(!opened.report.signatures.iter().any(|one| one.valid), "{name}"),
        }
    }
}
