//! What sealing and signing cost, next to the raw operations of the provider and to `openssl cms` on the same machine.
//!
//! `cargo run --release -p smime --example speed`; needs openssl. Times are the least of many short rounds, on one core.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, ParsedPublicKey, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use jiff::{SignedDuration, Timestamp};
use mail::Entropy;
use mail::private_key::{SignatureScheme, Signer};
use smime::algorithm::ContentCipher;
use smime::issue::{Draft, Role};
use smime::{
    Certificate, DecryptionIdentity, Form, KeyKind, Limits, Recipient, SigningIdentity, SoftwareKey, decrypt, encrypt,
    sign,
};

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("random bytes");
    }
}

/// The best time of one run: the least of many short batches, so that what else the machine does counts little.
fn best(mut run: impl FnMut()) -> Duration {
    run();
    let mut least = Duration::MAX;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(700) {
        let (batch, mut count) = (Instant::now(), 0);
        while count == 0 || batch.elapsed() < Duration::from_micros(400) {
            run();
            count += 1;
        }
        least = least.min(batch.elapsed() / count);
    }
    least
}

fn tell(what: &str, time: Duration, bytes: usize) {
    let rate = bytes as f64 / time.as_secs_f64() / 1e6;
    let line = format!(
        "{what:48} {:>10.1} µs {:>9.0}/s {rate:>8.0} MB/s\n",
        time.as_secs_f64() * 1e6,
        1.0 / time.as_secs_f64()
    );
    std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).expect("standard output");
}

fn own(kind: KeyKind) -> (SoftwareKey, Certificate) {
    let key = SoftwareKey::generate(kind, &Random).expect("a key");
    let now = Timestamp::now();
    let addresses = ["own@example.com".parse().expect("an address")];
    let draft = Draft {
        common_name: "Own",
        organisation: None,
        addresses: &addresses,
        role: Role::Both,
        not_before: now - SignedDuration::from_mins(1),
        not_after: now + SignedDuration::from_hours(1),
    };
    let certificate = draft.self_signed(&key, &Random).expect("a certificate");
    (key, certificate)
}

fn recipient(certificate: &Certificate) -> Recipient {
    certificate.usable_for_encryption(Timestamp::now()).expect("a recipient")
}

fn raw_gcm(content: &mut [u8]) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key"));
    let nonce = Nonce::assume_unique_for_key([1; 12]);
    let _ = black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), content).expect("sealed"));
}

/// The public-key operations of one sealed key, and nothing else.
fn raw_public(certificate: &Certificate) -> Duration {
    let der = certificate.public_key().to_der();
    if let Ok(key) = PublicEncryptingKey::from_der(der) {
        let key = Pkcs1PublicEncryptingKey::new(key).expect("a key");
        let mut sealed = vec![0; key.ciphertext_size()];
        return best(|| {
            let _ = black_box(key.encrypt(&[7; 32], &mut sealed).expect("sealed"));
        });
    }
    let peer = ParsedPublicKey::try_from(UnparsedPublicKey::new(&ECDH_P256, der)).expect("a key");
    best(|| {
        let ours = PrivateKey::generate(&ECDH_P256).expect("a key");
        black_box(ours.compute_public_key().expect("its public half"));
        let _ = agree(&ours, peer.clone(), (), |secret| Ok(black_box(secret.len())));
    })
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, kind) in [("RSA-2048", KeyKind::Rsa2048), ("P-256", KeyKind::P256)] {
        let (key, certificate) = own(kind);
        let recipient = recipient(&certificate);
        tell(&format!("{name}: the public-key operations alone"), raw_public(&certificate), 0);
        let identity = DecryptionIdentity { certificate: Some(&certificate), decrypter: &key };
        for bytes in [4 << 10, 1 << 20, 25 << 20] {
            for cipher in [ContentCipher::Aes256Gcm, ContentCipher::Aes256Cbc] {
                let content = vec![b'x'; bytes];
                let case = format!("{name}, {cipher}, {} KiB", bytes >> 10);
                let mut sealed = None;
                // The content is moved in and out again, so that none is copied.
                let mut place = content.clone();
                let time = best(|| {
                    let all =
                        encrypt(std::mem::take(&mut place), std::slice::from_ref(&recipient), Some(cipher), &Random);
                    let all = all.expect("sealed");
                    place = all.into_content();
                    place.truncate(bytes);
                });
                tell(&format!("{case}: seal"), time, bytes);
                let time = best(|| {
                    sealed = Some(
                        encrypt(content.clone(), std::slice::from_ref(&recipient), Some(cipher), &Random)
                            .expect("sealed")
                            .to_der(),
                    )
                });
                tell(&format!("{case}: seal, with copies"), time, bytes);
                let sealed = sealed.expect("a message");
                let time = best(|| drop(black_box(decrypt(&sealed, &[identity], &Limits::default()).expect("opened"))));
                tell(&format!("{case}: open"), time, bytes);
            }
        }
        let content = vec![b'x'; 4 << 10];
        let signing = SigningIdentity { certificate: &certificate, chain: &[], signer: &key, encryption: None };
        let time =
            best(|| drop(black_box(sign(&content, &signing, Form::Detached, Timestamp::now()).expect("signed"))));
        tell(&format!("{name}: sign 4 KiB"), time, content.len());
        let scheme: SignatureScheme = key.schemes()[0];
        let time = best(|| drop(black_box(key.sign(scheme, &[7; 32]).expect("a signature"))));
        tell(&format!("{name}: the signature alone"), time, 0);
        openssl(folder.path(), name, &certificate, &content);
    }
    for bytes in [4 << 10, 1 << 20, 25 << 20] {
        let mut content = vec![b'x'; bytes];
        tell(&format!("raw AES-256-GCM in place, {} KiB", bytes >> 10), best(|| raw_gcm(&mut content)), bytes);
    }
}

/// `openssl cms -encrypt` as a command.
fn openssl(folder: &Path, name: &str, certificate: &Certificate, content: &[u8]) {
    fs::write(folder.join("c.pem"), certificate.to_pem()).expect("a file");
    fs::write(folder.join("content"), content).expect("a file");
    let time = best(|| {
        let arguments = "cms -encrypt -binary -aes-256-gcm -in content -outform DER -out s.der c.pem";
        let status = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).status();
        assert!(status.is_ok_and(|status| status.success()), "openssl");
    });
    tell(&format!("{name}: openssl cms as a command, 4 KiB"), time, content.len());
}
