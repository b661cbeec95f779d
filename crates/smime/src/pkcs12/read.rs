//! Reads PKCS#12, as many programs wrote it.

use std::num::NonZeroU32;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::derivation::{Secret, Use, derive};
use super::{CERTIFICATE_BAG, CONTENTS_BAG, KEY_BAG, SHROUDED_KEY_BAG, X509_CERTIFICATE};
use crate::algorithm::{DigestName, Identifier};
use crate::asn1::{Element, Oid, Reader, Rules, octets_in, tag};
use crate::certificate::Certificate;
use crate::content_info::{DATA, ENCRYPTED_DATA};
use crate::pbe::{self, LockError, iterations, unlock, unlock_key};
use crate::software::SoftwareKey;

/// PBMAC1 (RFC 9579).
const PBMAC1: Oid = Oid::new(&[1, 2, 840, 113549, 1, 5, 14]);
const HMAC: Oid = Oid::new(&[1, 2, 840, 113549, 2]);

/// Files with more than this hold no identity.
const BAGS_MAX: usize = 256;
const DEPTH_MAX: usize = 4;
const BYTES_MAX: usize = 4 << 20;

/// What was in a file.
#[derive(Debug, Default)]
pub struct Contents {
    /// The private keys.
    pub keys: Vec<SoftwareKey>,
    /// The certificates, those of the keys first.
    pub certificates: Vec<Certificate>,
    /// Keys and certificates that were passed over: kinds that are not supported here.
    pub passed_over: usize,
}

impl Contents {
    /// The certificates that belong to a key.
    pub fn certificates_of<'a>(&'a self, key: &SoftwareKey) -> impl Iterator<Item = &'a Certificate> {
        let public = key.public().key().to_vec();
        self.certificates.iter().filter(move |certificate| certificate.public_key().key() == public)
    }

    /// Puts the keys' own certificates first, and each certificate once.
    pub(crate) fn in_order(mut self) -> Self {
        let mut once: Vec<Certificate> = Vec::new();
        for certificate in std::mem::take(&mut self.certificates) {
            if !once.contains(&certificate) {
                once.push(certificate);
            }
        }
        let has_key = |certificate: &Certificate| {
            self.keys.iter().any(|key| key.public().key() == certificate.public_key().key())
        };
        once.sort_by_key(|certificate| !has_key(certificate));
        self.certificates = once;
        self
    }
}

/// Reads a file. What it holds is checked by its MAC where it has one.
pub fn read(file: &[u8], passphrase: &str) -> Result<Contents, LockError> {
    match read_with(file, Secret::Text(passphrase)) {
        Err(LockError::Passphrase) if passphrase.is_empty() => read_with(file, Secret::Nothing),
        read => read,
    }
}

fn read_with(file: &[u8], secret: Secret<'_>) -> Result<Contents, LockError> {
    if file.len() > BYTES_MAX {
        return Err(LockError::Malformed);
    }
    let mut reader = Reader::new(file, Rules::Ber);
    let mut outer = reader.sequence()?;
    outer.small()?;
    let safes = data(outer.sequence()?)?;
    if let Some(mac) = outer.optional(tag::SEQUENCE)? {
        check_mac(mac.inside(), secret, &safes)?;
    }
    let mut contents = Contents::default();
    let mut bags = 0;
    let mut list = Reader::new(&safes, Rules::Ber).sequence()?;
    while !list.is_empty() {
        let safe = open_safe(list.sequence()?, secret)?;
        read_bags(&safe, secret, DEPTH_MAX, &mut bags, &mut contents)?;
    }
    if contents.keys.is_empty() && contents.certificates.is_empty() {
        return Err(if contents.passed_over > 0 { LockError::Key } else { LockError::Empty });
    }
    Ok(contents.in_order())
}

/// The octets of a ContentInfo of plain data.
fn data(mut info: Reader<'_>) -> Result<Vec<u8>, LockError> {
    let kind = info.oid()?;
    let mut content = info.explicit(0)?.ok_or(LockError::Malformed)?;
    // A file that is signed instead of locked needs a certificate to be trusted first.
    if kind == DATA { Ok(content.octets()?.into_owned()) } else { Err(LockError::Unsupported) }
}

/// One of the AuthenticatedSafe's parts (RFC 7292 §4.1).
fn open_safe(mut info: Reader<'_>, secret: Secret<'_>) -> Result<Zeroizing<Vec<u8>>, LockError> {
    if info.oid()? != ENCRYPTED_DATA {
        let mut content = info.explicit(0)?.ok_or(LockError::Malformed)?;
        return content.octets().map(|octets| Zeroizing::new(octets.into_owned())).map_err(|_| LockError::Unsupported);
    }
    let mut encrypted = info.explicit(0)?.ok_or(LockError::Malformed)?.sequence()?;
    encrypted.small()?;
    let mut content = encrypted.sequence()?;
    content.oid()?;
    let scheme = Identifier::read(&mut content)?;
    let locked = content.any()?;
    if locked.tag & 0xdf != tag::implicit(0) {
        return Err(LockError::Malformed);
    }
    unlock(&scheme, secret, &locked.octets()?)
}

/// SafeContents (RFC 7292 §4.2).
fn read_bags(
    safe: &[u8],
    secret: Secret<'_>,
    depth: usize,
    bags: &mut usize,
    contents: &mut Contents,
) -> Result<(), LockError> {
    // A wrong passphrase may leave padding that looks right, and then this is no SEQUENCE.
    let mut list = Reader::new(safe, Rules::Ber).sequence().map_err(|_| LockError::Passphrase)?;
    while !list.is_empty() {
        *bags += 1;
        if *bags > BAGS_MAX {
            return Err(LockError::Costly);
        }
        let mut bag = list.sequence()?;
        let kind = bag.oid()?;
        let value = bag.explicit(0)?.ok_or(LockError::Malformed)?;
        match kind {
            KEY_BAG => contents.take_key(SoftwareKey::from_der(value.rest(), None))?,
            SHROUDED_KEY_BAG => {
                let key = unlock_key(value.rest(), secret)?;
                contents.take_key(SoftwareKey::from_der(&key, None))?;
            }
            CERTIFICATE_BAG => contents.take_certificate(value)?,
            CONTENTS_BAG => {
                let depth = depth.checked_sub(1).ok_or(LockError::Malformed)?;
                read_bags(value.rest(), secret, depth, bags, contents)?;
            }
            _ => contents.passed_over += 1,
        }
    }
    Ok(())
}

impl Contents {
    fn take_key(&mut self, key: Result<SoftwareKey, LockError>) -> Result<(), LockError> {
        match key {
            Ok(key) => self.keys.push(key),
            Err(LockError::Key) => self.passed_over += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take_certificate(&mut self, mut value: Reader<'_>) -> Result<(), LockError> {
        let mut bag = value.sequence()?;
        if bag.oid()? != X509_CERTIFICATE {
            self.passed_over += 1;
            return Ok(());
        }
        let mut certificate = bag.explicit(0)?.ok_or(LockError::Malformed)?;
        let certificate = Certificate::from_der(&certificate.octets()?).map_err(LockError::Certificate)?;
        self.certificates.push(certificate);
        Ok(())
    }
}

/// MacData (RFC 7292 §4).
fn check_mac(mut inside: Reader<'_>, secret: Secret<'_>, safes: &[u8]) -> Result<(), LockError> {
    let mut digest_info = inside.sequence()?;
    let identifier = Identifier::read(&mut digest_info)?;
    let expected = digest_info.octets()?;
    let salt = inside.octets()?;
    let count = if inside.is_empty() { NonZeroU32::MIN } else { iterations(inside.small()?)? };
    if identifier.oid == PBMAC1 {
        return check_pbmac1(identifier.parameters.ok_or(LockError::Malformed)?, secret, safes, &expected);
    }
    let digest = DigestName::from_identifier(&identifier).ok_or(LockError::Unsupported)?;
    let len = digest.algorithm().output_len();
    let key = derive(digest, secret, &salt, count, Use::Mac, len);
    hmac::verify(&hmac::Key::new(hmac_of(digest), &key), safes, &expected).map_err(|_| LockError::Passphrase)
}

fn check_pbmac1(parameters: Element<'_>, secret: Secret<'_>, safes: &[u8], expected: &[u8]) -> Result<(), LockError> {
    let mut inside = parameters.sequence()?;
    let function = Identifier::read(&mut inside)?;
    let scheme = Identifier::read(&mut inside)?;
    let known =
        [(HMAC.arc(9), hmac::HMAC_SHA256), (HMAC.arc(10), hmac::HMAC_SHA384), (HMAC.arc(11), hmac::HMAC_SHA512)];
    let found = known.into_iter().find(|(oid, _)| *oid == scheme.oid);
    let (_, algorithm) = found.ok_or(LockError::Unsupported)?;
    let key = pbe::pbkdf2(&function, secret, None)?;
    hmac::verify(&hmac::Key::new(algorithm, &key), safes, expected).map_err(|_| LockError::Passphrase)
}

fn hmac_of(digest: DigestName) -> hmac::Algorithm {
    match digest {
        DigestName::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        DigestName::Sha256 => hmac::HMAC_SHA256,
        DigestName::Sha384 => hmac::HMAC_SHA384,
        DigestName::Sha512 => hmac::HMAC_SHA512,
    }
}

/// Whether a file looks like PKCS#12: version 3, then a ContentInfo.
pub(crate) fn is_pkcs12(file: &[u8]) -> bool {
    let mut reader = Reader::new(file, Rules::Ber);
    let Ok(mut outer) = reader.sequence() else { return false };
    outer.small() == Ok(3)
        && outer.sequence().is_ok_and(|mut info| info.oid().is_ok() && octets_in(info.rest()).is_err())
}
