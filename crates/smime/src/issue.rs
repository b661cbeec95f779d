//! New certificates: an organisation's own, signed by itself until a public
//! authority signs one for it, and the request that is sent to that.

use jiff::Timestamp;
use mail::private_key::Signer;
use mail::seam::random;
use mail::{Address, Entropy};

use crate::algorithm::signature::{fitting_scheme, identifier, make};
use crate::algorithm::{DigestName, KeyAlgorithm, PublicKey};
use crate::asn1::{Oid, tag, write, write_time};
use crate::certificate::extensions::{
    AUTHORITY_KEY_IDENTIFIER, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE, SMIME_CAPABILITIES, SMTP_UTF8_MAILBOX,
    SUBJECT_ALTERNATIVE_NAME, SUBJECT_KEY_IDENTIFIER,
};
use crate::certificate::{Capabilities, Certificate, ExtendedUsage, KeyUsage};
use crate::envelope::SealError;

const COMMON_NAME: Oid = Oid::new(&[2, 5, 4, 3]);
const ORGANISATION_NAME: Oid = Oid::new(&[2, 5, 4, 10]);
const EXTENSION_REQUEST: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 14]);

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Signing mail.
    Sign,
    /// Receiving sealed mail.
    Encrypt,
    /// Both; what a key can't do is left out.
    Both,
    /// Issuing other certificates, which issue none.
    Authority,
}

/// What a new certificate is to say.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Who it is for, for people.
    pub common_name: &'a str,
    /// Their organisation.
    pub organisation: Option<&'a str>,
    /// The addresses it is for.
    pub addresses: &'a [Address],
    /// What it is for.
    pub role: Role,
    /// From when.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl Draft<'_> {
    /// Makes a certificate that is signed by its own key.
    pub fn self_signed(&self, signer: &dyn Signer, entropy: &dyn Entropy) -> Result<Certificate, SealError> {
        let key = PublicKey::from_der(signer.public_key()).map_err(|_| SealError::Signer)?;
        self.make(&key, &self.subject(), &key, signer, entropy)
    }

    /// Makes a certificate for another's key, signed by an authority's.
    pub fn issued_by(
        &self,
        key: &PublicKey,
        authority: &Certificate,
        signer: &dyn Signer,
        entropy: &dyn Entropy,
    ) -> Result<Certificate, SealError> {
        self.make(key, authority.subject().to_der(), authority.public_key(), signer, entropy)
    }

    /// Makes a request for a certificate (PKCS#10, RFC 2986) in DER.
    pub fn request(&self, signer: &dyn Signer) -> Result<Vec<u8>, SealError> {
        let key = PublicKey::from_der(signer.public_key()).map_err(|_| SealError::Signer)?;
        let extensions = write::sequence_of(&self.extensions(&key));
        let attribute = write::sequence(&[&write::oid(&EXTENSION_REQUEST), &write::element(tag::SET, &[&extensions])]);
        let info =
            write::sequence(&[&write::small(0), &self.subject(), key.to_der(), &write::context(0, &[&attribute])]);
        let scheme = fitting_scheme(signer, &key).ok_or(SealError::Signer)?;
        let signature = make(signer, scheme, &info).map_err(SealError::SignerFailed)?;
        Ok(write::sequence(&[&info, &identifier(scheme), &write::bits(&signature)]))
    }

    fn make(
        &self,
        key: &PublicKey,
        issuer: &[u8],
        issuer_key: &PublicKey,
        signer: &dyn Signer,
        entropy: &dyn Entropy,
    ) -> Result<Certificate, SealError> {
        let scheme = fitting_scheme(signer, issuer_key).ok_or(SealError::Signer)?;
        // RFC 5280 §4.1.2.2: positive, and hard to guess, so that no signature can be prepared for.
        let mut serial: [u8; 16] = random(entropy);
        serial[0] = serial[0] & 0x7f | 0x40;
        let mut extensions = self.extensions(key);
        let authority_key = write::sequence(&[&write::element(tag::implicit(0), &[&key_identifier(issuer_key)])]);
        extensions.push(extension(&AUTHORITY_KEY_IDENTIFIER, false, &authority_key));
        let validity = write::sequence(&[&write_time(self.not_before), &write_time(self.not_after)]);
        let signed = write::sequence(&[
            &write::context(0, &[&write::small(2)]),
            &write::unsigned(&serial),
            &identifier(scheme),
            issuer,
            &validity,
            &self.subject(),
            key.to_der(),
            &write::context(3, &[&write::sequence_of(&extensions)]),
        ]);
        let signature = make(signer, scheme, &signed).map_err(SealError::SignerFailed)?;
        let der = write::sequence(&[&signed, &identifier(scheme), &write::bits(&signature)]);
        Certificate::from_der(&der).map_err(|_| SealError::Crypto)
    }

    fn subject(&self) -> Vec<u8> {
        let part = |oid: &Oid, text: &str| {
            let value = write::element(tag::UTF8_STRING, &[text.as_bytes()]);
            write::element(tag::SET, &[&write::sequence(&[&write::oid(oid), &value])])
        };
        let organisation = self.organisation.map(|text| part(&ORGANISATION_NAME, text)).unwrap_or_default();
        write::sequence(&[&organisation, &part(&COMMON_NAME, self.common_name)])
    }

    fn extensions(&self, key: &PublicKey) -> Vec<Vec<u8>> {
        let is_authority = self.role == Role::Authority;
        let constraints = match is_authority {
            true => write::sequence(&[&write::boolean(true), &write::small(0)]),
            false => write::sequence(&[]),
        };
        let mut extensions = vec![
            extension(&BASIC_CONSTRAINTS, true, &constraints),
            extension(&KEY_USAGE, true, &key_usage(self.usage(key.algorithm()))),
            extension(&SUBJECT_KEY_IDENTIFIER, false, &write::octets(&key_identifier(key))),
        ];
        if !is_authority {
            let usage = write::sequence(&[&write::oid(&ExtendedUsage::EmailProtection.oid())]);
            extensions.push(extension(&EXTENDED_KEY_USAGE, false, &usage));
        }
        if matches!(self.role, Role::Encrypt | Role::Both) {
            extensions.push(extension(&SMIME_CAPABILITIES, false, Capabilities::ours().to_der()));
        }
        let names: Vec<Vec<u8>> = self.addresses.iter().map(address).collect();
        if !names.is_empty() {
            extensions.push(extension(&SUBJECT_ALTERNATIVE_NAME, false, &write::sequence_of(&names)));
        }
        extensions
    }

    fn usage(&self, key: KeyAlgorithm) -> KeyUsage {
        let sealing = if key.rsa_bits().is_some() { KeyUsage::KEY_ENCIPHERMENT } else { KeyUsage::KEY_AGREEMENT };
        match (self.role, key) {
            (Role::Authority, _) => KeyUsage::CERTIFICATE_SIGN.and(KeyUsage::CRL_SIGN),
            (Role::Sign, _) | (Role::Both, KeyAlgorithm::Ed25519) => KeyUsage::DIGITAL_SIGNATURE,
            (Role::Encrypt, _) | (Role::Both, KeyAlgorithm::X25519) => sealing,
            (Role::Both, _) => KeyUsage::DIGITAL_SIGNATURE.and(sealing),
        }
    }
}

fn extension(oid: &Oid, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { write::boolean(true) } else { Vec::new() };
    write::sequence(&[&write::oid(oid), &critical, &write::octets(value)])
}

/// The first 160 bits of SHA-256 over the key (RFC 7093 §2).
fn key_identifier(key: &PublicKey) -> Vec<u8> {
    DigestName::Sha256.of(key.key()).as_ref().iter().take(20).copied().collect()
}

/// A BIT STRING of named bits, without the zeros at its end (X.690 §11.2.2).
fn key_usage(usage: KeyUsage) -> Vec<u8> {
    let [first, second] = usage.bits().to_be_bytes();
    let (unused, bytes): (u32, &[u8]) = match second {
        0 => (first.trailing_zeros(), &[first]),
        second => (second.trailing_zeros(), &[first, second]),
    };
    write::element(tag::BIT_STRING, &[&[unused as u8], bytes])
}

/// rfc822Name, or SmtpUTF8Mailbox where the local part is not ASCII (RFC 9598 §3).
fn address(address: &Address) -> Vec<u8> {
    let text = address.to_string();
    if address.is_ascii() {
        return write::element(tag::implicit(1), &[text.as_bytes()]);
    }
    let value = write::context(0, &[&write::element(tag::UTF8_STRING, &[text.as_bytes()])]);
    write::context(0, &[&write::oid(&SMTP_UTF8_MAILBOX), &value])
}
