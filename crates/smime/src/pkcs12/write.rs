//! Writes PKCS#12 as today's programs read it: PBES2 with AES-256, a MAC with
//! SHA-256.

use std::num::NonZeroU32;

use aws_lc_rs::hmac;
use mail::Entropy;
use mail::seam::random;

use super::derivation::{Secret, Use, derive};
use super::{CERTIFICATE_BAG, FRIENDLY_NAME, LOCAL_KEY_ID, SHROUDED_KEY_BAG, X509_CERTIFICATE};
use crate::algorithm::{DigestName, with_null};
use crate::asn1::{Oid, tag, write};
use crate::certificate::Certificate;
use crate::content_info::{DATA, ENCRYPTED_DATA};
use crate::pbe::{ITERATIONS, Lock, LockError};
use crate::software::SoftwareKey;

/// Writes a key, its certificate and those that lead to an anchor into a file that `passphrase` opens. `name` is what
/// programs show for it.
pub fn write(
    key: &SoftwareKey,
    certificate: &Certificate,
    chain: &[Certificate],
    name: &str,
    passphrase: &str,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, LockError> {
    if key.public().key() != certificate.public_key().key() {
        return Err(LockError::Key);
    }
    let id = DigestName::Sha1.of(certificate.to_der());
    let attributes = attributes(name, id.as_ref());
    let mut bags = vec![certificate_bag(certificate, &attributes)];
    bags.extend(chain.iter().map(|certificate| certificate_bag(certificate, &[])));
    let certificates = locked_safe(&write::sequence_of(&bags), passphrase, entropy)?;

    let lock = Lock::new(passphrase, entropy);
    let locked = lock.lock(key.to_pkcs8()).ok_or(LockError::Key)?;
    let shrouded = write::sequence(&[&lock.identifier, &write::octets(&locked)]);
    let key_bag = bag(&SHROUDED_KEY_BAG, &shrouded, &attributes);
    let keys = safe(&write::sequence_of(&[key_bag]));

    let safes = write::sequence(&[&certificates, &keys]);
    Ok(write::sequence(&[&write::small(3), &safe(&safes), &mac(&safes, passphrase, entropy)]))
}

fn attributes(name: &str, id: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let name = attribute(&FRIENDLY_NAME, &write::element(tag::BMP_STRING, &[&text]));
    write::set_of(vec![name, attribute(&LOCAL_KEY_ID, &write::octets(id))])
}

fn attribute(oid: &Oid, value: &[u8]) -> Vec<u8> {
    write::sequence(&[&write::oid(oid), &write::element(tag::SET, &[value])])
}

/// SafeBag (RFC 7292 §4.2).
fn bag(kind: &Oid, value: &[u8], attributes: &[u8]) -> Vec<u8> {
    write::sequence(&[&write::oid(kind), &write::context(0, &[value]), attributes])
}

fn certificate_bag(certificate: &Certificate, attributes: &[u8]) -> Vec<u8> {
    let value = write::context(0, &[&write::octets(certificate.to_der())]);
    bag(&CERTIFICATE_BAG, &write::sequence(&[&write::oid(&X509_CERTIFICATE), &value]), attributes)
}

/// A ContentInfo of plain data.
fn safe(content: &[u8]) -> Vec<u8> {
    write::sequence(&[&write::oid(&DATA), &write::context(0, &[&write::octets(content)])])
}

/// A ContentInfo of EncryptedData (RFC 5652 §8).
fn locked_safe(content: &[u8], passphrase: &str, entropy: &dyn Entropy) -> Result<Vec<u8>, LockError> {
    let lock = Lock::new(passphrase, entropy);
    let locked = lock.lock(content).ok_or(LockError::Key)?;
    let locked = write::element(tag::implicit(0), &[&locked]);
    let info = write::sequence(&[&write::oid(&DATA), &lock.identifier, &locked]);
    let encrypted = write::sequence(&[&write::small(0), &info]);
    Ok(write::sequence(&[&write::oid(&ENCRYPTED_DATA), &write::context(0, &[&encrypted])]))
}

/// MacData (RFC 7292 §4).
fn mac(safes: &[u8], passphrase: &str, entropy: &dyn Entropy) -> Vec<u8> {
    let salt: [u8; 16] = random(entropy);
    let digest = DigestName::Sha256;
    let count = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
    let key = derive(digest, Secret::Text(passphrase), &salt, count, Use::Mac, digest.algorithm().output_len());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), safes);
    let info = write::sequence(&[&with_null(&digest.oid()), &write::octets(tag.as_ref())]);
    write::sequence(&[&info, &write::octets(&salt), &write::small(u64::from(ITERATIONS))])
}
