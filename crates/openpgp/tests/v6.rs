//! What is written of version 6 (RFC 9580) is byte for byte what other programs
//! have read: docs/conformance.md says which, and how that is done again.

mod seeded;

use std::path::PathBuf;

use jiff::Timestamp;
use openpgp::{Integrity, KeyKind, Limits, Options, SecretIdentity, decrypt, encrypt, sign_detached, verify_detached};
use seeded::Seeded;

/// A key that Sequoia made: it announces AES-256 and OCB alone.
const SEQUOIA: &[u8] = include_bytes!("../testdata/v6/sequoia.asc");
const BINARY: Options = Options { is_armored: false };

fn now() -> Timestamp {
    "2026-11-22T13:40:00Z".parse().unwrap()
}

fn own() -> SecretIdentity {
    SecretIdentity::generate("Care <care@clinic.example>", KeyKind::V6, None, now(), &Seeded::new(600)).unwrap()
}

/// Several chunks, the last of which is not full.
fn content() -> Vec<u8> {
    (0..700_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Everything that is written, by name.
fn written() -> Vec<(&'static str, Vec<u8>)> {
    let (own, sequoia) = (own(), SecretIdentity::parse(SEQUOIA, None).unwrap().remove(0));
    let sign = own.signing(now()).unwrap();
    let seal = |to: &SecretIdentity, seed| {
        let to = [to.certificate().clone()];
        encrypt(&content(), &to, Some(&sign), &BINARY, now(), &Seeded::new(seed)).unwrap().bytes
    };
    let detached = sign_detached(&content(), &sign, now(), &Seeded::new(603)).unwrap();
    vec![
        ("own.key", own.to_bytes().unwrap().to_vec()),
        ("own.cert", own.certificate().to_bytes()),
        ("content", content()),
        ("to-own.pgp", seal(&own, 601)),
        ("to-sequoia.pgp", seal(&sequoia, 602)),
        ("content.sig.asc", detached.armored.into_bytes()),
    ]
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_written_is_what_others_have_read() {
    let written = written();
    if let Some(folder) = std::env::var_os("SEALPOST_ARTEFACTS").map(PathBuf::from) {
        for (name, bytes) in &written {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let digests: Vec<String> = written.iter().map(|(name, bytes)| format!("{name} {}", sha256(bytes))).collect();
    assert_eq!(digests, READ_BY_OTHERS);
}

/// SHA-256 of what was given to the other programs.
const READ_BY_OTHERS: [&str; 6] = [
    "own.key decd62003b4e2af7b0131c4ac2a224b3bc010adbca6c5c879f11cc02b7e6598a",
    "own.cert f538bf31564369406665c12a461972dec1e5068f9de15a50bbee338e44126cb2",
    "content fcf8e23ea4de93b749d398ca476c94835998f5e229dfc70be089a2029b181116",
    "to-own.pgp a15adc7f98d28a68fded3619906c2bab5e773a34233bdd734b565e9d470d2ef0",
    "to-sequoia.pgp 2e0559a218007312035c95468cd2cbf4fc183db391ed211a2e7e924ef30fac7c",
    "content.sig.asc 0c35644ca3c48874a7d7fb5371a44508a6525091187b15001378a3b3cffdd7b3",
];

#[test]
fn what_is_written_is_read_here_too() {
    let (own, sequoia) = (own(), SecretIdentity::parse(SEQUOIA, None).unwrap().remove(0));
    let written = written();
    let bytes = |name: &str| &written.iter().find(|(one, _)| *one == name).unwrap().1;
    let known = [own.certificate().clone()];
    for (name, key, mode) in [("to-own.pgp", &own, "GCM"), ("to-sequoia.pgp", &sequoia, "OCB")] {
        let opened = decrypt(bytes(name), std::slice::from_ref(key), &known, now(), &Limits::default()).unwrap();
        assert!(*opened.plain == content(), "{name}");
        assert_eq!(opened.integrity, Integrity::Aead(mode));
        assert!(opened.signatures[0].is_valid());
    }
    assert!(verify_detached(&content(), bytes("content.sig.asc"), &known, now())[0].is_valid());
}
