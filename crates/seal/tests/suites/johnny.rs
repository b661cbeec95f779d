//! "Johnny, you are fired": forged and misplaced signatures. A signature is
//! valid only for the author, only for the exact part, and only if it is one.

use std::path::Path;

use mail::entity::Entity;
use mail::mailbox::author;
use seal::opening::{Covers, Opened};
use testkit::suites::suite;

use crate::keys::{Ring, messages, read, told};

/// Both people are known; nobody is trusted to be the other.
fn ring(suite: &Path) -> Ring {
    let assets = suite.join("assets");
    Ring::at("2019-03-01T00:00:00Z")
        .openpgp(&assets.join("public-keys/eve@bigcorporation.asc"))
        .openpgp(&assets.join("public-keys/manager@bigcorporation.asc"))
        .trusting(&assets.join("certificates/eve@bigcorporation.crt"))
        .trusting(&assets.join("certificates/manager@bigcorporation.crt"))
}

/// What is proven of each message that proves anything. All others prove nothing.
const PROVEN: [(&str, &str); 27] = [
    ("01-cms/c2_multiple-signerInfos/multiple_signerInfos_append_johnny.eml", "valid whole eve@bigcorporation.de"),
    ("01-cms/c2_multiple-signerInfos/multiple_signerInfos_prepend_johnny.eml", "valid whole eve@bigcorporation.de"),
    ("01-cms/valid_email_from_manager.eml", "valid whole manager@bigcorporation.de"),
    ("03-mime/m1-prepending-text/m1-pgp-inline.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m1-prepending-text/m1-pgp-inline2.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m1-prepending-text/m1-pgp-mime.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m1-prepending-text/m1-smime.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m2-hiding-with-html/m2-pgp-inline.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m2-hiding-with-html/m2-pgp-mime.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m2-hiding-with-html/m2-smime-mix.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m3-hiding-in-reference/m3-pgp-inline.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m3-hiding-in-reference/m3-pgp-mime.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m3-hiding-in-reference/m3-smime.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m4-hiding-as-attachment/m4-pgp-mime.eml", "valid part manager@bigcorporation.de"),
    ("03-mime/m4-hiding-as-attachment/m4-smime.eml", "valid part manager@bigcorporation.de"),
    ("i2-from-contains-signer-pgp-mime.eml", "valid whole eve@bigcorporation.de"),
    ("i2-from-contains-signer-smime.eml", "valid whole eve@bigcorporation.de"),
    ("i2-from-is-sender-signer-a-pgp-mime.eml", "valid whole eve@bigcorporation.de"),
    ("i2-from-is-sender-signer-a-smime.eml", "valid whole eve@bigcorporation.de"),
    ("i2-from-is-sender-signer-b-pgp-mime.eml", "valid whole eve@bigcorporation.de"),
    ("i2-from-is-sender-signer-b-smime.eml", "valid whole eve@bigcorporation.de"),
    ("i3-from-signer-others-sender-pgp-mime.eml", "valid whole eve@bigcorporation.de"),
    ("i3-from-signer-others-sender-smime.eml", "valid whole eve@bigcorporation.de"),
    ("valid-signed/eve-pgp-inline.eml", "valid part eve@bigcorporation.de"),
    ("valid-signed/eve-pgp-mime.eml", "valid whole eve@bigcorporation.de"),
    ("valid-signed/manager-pgp-inline.eml", "valid part manager@bigcorporation.de"),
    ("valid-signed/manager-pgp-mime.eml", "valid whole manager@bigcorporation.de"),
];

/// The two that are S/MIME besides.
const PROVEN_TOO: [(&str, &str); 2] = [
    ("valid-signed/eve-smime.eml", "valid whole eve@bigcorporation.de"),
    ("valid-signed/manager-smime.eml", "valid whole manager@bigcorporation.de"),
];

#[test]
fn nothing_is_valid_but_what_its_author_signed() {
    let Some(spoofing) = suite("spoofing") else { return };
    let suite = spoofing.join("johnny-you-are-fired");
    let ring = ring(&suite);
    let cases = messages(&suite);
    assert_eq!(cases.len(), 59);
    for path in &cases {
        let message = read(path);
        let valid = ring.open(&message).map(|opened| valid(&message, &opened)).unwrap_or_default();
        let name = path.strip_prefix(&suite).unwrap().display().to_string();
        let expect = PROVEN.iter().chain(&PROVEN_TOO).find(|(known, _)| name.ends_with(known)).map(|(_, told)| *told);
        assert_eq!(valid, expect.unwrap_or_default(), "{name}");
    }
}

/// The valid signatures; each is by the author, who is the only one.
fn valid(message: &[u8], opened: &Opened) -> String {
    let mut valid = opened.report.signatures.clone();
    valid.retain(|signature| signature.valid);
    let author = author(Entity::read(message).header).map(|author| author.to_string());
    assert!(valid.iter().all(|signature| Some(&signature.by) == author.as_ref()), "{valid:?}");
    told(&valid)
}

/// What a signature covers is all that is taken out of a message around it.
#[test]
fn what_stands_beside_a_signed_part_is_left_behind() {
    let Some(spoofing) = suite("spoofing") else { return };
    let suite = spoofing.join("johnny-you-are-fired");
    for path in messages(&suite.join("03-mime")) {
        let Ok(opened) = ring(&suite).open(&read(&path)) else { continue };
        assert_eq!(opened.report.covers, Covers::Part, "{}", path.display());
        let text = String::from_utf8_lossy(&opened.entity).to_lowercase();
        assert!(!text.contains("johnny"), "{}: {text}", path.display());
    }
}
