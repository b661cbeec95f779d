//! Messages and keys of other software: the declarative cases that rPGP carries
//! and the vectors of go-crypto. What comes out otherwise than the suites say
//! stands here and in docs/conformance.md, with the reason.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openpgp::{
    Certificate, KeyError, Limits, OpenError, SecretIdentity, Unusable, UserIdState, decrypt, decrypt_with_password,
};
use serde_json::Value;
use testkit::suites::suite;

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn cases(folder: &Path) -> Vec<(String, PathBuf, Value)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let case = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        (name, path, case)
    };
    paths.into_iter().map(read).collect()
}

/// Ciphers with blocks of 64 bits are refused: IDEA, 3DES, CAST5, Blowfish.
const OLD_CIPHERS: [&str; 12] = [
    "gnupg-v1-4-11-001",
    "gnupg-v1-4-11-005",
    "gnupg-v1-4-11-006",
    "gnupg-v2-0-17-001",
    "gnupg-v2-0-17-005",
    "gnupg-v2-0-17-006",
    "gnupg-v2-10-001",
    "gnupg-v2-10-006",
    "gnupg-v2-10-007",
    "pgp-10-0-001",
    "pgp-10-0-006",
    "pgp-10-0-007",
];
/// A private RSA key of 1024 bits is not used.
const WEAK_KEYS: [&str; 2] = ["gnupg-v1-001", "gnupg-v1-003"];
/// ElGamal is not supported.
const ELGAMAL: [&str; 1] = ["gnupg-v1-002"];

#[test]
fn messages_of_other_software_open() {
    let Some(root) = suite("openpgp") else { return };
    let cases = cases(&root.join("rpgp/openpgp-interop/testcases/messages"));
    assert_eq!(cases.len(), 39);
    for (name, path, case) in cases {
        let text = |key: &str| case[key].as_str();
        // Three cases name a key that another suite carries.
        let key = fs::read(path.with_file_name(text("decryptKey").unwrap()))
            .unwrap_or_else(|_| fs::read(root.join("sequoia-interop/certificates/bob-secret.pgp")).unwrap());
        let known = text("verifyKey").map(|name| fs::read(path.with_file_name(name)).unwrap());
        let known = known.map(|bytes| Certificate::parse(&bytes).unwrap()).unwrap_or_default();
        let message = fs::read(path.with_extension("asc")).unwrap();
        let keys = SecretIdentity::parse(&key, text("passphrase"));
        if ELGAMAL.contains(&name.as_str()) {
            assert_eq!(keys.err(), Some(KeyError::None), "{name}");
            continue;
        }
        let opened = decrypt(&message, &keys.unwrap(), &known, now(), &Limits::default());
        if OLD_CIPHERS.contains(&name.as_str()) {
            assert_eq!(opened.err(), Some(OpenError::Undecryptable), "{name}");
            continue;
        }
        if WEAK_KEYS.contains(&name.as_str()) {
            assert_eq!(opened.err(), Some(OpenError::NoKey), "{name}");
            continue;
        }
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Some(opened.plain.as_slice()), text("textcontent").map(str::as_bytes), "{name}");
        if !known.is_empty() {
            assert!(opened.signatures.iter().any(|verdict| verdict.is_valid()), "{name}: {:?}", opened.signatures);
        }
    }
}

#[test]
fn keys_of_other_software_are_judged() {
    let Some(root) = suite("openpgp") else { return };
    let cases = cases(&root.join("rpgp/openpgp-interop/testcases/keys"));
    assert_eq!(cases.len(), 11);
    for (name, path, case) in cases {
        let certificate = Certificate::parse(&fs::read(path.with_extension("asc")).unwrap()).unwrap().remove(0);
        let fingerprint = certificate.fingerprint().to_string().to_lowercase();
        assert!(case["expected_fingerprint"].as_str().is_none_or(|expected| expected == fingerprint), "{name}");
        let valid = certificate.user_ids(now()).into_iter().filter(|user_id| user_id.state == UserIdState::Valid);
        let valid: Vec<String> = valid.map(|user_id| user_id.text).collect();
        let expected: Vec<&str> = case["expected_uids"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(valid, expected, "{name}");
        // A subkey is missing from the suite's list exactly if it is revoked or unbound.
        let subkeys: Vec<String> = certificate
            .parts(now())
            .into_iter()
            .skip(1)
            .filter(|part| !is_gone(&part.encryption) || !is_gone(&part.signing))
            .map(|part| part.key.to_string().to_lowercase())
            .collect();
        let expected = case["expected_subkeys"].as_array().unwrap().iter();
        let expected: Vec<&str> = expected.filter_map(|subkey| subkey["expected_fingerprint"].as_str()).collect();
        assert_eq!(subkeys, expected, "{name}");
    }
}

/// Whether a subkey is not for this, or is revoked.
const fn is_gone(judged: &Result<(), Unusable>) -> bool {
    matches!(judged, Err(Unusable::PartRevoked(_) | Unusable::NoPart))
}

/// Weak or not supported: RSA of 1024 bits, DSA with ElGamal, secp256k1, Brainpool.
const UNREAD: [&str; 6] = ["rsa", "dsa", "secp256k1", "brainpoolp256r1", "brainpoolp384r1", "brainpoolp512r1"];

/// rPGP clamps a private X448 key before it compares the checksum, and so calls
/// one damaged that was not clamped when it was written.
const UNCLAMPED: &str = "curve448rfc9580";

#[test]
fn vectors_of_go_crypto_open() {
    let Some(root) = suite("openpgp") else { return };
    for file in ["integration_tests/testdata/test_vectors.json", "integration_tests/v2/testdata/test_vectors.json"] {
        let vectors: Value = serde_json::from_slice(&fs::read(root.join("go-crypto").join(file)).unwrap()).unwrap();
        let vectors = vectors.as_array().unwrap();
        assert_eq!(vectors.len(), 12);
        for vector in vectors {
            let text = |key: &str| vector[key].as_str().unwrap();
            let name = text("name");
            let keys = SecretIdentity::parse(text("privateKey").as_bytes(), Some(text("password"))).unwrap();
            let known = Certificate::parse(text("publicKey").as_bytes()).unwrap();
            let message = text("encryptedSignedMessage").as_bytes();
            let opened = decrypt(message, &keys, &known, now(), &Limits::default());
            if name == UNCLAMPED {
                assert_eq!(opened.err(), Some(OpenError::NoKey), "{name}");
                continue;
            }
            if UNREAD.contains(&name) {
                assert_eq!(opened.err(), Some(OpenError::NoKey), "{name}");
                assert!(known[0].usable_for_encryption(now()).is_err(), "{name}");
                continue;
            }
            let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(opened.plain.as_slice(), text("message").as_bytes(), "{name}");
            assert_eq!(opened.signatures.len(), 1, "{name}");
            assert!(opened.signatures[0].is_valid(), "{name}: {:?}", opened.signatures);
        }
    }
}

#[test]
fn messages_without_integrity_are_refused() {
    let Some(root) = suite("openpgp") else { return };
    let Some(efail) = suite("efail") else { return };
    let read = |folder: &Path, name: &str| fs::read(folder.join(name)).unwrap();
    let data = root.join("go-crypto/test_data");
    for folder in [&data, &efail] {
        let open = |name: &str| {
            let message = read(folder, name);
            let found = decrypt_with_password(&message, "password", &[], now(), &Limits::default());
            assert!(decrypt(&message, &[], &[], now(), &Limits::default()).is_err(), "{name}");
            found.map(|opened| opened.plain.to_vec())
        };
        assert_eq!(open("sym-message-without-mdc.asc"), Err(OpenError::Unprotected));
        assert_eq!(open("sym-corrupted-message-invalid-sig-header.asc"), Err(OpenError::Malformed));
        assert_eq!(open("sym-corrupted-message-long-length.asc"), Err(OpenError::Malformed));
    }
    let opened =
        decrypt_with_password(&read(&data, "argon2-sym-message.asc"), "password", &[], now(), &Limits::default());
    assert_eq!(opened.unwrap().plain.as_slice(), b"Hello, world!");
    // GnuPG's packet 20 with EAX, as no GnuPG writes it.
    let keys = SecretIdentity::parse(&read(&data, "aead-ocb-asym-key.asc"), None).unwrap();
    let opened = decrypt(&read(&data, "aead-ocb-asym-message.asc"), &keys, &[], now(), &Limits::default());
    assert_eq!(opened.err(), Some(OpenError::Undecryptable));
}
