//! Sample keys and messages of GnuPG's own tests.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openpgp::{
    Certificate, KeyError, Limits, OpenError, SecretIdentity, decrypt, decrypt_with_password, read_signed,
    verify_detached,
};
use testkit::gnupg::GnuPg;
use testkit::suites::suite;

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn folder() -> Option<PathBuf> {
    suite("openpgp").map(|root| root.join("gnupg"))
}

/// The private halves of the sample keys lie in GnuPG's own format; GnuPG makes OpenPGP of them.
fn identities(folder: &Path) -> Vec<SecretIdentity> {
    let gnupg = GnuPg::new();
    let private = gnupg.home().join("private-keys-v1.d");
    fs::create_dir(&private).unwrap();
    for entry in fs::read_dir(folder.join("privkeys")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let is_armored = path.extension().is_some_and(|extension| extension == "asc");
        let bytes = if is_armored { gnupg.must(&["--dearmor"], &bytes) } else { bytes };
        fs::write(private.join(path.file_stem().unwrap()).with_extension("key"), bytes).unwrap();
    }
    for name in ["rsa-rsa-sample-1", "ed25519-cv25519-sample-1", "ed25519-cv25519-sample-2"] {
        gnupg.must(&["--import"], &fs::read(folder.join(format!("samplekeys/{name}.asc"))).unwrap());
    }
    SecretIdentity::parse(&gnupg.must(&["--export-secret-keys"], b""), None).unwrap()
}

fn messages(folder: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let paths = fs::read_dir(folder.join("samplemsgs")).unwrap().map(|entry| entry.unwrap().path());
    let named = paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
    let mut found: Vec<_> = named.filter(|(name, _)| name.starts_with(prefix)).collect();
    found.sort();
    found
}

#[test]
fn sample_messages_open_and_verify() {
    let Some(folder) = folder() else { return };
    let identities = identities(&folder);
    let known: Vec<Certificate> = identities.iter().map(|identity| identity.certificate().clone()).collect();
    for (prefix, count, signatures) in [("enc-1", 4, 0), ("enc-2", 7, 0), ("encz0", 2, 0), ("encsig", 12, 1)] {
        let messages = messages(&folder, prefix);
        assert_eq!(messages.len(), count, "{prefix}");
        for (name, message) in messages {
            let opened = decrypt(&message, &identities, &known, now(), &Limits::default());
            let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!opened.plain.is_empty(), "{name}");
            assert!(opened.signatures.len() >= signatures, "{name}");
            assert!(opened.signatures.iter().all(|verdict| verdict.is_valid()), "{name}: {:?}", opened.signatures);
        }
    }
    let messages = messages(&folder, "signed");
    let messages: Vec<_> = messages.into_iter().filter(|(name, _)| name != "signed-data-1.txt").collect();
    assert_eq!(messages.len(), 12);
    for (name, message) in messages {
        let (plain, verdicts) = read_signed(&message, &known, now(), &Limits::default()).unwrap();
        assert!(!plain.is_empty());
        assert_eq!(verdicts.len(), if name.contains("2-keys") { 2 } else { 1 }, "{name}");
        assert!(verdicts.iter().all(|verdict| verdict.is_valid()), "{name}: {verdicts:?}");
    }
}

#[test]
fn sample_signatures_verify() {
    let Some(folder) = folder() else { return };
    let known: Vec<Certificate> = ["rsa-rsa-sample-1", "ed25519-cv25519-sample-1"]
        .into_iter()
        .flat_map(|name| Certificate::parse(&fs::read(folder.join(format!("samplekeys/{name}.asc"))).unwrap()).unwrap())
        .collect();
    let data = fs::read(folder.join("samplemsgs/signed-data-1.txt")).unwrap();
    let signatures = messages(&folder, "sig-");
    assert_eq!(signatures.len(), 8);
    for (name, signature) in signatures {
        let verdicts = verify_detached(&data, &signature, &known, now());
        assert_eq!(verdicts.len(), if name.contains("2-keys") { 2 } else { 1 }, "{name}");
        assert!(verdicts.iter().all(|verdict| verdict.is_valid()), "{name}: {verdicts:?}");
    }
}

#[test]
fn sample_passwords_open() {
    let Some(folder) = folder() else { return };
    let messages = messages(&folder, "enc-sym");
    assert_eq!(messages.len(), 4);
    for (name, message) in messages {
        assert_eq!(
            decrypt(&message, &[], &[], now(), &Limits::default()).err(),
            Some(OpenError::PasswordOnly),
            "{name}"
        );
        // `ocb`: GnuPG's own packet 20, read and never written.
        let opened = decrypt_with_password(&message, "abc", &[], now(), &Limits::default());
        let opened = opened.or_else(|_| decrypt_with_password(&message, "password", &[], now(), &Limits::default()));
        assert!(opened.is_ok(), "{name}: {opened:?}");
    }
}

#[test]
fn what_only_gnupg_writes_is_refused() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    // Keys of version 5 and encryption with Kyber: LibrePGP, not OpenPGP.
    for name in ["v5-sample-1-pub.asc", "v5-sample-1-sec.asc"] {
        assert_eq!(Certificate::parse(&read(&format!("samplekeys/{name}"))), Err(KeyError::None), "{name}");
    }
    for at in 1..=5 {
        let certificate = Certificate::parse(&read(&format!("samplekeys/pqc-sample-{at}.key.asc"))).unwrap().remove(0);
        assert!(certificate.usable_for_encryption(now()).is_err());
        let message = read(&format!("samplemsgs/pqc-sample-{at}.enc.asc"));
        assert_eq!(decrypt(&message, &[], &[], now(), &Limits::default()).err(), Some(OpenError::NoKey));
    }
    // Bytes that say what they are not.
    assert!(decrypt(&read("samplemsgs/issue2419.asc"), &[], &[], now(), &Limits::default()).is_err());
}

/// The algorithm or why there is none.
type Judged = Result<&'static str, &'static str>;

/// The primary key, what one encrypts to and what signs, for each key in a file.
fn check(folder: &Path, name: &str, expect: &[(&str, Judged, Judged)]) {
    let certificates = Certificate::parse(&fs::read(folder.join("samplekeys").join(name)).unwrap()).unwrap();
    let judged = certificates.iter().map(|certificate| {
        let encryption = certificate.usable_for_encryption(now()).map(|plan| plan.algorithm).map_err(|e| e.to_string());
        let signing = certificate.usable_for_signing(now()).map(|plan| plan.algorithm).map_err(|e| e.to_string());
        (certificate.algorithm(), encryption, signing)
    });
    let judged: Vec<_> = judged.collect();
    let owned = |text: Judged| text.map(str::to_owned).map_err(str::to_owned);
    let expect: Vec<_> = expect
        .iter()
        .map(|(algorithm, encrypts, signs)| ((*algorithm).to_owned(), owned(*encrypts), owned(*signs)))
        .collect();
    assert_eq!(judged, expect, "{name}");
}

#[test]
fn sample_keys_are_judged() {
    let Some(folder) = folder() else { return };
    let none = Err("the key has no part for this purpose");
    let rsa_1024: Judged = Err("the key's algorithm is too weak: RSA-1024");
    let dsa: Judged = Err("the key's algorithm is too weak: DSA");
    let bare = Err("the key has no valid signature over itself");
    let curve = [("Ed25519", Ok("X25519"), Ok("Ed25519"))];
    let p256 = [("ECDSA P-256", Ok("ECDH P-256"), Ok("ECDSA P-256"))];
    let rsa = ("RSA-2048", Ok("RSA-2048"), Ok("RSA-2048"));
    check(&folder, "E657FB607BB4F21C90BB6651BC067AF28BC90111.asc", &[("RSA-1024", rsa_1024, rsa_1024)]);
    check(&folder, "pgp-desktop-skr.asc", &[("RSA-1024", rsa_1024, rsa_1024)]);
    check(&folder, "authenticate-only.pub.asc", &[("RSA-2048", none, none)]);
    check(&folder, "rsa-primary-auth-only.pub.asc", &[("RSA-2048", none, none)]);
    check(&folder, "no-creation-time.gpg", &[("DSA", dsa, dsa)]);
    // Two keys with one key id are two keys.
    check(&folder, "dda252ebb8ebe1af-1.asc", &[("RSA-4096", none, Ok("RSA-4096"))]);
    check(&folder, "dda252ebb8ebe1af-2.asc", &[("RSA-4096", none, Ok("RSA-4096"))]);
    check(&folder, "e2e-p256-1-clr.asc", &p256);
    check(&folder, "e2e-p256-1-prt.asc", &p256);
    check(&folder, "ecc-sample-1-pub.asc", &p256);
    check(&folder, "ecc-sample-2-pub.asc", &[("ECDSA P-384", Ok("ECDH P-384"), Ok("ECDSA P-384"))]);
    check(&folder, "ecc-sample-2-sec.asc", &[("ECDSA P-384", bare, bare)]);
    check(&folder, "ecc-sample-3-pub.asc", &[("ECDSA P-521", Ok("ECDH P-521"), Ok("ECDSA P-521"))]);
    check(&folder, "ecc-sample-3-sec.asc", &[("ECDSA P-521", bare, bare)]);
    check(&folder, "ed25519-cv25519-sample-1.asc", &curve);
    check(&folder, "ed25519-cv25519-sample-2.asc", &curve);
    check(&folder, "eddsa-sample-1-pub.asc", &[("Ed25519", none, Ok("Ed25519"))]);
    check(&folder, "issue2346.gpg", &[rsa]);
    check(&folder, "rsa-rsa-sample-1.asc", &[rsa]);
    check(&folder, "silent-running.asc", &[curve[0], curve[0], curve[0], rsa, curve[0], curve[0], curve[0], curve[0]]);
    check(&folder, "whats-new-in-2.1.asc", &[rsa, p256[0], ("Ed25519", none, Ok("Ed25519")), rsa, rsa, rsa]);
}

#[test]
fn a_locked_key_opens_with_its_passphrase() {
    let Some(folder) = folder() else { return };
    let key = fs::read(folder.join("samplekeys/e2e-p256-1-prt.asc")).unwrap();
    assert_eq!(SecretIdentity::parse(&key, None).err(), Some(KeyError::Locked));
    assert_eq!(SecretIdentity::parse(&key, Some("b")).err(), Some(KeyError::Locked));
    let unlocked = SecretIdentity::parse(&key, Some("a")).unwrap();
    assert!(unlocked[0].signing(now()).is_ok());
}
