//! The public suites of S/MIME and EFAIL: every file is read, and what comes out is what its origin says, or is listed.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use smime::algorithm::ContentCipher;
use smime::trust::{Purpose, Reason, Trust, validate};
use smime::{
    Certificate, DecryptionIdentity, Flaw, Integrity, Kind, Limits, LockError, OpenError, SignatureVerdict, decrypt,
    key_file, pkcs12, verify,
};
use testkit::suites::suite;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}

/// The CMS in a file: binary, PEM, or the only base64 part of a message.
fn cms(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let text = String::from_utf8_lossy(&bytes).replace('\r', "");
    let body: String = match text.split_once("-----BEGIN ") {
        Some((_, after)) => {
            let lines = after.lines().skip(1).skip_while(|line| line.contains(':'));
            lines.take_while(|line| !line.starts_with("-----") && !line.starts_with('=')).collect()
        }
        None if text.contains("pkcs7-mime") => {
            let (_, body) = text.split_once("\n\n").unwrap();
            body.lines().take_while(|line| !line.starts_with("--") && !line.is_empty()).collect()
        }
        None => return bytes,
    };
    base64::engine::general_purpose::STANDARD.decode(body.trim()).unwrap_or_default()
}

/// PKCS#12: the file, its passphrase, how many keys, certificates and bags that are not supported.
const PKCS12: &[(&str, &str, usize, usize, usize)] = &[
    ("pkcs12/ValidCertificatePathTest1EE.p12", "password", 1, 1, 0),
    ("pkcs12/ValidCertificatePathTest1EE_firefox.p12", "password", 1, 1, 0),
    ("pkcs12/ValidCertificatePathTest1EE_macos.p12", "password", 1, 1, 0),
    ("pkcs12/ValidCertificatePathTest1EE_windows_aes.p12.pfx", "password", 1, 1, 0),
    ("pkcs12/ValidCertificatePathTest1EE_windows_tdes.p12.pfx", "password", 1, 1, 0),
    // Their key has 1024 bits.
    ("pkcs12/example.pfx", "", 0, 1, 1),
    ("pkcs12/example2.pfx", "1234", 0, 1, 1),
    ("pkcs12/example3.pfx", "1234", 0, 1, 1),
    ("pkcs12/example4.pfx", "1234", 0, 1, 1),
    ("pkcs12/example5.pfx", "1234", 0, 1, 1),
    ("pkcs12/example6.pfx", "1234", 0, 1, 1),
    ("pkcs12/example7.pfx", "1234", 1, 2, 0),
    ("pkcs12/example8.pfx", "1234", 0, 1, 1),
    ("pkcs12/example9.pfx", "1234", 0, 1, 1),
    ("pkcs12/example10.pfx", "1234", 0, 1, 1),
    ("pkcs12/example12.pfx", "1234", 0, 1, 1),
    ("pkcs12/example13.pfx", "1234", 0, 1, 1),
    ("pkcs12/example14.pfx", "1234", 0, 1, 1),
    ("pkcs12/example15.pfx", "1234", 0, 1, 0),
    ("pkcs12/example17.pfx", "1234", 0, 1, 1),
    ("rustcrypto-cms/example.pfx", "hunter42", 0, 1, 1),
    ("mimekit/certificate-authority.pfx", "no.secret", 1, 1, 0),
    ("mimekit/intermediate1.pfx", "no.secret", 1, 2, 0),
    ("mimekit/intermediate2.pfx", "no.secret", 1, 3, 0),
    ("mimekit/revoked-intermediate.pfx", "no.secret", 1, 2, 0),
    ("mimekit/rsa/smime.pfx", "no.secret", 1, 4, 0),
    ("mimekit/dnsnames/smime.pfx", "no.secret", 1, 4, 0),
    ("mimekit/nochain/smime.pfx", "no.secret", 1, 1, 0),
    ("mimekit/revoked/smime.pfx", "no.secret", 1, 4, 0),
    ("mimekit/revokednochain/smime.pfx", "no.secret", 1, 1, 0),
    ("mimekit/revokedsubca/smime.pfx", "no.secret", 1, 3, 0),
    // DSA, and a curve that is spelled out.
    ("mimekit/dsa/smime.pfx", "no.secret", 0, 4, 1),
    ("mimekit/ec/smime.pfx", "no.secret", 0, 4, 1),
    // 1024 bits again.
    ("gnupg/samplekeys/ov-user.p12", "start", 0, 1, 1),
    ("gnupg/samplekeys/ov-server.p12", "start", 0, 1, 1),
    ("gnupg/samplekeys/opensc-test.p12", "password", 0, 2, 1),
    ("gnupg/samplekeys/t6752-ov-user-ff.p12", "start", 0, 1, 1),
    ("gnupg/samplekeys/t5793-openssl.pfx", "test", 1, 1, 0),
    ("gnupg/samplekeys/nistp256-openssl-self-signed.p12", "abc", 1, 1, 0),
    ("gnupg/samplekeys/credential_private_encrypted_AES256.p12", "qeFGds84/Sf0eKkJwcp6", 1, 2, 0),
    ("gnupg/samplekeys/credential_private_encrypted_3DES.p12", "qeFGds84/Sf0eKkJwcp6", 1, 2, 0),
];

/// PKCS#12 that is refused, as OpenSSL refuses the last three.
const PKCS12_REFUSED: &[(&str, &str, LockError)] = &[
    // A MAC with BLAKE2b.
    ("pkcs12/example11.pfx", "1234", LockError::Unsupported),
    // Nothing but a secret.
    ("pkcs12/example16.pfx", "1234", LockError::Key),
    // A MAC over a passphrase that nobody else encodes so.
    ("gnupg/samplekeys/t5793-test.pfx", "test", LockError::Passphrase),
    // The key's lock does not open with the passphrase that opens the rest.
    ("gnupg/samplekeys/edward.tester@demo.gnupg.com.p12", "abc,123456", LockError::Passphrase),
    // Nobody says which.
    ("gnupg/samplekeys/cryptlib-key.p12", "", LockError::Passphrase),
];

#[test]
fn every_pkcs12_file_is_read() {
    let Some(folder) = suite("smime") else { return };
    for (name, passphrase, keys, certificates, passed_over) in PKCS12 {
        let file = fs::read(folder.join(name)).unwrap();
        let contents = pkcs12::read(&file, passphrase).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = (contents.keys.len(), contents.certificates.len(), contents.passed_over);
        assert_eq!(found, (*keys, *certificates, *passed_over), "{name}");
        for key in &contents.keys {
            assert_eq!(contents.certificates_of(key).next(), contents.certificates.first(), "{name}");
        }
        let wrong = pkcs12::read(&file, "another passphrase").err();
        assert_eq!(wrong, Some(LockError::Passphrase), "{name}");
    }
    for (name, passphrase, error) in PKCS12_REFUSED {
        let found = pkcs12::read(&fs::read(folder.join(name)).unwrap(), passphrase).err();
        assert_eq!(found, Some(*error), "{name}");
    }
    let is_pkcs12 = |file: &&PathBuf| {
        file.extension().is_some_and(|extension| extension == "p12" || extension == "pfx")
            && !String::from_utf8_lossy(&fs::read(file).unwrap()).contains("-----BEGIN ")
    };
    let all = files(&folder);
    assert_eq!(all.iter().filter(is_pkcs12).count(), PKCS12.len() + PKCS12_REFUSED.len());
}

/// Certificates that are malformed by RFC 5280.
const CERTIFICATES_REFUSED: &[&str] = &[
    // No certificate at all between the marks of one: text, a revocation list.
    "gnupg/cert_cci_test_wzs.pem",
    "gnupg/crl_testpki_testpca.pem",
    // An alternative name that holds no name (RFC 5280 §4.2.1.6).
    "gnupg/samplekeys/cert_g10code_enconly_1.pem",
];

#[test]
fn every_certificate_is_read() {
    let Some(folder) = suite("smime") else { return };
    let mut read = 0;
    for file in files(&folder) {
        let bytes = fs::read(&file).unwrap();
        let name = file.strip_prefix(&folder).unwrap().to_str().unwrap();
        let is_text = String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----");
        if !is_text && file.extension().is_none_or(|extension| extension != "crt") {
            continue;
        }
        match Certificate::read_all(&bytes) {
            Ok(certificates) => read += certificates.len(),
            Err(_) => assert!(CERTIFICATES_REFUSED.contains(&name), "{name}"),
        }
    }
    assert!(read >= 50, "{read}");
    let many = fs::read(folder.join("gnupg/samplekeys/cert-with-117-akas.pem")).unwrap();
    assert_eq!(Certificate::read_all(&many).unwrap().len(), 1);
}

#[test]
fn the_certificates_of_rfc_9216_are_valid() {
    let Some(folder) = suite("smime/rfc9216-certs") else { return };
    let read = |name: &str| Certificate::read_all(&fs::read(folder.join(name)).unwrap()).unwrap().remove(0);
    let anchors =
        ["RSA", "Ed25519"].map(|kind| read(&format!("Sample_LAMPS_{kind}_Certification_Authority.selfsigned.pem")));
    let crossed =
        ["RSA", "Ed25519"].map(|kind| read(&format!("Sample_LAMPS_{kind}_Certification_Authority.crosssigned.pem")));
    let now = "2024-01-01T00:00:00Z".parse().unwrap();
    for name in ["alice", "bob", "carlos", "dana"] {
        let address = format!("{name}@smime.example").parse().unwrap();
        let other = format!("{}@smime.example", name.to_uppercase()).parse().unwrap();
        let (sign, seal) =
            (read(&format!("{name}@smime.example.sig.pem")), read(&format!("{name}@smime.example.enc.pem")));
        for (certificate, purpose, wrong) in
            [(&sign, Purpose::Sign, Purpose::Encrypt), (&seal, Purpose::Encrypt, Purpose::Sign)]
        {
            for anchor in &anchors {
                let trust = Trust::new(vec![anchor.clone()]);
                let check = |purpose, address| validate(certificate, &crossed, &trust, now, purpose, Some(address));
                check(purpose, &address).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(check(wrong, &address).unwrap_err().reason, Reason::KeyUsage, "{name}");
                assert_eq!(check(purpose, &other).unwrap_err().reason, Reason::Address, "{name}");
            }
        }
        assert!(seal.usable_for_encryption(now).is_ok(), "{name}");
        assert!(sign.usable_for_encryption(now).is_err(), "{name}");
    }
}

fn verdicts(
    message: &[u8],
    detached: Option<&[u8]>,
    known: &[Certificate],
) -> Result<Vec<SignatureVerdict>, OpenError> {
    let trust = Trust::new(known.to_vec());
    let now = "2020-06-01T00:00:00Z".parse().unwrap();
    Ok(verify(message, detached, &trust, now, &Limits::default())?.signatures)
}

/// Signed messages, and what their one signature is worth as such.
const SIGNED: &[(&str, Result<(), Flaw>)] = &[
    ("asn1crypto/cms-signed.der", Ok(())),
    ("asn1crypto/cms-signed.pem", Ok(())),
    // Signed without attributes, of another kind than data (RFC 5652 §5.3).
    ("asn1crypto/cms-signed-digested.der", Err(Flaw::Attributes)),
    ("asn1crypto/cms-signed-digested.pem", Err(Flaw::Attributes)),
    // The content is not what was signed; OpenSSL says so too.
    ("asn1crypto/cms-signed-indefinite-length.der", Err(Flaw::Changed)),
    // SHA-1, whether intact or not.
    ("gnupg/text-1.osig.pem", Err(Flaw::Weak)),
    ("gnupg/text-1.osig-bad.pem", Err(Flaw::Weak)),
    ("gnupg/text-2.osig.pem", Err(Flaw::Weak)),
    ("gnupg/text-2.osig-bad.pem", Err(Flaw::Weak)),
    ("gnupg/text-1.osig-badusage.pem", Err(Flaw::NoCertificate)),
    ("rfc9216-notmuch/smime-onepart-signed.eml", Ok(())),
    ("rustcrypto-cms/cms_ber.bin", Ok(())),
    ("rustcrypto-cms/cms_der.bin", Ok(())),
    ("rustcrypto-cms/scep_der.bin", Ok(())),
    ("rustcrypto-cms/sd.cms", Ok(())),
];

#[test]
fn every_signed_message_is_judged() {
    let Some(folder) = suite("smime") else { return };
    for (name, expected) in SIGNED {
        let verdicts = verdicts(&cms(&folder.join(name)), None, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verdicts.len(), 1, "{name}");
        assert_eq!(verdicts[0].intact, *expected, "{name}");
        // Nobody is trusted who was not configured.
        assert!(!verdicts[0].is_valid(), "{name}");
    }
    for (name, error) in [
        // The content is no OCTET STRING (RFC 5652 §5.2.1), or the message is cut.
        ("rustcrypto-cms/authroot.stl", OpenError::Malformed),
        ("rustcrypto-cms/apple_mdm_signature_der.bin", OpenError::Malformed),
    ] {
        assert_eq!(verdicts(&cms(&folder.join(name)), None, &[]).err(), Some(error), "{name}");
    }
    let text = fs::read(folder.join("gnupg/text-1.txt")).unwrap();
    let detached = verdicts(&cms(&folder.join("gnupg/text-1.dsig.pem")), Some(&text), &[]).unwrap();
    assert_eq!(detached[0].intact, Err(Flaw::Weak));
}

#[test]
fn a_signature_of_the_samples_is_valid_under_its_authority() {
    let Some(folder) = suite("smime/rfc9216-notmuch") else { return };
    let anchors = Certificate::read_all(&fs::read(folder.join("ca.crt")).unwrap()).unwrap();
    let opaque = verdicts(&cms(&folder.join("smime-onepart-signed.eml")), None, &anchors).unwrap();
    assert_eq!(opaque[0].addresses(), ["alice@smime.example".parse().unwrap()]);
    let message = fs::read_to_string(folder.join("smime-multipart-signed.eml")).unwrap().replace("\r\n", "\n");
    let (_, after) = message.split_once("boundary=\"").unwrap();
    let boundary = format!("\n--{}", after.split_once('"').unwrap().0);
    let parts: Vec<&str> = message.split(&boundary).collect();
    let signed = parts[1].strip_prefix('\n').unwrap().replace('\n', "\r\n");
    let packed: String = parts[2].split_once("\n\n").unwrap().1.split_whitespace().collect();
    let signature = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
    let detached = verdicts(&signature, Some(signed.as_bytes()), &anchors).unwrap();
    assert!(detached[0].is_valid(), "{:?} {:?}", detached[0].intact, detached[0].trusted);
    let changed = verdicts(&signature, Some(format!("{signed} ").as_bytes()), &anchors).unwrap();
    assert_eq!(changed[0].intact, Err(Flaw::Changed));
}

#[test]
fn sealed_messages_of_the_samples_open() {
    let Some(folder) = suite("smime/rfc9216-notmuch") else { return };
    let bob = key_file::read(&fs::read(folder.join("bob.p12")).unwrap(), Some("")).unwrap();
    let named = DecryptionIdentity { certificate: bob.certificates.first(), decrypter: &bob.keys[0] };
    let nameless = DecryptionIdentity { certificate: None, decrypter: &bob.keys[0] };
    for (name, begin) in [
        ("smime-enc+legacy-disp.eml", "From: Alice"),
        ("smime-sign+enc.eml", "Content-Transfer-Encoding: base64"),
        ("smime-sign+enc+legacy-disp.eml", "Content-Transfer-Encoding: base64"),
    ] {
        let message = cms(&folder.join(name));
        let opened = decrypt(&message, &[named], &Limits::default()).unwrap();
        assert!(opened.content.starts_with(begin.as_bytes()), "{name}");
        assert_eq!((opened.cipher, opened.integrity), (ContentCipher::TripleDesCbc, Integrity::None));
        // The messages have two recipients, and so a key without a name is not guessed with.
        assert_eq!(decrypt(&message, &[nameless], &Limits::default()).err(), Some(OpenError::NotForUs), "{name}");
    }
}

/// Messages that are sealed in ways, or to keys, that are not had here.
#[test]
fn every_other_message_is_told_apart() {
    let Some(folder) = suite("smime") else { return };
    let key = smime::SoftwareKey::generate(smime::KeyKind::P256, &super::peers::Random).unwrap();
    let identity = DecryptionIdentity { certificate: None, decrypter: &key };
    let mut kinds = Vec::new();
    for file in files(&folder) {
        let message = cms(&file);
        let Ok(kind) = Kind::of(&message) else { continue };
        kinds.push(kind);
        let is_sealed = matches!(kind, Kind::Enveloped | Kind::AuthEnveloped);
        match decrypt(&message, &[identity], &Limits::default()).err() {
            Some(OpenError::Kind) => assert!(!is_sealed, "{}", file.display()),
            // With a password as key, a key agreed beforehand, ML-KEM; and a GCM whose nonce is 16 bytes long.
            Some(OpenError::NotForUs | OpenError::Cipher | OpenError::Failed) => {
                assert!(is_sealed, "{}", file.display())
            }
            error => panic!("{}: {error:?}", file.display()),
        }
    }
    let count = |kind: Kind| kinds.iter().filter(|found| **found == kind).count();
    assert!(
        count(Kind::Enveloped) >= 20 && count(Kind::AuthEnveloped) == 2 && count(Kind::Compressed) == 3,
        "{kinds:?}"
    );
}

#[test]
fn efail_is_told() {
    let Some(folder) = suite("efail") else { return };
    let bob = key_file::read(&fs::read(folder.join("bob-draft-lamps-key.pem")).unwrap(), None).unwrap();
    let identity = DecryptionIdentity { certificate: None, decrypter: &bob.keys[0] };
    let open = |name: &str| decrypt(&cms(&folder.join(name)), &[identity], &Limits::default());
    for name in ["gcm.der", "smime-authenveloped-gcm-ok.eml"] {
        let opened = open(name).unwrap();
        assert_eq!((opened.integrity, opened.cipher), (Integrity::Aead, ContentCipher::Aes256Gcm), "{name}");
    }
    assert_eq!(open("smime-authenveloped-gcm-tampered.eml").err(), Some(OpenError::Failed));
    for name in ["cbc.der", "smime-cbc-baseline.eml"] {
        assert_eq!(open(name).unwrap().integrity, Integrity::None, "{name}");
    }
    // The gadget opens too, as it does everywhere: that nothing proves it unchanged is what is told.
    let Some(bob) = suite("smime/rfc9216-notmuch") else { return };
    let bob = key_file::read(&fs::read(bob.join("bob.p12")).unwrap(), None).unwrap();
    let named = DecryptionIdentity { certificate: bob.certificates.first(), ..identity };
    for name in ["cbc-gadget.der", "smime-cbc-gadget.eml"] {
        let opened = decrypt(&cms(&folder.join(name)), &[named], &Limits::default()).unwrap();
        assert_eq!(opened.integrity, Integrity::None, "{name}");
    }
}
