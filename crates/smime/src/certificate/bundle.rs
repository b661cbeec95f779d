//! Files and messages with several certificates.

use super::{BadCertificate, Certificate};
use crate::asn1::{Oid, Reader, Rules, pem, tag};

/// A chain has a handful; a bundle of all public authorities some hundred.
const CERTIFICATES_MAX: usize = 4096;

const SIGNED_DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7, 2]);

/// See [`Certificate::read_all`].
pub(super) fn read_all(file: &[u8]) -> Result<Vec<Certificate>, BadCertificate> {
    let certificates = match pem::text(file) {
        Some(text) => read_text(&text)?,
        None => read_one(file)?,
    };
    match certificates.len() {
        0 => Err(BadCertificate::None),
        1..=CERTIFICATES_MAX => Ok(certificates),
        _ => Err(BadCertificate::TooLarge),
    }
}

fn read_text(text: &str) -> Result<Vec<Certificate>, BadCertificate> {
    let mut certificates = Vec::new();
    for block in pem::blocks(text) {
        match block.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => certificates.push(Certificate::from_der(&block.bytes)?),
            // OpenSSL's own form: the certificate, then settings of trust, which are not ours.
            "TRUSTED CERTIFICATE" => {
                let certificate = Reader::der(&block.bytes).take(tag::SEQUENCE)?;
                certificates.push(Certificate::from_der(certificate.whole)?);
            }
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => certificates.extend(read_bundle(&block.bytes)?),
            _ => {}
        }
    }
    Ok(certificates)
}

fn read_one(file: &[u8]) -> Result<Vec<Certificate>, BadCertificate> {
    match Certificate::from_der(file) {
        Ok(certificate) => Ok(vec![certificate]),
        Err(error) => read_bundle(file).map_err(|_| error),
    }
}

/// The certificates of a SignedData, whether anything is signed in it or not.
fn read_bundle(file: &[u8]) -> Result<Vec<Certificate>, BadCertificate> {
    let mut reader = Reader::new(file, Rules::Ber);
    let mut content = reader.sequence()?;
    if content.oid()? != SIGNED_DATA {
        return Err(BadCertificate::None);
    }
    let mut outer = content.explicit(0)?.ok_or(BadCertificate::Malformed)?;
    let mut signed = outer.sequence()?;
    signed.small()?;
    signed.set()?;
    signed.sequence()?;
    let Some(list) = signed.explicit(0)? else { return Ok(Vec::new()) };
    of_set(list)
}

/// The X.509 certificates of a CertificateSet (RFC 5652 §10.2.3), as many as can be read: a stranger's malformed
/// certificate in the bag spoils no other.
pub(crate) fn of_set(mut list: Reader<'_>) -> Result<Vec<Certificate>, BadCertificate> {
    let mut certificates = Vec::new();
    while !list.is_empty() {
        let element = list.any()?;
        if element.tag == tag::SEQUENCE {
            certificates.extend(Certificate::from_der(element.whole).ok());
        }
        if certificates.len() > CERTIFICATES_MAX {
            return Err(BadCertificate::TooLarge);
        }
    }
    Ok(certificates)
}
