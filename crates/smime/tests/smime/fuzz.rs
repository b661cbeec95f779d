//! Fuzz targets: nothing that is read panics, hangs or is believed, whatever was changed in it.
//!
//! Each starts from what is valid and changes it, since noise alone is refused at its first bytes. As tests they run a
//! few hundred times; `BOLERO_RANDOM_ITERATIONS` and `BOLERO_RANDOM_TEST_TIME_MS` make it more.

use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bolero::check;
use jiff::{SignedDuration, Timestamp};
use mail::Address;
use smime::algorithm::ContentCipher;
use smime::issue::{Draft, Role};
use smime::trust::{Crl, OcspResponse, Purpose, Trust, Unknown, ocsp, validate};
use smime::{
    Capabilities, Certificate, DecryptionIdentity, Form, KeyKind, Kind, Limits, SigningIdentity, SoftwareKey, decrypt,
    encrypt, key_file, pkcs12, sign, verify,
};
use testkit::damage::{Change, changed};

use super::peers::{Desk, KEYS, Random};

/// What the targets start from.
struct Seeds {
    now: Timestamp,
    key: SoftwareKey,
    rsa: SoftwareKey,
    authority: Certificate,
    certificate: Certificate,
    rsa_certificate: Certificate,
    sealed: Vec<Vec<u8>>,
    signed: Vec<Vec<u8>>,
    pkcs12: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
    lists: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
}

const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\nhello\r\n";
const PASSPHRASE: &str = "secret";

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let desk = Desk::new();
    let person = desk.person("p", KEYS[1].1);
    let rsa =
        desk.person_with("r", KEYS[0].1, "crlDistributionPoints=URI:http://x.example/l\ncertificatePolicies=1.2.3\n");
    let now = Timestamp::now() + SignedDuration::from_secs(60);
    let recipients = || [&person, &rsa].map(|one| one.certificate.usable_for_encryption(now).expect("a recipient"));
    let seal = |cipher| encrypt(CONTENT.to_vec(), &recipients(), Some(cipher), &Random).expect("sealed").to_der();
    let mut sealed = vec![seal(ContentCipher::Aes256Gcm), seal(ContentCipher::Aes256Cbc)];
    desk.write("content", CONTENT);
    for options in ["-aes-128-gcm -stream", "-des3 -keyid", "-aes256 -stream"] {
        desk.run(&format!("cms -encrypt -binary {options} -in content -outform DER -out e.der p.pem r.pem"));
        sealed.push(desk.read("e.der"));
    }
    let mut signed = Vec::new();
    for one in [&person, &rsa] {
        let identity = SigningIdentity { chain: &[desk.authority()], ..one.to_sign(&[]) };
        signed.push(sign(CONTENT, &identity, Form::Opaque, now).expect("signed").der);
    }
    for options in ["-stream", "-noattr", "-keyid -stream", "-signer r.pem -inkey r.key"] {
        desk.run(&format!(
            "cms -sign -binary -nodetach {options} -in content -outform DER -out s.der -signer p.pem -inkey p.key"
        ));
        signed.push(desk.read("s.der"));
    }
    let mut pkcs12 = Vec::new();
    for options in ["-nomac -iter 1", "-iter 1", "-legacy -iter 1 -nomac", "-keypbe NONE -certpbe NONE -nomac"] {
        desk.run(&format!("pkcs12 -export -inkey p.key -in p.pem -passout pass:{PASSPHRASE} -out p.p12 {options}"));
        pkcs12.push(desk.read("p.p12"));
    }
    desk.run("pkcs8 -topk8 -in r.key -iter 1 -passout pass:secret -outform DER -out r.p8");
    desk.run("rsa -in r.key -traditional -outform DER -out r.der");
    let keys = vec![person.key.to_pkcs8().to_vec(), desk.read("r.p8"), desk.read("r.der"), desk.read("p.key")];
    desk.revoke();
    let issuer = desk.authority();
    desk.write("request.der", &ocsp::request(&person.certificate, &issuer));
    desk.run(
        "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin request.der -respout a.der -ndays 9",
    );
    Seeds {
        now,
        sealed,
        signed,
        pkcs12,
        keys,
        lists: vec![desk.read("list.der")],
        answers: vec![desk.read("a.der")],
        authority: issuer,
        certificate: person.certificate,
        rsa_certificate: rsa.certificate,
        key: person.key,
        rsa: rsa.key,
    }
});

/// Runs a target on changes to one of `seeds`, and tells how many it read.
fn fuzz(name: &str, seeds: &'static [Vec<u8>], target: impl Fn(&[u8]) -> bool) {
    let (runs, read) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Nothing is used after a panic but to tell of it.
    let state = &AssertUnwindSafe((target, &runs, &read));
    check!().with_iterations(400).with_type::<(u8, Vec<Change>)>().for_each(move |(which, changes)| {
        let AssertUnwindSafe((target, runs, read)) = state;
        let seed = &seeds[usize::from(*which) % seeds.len()];
        let other = &seeds[usize::from(which / 16) % seeds.len()];
        runs.fetch_add(1, Relaxed);
        read.fetch_add(usize::from(target(&changed(seed, other, changes))), Relaxed);
    });
    let (runs, read) = (runs.load(Relaxed), read.load(Relaxed));
    eprintln!("{name}: {runs} runs, {read} read");
    assert!(read > 0, "the target is never reached");
}

#[test]
fn noise() {
    check!().with_iterations(400).for_each(|bytes| {
        let _ = Kind::of(bytes);
        let _ = Certificate::read_all(bytes);
        let _ = key_file::read(bytes, Some(PASSPHRASE));
        let _ = Crl::read_all(bytes);
        let _ = OcspResponse::from_der(bytes);
        let _ = Capabilities::from_der(bytes);
    });
}

#[test]
fn certificates() {
    static START: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let draft = Draft {
            common_name: "x",
            organisation: Some("y"),
            addresses: &["u@example.com", "jörg@example.com"].map(|text| text.parse::<Address>().expect("an address")),
            role: Role::Both,
            not_before: SEEDS.now,
            not_after: SEEDS.now + SignedDuration::from_hours(1),
        };
        let own = draft.self_signed(&SoftwareKey::generate(KeyKind::P256, &Random).expect("a key"), &Random);
        let known = [&SEEDS.certificate, &SEEDS.rsa_certificate, &SEEDS.authority].map(|known| known.to_der().to_vec());
        known.into_iter().chain(own.map(|own| own.to_der().to_vec())).collect()
    });
    let trust = Trust::new(vec![SEEDS.authority.clone()]);
    fuzz("certificates", &START, |bytes| {
        let Ok(certificate) = Certificate::from_der(bytes) else { return false };
        assert_eq!(certificate.to_der(), bytes);
        let _ = (certificate.subject().to_string(), certificate.addresses(), certificate.crl_urls().count());
        let _ = certificate.usable_for_encryption(SEEDS.now).map(|recipient| recipient.content_cipher());
        let is_valid = validate(&certificate, &[], &trust, SEEDS.now, Purpose::Sign, None).is_ok();
        assert!(!is_valid || START.iter().any(|known| known == bytes), "a certificate that nobody signed");
        true
    });
}

#[test]
fn sealed_messages() {
    let named = [
        DecryptionIdentity { certificate: Some(&SEEDS.certificate), decrypter: &SEEDS.key },
        DecryptionIdentity { certificate: Some(&SEEDS.rsa_certificate), decrypter: &SEEDS.rsa },
    ];
    let nameless = named.map(|identity| DecryptionIdentity { certificate: None, ..identity });
    fuzz("sealed messages", &SEEDS.sealed, |bytes| {
        let mut is_read = false;
        for identity in named.iter().chain(&nameless) {
            let Ok(opened) = decrypt(bytes, &[*identity], &Limits::default()) else { continue };
            assert!(!opened.cipher.is_aead() || *opened.content == *CONTENT, "content that nobody sealed");
            is_read = true;
        }
        is_read
    });
}

#[test]
fn signed_messages() {
    let trust = Trust::new(vec![SEEDS.authority.clone()]);
    fuzz("signed messages", &SEEDS.signed, |bytes| {
        let Ok(read) = verify(bytes, None, &trust, SEEDS.now, &Limits::default()) else { return false };
        let is_valid = read.signatures.iter().any(smime::SignatureVerdict::is_valid);
        assert!(!is_valid || read.content.as_deref() == Some(CONTENT), "content that nobody signed");
        for verdict in read.signatures.iter().filter(|verdict| verdict.is_valid()) {
            let known = [&SEEDS.certificate, &SEEDS.rsa_certificate];
            assert!(verdict.certificate.as_ref().is_some_and(|signer| known.contains(&signer)));
        }
        true
    });
}

#[test]
fn pkcs12_files() {
    fuzz("PKCS#12", &SEEDS.pkcs12, |bytes| pkcs12::read(bytes, PASSPHRASE).is_ok());
}

#[test]
fn private_keys() {
    fuzz("private keys", &SEEDS.keys, |bytes| key_file::read(bytes, Some(PASSPHRASE)).is_ok());
}

#[test]
fn revocation() {
    let check = |trust: Trust| {
        let trust = trust.unknown_revocation(Unknown::Refuse);
        validate(&SEEDS.certificate, &[], &trust, SEEDS.now, Purpose::Sign, None).is_ok()
    };
    let trust = || Trust::new(vec![SEEDS.authority.clone()]);
    fuzz("lists", &SEEDS.lists, |bytes| {
        let Ok(list) = Crl::from_der(bytes) else { return false };
        let is_good = check(trust().with_crls([list]));
        assert!(!is_good || SEEDS.lists.iter().any(|known| known == bytes), "a list that nobody signed");
        true
    });
    fuzz("answers", &SEEDS.answers, |bytes| {
        let Ok(answer) = OcspResponse::from_der(bytes) else { return false };
        let signed =
            |bytes: &[u8]| bytes.windows(64).any(|window| SEEDS.answers[0].windows(64).any(|known| known == window));
        let is_good = check(trust().with_ocsp([answer]));
        assert!(!is_good || signed(bytes), "an answer that nobody signed");
        true
    });
}
