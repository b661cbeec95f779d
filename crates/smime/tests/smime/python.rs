//! Both ways with Python's `cryptography`, which shares no code with OpenSSL's CMS.
//!
//! Debian's has signatures and PKCS#12; sealing came with 44, and is tested where the `python3` of the path has it.

use std::process::Command;

use super::peers::{Desk, KEYS, Random};
use jiff::Timestamp;
use smime::algorithm::ContentCipher;
use smime::trust::Trust;
use smime::{Form, Limits, decrypt, encrypt, pkcs12, sign, verify};

const IMPORTS: &str = "from cryptography import x509\n\
    from cryptography.hazmat.primitives import hashes, serialization\n\
    from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12\n\
    read = lambda name: open(name, 'rb').read()\n\
    def write(name, data): open(name, 'wb').write(data)\n\
    key = lambda name: serialization.load_pem_private_key(read(name + '.key'), None)\n\
    certificate = lambda name: x509.load_pem_x509_certificate(read(name + '.pem'))\n";

fn run(interpreter: &str, desk: &Desk, script: &str) -> Result<String, String> {
    let mut command = Command::new(interpreter);
    let output = command.args(["-c", &format!("{IMPORTS}{script}")]).current_dir(desk.folder()).output();
    let output = output.expect("python3");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn debian(desk: &Desk, script: &str) -> String {
    run("/usr/bin/python3", desk, script).unwrap_or_else(|error| panic!("{script}: {error}"))
}

#[test]
fn signatures_of_python_are_valid() {
    let desk = Desk::new();
    let content = b"Content-Type: text/plain\r\n\r\nhello\r\n";
    desk.write("content", content);
    let trust = Trust::new(vec![desk.authority()]);
    for (name, kind) in KEYS {
        let person = desk.person(name, kind);
        for hash in ["SHA256", "SHA384", "SHA512"] {
            for options in ["DetachedSignature", "Binary", "NoCapabilities", "NoAttributes"] {
                let both = if options == "DetachedSignature" { "" } else { ", pkcs7.PKCS7Options.Binary" };
                debian(
                    &desk,
                    &format!(
                        "s = pkcs7.PKCS7SignatureBuilder().set_data(read('content'))\n\
                         s = s.add_signer(certificate('{name}'), key('{name}'), hashes.{hash}())\n\
                         write('s.der', s.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.{options}{both}]))"
                    ),
                );
                let detached = (options == "DetachedSignature").then_some(content.as_slice());
                let message = desk.read("s.der");
                let read = verify(&message, detached, &trust, Timestamp::now(), &Limits::default()).unwrap();
                let verdict = &read.signatures[0];
                assert!(verdict.is_valid(), "{name} {hash} {options}: {:?} {:?}", verdict.intact, verdict.trusted);
                assert_eq!(verdict.addresses(), person.certificate.addresses());
            }
        }
    }
}

#[test]
fn python_reads_our_files_and_bundles() {
    let desk = Desk::new();
    let person = desk.person("p", KEYS[0].1);
    let file = pkcs12::write(&person.key, &person.certificate, &[desk.authority()], "Own", "x", &Random).unwrap();
    desk.write("p.p12", &file);
    let chain = [desk.authority()];
    let signed = sign(b"hello", &person.to_sign(&chain), Form::Opaque, Timestamp::now()).unwrap();
    desk.write("s.der", &signed.der);
    let text = debian(
        &desk,
        "found, cert, more = pkcs12.load_key_and_certificates(read('p.p12'), b'x')\n\
         assert cert == certificate('p') and more == [certificate('ca')]\n\
         assert found.private_numbers() == key('p').private_numbers()\n\
         both = pkcs7.load_der_pkcs7_certificates(read('s.der'))\n\
         assert sorted(c.serial_number for c in both) == sorted([cert.serial_number, more[0].serial_number])\n\
         print('ok')",
    );
    assert_eq!(text.trim(), "ok");
    debian(
        &desk,
        "lock = serialization.BestAvailableEncryption(b'y')\n\
         write('q.p12', pkcs12.serialize_key_and_certificates(b'n', key('p'), certificate('p'), [certificate('ca')], lock))",
    );
    let read = pkcs12::read(&desk.read("q.p12"), "y").unwrap();
    assert_eq!(read.certificates, [person.certificate, desk.authority()]);
}

#[test]
fn sealed_both_ways_with_python() {
    let desk = Desk::new();
    if run("python3", &desk, "pkcs7.PKCS7EnvelopeBuilder, pkcs7.pkcs7_decrypt_der").is_err() {
        testkit::suites::not_run("python3 has no cryptography of 44 or later");
        return;
    }
    let python = |script: &str| run("python3", &desk, script).unwrap_or_else(|error| panic!("{script}: {error}"));
    let person = desk.person("p", KEYS[0].1);
    for content in [&b""[..], b"x", &[7; 4096]] {
        desk.write("content", content);
        for length in [16, 32] {
            python(&format!(
                "from cryptography.hazmat.primitives.ciphers import algorithms\n\
                 e = pkcs7.PKCS7EnvelopeBuilder().set_data(read('content')).add_recipient(certificate('p'))\n\
                 e = e.set_content_encryption_algorithm(algorithms.AES{})\n\
                 write('e.der', e.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]))",
                length * 8
            ));
            let opened = decrypt(&desk.read("e.der"), &[person.to_open()], &Limits::default()).unwrap();
            assert_eq!(*opened.content, *content);
        }
        let recipient = person.certificate.usable_for_encryption(Timestamp::now()).unwrap();
        for cipher in [ContentCipher::Aes256Cbc, ContentCipher::Aes128Cbc] {
            let sealed = encrypt(content.to_vec(), std::slice::from_ref(&recipient), Some(cipher), &Random).unwrap();
            desk.write("e.der", &sealed.to_der());
            python("write('opened', pkcs7.pkcs7_decrypt_der(read('e.der'), certificate('p'), key('p'), []))");
            assert_eq!(desk.read("opened"), content, "{cipher}");
        }
    }
}
