//! Both ways with `openssl cms`: what either writes, the other reads.

use super::peers::{Desk, KEYS, Person, Random};
use jiff::Timestamp;
use mail::private_key::{HashName, KeyUse, OaepHash, SignatureScheme, Signer};
use smime::algorithm::{ContentCipher, KeyTransport, SignatureAlgorithm};
use smime::issue::{Draft, Role};
use smime::trust::{Revocation, Trust};
use smime::{
    Capabilities, DecryptionIdentity, Flaw, Form, Integrity, KeyKind, Limits, Recipient, SignatureVerdict,
    SigningIdentity, SoftwareKey, decrypt, encrypt, sign, verify,
};

const CIPHERS: [ContentCipher; 4] =
    [ContentCipher::Aes256Gcm, ContentCipher::Aes128Gcm, ContentCipher::Aes256Cbc, ContentCipher::Aes128Cbc];

/// Contents of every awkward length, and one with every byte.
fn contents() -> Vec<Vec<u8>> {
    let every: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    vec![
        Vec::new(),
        b"x".to_vec(),
        vec![0; 15],
        vec![b'\n'; 16],
        b"Content-Type: text/plain\r\n\r\nhello\r\n".to_vec(),
        every,
    ]
}

fn recipient(person: &Person) -> Recipient {
    person.certificate.usable_for_encryption(Timestamp::now()).expect("a usable certificate")
}

#[test]
fn openssl_opens_what_we_seal() {
    let desk = Desk::new();
    for (name, key) in KEYS {
        let person = desk.person(name, key);
        for (cipher, content) in CIPHERS.into_iter().flat_map(|cipher| contents().into_iter().map(move |c| (cipher, c)))
        {
            let sealed = encrypt(content.clone(), &[recipient(&person)], Some(cipher), &Random).unwrap();
            assert_eq!(sealed.cipher(), cipher);
            desk.write("sealed.der", &sealed.to_der());
            let opened = desk
                .run(&format!("cms -decrypt -binary -inform DER -in sealed.der -recip {name}.pem -inkey {name}.key"));
            assert_eq!(opened, content, "{name} {cipher}");
        }
    }
}

#[test]
fn one_message_for_several_recipients() {
    let desk = Desk::new();
    let people: Vec<Person> = KEYS.iter().map(|(name, key)| desk.person(name, key)).collect();
    for cipher in CIPHERS {
        let recipients: Vec<Recipient> = people.iter().map(recipient).collect();
        let sealed = encrypt(b"for all of you".to_vec(), &recipients, Some(cipher), &Random).unwrap().to_der();
        desk.write("sealed.der", &sealed);
        for person in &people {
            let name = &person.name;
            let opened = desk
                .run(&format!("cms -decrypt -binary -inform DER -in sealed.der -recip {name}.pem -inkey {name}.key"));
            assert_eq!(opened, b"for all of you", "{name} {cipher}");
            let opened = decrypt(&sealed, &[person.to_open()], &Limits::default()).unwrap();
            assert_eq!(*opened.content, *b"for all of you");
        }
    }
}

#[test]
fn what_was_announced_is_used() {
    let desk = Desk::new();
    let person = desk.person("rsa", "rsa:2048");
    let plain = recipient(&person);
    assert_eq!((plain.transport(), plain.content_cipher()), (KeyTransport::RsaPkcs1, ContentCipher::Aes256Cbc));
    let announced = recipient(&person).announced(Capabilities::ours()).unwrap();
    assert_eq!(announced.transport(), KeyTransport::RsaOaep(OaepHash::Sha256));
    assert_eq!(announced.content_cipher(), ContentCipher::Aes256Gcm);
    let alone = encrypt(b"x".to_vec(), &[announced], None, &Random).unwrap();
    assert_eq!(alone.cipher(), ContentCipher::Aes256Gcm);
    desk.write("sealed.der", &alone.to_der());
    assert_eq!(desk.run("cms -decrypt -binary -inform DER -in sealed.der -recip rsa.pem -inkey rsa.key"), b"x");
    // One who announced nothing gets what all programs read, and so does everybody in the same message.
    let other = desk.person("p256", KEYS[1].1);
    let announced = recipient(&person).announced(Capabilities::ours()).unwrap();
    let together = encrypt(b"x".to_vec(), &[announced, recipient(&other)], None, &Random).unwrap();
    assert_eq!(together.cipher(), ContentCipher::Aes256Cbc);
}

#[test]
fn we_open_what_openssl_seals() {
    let desk = Desk::new();
    let ciphers = [
        ("-aes-256-gcm", ContentCipher::Aes256Gcm),
        ("-aes-192-gcm", ContentCipher::Aes192Gcm),
        ("-aes-128-gcm", ContentCipher::Aes128Gcm),
        ("-aes256", ContentCipher::Aes256Cbc),
        ("-aes192", ContentCipher::Aes192Cbc),
        ("-aes128", ContentCipher::Aes128Cbc),
        ("-des3", ContentCipher::TripleDesCbc),
    ];
    for (name, key) in KEYS {
        let person = desk.person(name, key);
        let keys: &[&str] = match name {
            "rsa" => &[
                "",
                "-keyopt rsa_padding_mode:oaep",
                "-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256",
                "-keyid",
            ],
            _ => &[
                "",
                "-keyopt ecdh_kdf_md:sha256",
                "-keyopt ecdh_kdf_md:sha384",
                "-keyopt ecdh_cofactor_mode:1",
                "-keyid",
            ],
        };
        for (option, cipher) in ciphers {
            for (key, stream) in keys.iter().flat_map(|key| [(key, ""), (key, "-stream")]) {
                open_one(&desk, &person, option, key, stream, cipher);
            }
        }
    }
}

fn open_one(desk: &Desk, person: &Person, option: &str, key: &str, stream: &str, cipher: ContentCipher) {
    let name = &person.name;
    let flags = if key == "-keyid" { "-keyid" } else { "" };
    let key = if flags.is_empty() { key } else { "" };
    // OpenSSL itself can't stream nothing into AuthEnvelopedData.
    let is_possible = |content: &Vec<u8>| !(content.is_empty() && cipher.is_aead() && !stream.is_empty());
    // The content's length and the key's way have nothing to do with each other.
    let enough = if key.is_empty() && flags.is_empty() { 6 } else { 1 };
    for content in contents().into_iter().rev().filter(is_possible).take(enough) {
        desk.write("content", &content);
        desk.run(&format!(
            "cms -encrypt -binary {flags} {option} {stream} -in content -outform DER -out sealed.der -recip {name}.pem {key}"
        ));
        let sealed = desk.read("sealed.der");
        let case = format!("{name} {option} {key} {flags} {stream} {}", content.len());
        let opened =
            decrypt(&sealed, &[person.to_open()], &Limits::default()).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(*opened.content, content, "{case}");
        assert_eq!(opened.cipher, cipher, "{case}");
        assert_eq!(opened.integrity == Integrity::Aead, cipher.is_aead(), "{case}");
        assert!(opened.is_data);
    }
}

#[test]
fn what_is_changed_or_not_for_us_does_not_open() {
    let desk = Desk::new();
    let (person, other) = (desk.person("rsa", "rsa:2048"), desk.person("p256", KEYS[1].1));
    desk.write("content", b"hello");
    desk.run("cms -encrypt -binary -aes-256-gcm -in content -outform DER -out sealed.der rsa.pem");
    let sealed = desk.read("sealed.der");
    let open = |message: &[u8], person: &Person| decrypt(message, &[person.to_open()], &Limits::default());
    assert_eq!(open(&sealed, &other).err(), Some(smime::OpenError::NotForUs));
    let changed = |at: usize| {
        let mut changed = sealed.clone();
        changed[at] ^= 0x01;
        changed
    };
    let is_unnoticed = |at: &usize| open(&changed(*at), &person).is_ok_and(|opened| opened.is_data);
    // Only the two versions say nothing.
    assert_eq!((0..sealed.len()).filter(is_unnoticed).count(), 2);
    desk.run(
        "cms -encrypt -binary -rc2 -provider legacy -provider default -in content -outform DER -out rc2.der rsa.pem",
    );
    assert_eq!(open(&desk.read("rc2.der"), &person).err(), Some(smime::OpenError::Cipher));
}

/// Signs with one scheme, whatever the key prefers.
struct With<'a>(&'a dyn Signer, [SignatureScheme; 1]);

impl Signer for With<'_> {
    fn public_key(&self) -> &[u8] {
        self.0.public_key()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.1
    }

    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        self.0.sign(scheme, input)
    }
}

#[test]
fn openssl_verifies_what_we_sign() {
    let desk = Desk::new();
    let content = b"Content-Type: text/plain\r\n\r\nhello\r\n";
    desk.write("content", content);
    for (name, key) in KEYS {
        let person = desk.person(name, key);
        for scheme in person.key.schemes() {
            let signer = With(&person.key, [*scheme]);
            let mut identity = person.to_sign(&[]);
            identity.signer = &signer;
            let signed = sign(content, &identity, Form::Detached, Timestamp::now()).unwrap();
            assert_eq!(signed.scheme, *scheme);
            desk.write("signed.der", &signed.der);
            desk.run("cms -verify -binary -inform DER -in signed.der -content content -CAfile ca.pem -out verified");
            assert_eq!(desk.read("verified"), content, "{name} {scheme:?}");
            let signed = sign(content, &identity, Form::Opaque, Timestamp::now()).unwrap();
            desk.write("signed.der", &signed.der);
            assert_eq!(desk.run("cms -verify -binary -inform DER -in signed.der -CAfile ca.pem"), content);
        }
    }
    assert!(
        matches!(desk.attempt("cms -verify -binary -inform DER -in signed.der"), Err(error) if error.contains("verify error"))
    );
}

fn verified(desk: &Desk, message: &[u8], detached: Option<&[u8]>) -> SignatureVerdict {
    let trust = Trust::new(vec![desk.authority()]);
    let mut verified = verify(message, detached, &trust, Timestamp::now(), &Limits::default()).unwrap();
    assert_eq!(verified.signatures.len(), 1);
    verified.signatures.remove(0)
}

#[test]
fn we_verify_what_openssl_signs() {
    let desk = Desk::new();
    let content = b"Content-Type: text/plain\r\n\r\nhello\r\n";
    desk.write("content", content);
    for (name, key) in KEYS {
        let person = desk.person(name, key);
        let schemes: &[&str] = match name {
            "rsa" => &[
                "",
                "-keyopt rsa_padding_mode:pss",
                "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1",
                "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:20",
            ],
            _ => &[""],
        };
        for (scheme, digest) in schemes.iter().flat_map(|scheme| ["sha256", "sha384", "sha512"].map(|d| (scheme, d))) {
            for form in ["", "-nodetach", "-nodetach -stream", "-noattr", "-keyid", "-nosmimecap -nodetach -keyid"] {
                // OpenSSL itself can't stream with PSS.
                if scheme.contains("pss") && form.contains("-stream") {
                    continue;
                }
                desk.run(&format!(
                    "cms -sign -binary {form} -md {digest} -in content -outform DER -out signed.der -signer {name}.pem -inkey {name}.key {scheme}"
                ));
                let detached = (!form.contains("-nodetach")).then_some(content.as_slice());
                let verdict = verified(&desk, &desk.read("signed.der"), detached);
                let case = format!("{name} {scheme} {digest} {form}");
                assert_eq!(verdict.intact, Ok(()), "{case}");
                assert_eq!(verdict.addresses(), person.certificate.addresses(), "{case}: {:?}", verdict.trusted);
                assert_eq!(verdict.trusted.unwrap().revocation, Revocation::Unknown);
                let is_pss = matches!(verdict.algorithm, SignatureAlgorithm::RsaPss { .. });
                assert_eq!(is_pss, scheme.contains("pss"), "{case}");
            }
        }
    }
}

#[test]
fn what_is_forged_or_weak_is_told() {
    let desk = Desk::new();
    desk.person("rsa", "rsa:2048");
    desk.write("content", b"hello");
    let sign = |options: &str| {
        desk.run(&format!(
            "cms -sign -binary {options} -in content -outform DER -out s.der -signer rsa.pem -inkey rsa.key"
        ));
        desk.read("s.der")
    };
    assert_eq!(verified(&desk, &sign(""), Some(b"hullo")).intact, Err(Flaw::Changed));
    assert_eq!(verified(&desk, &sign("-noattr"), Some(b"hullo")).intact, Err(Flaw::Mismatch));
    assert_eq!(verified(&desk, &sign("-md sha1"), Some(b"hello")).intact, Err(Flaw::Weak));
    assert_eq!(verified(&desk, &sign("-nocerts"), Some(b"hello")).intact, Err(Flaw::NoCertificate));
    let verdict = verified(&desk, &sign("-md sha1"), Some(b"hello"));
    assert!(!verdict.is_valid() && verdict.addresses().is_empty() && verdict.capabilities.is_none());
    // The content of a detached signature is what stands apart, and nothing else.
    let trust = Trust::default();
    let read = |message: &[u8], detached| verify(message, detached, &trust, Timestamp::now(), &Limits::default()).err();
    assert_eq!(read(&sign(""), None), Some(smime::OpenError::Detached));
    assert_eq!(read(&sign("-nodetach"), Some(&b"hello"[..])), Some(smime::OpenError::Detached));
    // Every byte of the signature counts.
    let signed = sign("-nodetach");
    for at in 0..signed.len() {
        let mut changed = signed.clone();
        changed[at] ^= 0x01;
        let Ok(verified) = verify(&changed, None, &trust, Timestamp::now(), &Limits::default()) else { continue };
        let is_same = verified.content.as_deref() == Some(b"hello");
        assert!(verified.signatures.iter().all(|verdict| is_same || verdict.intact.is_err()), "byte {at}");
    }
}

#[test]
fn several_signers_are_all_told() {
    let desk = Desk::new();
    for (name, key) in KEYS {
        desk.person(name, key);
    }
    desk.write("content", b"hello");
    desk.run(
        "cms -sign -binary -nodetach -in content -outform DER -out s.der -signer rsa.pem -inkey rsa.key \
         -signer p256.pem -inkey p256.key -signer p384.pem -inkey p384.key",
    );
    let trust = Trust::new(vec![desk.authority()]);
    let signed = desk.read("s.der");
    let read = verify(&signed, None, &trust, Timestamp::now(), &Limits::default()).unwrap();
    assert_eq!(read.signatures.iter().filter(|verdict| verdict.is_valid()).count(), 3);
    let limits = Limits { signatures_max: 2, ..Limits::default() };
    assert!(verify(&signed, None, &trust, Timestamp::now(), &limits).is_err());
}

#[test]
fn signed_then_sealed_and_back() {
    let desk = Desk::new();
    let (person, content) = (desk.person("p256", KEYS[1].1), b"Content-Type: text/plain\r\n\r\nhello\r\n");
    let now = Timestamp::now();
    let signed = sign(content, &person.to_sign(&[]), Form::Opaque, now).unwrap();
    let sealed = encrypt(signed.der, &[recipient(&person)], Some(ContentCipher::Aes256Gcm), &Random).unwrap();
    desk.write("sealed.der", &sealed.to_der());
    let inner = desk.run("cms -decrypt -binary -inform DER -in sealed.der -recip p256.pem -inkey p256.key");
    desk.write("inner.der", &inner);
    assert_eq!(desk.run("cms -verify -binary -inform DER -in inner.der -CAfile ca.pem"), content);
    let verdict = verified(&desk, &inner, None);
    assert!(verdict.is_valid());
    // A reply can be sealed with what the signature announced.
    assert_eq!(verdict.encryption.as_ref(), Some(&person.certificate));
    let reply = recipient(&person).announced(verdict.capabilities.unwrap()).unwrap();
    assert_eq!(reply.content_cipher(), ContentCipher::Aes256Gcm);
    assert_eq!(verdict.signing_time.map(Timestamp::as_second), Some(now.as_second()));
    assert_eq!(person.key.schemes()[0], SignatureScheme::EcdsaP256(HashName::Sha256));
}

#[test]
fn large_content_is_sealed_where_it_stands() {
    let desk = Desk::new();
    let person = desk.person("rsa", "rsa:2048");
    let content: Vec<u8> = (0..25 << 20).map(|at: u32| (at ^ (at >> 8)) as u8).collect();
    for cipher in [ContentCipher::Aes256Gcm, ContentCipher::Aes256Cbc] {
        let sealed = encrypt(content.clone(), &[recipient(&person)], Some(cipher), &Random).unwrap();
        desk.write("sealed.der", &sealed.to_der());
        desk.run("cms -decrypt -binary -inform DER -in sealed.der -recip rsa.pem -inkey rsa.key -out opened");
        assert!(desk.read("opened") == content, "{cipher}");
        let opened = decrypt(&sealed.to_der(), &[person.to_open()], &Limits::default()).unwrap();
        assert!(*opened.content == content, "{cipher}");
    }
    desk.write("content", &content);
    desk.run("cms -encrypt -binary -stream -aes-256-gcm -in content -outform DER -out sealed.der rsa.pem");
    let opened = decrypt(&desk.read("sealed.der"), &[person.to_open()], &Limits::default()).unwrap();
    assert!(*opened.content == content);
    let limits = Limits { bytes_max: 1 << 20, ..Limits::default() };
    assert_eq!(decrypt(&desk.read("sealed.der"), &[person.to_open()], &limits).err(), Some(smime::OpenError::TooLarge));
}

/// Ed25519 and X25519, between ourselves: OpenSSL 3.0 has them in certificates and not in CMS.
#[test]
fn the_curves_of_rfc_8410_work() {
    let now = Timestamp::now();
    let authority = SoftwareKey::generate(KeyKind::Ed25519, &Random).unwrap();
    let draft = Draft {
        common_name: "Own",
        organisation: None,
        addresses: &["own@example.com".parse().unwrap()],
        role: Role::Sign,
        not_before: now,
        not_after: now + jiff::SignedDuration::from_hours(1),
    };
    let signer = draft.self_signed(&authority, &Random).unwrap();
    let reader = SoftwareKey::generate(KeyKind::X25519, &Random).unwrap();
    let reader_certificate =
        Draft { role: Role::Encrypt, ..draft }.issued_by(reader.public(), &signer, &authority, &Random).unwrap();
    let to = reader_certificate.usable_for_encryption(now).unwrap();
    assert_eq!((to.transport(), to.content_cipher()), (KeyTransport::X25519, ContentCipher::Aes256Gcm));
    let sealed = encrypt(b"hello".to_vec(), &[to], None, &Random).unwrap().to_der();
    let identity = DecryptionIdentity { certificate: Some(&reader_certificate), decrypter: &reader };
    assert_eq!(decrypt(&sealed, &[identity], &Limits::default()).unwrap().content.to_vec(), b"hello");
    let identity =
        SigningIdentity { certificate: &signer, chain: &[], signer: &authority, encryption: Some(&reader_certificate) };
    let signed = sign(b"hello", &identity, Form::Opaque, now).unwrap();
    let trust = Trust::new(vec![signer.clone()]);
    let read = verify(&signed.der, None, &trust, now, &Limits::default()).unwrap();
    assert!(read.signatures[0].is_valid());
    assert_eq!(read.signatures[0].encryption.as_ref(), Some(&reader_certificate));
}
