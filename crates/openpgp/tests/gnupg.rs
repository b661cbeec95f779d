//! Both ways with GnuPG 2.2, for each kind of key that it makes.

mod seeded;

use jiff::Timestamp;
use mail::Address;
use openpgp::{
    Certificate, Integrity, KeyKind, Limits, OpenError, Options, SecretIdentity, decrypt, encrypt, sign_detached,
    verify_detached,
};
use seeded::Seeded;
use testkit::gnupg::{GnuPg, said};

/// GnuPG has the machine's clock, and so these tests do.
fn now() -> Timestamp {
    Timestamp::now()
}

fn certificate(gnupg: &GnuPg, fingerprint: &str) -> Certificate {
    let bytes = gnupg.must(&["--export", fingerprint], b"");
    Certificate::parse(&bytes).unwrap().remove(0)
}

fn secret(gnupg: &GnuPg, fingerprint: &str) -> SecretIdentity {
    let bytes = gnupg.must(&["--armor", "--export-secret-keys", fingerprint], b"");
    SecretIdentity::parse(&bytes, None).unwrap().remove(0)
}

fn contents() -> Vec<Vec<u8>> {
    let large: Vec<u8> = (0..25 << 20).map(|at: usize| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![Vec::new(), b"a".to_vec(), "Grüße\r\n\u{0}\u{1}\r".as_bytes().to_vec(), (0..=255).collect(), large]
}

/// Sealed and signed by us, opened by gpg, and the other way round.
fn check_kind(algorithm: &str, subkey: &str, name: &str, signing: &str) {
    let theirs = GnuPg::new();
    let fingerprint = theirs.generate("Alice <alice@clinic.example>", algorithm, subkey);
    let alice = certificate(&theirs, &fingerprint);
    let plan = alice.usable_for_encryption(now()).unwrap();
    assert_eq!(plan.algorithm, name);
    assert_eq!(alice.usable_for_signing(now()).unwrap().algorithm, signing);
    assert_eq!(alice.addresses(now()), [Address::parse("alice@clinic.example").unwrap()]);

    let entropy = Seeded::new(1);
    let us = SecretIdentity::generate("Us <us@sealpost.example>", KeyKind::V4, None, now(), &entropy).unwrap();
    theirs.must(&["--import"], &us.certificate().to_bytes());
    let signing = us.signing(now()).unwrap();
    for content in contents() {
        for is_armored in [true, false] {
            let options = Options { is_armored };
            let sealed = encrypt(&content, std::slice::from_ref(&alice), Some(&signing), &options, now(), &entropy);
            let sealed = sealed.unwrap();
            assert_eq!((sealed.cipher, sealed.integrity), ("AES-256", Integrity::Mdc));
            let output = theirs.run(&["--decrypt"], &sealed.bytes);
            assert!(output.status.success(), "{}", said(&output));
            assert!(output.stdout == content, "{} bytes come out otherwise", content.len());
            assert!(said(&output).contains("GOODSIG"), "{}", said(&output));
            assert!(said(&output).contains("GOODMDC"), "{}", said(&output));
        }
    }

    let alice_secret = secret(&theirs, &fingerprint);
    for content in contents() {
        let us_name = us.certificate().fingerprint().to_string();
        let sealed = theirs.must(&["--armor", "--sign", "--encrypt", "-u", &fingerprint, "-r", &us_name], &content);
        let known = [alice.clone()];
        let opened = decrypt(&sealed, std::slice::from_ref(&us), &known, now(), &Limits::default()).unwrap();
        assert!(*opened.plain == content);
        assert_eq!(opened.integrity, Integrity::Mdc);
        let [verdict] = opened.signatures.as_slice() else { panic!("{:?}", opened.signatures) };
        assert!(verdict.is_by(&Address::parse("alice@clinic.example").unwrap()), "{verdict:?}");
        // Their own private key, used by us.
        let sealed = theirs.must(&["--encrypt", "-r", &fingerprint], &content);
        let opened = decrypt(&sealed, std::slice::from_ref(&alice_secret), &[], now(), &Limits::default()).unwrap();
        assert!(*opened.plain == content);
    }

    let signing = alice_secret.signing(now()).unwrap();
    let detached = sign_detached(b"Signed here.\r\n", &signing, now(), &entropy).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signature.asc");
    std::fs::write(&path, &detached.armored).unwrap();
    let output = theirs.run(&["--verify", path.to_str().unwrap(), "-"], b"Signed here.\r\n");
    assert!(said(&output).contains("GOODSIG"), "{}", said(&output));
    let output = theirs.run(&["--verify", path.to_str().unwrap(), "-"], b"Signed there.\r\n");
    assert!(said(&output).contains("BADSIG"), "{}", said(&output));

    let signature = theirs.must(&["--armor", "--detach-sign", "-u", &fingerprint], b"Signed there.\r\n");
    let verdicts = verify_detached(b"Signed there.\r\n", &signature, std::slice::from_ref(&alice), now());
    assert!(verdicts.len() == 1 && verdicts[0].is_valid(), "{verdicts:?}");
    let verdicts = verify_detached(b"Signed here.\r\n", &signature, std::slice::from_ref(&alice), now());
    assert!(verdicts.len() == 1 && !verdicts[0].is_valid(), "{verdicts:?}");
}

#[test]
fn curve25519_goes_both_ways() {
    check_kind("ed25519", "cv25519", "X25519", "Ed25519");
}

#[test]
fn rsa_goes_both_ways() {
    check_kind("rsa3072", "rsa3072", "RSA-3072", "RSA-3072");
}

#[test]
fn p256_goes_both_ways() {
    check_kind("nistp256", "nistp256", "ECDH P-256", "ECDSA P-256");
}

#[test]
fn p384_goes_both_ways() {
    check_kind("nistp384", "nistp384", "ECDH P-384", "ECDSA P-384");
}

#[test]
fn several_recipients_read_one_message() {
    let gnupg = [GnuPg::new(), GnuPg::new(), GnuPg::new()];
    let kinds = [("ed25519", "cv25519"), ("rsa3072", "rsa3072"), ("nistp256", "nistp256")];
    let certificates: Vec<Certificate> = gnupg
        .iter()
        .zip(kinds)
        .map(|(gnupg, (algorithm, subkey))| {
            certificate(gnupg, &gnupg.generate("R <r@clinic.example>", algorithm, subkey))
        })
        .collect();
    let entropy = Seeded::new(2);
    let sealed = encrypt(b"For three.", &certificates, None, &Options::default(), now(), &entropy).unwrap();
    assert_eq!(sealed.to.len(), 3);
    for gnupg in &gnupg {
        assert_eq!(gnupg.must(&["--decrypt"], &sealed.bytes), b"For three.");
    }
}

#[test]
fn a_changed_byte_and_another_key_open_nothing() {
    let entropy = Seeded::new(3);
    let gnupg = GnuPg::new();
    let fingerprint = gnupg.generate("Alice <alice@clinic.example>", "ed25519", "cv25519");
    let alice = secret(&gnupg, &fingerprint);
    let us = SecretIdentity::generate("Us <us@sealpost.example>", KeyKind::V4, None, now(), &entropy).unwrap();
    let mut sealed = gnupg.must(&["--encrypt", "-r", &fingerprint], b"A content of some length.");
    let open = |sealed: &[u8], key: &SecretIdentity| {
        decrypt(sealed, std::slice::from_ref(key), &[], now(), &Limits::default()).map(|opened| opened.plain.to_vec())
    };
    assert_eq!(open(&sealed, &us), Err(OpenError::NoKey));
    assert_eq!(open(&sealed, &alice), Ok(b"A content of some length.".to_vec()));
    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    assert_eq!(open(&sealed, &alice), Err(OpenError::Undecryptable));
}

#[test]
fn a_private_key_goes_to_gnupg_and_back() {
    let entropy = Seeded::new(4);
    let us = SecretIdentity::generate("Us <us@sealpost.example>", KeyKind::V4, None, now(), &entropy).unwrap();
    let gnupg = GnuPg::new();
    gnupg.must(&["--import"], &us.to_bytes().unwrap());
    let fingerprint = us.certificate().fingerprint().to_string();
    let sealed = encrypt(b"To ourselves.", &[us.certificate().clone()], None, &Options::default(), now(), &entropy);
    // Our own key reads version 2, which GnuPG does not.
    assert!(matches!(sealed.unwrap().integrity, Integrity::Aead(_)));
    let signed = gnupg.must(&["--armor", "--detach-sign", "-u", &fingerprint], b"By GnuPG.");
    assert!(verify_detached(b"By GnuPG.", &signed, &[us.certificate().clone()], now())[0].is_valid());
    let back = gnupg.must(&["--export-secret-keys", &fingerprint], b"");
    let back = SecretIdentity::parse(&back, None).unwrap().remove(0);
    assert!(back.signing(now()).is_ok() && back.can_decrypt(now()));
}
