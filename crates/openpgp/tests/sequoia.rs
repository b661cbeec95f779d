//! Cases of the interoperability suite of Sequoia: revocations over time,
//! short RSA signatures, keys of its draft.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openpgp::{Certificate, Flaw, KeyError, Limits, OpenError, SecretIdentity, Unusable, decrypt, verify_detached};
use testkit::suites::suite;

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn folder() -> Option<PathBuf> {
    suite("openpgp").map(|root| root.join("sequoia-interop"))
}

fn certificate(folder: &Path, name: &str) -> Certificate {
    Certificate::parse(&fs::read(folder.join(name)).unwrap()).unwrap().remove(0)
}

/// The four times of the suite: before the key was made, before its
/// revocation, after it, and after its owner has signed it anew.
const TIMES: [&str; 4] = ["t0", "t1-t2", "t2-t3", "t3-now"];

/// `suffix` is `.sk` where the subkey signs or is revoked.
fn check_revocation(folder: &Path, revoked: &str, signer: &str, expect: [Option<Flaw>; 4]) {
    let known = [certificate(folder, &format!("revoked-key-cert-{revoked}.pgp"))];
    for (time, expect) in TIMES.into_iter().zip(expect) {
        let signature = fs::read(folder.join(format!("revoked-key-sig-{time}{signer}.pgp"))).unwrap();
        let verdicts = verify_detached(b"Hello, World", &signature, &known, now());
        assert_eq!(verdicts.len(), 1);
        assert_eq!(verdicts[0].flaw, expect, "{revoked}, signed {time}{signer}");
    }
}

#[test]
fn revocations_reach_as_far_as_they_should() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("revoked-key");
    let revoked = Some(Flaw::KeyRevoked);
    let (early, never) = (Some(Flaw::KeyExpired), [revoked; 4]);
    check_revocation(&folder, "not-revoked", "", [early, None, None, None]);
    check_revocation(&folder, "not-revoked", ".sk", [early, None, None, None]);
    let hard = ["compromised", "no_subpacket", "private", "unknown", "unspecified"];
    for reason in hard {
        check_revocation(&folder, &format!("revoked-{reason}"), "", never);
        check_revocation(&folder, &format!("revoked-{reason}"), ".sk", never);
    }
    // The suite lets a key that was retired come back when its owner signs it
    // anew. Neither GnuPG nor this does: a revocation is published for ever.
    for reason in ["key_retired", "superseded", "uid_retired"] {
        check_revocation(&folder, &format!("revoked-{reason}"), "", [early, None, revoked, revoked]);
        check_revocation(&folder, &format!("revoked-{reason}"), ".sk", [early, None, revoked, revoked]);
    }
}

#[test]
fn revocations_of_a_subkey_are_its_own() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("revoked-key");
    let revoked = Some(Flaw::KeyRevoked);
    let early = Some(Flaw::KeyExpired);
    for reason in ["compromised", "no_subpacket", "private", "unknown", "unspecified"] {
        let name = format!("revoked-{reason}.sk");
        check_revocation(&folder, &name, "", [early, None, None, None]);
        check_revocation(&folder, &name, ".sk", [early, revoked, revoked, revoked]);
    }
    for reason in ["key_retired", "superseded", "uid_retired"] {
        let name = format!("revoked-{reason}.sk");
        check_revocation(&folder, &name, "", [early, None, None, None]);
        check_revocation(&folder, &name, ".sk", [early, None, revoked, revoked]);
    }
}

#[test]
fn revoked_keys_are_encrypted_to_by_nobody() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("revoked-key");
    let hard = |name: &str| match certificate(&folder, name).usable_for_signing(now()) {
        Err(Unusable::Revoked(revocation)) => Some(revocation.hard),
        _ => None,
    };
    assert_eq!(hard("revoked-key-cert-revoked-compromised.pgp"), Some(true));
    assert_eq!(hard("revoked-key-cert-revoked-superseded.pgp"), Some(false));
    assert_eq!(hard("revoked-key-cert-not-revoked.pgp"), None);
    let before = "2018-06-01T00:00:00Z".parse().unwrap();
    assert!(certificate(&folder, "revoked-key-cert-revoked-superseded.pgp").revocation(before).is_none());
    assert!(certificate(&folder, "revoked-key-cert-revoked-compromised.pgp").revocation(before).is_some());
}

#[test]
fn short_rsa_signatures_verify() {
    let Some(folder) = folder() else { return };
    let known = [certificate(&folder, "certificates/bob.pgp")];
    let mut files = 0;
    for entry in fs::read_dir(folder.join("short-rsa-sigs")).unwrap() {
        let path = entry.unwrap().path();
        files += 1;
        let verdicts = verify_detached(b"Hello World :)", &fs::read(&path).unwrap(), &known, now());
        assert!(verdicts.len() == 1 && verdicts[0].is_valid(), "{}: {verdicts:?}", path.display());
    }
    assert_eq!(files, 17);
}

#[test]
fn keys_of_the_draft_are_judged() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("certificates");
    for (name, encrypts) in [("alice", "X25519"), ("bob", "RSA-3072"), ("ricarda", "RSA-3072")] {
        let public = certificate(&folder, &format!("{name}.pgp"));
        assert_eq!(public.usable_for_encryption(now()).unwrap().algorithm, encrypts);
        assert_eq!(public.addresses(now())[0].to_string(), format!("{name}@openpgp.example"));
        let secret =
            SecretIdentity::parse(&fs::read(folder.join(format!("{name}-secret.pgp"))).unwrap(), None).unwrap();
        assert_eq!(secret[0].certificate().fingerprint(), public.fingerprint());
        assert!(secret[0].can_decrypt(now()) && secret[0].signing(now()).is_ok(), "{name}");
    }
    let weak = certificate(&folder, "carol.pgp").usable_for_encryption(now());
    assert_eq!(weak.err(), Some(Unusable::Weak("DSA".to_owned())));
    // John's key is of version 3, whose fingerprint is MD5.
    assert_eq!(Certificate::parse(&fs::read(folder.join("john.pgp")).unwrap()), Err(KeyError::None));
}

#[test]
fn revocations_apart_from_their_keys_take_effect() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("certificates");
    for name in ["alice", "bob"] {
        let key = fs::read_to_string(folder.join(format!("{name}.pgp"))).unwrap();
        let revocation = fs::read(folder.join(format!("{name}-revocation.pgp"))).unwrap();
        let certificate = Certificate::parse(key.as_bytes()).unwrap().remove(0);
        assert!(certificate.revocation(now()).is_none());
        let revoked = certificate.with_revocation(&revocation).unwrap();
        assert!(revoked.revocation(now()).is_some(), "{name}");
        assert!(matches!(revoked.usable_for_encryption(now()), Err(Unusable::Revoked(_))));
    }
    let alice = certificate(&folder, "alice.pgp");
    let of_bob = fs::read(folder.join("bob-revocation.pgp")).unwrap();
    assert_eq!(alice.with_revocation(&of_bob), Err(KeyError::Different));
}

#[test]
fn messages_of_the_suite_are_judged() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let alice = SecretIdentity::parse(&read("certificates/alice-secret.pgp"), None).unwrap();
    let open = |name: &str| decrypt(&read(name), &alice, &[], now(), &Limits::default());
    assert_eq!(open("messages/alice-kdf-subkey.pgp").unwrap().plain.as_slice(), b"Hello World :)");
    // Bound to the fingerprint of the wrong key: RFC 9580 §11.5 wants the subkey's.
    assert_eq!(open("messages/alice-kdf-primary.pgp").err(), Some(OpenError::Undecryptable));
    let bob = SecretIdentity::parse(&read("certificates/bob-secret.pgp"), None).unwrap();
    let opened = decrypt(&read("messages/7C2FAA4DF93C37B2.IDEA.pgp"), &bob, &[], now(), &Limits::default());
    assert_eq!(opened.err(), Some(OpenError::Undecryptable), "IDEA");
}
