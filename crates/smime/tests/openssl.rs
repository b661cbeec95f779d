//! Both ways with `openssl cms`: what either writes, the other reads.

use std::path::Path;
use std::process::Command;

use mail::Entropy;
use smime::{Certificate, DecryptionIdentity, Limits, SoftwareKey, decrypt, encrypt, key_file};

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("random bytes");
    }
}

/// Runs openssl in a folder.
fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn smoke() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for key in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256", "ec -pkeyopt ec_paramgen_curve:P-384"] {
        openssl(
            dir,
            &format!(
                "req -x509 -newkey {key} -nodes -keyout key.pem -out cert.pem -subj /CN=A -days 9 -addext subjectAltName=email:a@example.com"
            ),
        );
        let pem = [std::fs::read(dir.join("key.pem")).unwrap(), std::fs::read(dir.join("cert.pem")).unwrap()].concat();
        let contents = key_file::read(&pem, None).unwrap();
        let (key, certificate): (&SoftwareKey, &Certificate) = (&contents.keys[0], &contents.certificates[0]);
        let now = certificate.not_before();
        let recipient = certificate.usable_for_encryption(now).unwrap();
        for cipher in [None, Some(smime::algorithm::ContentCipher::Aes256Gcm)] {
            let sealed = encrypt(b"hello".to_vec(), std::slice::from_ref(&recipient), cipher, &Random).unwrap();
            std::fs::write(dir.join("m.der"), sealed.to_der()).unwrap();
            let opened = openssl(dir, "cms -decrypt -binary -inform DER -in m.der -recip cert.pem -inkey key.pem");
            assert_eq!(opened, b"hello");
            let identity = DecryptionIdentity { certificate: Some(certificate), decrypter: key };
            assert_eq!(*decrypt(&sealed.to_der(), &[identity], &Limits::default()).unwrap().content, b"hello");
        }
        std::fs::write(dir.join("plain"), "world").unwrap();
        for options in ["-aes256", "-aes-256-gcm", "-aes256 -stream", "-aes-128-gcm -stream", "-des3", "-aes192"] {
            openssl(dir, &format!("cms -encrypt -binary {options} -outform DER -in plain -out s.der cert.pem"));
            let sealed = std::fs::read(dir.join("s.der")).unwrap();
            let identity = DecryptionIdentity { certificate: Some(certificate), decrypter: key };
            let opened = decrypt(&sealed, &[identity], &Limits::default());
            assert_eq!(*opened.map_err(|e| format!("{options}: {e}")).unwrap().content, b"world");
        }
    }
}
