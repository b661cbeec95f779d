//! Nothing that a stranger writes makes these parsers panic, or yields what
//! was never signed. `BOLERO_RANDOM_TEST_TIME_MS` sets how long each runs.

mod seeded;

use std::panic::AssertUnwindSafe;

use jiff::Timestamp;
use openpgp::{
    ArmorKind, Certificate, KeyKind, Limits, Options, SecretIdentity, autocrypt, dearmor, decrypt,
    decrypt_with_password, encrypt, read_signed, sign_detached, verify_detached,
};
use seeded::Seeded;

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn identity(kind: KeyKind) -> SecretIdentity {
    SecretIdentity::generate("Ada <ada@clinic.example>", kind, None, now(), &Seeded::new(9)).unwrap()
}

/// Something valid to begin with, and changes to it: a place, what stands there
/// now, and how many bytes are left out.
type Input = (u8, Vec<(u16, u8, u8)>, Vec<u8>);

fn changed(seeds: &[Vec<u8>], (seed, changes, tail): &Input) -> Vec<u8> {
    let mut bytes = match usize::from(*seed).checked_rem(seeds.len() + 1) {
        Some(at) if at < seeds.len() => seeds[at].clone(),
        _ => Vec::new(),
    };
    for (place, value, gone) in changes.iter().take(8) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(*place) % bytes.len();
        bytes[at] = *value;
        let end = bytes.len().min(at + usize::from(*gone % 8));
        drop(bytes.drain(at..end));
    }
    bytes.extend(tail.iter().take(64));
    bytes
}

fn run(seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    // What a failed check leaves behind is looked at by nobody.
    let check = AssertUnwindSafe(check);
    bolero::check!().with_type::<Input>().for_each(|input| {
        let check = &check;
        (check.0)(&changed(seeds, input));
    });
}

#[test]
fn certificates() {
    let seeds: Vec<Vec<u8>> = [KeyKind::V4, KeyKind::V6]
        .map(identity)
        .iter()
        .flat_map(|identity| {
            let certificate = identity.certificate();
            [certificate.to_bytes(), certificate.to_armor().into_bytes()]
        })
        .collect();
    run(&seeds, |bytes| {
        for certificate in Certificate::parse(bytes).unwrap_or_default() {
            drop((certificate.usable_for_encryption(now()), certificate.usable_for_signing(now())));
            drop((certificate.user_ids(now()), certificate.parts(now()), certificate.revocation(now())));
            for address in certificate.addresses(now()) {
                // Nobody but the owner adds an address.
                assert_eq!(address.to_string(), "ada@clinic.example");
                drop(certificate.minimal(&address, now()));
            }
            let again = Certificate::parse(&certificate.to_bytes()).unwrap();
            // Numbers lose leading zeros on the way, and nothing else.
            assert_eq!(again[0].fingerprint(), certificate.fingerprint());
            assert_eq!(again[0].usable_for_encryption(now()), certificate.usable_for_encryption(now()));
            assert_eq!(again[0].user_ids(now()), certificate.user_ids(now()));
        }
    });
}

#[test]
fn private_keys() {
    let seeds: Vec<Vec<u8>> =
        [KeyKind::V4, KeyKind::V6].iter().map(|kind| identity(*kind).to_bytes().unwrap().to_vec()).collect();
    run(&seeds, |bytes| {
        for identity in SecretIdentity::parse(bytes, Some("passphrase")).unwrap_or_default() {
            drop((identity.signing(now()), identity.can_decrypt(now()), identity.to_bytes()));
        }
    });
}

#[test]
fn messages() {
    let (ada, entropy) = (identity(KeyKind::V4), Seeded::new(10));
    let keys = [ada.clone(), identity(KeyKind::V6)];
    let known: Vec<Certificate> = keys.iter().map(|key| key.certificate().clone()).collect();
    let signer = ada.signing(now()).unwrap();
    let mut seeds = Vec::new();
    for is_armored in [true, false] {
        let sealed = encrypt(b"Content.", &known, Some(&signer), &Options { is_armored }, now(), &entropy).unwrap();
        seeds.push(sealed.bytes);
    }
    run(&seeds, |bytes| {
        if let Ok(opened) = decrypt(bytes, &keys, &known, now(), &Limits::default()) {
            assert_eq!(opened.plain.as_slice(), b"Content.");
        }
        drop(decrypt_with_password(bytes, "password", &known, now(), &Limits::default()));
    });
}

#[test]
fn signed_messages_and_signatures() {
    let (ada, entropy) = (identity(KeyKind::V4), Seeded::new(11));
    let known = [ada.certificate().clone()];
    let signature = sign_detached(b"Data.", &ada.signing(now()).unwrap(), now(), &entropy).unwrap().armored;
    let binary = dearmor(ArmorKind::Signature, signature.as_bytes()).unwrap();
    // A signature before its literal, the old order, is a whole message too.
    let message = [binary.as_slice(), &[0xCB, 11, b'b', 0, 0, 0, 0, 0], b"Data."].concat();
    run(&[signature.into_bytes(), binary, message], |bytes| {
        assert!(verify_detached(b"Other data.", bytes, &known, now()).iter().all(|verdict| !verdict.is_valid()));
        if let Ok((plain, verdicts)) = read_signed(bytes, &known, now(), &Limits::default()) {
            assert!(plain == b"Data." || verdicts.iter().all(|verdict| !verdict.is_valid()));
        }
    });
}

#[test]
fn armor_and_autocrypt() {
    let ada = identity(KeyKind::V4);
    let field = autocrypt::Autocrypt {
        address: ada.certificate().addresses(now()).remove(0),
        prefers_encryption: true,
        key_data: ada.certificate().to_bytes(),
    };
    let seeds = [ada.certificate().to_armor().into_bytes(), autocrypt::build(&field).into_bytes()];
    run(&seeds, |bytes| {
        for kind in [ArmorKind::Message, ArmorKind::PublicKey, ArmorKind::PrivateKey, ArmorKind::Signature] {
            drop(dearmor(kind, bytes));
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            drop(autocrypt::parse(text));
        }
    });
}
