//! Artefacts of RFC 9580 and odd ones that rPGP has gathered.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use openpgp::{
    Certificate, Flaw, Integrity, KeyError, Limits, OpenError, SecretIdentity, Unusable, decrypt,
    decrypt_with_password, read_signed, verify_detached,
};
use testkit::suites::suite;

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn open(message: &[u8], keys: &[SecretIdentity]) -> Result<(Vec<u8>, Integrity), OpenError> {
    let opened = decrypt(message, keys, &[], now(), &Limits::default())?;
    Ok((opened.plain.to_vec(), opened.integrity))
}

/// The text and the signature of the cleartext signature framework (RFC 9580
/// §7), which nothing in mail should use and nothing here reads.
fn cleartext(message: &str) -> (String, String) {
    let message = message.replace("\r\n", "\n");
    let (_, rest) = message.split_once("\n\n").unwrap();
    let (text, signature) = rest.split_once("\n-----BEGIN PGP SIGNATURE-----").unwrap();
    let lines = text.split('\n').map(|line| line.strip_prefix("- ").unwrap_or(line).trim_end());
    (lines.collect::<Vec<_>>().join("\r\n"), format!("-----BEGIN PGP SIGNATURE-----{signature}"))
}

#[test]
fn artefacts_of_rfc_9580_open_and_verify() {
    let Some(root) = suite("openpgp") else { return };
    let mut folders = 0;
    for entry in fs::read_dir(root.join("rpgp/rfc9580")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        folders += 1;
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let key = fs::read(folder.join("tsk.asc")).unwrap();
        let keys = SecretIdentity::parse(&key, None);
        if name == "v6-legacy_illegal" {
            // RFC 9580 §9.2: version 6 never has the old curves.
            assert_eq!(keys.err(), Some(KeyError::None));
            continue;
        }
        let keys = keys.unwrap();
        let now_usable = keys[0].certificate().usable_for_encryption(now());
        assert!(now_usable.is_ok(), "{name}: {now_usable:?}");
        for (file, version_2) in [("enc-seipdv1.msg", false), ("enc-seipdv2.msg", name != "v4-ed25519-x25519")] {
            let Ok(message) = fs::read(folder.join(file)) else { continue };
            let (plain, integrity) = open(&message, &keys).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
            assert_eq!(plain, b"hello world\n", "{name}/{file}");
            assert_eq!(matches!(integrity, Integrity::Aead(_)), version_2, "{name}/{file}");
        }
        if let Ok(message) = fs::read_to_string(folder.join("csf.msg")) {
            let (text, signature) = cleartext(&message);
            let known = [keys[0].certificate().clone()];
            let verdicts = verify_detached(text.as_bytes(), signature.as_bytes(), &known, now());
            assert!(verdicts.len() == 1 && verdicts[0].is_valid(), "{name}: {verdicts:?}");
            let other = verify_detached(b"hello words", signature.as_bytes(), &known, now());
            assert_eq!(other[0].flaw, Some(Flaw::Mismatch), "{name}");
        }
    }
    assert_eq!(folders, 10);
}

#[test]
fn passwords_open_every_kind_of_protection() {
    let Some(root) = suite("openpgp") else { return };
    let root = root.join("rpgp/unit-tests");
    let modes = [("aead/eax.msg", "EAX"), ("aead/ocb.msg", "OCB"), ("aead/gcm.msg", "GCM")];
    for (file, mode) in modes {
        let message = fs::read(root.join(file)).unwrap();
        assert_eq!(decrypt(&message, &[], &[], now(), &Limits::default()).err(), Some(OpenError::PasswordOnly));
        let opened = decrypt_with_password(&message, "password", &[], now(), &Limits::default()).unwrap();
        assert_eq!((opened.plain.as_slice(), opened.integrity), (b"Hello, world!".as_slice(), Integrity::Aead(mode)));
        let wrong = decrypt_with_password(&message, "passw0rd", &[], now(), &Limits::default());
        assert_eq!(wrong.err(), Some(OpenError::Undecryptable), "{file}");
    }
    for file in ["argon2/aes128.msg", "argon2/aes192.msg", "argon2/aes256.msg"] {
        let message = fs::read(root.join(file)).unwrap();
        let opened = decrypt_with_password(&message, "password", &[], now(), &Limits::default()).unwrap();
        assert_eq!(opened.plain.as_slice(), b"Hello, world!", "{file}");
    }
}

#[test]
fn odd_messages_have_one_meaning() {
    let Some(root) = suite("openpgp") else { return };
    let root = root.join("rpgp");
    let read = |name: &str| fs::read(root.join(name)).unwrap();
    let keys = |name: &str| SecretIdentity::parse(&read(name), None).unwrap();

    let padded = keys("unit-tests/padding/alice.key");
    for (file, text) in [
        ("msg-long-padding.pgp", "hello\n"),
        ("msg-short-padding.pgp", "hello\n"),
        ("rpgp-0-10.enc.asc", "hello world"),
        ("rpgp-current.enc.asc", "hello world"),
    ] {
        let (plain, _) = open(&read(&format!("unit-tests/padding/{file}")), &padded).unwrap();
        assert_eq!(plain, text.as_bytes(), "{file}");
    }
    for (message, key) in
        [("msg-to-alice4096.enc", "alice-rsa4096.priv"), ("msg-to-bob25519.enc", "bob-curve25519.priv")]
    {
        let (plain, _) =
            open(&read(&format!("unit-tests/hsm/{message}")), &keys(&format!("unit-tests/hsm/{key}"))).unwrap();
        assert_eq!(plain, b"foo bar", "{message}");
    }
    let alice = keys("unit-tests/text_signature_normalization_alice.key");
    let known = [alice[0].certificate().clone()];
    let (text, verdicts) =
        read_signed(&read("unit-tests/text_signature_normalization.msg"), &known, now(), &Limits::default()).unwrap();
    assert_eq!(text, b"foo\nbar\r\nbaz");
    assert!(verdicts[0].is_valid(), "{verdicts:?}");

    // A signature that can't be understood spoils neither the content nor the other one.
    let bob = fs::read(root.join("../sequoia-interop/certificates/bob-secret.pgp")).unwrap();
    let bob = SecretIdentity::parse(&bob, None).unwrap();
    let known = [bob[0].certificate().clone()];
    let flaws = |name: &str| {
        let opened = decrypt(&read(name), &bob, &known, now(), &Limits::default()).unwrap();
        assert_eq!(opened.plain.as_slice(), b"Encrypted, signed message.", "{name}");
        opened.signatures.iter().map(|verdict| verdict.flaw).collect::<Vec<_>>()
    };
    assert_eq!(flaws("sigs/unknown_hash.sig.asc"), [Some(Flaw::Mismatch)]);
    assert_eq!(flaws("sigs/unknown_one_pass.sig.asc"), [Some(Flaw::Unsupported), None]);
}

/// What a file of the suite is to us as a key.
fn check_keys(path: &Path, expect: Result<(), &str>) {
    let found = Certificate::parse(&fs::read(path).unwrap()).map_err(|error| error.to_string());
    let found = found.and_then(|certificates| {
        certificates[0].usable_for_encryption(now()).map(|_| ()).map_err(|reason| reason.to_string())
    });
    assert_eq!(found, expect.map_err(str::to_owned), "{}", path.display());
}

#[test]
fn keys_with_unknown_algorithms_are_not_used() {
    let Some(root) = suite("openpgp") else { return };
    let root = root.join("rpgp");
    let unsupported = |number: u8| format!("the key's algorithm is not supported: algorithm {number}");
    for (file, number) in [
        ("v4-eddsa-sample-pk.asc", 35),
        ("v6-eddsa-sample-pk.asc", 35),
        ("v6-mldsa-65-sample-pk.asc", 30),
        ("v6-mldsa-87-sample-pk.asc", 31),
        ("v6-slhdsa-128s-sample-pk.asc", 32),
        ("v6-slhdsa-128f-sample-pk.asc", 33),
        ("v6-slhdsa-256s-sample-pk.asc", 34),
    ] {
        check_keys(&root.join("pqc").join(file), Err(&unsupported(number)));
    }
    let none = "the key has no part for this purpose";
    check_keys(&root.join("mock_pq/ecdh_opaque_small.pub.asc"), Err(none));
    check_keys(&root.join("mock_pq/ecdsa_opaque_small.pub.asc"), Err(none));
    check_keys(&root.join("mock_pq/eddsa_opaque_small.pub.asc"), Err(none));
    check_keys(&root.join("mock_pq/unknown_algo_mpi.pub.asc"), Err(&unsupported(99)));
    check_keys(&root.join("ecdh/unknown_oid_sec.asc"), Err("the key's algorithm is not supported: ECDH unknown"));
    check_keys(&root.join("ecdh/unknown_oid_malformed_sec.asc"), Err(none));
    check_keys(&root.join("openpgpjs/x25519.pub.asc"), Ok(()));
    check_keys(&root.join("openpgpjs/x25519-little.pub.asc"), Ok(()));
    check_keys(&root.join("openpgpjs.pub.asc"), Ok(()));
    check_keys(&root.join("pgp6/alice.sec.asc"), Err("no OpenPGP key of this kind is in there"));
}

#[test]
fn keys_of_autocrypt_have_expired() {
    let Some(root) = suite("openpgp") else { return };
    for name in ["alice", "bob", "carol"] {
        let path = root.join(format!("rpgp/autocrypt/{name}@autocrypt.example.pub.asc"));
        let certificate = Certificate::parse(&fs::read(path).unwrap()).unwrap().remove(0);
        let then = "2019-06-01T00:00:00Z".parse().unwrap();
        assert!(certificate.usable_for_encryption(then).is_ok());
        let end = "2021-01-21T11:56:25Z".parse().unwrap();
        assert_eq!(certificate.usable_for_encryption(now()), Err(Unusable::Expired(end)));
        assert_eq!(certificate.expires_at(then), Some(end));
        assert_eq!(certificate.addresses(now())[0].to_string(), format!("{name}@autocrypt.example"));
    }
}

#[test]
fn odd_private_keys_sign_and_verify() {
    let Some(root) = suite("openpgp") else { return };
    let root = root.join("rpgp/weird");
    let entropy = seeded::Seeded::new(5);
    for name in ["ed25519-key-with-31-byte-private-key-scalar", "rsa-key-with-modulus-e-257"] {
        let keys = SecretIdentity::parse(&fs::read(root.join(format!("{name}.asc"))).unwrap(), None).unwrap();
        let known = [keys[0].certificate().clone()];
        let signature = fs::read(root.join(format!("{name}.sig"))).unwrap();
        let verdicts = verify_detached(b"hello world", &signature, &known, now());
        assert_eq!(verdicts.len(), 1, "{name}");
        let ours = openpgp::sign_detached(b"Ours.", &keys[0].signing(now()).unwrap(), now(), &entropy).unwrap();
        assert!(verify_detached(b"Ours.", ours.armored.as_bytes(), &known, now())[0].is_valid(), "{name}");
    }
}

#[test]
fn what_crashed_others_is_refused() {
    let Some(root) = suite("openpgp") else { return };
    let mut files = 0;
    for entry in fs::read_dir(root.join("rpgp/fuzz")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        assert!(Certificate::parse(&bytes).is_err());
        assert!(SecretIdentity::parse(&bytes, Some("test")).is_err());
        assert!(decrypt(&bytes, &[], &[], now(), &Limits::default()).is_err());
        assert!(read_signed(&bytes, &[], now(), &Limits::default()).is_err());
        assert!(verify_detached(b"", &bytes, &[], now()).iter().all(|verdict| !verdict.is_valid()));
    }
    assert_eq!(files, 4);
    for name in ["unit-tests/dearmor_fuzz_1", "unit-tests/polyglot.armor"] {
        let bytes = fs::read(root.join("rpgp").join(name)).unwrap();
        assert!(Certificate::parse(&bytes).is_err(), "{name}");
        assert!(decrypt(&bytes, &[], &[], now(), &Limits::default()).is_err(), "{name}");
    }
}

mod seeded;
