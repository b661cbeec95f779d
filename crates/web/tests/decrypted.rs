//! What was decrypted without integrity (EFAIL) loads nothing from elsewhere
//! when it is rendered, however it is read.

use jiff::Timestamp;
use mail::reading::{self, Body};
use seal::opening::{self, Keys, Limits};
use smime::DecryptionIdentity;
use smime::trust::Trust;
use testkit::suites::suite;
use web::sanitise::{self, Pictures};

fn opened(name: &str) -> Option<Vec<u8>> {
    let folder = suite("efail")?;
    let contents =
        smime::key_file::read(&std::fs::read(folder.join("bob-draft-lamps-key.pem")).unwrap(), None).unwrap();
    let identities: Vec<DecryptionIdentity<'_>> = contents
        .keys
        .iter()
        .map(|key| DecryptionIdentity { certificate: contents.certificates_of(key).next(), decrypter: key })
        .collect();
    let trust = Trust::default();
    let keys = Keys { openpgp: &[], openpgp_signers: &[], smime: &identities, smime_trust: &trust, given: &[] };
    let message = std::fs::read(folder.join(name)).unwrap();
    let opened = opening::open(&message, &keys, Timestamp::now(), &Limits::default()).unwrap();
    assert!(opened.report.is_malleable(), "{name}");
    Some(opened.entity.to_vec())
}

/// As the page has it: no element and no attribute that fetches.
#[track_caller]
fn assert_loads_nothing(name: &str, source: &str) {
    let Ok(rendered) = sanitise::html(source, &Pictures::default()) else { return };
    let rendered = rendered.to_ascii_lowercase();
    let loads = [
        "<img", "<base", "<link", "<style", "<form", "<iframe", "<object", "<svg", "src=", "url(", "@import", "e.test",
    ];
    for load in loads {
        let is_text =
            rendered.split(['<', '>']).skip(1).step_by(2).all(|tag| !tag.contains(load.trim_start_matches('<')));
        assert!(is_text, "{name}: {load} in {rendered}");
    }
}

#[test]
fn a_cbc_gadget_fetches_nothing() {
    for name in [
        "smime-cbc-gadget.eml",
        "smime-cbc-baseline.eml",
        "smime-direct-exfil-img.eml",
        "smime-direct-exfil-css.eml",
        "smime-direct-exfil-form.eml",
    ] {
        let Some(entity) = opened(name) else { return };
        // As the gadget's author hopes that some reader takes it: all of it as HTML.
        let text = String::from_utf8_lossy(&entity);
        assert!(text.contains("SECRET-PHI-MARKER-7f3a"), "{name}");
        assert_loads_nothing(name, &text);
        for part in reading::read(&entity, &reading::Limits::default()).unwrap().parts {
            match part.body {
                Body::Html(source) | Body::Text(source) => assert_loads_nothing(name, &source),
                Body::Bytes(_) => {}
            }
        }
    }
}
