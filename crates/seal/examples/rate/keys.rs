//! Keys that are made for a run and gone after it.

use std::error::Error;

use aws_lc_rs::rand;
use jiff::{Timestamp, ToSpan as _};
use mail::{Address, Entropy};
use openpgp::SecretIdentity;
use smime::issue::{Draft, Role};
use smime::{Certificate, KeyKind, SoftwareKey};

/// The generator of the provider.
pub struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes).expect("the operating system gives randomness");
    }
}

/// A private key with its certificate.
pub struct Person {
    pub key: SoftwareKey,
    pub certificate: Certificate,
}

/// Somebody with an S/MIME certificate of their own making.
pub fn person(name: &str, kind: KeyKind) -> Result<Person, Box<dyn Error>> {
    let key = SoftwareKey::generate(kind, &Random)?;
    let now = Timestamp::now();
    let addresses = [Address::parse(&format!("{name}@x.example"))?];
    let draft = Draft {
        common_name: name,
        organisation: None,
        addresses: &addresses,
        role: Role::Both,
        not_before: now - 1.hour(),
        not_after: now + 1000.hours(),
    };
    let certificate = draft.self_signed(&key, &Random)?;
    Ok(Person { key, certificate })
}

/// Somebody with an OpenPGP key.
pub fn openpgp(name: &str, kind: openpgp::KeyKind) -> Result<SecretIdentity, Box<dyn Error>> {
    Ok(SecretIdentity::generate(&format!("{name} <{name}@x.example>"), kind, None, Timestamp::now(), &Random)?)
}

const END: &[u8] = b".\r\n";

/// A message of so many bytes, ended as texts are: by a line that needs no code.
pub fn message(bytes: usize) -> Vec<u8> {
    let mut text = b"From: a@x.example\r\nTo: b@x.example\r\nSubject: Your results\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/plain\r\n\r\n"
        .to_vec();
    while text.len() < bytes {
        text.extend_from_slice(b"The quick brown fox jumps over the lazy dog, and the dog sleeps on.\r\n");
    }
    text.truncate(bytes.saturating_sub(END.len()));
    text.extend_from_slice(END);
    text
}
