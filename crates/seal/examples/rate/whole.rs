//! Messages sealed, signed and opened, as the product does it; and the binary
//! formats alone, without MIME and base64.

use std::error::Error;

use jiff::Timestamp;
use openpgp::SecretIdentity;
use seal::Edits;
use seal::opening::{self, Limits, fingerprint};
use seal::protect::{HeaderPolicy, Keys, Protection, Replies, protect};
use smime::algorithm::ContentCipher;
use smime::trust::Trust;
use smime::{DecryptionIdentity, KeyKind, SigningIdentity};

use crate::keys::{Person, Random, message, openpgp, person};
use crate::{Figure, Run};

const SIZES: [usize; 2] = [4 << 10, 1 << 20];

/// Each method at each size.
pub fn figures(key_files: &[&str], run: &Run) -> Result<Vec<Figure>, Box<dyn Error>> {
    let mut figures = Vec::new();
    let mut secrets = vec![
        ("openpgp v4 aead", openpgp("b", openpgp::KeyKind::V4)?),
        ("openpgp v6 aead", openpgp("b", openpgp::KeyKind::V6)?),
    ];
    for named in key_files {
        let (name, path) = named.split_once('=').ok_or("NAME=KEYFILE")?;
        let read = SecretIdentity::parse(&std::fs::read(path)?, None)?;
        secrets.extend(read.into_iter().map(|secret| (name, secret)));
    }
    for bytes in SIZES {
        for (name, secret) in &secrets {
            figures.extend(of_openpgp(name, secret, bytes, run)?);
        }
        for (name, kind) in [("smime rsa-2048", KeyKind::Rsa2048), ("smime p256", KeyKind::P256)] {
            figures.extend(of_smime(name, &person("b", kind)?, bytes, run)?);
        }
    }
    for (name, kind) in [("cms der rsa-2048 gcm", KeyKind::Rsa2048), ("cms der p256 gcm", KeyKind::P256)] {
        let person = person("b", kind)?;
        for bytes in [4 << 10, 1 << 20, 16 << 20] {
            figures.extend(binary(name, &person, bytes, run)?);
        }
    }
    Ok(figures)
}

fn sealed(message: &[u8], keys: Keys<'_>) -> Result<Vec<u8>, seal::protect::ProtectError> {
    let (headers, edits, replies) = (HeaderPolicy::default(), Edits::default(), Replies::default());
    let how = Protection { keys, headers: &headers, edits: &edits, replies: &replies };
    Ok(protect(message, &how, Timestamp::now(), &Random)?.bytes)
}

fn of_openpgp(name: &str, secret: &SecretIdentity, bytes: usize, run: &Run) -> Result<Vec<Figure>, Box<dyn Error>> {
    let message = message(bytes);
    let to = [secret.certificate().clone()];
    let sign = secret.signing(Timestamp::now())?;
    let secrets = [secret.clone()];
    let (trust, given) = (Trust::default(), [to[0].fingerprint().to_string()]);
    let keys =
        opening::Keys { openpgp: &secrets, openpgp_signers: &to, smime: &[], smime_trust: &trust, given: &given };
    let forms = [
        ("encrypt", Keys::OpenPgp { to: &to, sign: None }),
        ("sign and encrypt", Keys::OpenPgp { to: &to, sign: Some(&sign) }),
        ("sign", Keys::OpenPgp { to: &[], sign: Some(&sign) }),
    ];
    both_ways(name, &message, &forms, &keys, run)
}

fn of_smime(name: &str, person: &Person, bytes: usize, run: &Run) -> Result<Vec<Figure>, Box<dyn Error>> {
    let message = message(bytes);
    let to = [person.certificate.usable_for_encryption(Timestamp::now())?];
    let sign = SigningIdentity { certificate: &person.certificate, chain: &[], signer: &person.key, encryption: None };
    let identities = [DecryptionIdentity { certificate: Some(&person.certificate), decrypter: &person.key }];
    let trust = Trust::default().pinning(person.certificate.fingerprint_sha256());
    let given = [fingerprint(&person.certificate)];
    let keys =
        opening::Keys { openpgp: &[], openpgp_signers: &[], smime: &identities, smime_trust: &trust, given: &given };
    let (cbc, gcm) = (Some(ContentCipher::Aes256Cbc), Some(ContentCipher::Aes256Gcm));
    let forms = [
        ("encrypt cbc", Keys::Smime { to: &to, sign: None, cipher: cbc }),
        ("encrypt gcm", Keys::Smime { to: &to, sign: None, cipher: gcm }),
        ("sign and encrypt gcm", Keys::Smime { to: &to, sign: Some(&sign), cipher: gcm }),
        ("sign", Keys::Smime { to: &[], sign: Some(&sign), cipher: None }),
    ];
    both_ways(name, &message, &forms, &keys, run)
}

fn both_ways(
    name: &str,
    message: &[u8],
    forms: &[(&str, Keys<'_>)],
    keys: &opening::Keys<'_>,
    run: &Run,
) -> Result<Vec<Figure>, Box<dyn Error>> {
    let mut figures = Vec::new();
    for (form, with) in forms {
        let seal = || sealed(message, *with).expect("a sealed message").len();
        figures.push(run.rate(&format!("{name} {form}"), message.len(), seal));
        let sealed = sealed(message, *with)?;
        let open = || {
            let opened = opening::open(&sealed, keys, Timestamp::now(), &Limits::default()).expect("an opened message");
            assert!(opened.report.signatures.iter().all(|signature| signature.valid));
            opened.entity.len()
        };
        figures.push(run.rate(&format!("{name} {form}: open"), message.len(), open));
    }
    Ok(figures)
}

/// CMS in DER, as it is before base64 and MIME.
fn binary(name: &str, person: &Person, bytes: usize, run: &Run) -> Result<[Figure; 2], Box<dyn Error>> {
    let to = [person.certificate.usable_for_encryption(Timestamp::now())?];
    let identities = [DecryptionIdentity { certificate: Some(&person.certificate), decrypter: &person.key }];
    let seal = |content: Vec<u8>| smime::encrypt(content, &to, Some(ContentCipher::Aes256Gcm), &Random);
    let plain = message(bytes);
    let sealing = run.rate_of(name, bytes, || plain.clone(), |content| seal(content).expect("a sealed message").len());
    let der = seal(plain.clone())?.to_der();
    let open = |der| smime::decrypt_in_place(der, &identities, &smime::Limits::default()).expect("an opened message");
    let opening = run.rate_of(&format!("{name}: open"), bytes, || der.clone(), |der| open(der).content.len());
    Ok([sealing, opening])
}
