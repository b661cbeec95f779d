//! Signed attributes (RFC 5652 §11, RFC 8551 §2.5, RFC 5035).

use jiff::Timestamp;

use crate::algorithm::{DigestName, Identifier};
use crate::asn1::{Element, Malformed, Oid, Reader, octets_in, read_time, tag, write, write_time};
use crate::certificate::extensions::SMIME_CAPABILITIES;
use crate::certificate::{Capabilities, Certificate, Name};
use crate::envelope::issuer_and_serial;

const PKCS9: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9]);
const CONTENT_TYPE: Oid = PKCS9.arc(3);
const MESSAGE_DIGEST: Oid = PKCS9.arc(4);
const SIGNING_TIME: Oid = PKCS9.arc(5);
const SMIME_ATTRIBUTE: Oid = PKCS9.arc(16).arc(2);
const ENCRYPTION_KEY_PREFERENCE: Oid = SMIME_ATTRIBUTE.arc(11);
const SIGNING_CERTIFICATE: Oid = SMIME_ATTRIBUTE.arc(12);
const SIGNING_CERTIFICATE_V2: Oid = SMIME_ATTRIBUTE.arc(47);

/// More than any signer has.
const ATTRIBUTES_MAX: usize = 64;

/// An Attribute with one value.
fn attribute(oid: &Oid, value: &[u8]) -> Vec<u8> {
    write::sequence(&[&write::oid(oid), &write::element(tag::SET, &[value])])
}

/// The attributes that we sign, as a SET.
pub(super) fn write(
    content_type: &Oid,
    digest: &[u8],
    now: Timestamp,
    signer: &Certificate,
    encryption: Option<&Certificate>,
) -> Vec<u8> {
    let mut attributes = vec![
        attribute(&CONTENT_TYPE, &write::oid(content_type)),
        attribute(&MESSAGE_DIGEST, &write::octets(digest)),
        attribute(&SIGNING_TIME, &write_time(now)),
        attribute(&SMIME_CAPABILITIES, Capabilities::ours().to_der()),
        attribute(&SIGNING_CERTIFICATE_V2, &signing_certificate(signer)),
    ];
    if let Some(encryption) = encryption {
        // CHOICE [0] IMPLICIT IssuerAndSerialNumber (RFC 8551 §2.5.3).
        let mut preference = issuer_and_serial(encryption);
        preference.splice(..1, [tag::context(0)]);
        attributes.push(attribute(&ENCRYPTION_KEY_PREFERENCE, &preference));
    }
    write::set_of(attributes)
}

/// SigningCertificateV2 (RFC 5035 §3): the signer's certificate, so that no other with the same key can take its place.
fn signing_certificate(signer: &Certificate) -> Vec<u8> {
    let id = write::sequence(&[&write::octets(&signer.fingerprint_sha256())]);
    write::sequence(&[&write::sequence(&[&id])])
}

/// What attributes say; each stands for something once, or not at all.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    pub(super) content_type: Option<Oid>,
    pub(super) message_digest: Option<&'a [u8]>,
    pub(super) signing_time: Option<Timestamp>,
    pub(super) capabilities: Option<Capabilities>,
    /// Issuer and serial number of the certificate for replies.
    pub(super) preference: Option<(Name, &'a [u8])>,
    /// The digest of the signer's certificate.
    certificate: Option<(DigestName, &'a [u8])>,
}

impl<'a> Attributes<'a> {
    /// Reads the elements of a SET OF Attribute. An attribute that comes twice, or has several values where it may have
    /// one (RFC 5652 §11.1 to §11.3), makes them all worthless.
    pub(super) fn read(set: Element<'a>) -> Result<Self, Malformed> {
        let mut list = set.inside();
        let mut attributes = Self::default();
        let mut seen = Vec::new();
        while !list.is_empty() {
            let mut pair = list.sequence()?;
            let oid = pair.oid()?;
            let mut values = pair.set()?;
            pair.end()?;
            if seen.contains(&oid) || seen.len() >= ATTRIBUTES_MAX {
                return Err(Malformed);
            }
            seen.push(oid);
            attributes.take(oid, &mut values)?;
        }
        Ok(attributes)
    }

    fn take(&mut self, oid: Oid, values: &mut Reader<'a>) -> Result<(), Malformed> {
        match oid {
            CONTENT_TYPE => self.content_type = Some(values.oid()?),
            MESSAGE_DIGEST => self.message_digest = Some(values.take(tag::OCTET_STRING)?.value),
            SIGNING_TIME => self.signing_time = Some(read_time(values)?),
            SMIME_CAPABILITIES => self.capabilities = Capabilities::from_der(values.any()?.whole).ok(),
            ENCRYPTION_KEY_PREFERENCE => self.preference = preference(values.any()?),
            SIGNING_CERTIFICATE => {
                let digest = first_certificate(values.sequence()?)?.any()?;
                // The first version is the surer one's fallback (RFC 5035 §5.4).
                let digest = (DigestName::Sha1, octets_in(digest.whole)?);
                self.certificate.get_or_insert(digest);
            }
            SIGNING_CERTIFICATE_V2 => self.certificate = Some(certificate_digest(values.sequence()?)?),
            _ => return Ok(()),
        }
        values.end()
    }

    /// Whether the attributes were signed for this certificate and no other.
    pub(super) fn are_for(&self, certificate: &Certificate) -> bool {
        self.certificate.is_none_or(|(name, digest)| name.of(certificate.to_der()).as_ref() == digest)
    }
}

/// The first of the certificates, which is the signer's (RFC 5035 §3).
fn first_certificate<'a>(mut inside: Reader<'a>) -> Result<Reader<'a>, Malformed> {
    inside.sequence()?.sequence()
}

fn certificate_digest(inside: Reader<'_>) -> Result<(DigestName, &[u8]), Malformed> {
    let mut id = first_certificate(inside)?;
    let name = match id.optional(tag::SEQUENCE)? {
        Some(algorithm) => DigestName::from_identifier(&Identifier::inside(algorithm)?).ok_or(Malformed)?,
        None => DigestName::Sha256,
    };
    Ok((name, id.take(tag::OCTET_STRING)?.value))
}

fn preference(choice: Element<'_>) -> Option<(Name, &[u8])> {
    let mut inside = choice.inside();
    let name = Name::read(&mut inside).ok().filter(|_| choice.tag == tag::context(0))?;
    Some((name, inside.take(tag::INTEGER).ok()?.value))
}
