//! Files with keys: what openssl writes is read, and what is written openssl reads.

use super::peers::{Desk, KEYS, Random};
use smime::algorithm::KeyAlgorithm;
use smime::{
    Certificate, DecryptionIdentity, KeyKind, Limits, LockError, SoftwareKey, decrypt, encrypt, key_file, pkcs12,
};

#[test]
fn openssl_reads_our_pkcs12() {
    let desk = Desk::new();
    for (name, kind) in KEYS {
        let person = desk.person(name, kind);
        let chain = [desk.authority()];
        let file = pkcs12::write(&person.key, &person.certificate, &chain, "Jörg", "correct horse \u{1f40e}", &Random)
            .unwrap();
        desk.write("ours.p12", &file);
        desk.write("pass", "correct horse \u{1f40e}".as_bytes());
        let text =
            String::from_utf8_lossy(&desk.run("pkcs12 -in ours.p12 -passin file:pass -nodes -info")).into_owned();
        let mut read = key_file::read(text.as_bytes(), None).unwrap();
        assert_eq!(read.certificates, [person.certificate.clone(), desk.authority()]);
        assert_eq!(read.keys.remove(0).to_pkcs8(), person.key.to_pkcs8());
        let again = pkcs12::read(&file, "correct horse \u{1f40e}").unwrap();
        assert_eq!((again.keys.len(), again.certificates.len(), again.passed_over), (1, 2, 0));
        assert_eq!(pkcs12::read(&file, "correct horse").unwrap_err(), LockError::Passphrase);
        let mut changed = file.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        assert!(pkcs12::read(&changed, "correct horse \u{1f40e}").is_err());
    }
    let (one, other) = (desk.person("one", KEYS[1].1), desk.person("other", KEYS[1].1));
    assert!(pkcs12::write(&one.key, &other.certificate, &[], "", "x", &Random).is_err());
}

#[test]
fn we_read_openssls_pkcs12() {
    let desk = Desk::new();
    let options = [
        "",
        "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512",
        "-keypbe NONE -certpbe NONE",
        "-keypbe NONE -certpbe NONE -nomac",
        "-nomac",
        "-nomaciter",
        "-iter 1",
        "-legacy",
        "-legacy -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-RC2-128",
        "-legacy -keypbe DES-EDE3-CBC -certpbe PBE-SHA1-3DES -macalg sha1",
        "-macalg sha384",
    ];
    let person = desk.person("p", KEYS[1].1);
    for option in options {
        for passphrase in ["secret", ""] {
            desk.write("pass", format!("{passphrase}\n").as_bytes());
            desk.run(&format!(
                "pkcs12 -export -inkey p.key -in p.pem -certfile ca.pem -passout file:pass -out p.p12 {option}"
            ));
            let read =
                pkcs12::read(&desk.read("p.p12"), passphrase).unwrap_or_else(|error| panic!("{option}: {error}"));
            assert_eq!(read.certificates, [person.certificate.clone(), desk.authority()], "{option}");
            assert_eq!(read.keys[0].to_pkcs8(), person.key.to_pkcs8(), "{option}");
            let is_open = option.contains("NONE") && option.contains("-nomac");
            let wrong = pkcs12::read(&desk.read("p.p12"), "other").err();
            assert_eq!(wrong, (!is_open).then_some(LockError::Passphrase), "{option} {passphrase:?}");
        }
    }
    // A file that is locked asks for its passphrase.
    desk.write("pass", b"secret\n");
    desk.run("pkcs12 -export -inkey p.key -in p.pem -passout file:pass -out p.p12");
    assert_eq!(key_file::read(&desk.read("p.p12"), None).unwrap_err(), LockError::PassphraseNeeded);
    // A file that would take minutes is refused at once.
    desk.run("pkcs12 -export -inkey p.key -in p.pem -passout file:pass -out p.p12 -iter 70000");
    let costly = replace(&desk.read("p.p12"), &[2, 3, 0x01, 0x11, 0x70], &[2, 3, 0x7f, 0xff, 0xff]);
    assert_eq!(pkcs12::read(&costly, "secret").unwrap_err(), LockError::Costly);
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(from.len()).rposition(|window| window == from).expect("what is to be replaced");
    bytes[at..at + from.len()].copy_from_slice(to);
    bytes
}

#[test]
fn private_keys_of_every_form_are_read() {
    let desk = Desk::new();
    let kinds = [
        ("RSA -pkeyopt rsa_keygen_bits:2048", KeyAlgorithm::Rsa { bits: 2048 }),
        ("RSA-PSS -pkeyopt rsa_keygen_bits:2048", KeyAlgorithm::RsaPss { bits: 2048 }),
        ("EC -pkeyopt ec_paramgen_curve:P-256", KeyAlgorithm::P256),
        ("EC -pkeyopt ec_paramgen_curve:P-384", KeyAlgorithm::P384),
        ("EC -pkeyopt ec_paramgen_curve:P-521", KeyAlgorithm::P521),
        ("ED25519", KeyAlgorithm::Ed25519),
        ("X25519", KeyAlgorithm::X25519),
    ];
    for (kind, algorithm) in kinds {
        desk.run(&format!("genpkey -algorithm {kind} -out key.pem"));
        let key = SoftwareKey::from_der(&pem(&desk.read("key.pem")), None).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(key.algorithm(), algorithm);
        desk.run("pkey -in key.pem -pubout -outform DER -out public.der");
        if !kind.starts_with("RSA-PSS") {
            assert_eq!(key.public().to_der(), desk.read("public.der"), "{kind}");
        }
        for command in [
            "pkcs8 -topk8 -in key.pem -v2 aes-256-cbc -passout pass:x -out other.pem",
            "pkcs8 -topk8 -in key.pem -v2 aes-128-cbc -v2prf hmacWithSHA512 -passout pass:x -out other.pem",
            "pkcs8 -topk8 -in key.pem -v2 des3 -v2prf hmacWithSHA1 -passout pass:x -out other.pem",
            "pkcs8 -topk8 -in key.pem -v1 PBE-SHA1-3DES -passout pass:x -out other.pem",
        ] {
            desk.run(command);
            let locked = desk.read("other.pem");
            assert_eq!(key_file::read(&locked, Some("x")).unwrap().keys[0].to_pkcs8(), key.to_pkcs8(), "{command}");
            assert_eq!(key_file::read(&locked, Some("y")).unwrap_err(), LockError::Passphrase, "{command}");
            assert_eq!(key_file::read(&locked, None).unwrap_err(), LockError::PassphraseNeeded, "{command}");
        }
        if kind.starts_with("RSA ") || kind.starts_with("EC") {
            desk.run("pkey -in key.pem -traditional -out other.pem");
            assert_eq!(key_file::read(&desk.read("other.pem"), None).unwrap().keys[0].to_pkcs8(), key.to_pkcs8());
            desk.run("pkey -in key.pem -traditional -aes128 -passout pass:x -out other.pem");
            assert_eq!(key_file::read(&desk.read("other.pem"), Some("x")).unwrap_err(), LockError::Unsupported);
        }
        // What is written openssl reads.
        desk.write("ours.pem", key.to_pem().as_bytes());
        desk.run("pkey -in ours.pem -check -noout");
    }
    desk.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out key.pem");
    assert_eq!(key_file::read(&desk.read("key.pem"), None).unwrap_err(), LockError::Key);
    desk.run("ecparam -name P-256 -genkey -noout -param_enc explicit -out key.pem");
    assert_eq!(key_file::read(&desk.read("key.pem"), None).unwrap_err(), LockError::Key);
    assert_eq!(key_file::read(b"", None).unwrap_err(), LockError::Malformed);
    assert_eq!(key_file::read(b"-----BEGIN X-----\n-----END X-----\n", None).unwrap_err(), LockError::Empty);
}

/// The bytes of the first block.
fn pem(text: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = String::from_utf8_lossy(text);
    let body: String = text.lines().skip(1).take_while(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

#[test]
fn certificates_of_every_form_are_read() {
    let desk = Desk::new();
    let person = desk.person("p", KEYS[1].1);
    let both = [person.certificate.clone(), desk.authority()];
    desk.run("crl2pkcs7 -nocrl -certfile p.pem -certfile ca.pem -outform DER -out both.p7b");
    desk.run("crl2pkcs7 -nocrl -certfile p.pem -certfile ca.pem -out both.pem");
    desk.run("x509 -in p.pem -outform DER -out p.der");
    desk.run("x509 -in p.pem -trustout -addtrust emailProtection -out trusted.pem");
    desk.write(
        "chain.pem",
        &[desk.read("p.pem"), b"\r\n# text\r\n".to_vec(), desk.read("p.key"), desk.read("ca.pem")].concat(),
    );
    for (name, expected) in
        [("both.p7b", 2), ("both.pem", 2), ("chain.pem", 2), ("p.der", 1), ("trusted.pem", 1), ("p.pem", 1)]
    {
        let mut read = Certificate::read_all(&desk.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        read.sort_by_key(Certificate::is_authority);
        assert_eq!(read, both[..expected], "{name}");
    }
    assert_eq!(Certificate::from_der(person.certificate.to_der()).unwrap().to_pem().as_bytes(), desk.read("p.pem"));
    let text = String::from_utf8(desk.run("x509 -in p.pem -noout -fingerprint -sha256")).unwrap();
    let ours: Vec<String> = person.certificate.fingerprint_sha256().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(text.trim().rsplit('=').next(), Some(ours.join(":").as_str()));
    for file in [&b""[..], b"x", &[0x30, 0x80, 0, 0], &desk.read("p.key")] {
        assert!(Certificate::read_all(file).is_err());
    }
}

#[test]
fn a_key_without_a_certificate_opens_what_is_surely_for_it() {
    let desk = Desk::new();
    let (one, other) = (desk.person("one", "rsa:2048"), desk.person("other", "rsa:2048"));
    let seal = |people: &[&super::peers::Person], content: &[u8]| {
        let now = jiff::Timestamp::now();
        let recipients: Vec<_> =
            people.iter().map(|person| person.certificate.usable_for_encryption(now).unwrap()).collect();
        encrypt(content.to_vec(), &recipients, None, &Random).unwrap().to_der()
    };
    let open = |message: &[u8], key: &SoftwareKey| {
        let identity = DecryptionIdentity { certificate: None, decrypter: key };
        decrypt(message, &[identity], &Limits::default()).map(|opened| opened.content.to_vec())
    };
    let entity = b"Content-Type: text/plain\r\n\r\nhello";
    assert_eq!(open(&seal(&[&one], entity), &one.key).as_deref(), Ok(&entity[..]));
    assert_eq!(open(&seal(&[&one], b"\r\nno header"), &one.key).as_deref(), Ok(&b"\r\nno header"[..]));
    // Nobody can tell whether a wrong key opened it, so noise never counts as content.
    for _ in 0..600 {
        assert!(open(&seal(&[&one], entity), &other.key).is_err());
    }
    assert!(open(&seal(&[&one, &other], entity), &one.key).is_err());
}

#[test]
fn keys_of_every_kind_are_made() {
    let kinds = [KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, KeyKind::X25519];
    for kind in kinds {
        let key = SoftwareKey::generate(kind, &Random).unwrap();
        let again = SoftwareKey::from_der(key.to_pkcs8(), None).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(!format!("{key:?}").contains("encoded"));
    }
}
