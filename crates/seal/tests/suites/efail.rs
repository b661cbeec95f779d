//! EFAIL: what is decrypted is never joined with what stands beside it, and
//! what has no integrity is refused or told.

use seal::opening::{Covers, Opened, Refused, restored};
use seal::protect::Integrity;
use testkit::suites::suite;

use crate::keys::{Ring, read};

/// What an attacker's frame would send the secret to.
const OUTSIDE: [&str; 4] = ["efail.attacker.test", "<img", "<style", "<form"];
const SECRET: &str = "SECRET-PHI-MARKER-7f3a";

fn open(name: &str) -> Option<Result<Opened, Refused>> {
    let efail = suite("efail")?;
    let bob = suite("header-protection")?.join("autocrypt/bob@openpgp.example.sec.asc");
    let ring = Ring::at("2024-01-02T00:00:00Z").smime(&efail.join("bob-draft-lamps-key.pem"), "").openpgp(&bob);
    Some(ring.open(&read(&efail.join(name))))
}

#[test]
fn parts_of_different_protection_are_never_joined() {
    let exfiltrations = [
        ("smime-direct-exfil-img.eml", SECRET),
        ("smime-direct-exfil-css.eml", SECRET),
        ("smime-direct-exfil-form.eml", SECRET),
        ("smime-reply-oracle-hidden.eml", SECRET),
        ("pgpmime-direct-exfil-img.eml", "BarCorp"),
    ];
    for (name, secret) in exfiltrations {
        let Some(opened) = open(name) else { return };
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = String::from_utf8_lossy(&opened.entity).into_owned();
        assert_eq!(opened.report.covers, Covers::Part, "{name}");
        assert!(text.contains(secret), "{name}: {text}");
        assert!(!OUTSIDE.iter().any(|outside| text.contains(outside)), "{name}: {text}");
        // Nothing is passed on that has the secret beside the attacker's parts.
        let message = read(&suite("efail").unwrap().join(name));
        assert_eq!(restored(&message, &opened), None, "{name}");
    }
}

#[test]
fn an_armored_message_in_html_is_not_opened() {
    let Some(opened) = open("pgpinline-direct-exfil-img.eml") else { return };
    assert_eq!(opened.unwrap_err(), Refused::Nothing);
}

#[test]
fn content_without_integrity_is_told_as_malleable() {
    for name in ["smime-cbc-baseline.eml", "smime-cbc-gadget.eml"] {
        let Some(opened) = open(name) else { return };
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.report.integrity, Integrity::None, "{name}");
        assert!(opened.report.is_malleable(), "{name}");
        assert_eq!(opened.report.signatures, [], "{name}");
    }
}

#[test]
fn authenticated_content_opens_only_unchanged() {
    let Some(opened) = open("smime-authenveloped-gcm-ok.eml") else { return };
    let opened = opened.unwrap();
    assert_eq!(opened.report.integrity, Integrity::Aead);
    assert!(!opened.report.is_malleable());
    let changed = open("smime-authenveloped-gcm-tampered.eml").unwrap();
    assert_eq!(changed.unwrap_err(), Refused::Smime(smime::OpenError::Failed));
}

#[test]
fn openpgp_without_integrity_is_refused() {
    let Some(without_mdc) = open("sym-message-without-mdc.asc") else { return };
    assert_eq!(without_mdc.unwrap_err(), Refused::OpenPgp(openpgp::OpenError::Unprotected));
    for name in ["sym-corrupted-message-invalid-sig-header.asc", "sym-corrupted-message-long-length.asc"] {
        assert!(open(name).unwrap().is_err(), "{name}");
    }
}
