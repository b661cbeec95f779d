//! A certificate in words, for people and JSON. What it is worth is judged by
//! `transport`; here it is only read.

use aws_lc_rs::digest;
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Sequence};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Time;

use super::report::harmless;

/// Names of a certificate that are told.
const NAMES_MAX: usize = 100;
const TEXT_MAX: usize = 300;

/// A certificate in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateReport {
    /// Whom it is about.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The DNS names that it is for.
    pub names: Vec<String>,
    /// From when.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub not_after: Option<Timestamp>,
    /// The kind of its key: `RSA 2048`, `EC P-256`.
    pub key: String,
    /// The size of an RSA key.
    pub rsa_bits: Option<u32>,
    /// The algorithm of its signature.
    pub signature: String,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// The data of a TLSA record `3 1 1` for it: SHA-256 of its key, in hexadecimal.
    pub key_sha256: Option<String>,
}

/// Reads a certificate; what can't be read is told as such.
pub fn certificate(der: &CertificateDer<'_>) -> CertificateReport {
    let sha256 = hex(digest::digest(&digest::SHA256, der).as_ref());
    let Ok(parsed) = Certificate::from_der(der) else {
        let unread = "unreadable".to_owned();
        return CertificateReport {
            subject: unread.clone(),
            issuer: unread.clone(),
            names: Vec::new(),
            not_before: None,
            not_after: None,
            key: unread.clone(),
            rsa_bits: None,
            signature: unread,
            sha256,
            key_sha256: None,
        };
    };
    let body = parsed.tbs_certificate();
    let (key, rsa_bits) = key(body.subject_public_key_info());
    let spki = der::Encode::to_der(body.subject_public_key_info()).ok();
    CertificateReport {
        subject: harmless(&body.subject().to_string(), TEXT_MAX),
        issuer: harmless(&body.issuer().to_string(), TEXT_MAX),
        names: names(&parsed),
        not_before: timestamp(body.validity().not_before),
        not_after: timestamp(body.validity().not_after),
        key,
        rsa_bits,
        signature: signature(&parsed.signature_algorithm().oid),
        sha256,
        key_sha256: spki.map(|spki| hex(digest::digest(&digest::SHA256, &spki).as_ref())),
    }
}

/// The size of an RSA key, from its SubjectPublicKeyInfo.
pub(super) fn rsa_bits(spki: &[u8]) -> Option<u32> {
    key(&SubjectPublicKeyInfoOwned::from_der(spki).ok()?).1
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn names(certificate: &Certificate) -> Vec<String> {
    let Ok(Some((_, names))) = certificate.tbs_certificate().get_extension::<SubjectAltName>() else {
        return Vec::new();
    };
    let dns = names.0.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(harmless(name.as_str(), TEXT_MAX)),
        _ => None,
    });
    dns.take(NAMES_MAX).collect()
}

fn timestamp(time: Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// RFC 8017 §A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn key(spki: &SubjectPublicKeyInfoOwned) -> (String, Option<u32>) {
    let curve = || spki.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok();
    match spki.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => {
            let bits = spki.subject_public_key.as_bytes().and_then(modulus_bits);
            (bits.map_or_else(|| "RSA".to_owned(), |bits| format!("RSA {bits}")), bits)
        }
        "1.2.840.10045.2.1" => {
            let name = match curve().map(|curve| curve.to_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => "EC P-256",
                Some("1.3.132.0.34") => "EC P-384",
                Some("1.3.132.0.35") => "EC P-521",
                _ => "EC",
            };
            (name.to_owned(), None)
        }
        "1.3.101.112" => ("Ed25519".to_owned(), None),
        "1.3.101.113" => ("Ed448".to_owned(), None),
        other => (other.to_owned(), None),
    }
}

fn modulus_bits(key: &[u8]) -> Option<u32> {
    let RsaPublicKey { modulus, exponent: _ } = RsaPublicKey::from_der(key).ok()?;
    let bytes = modulus.as_bytes();
    let first = bytes.first()?;
    u32::try_from(bytes.len()).ok()?.checked_mul(8)?.checked_sub(first.leading_zeros())
}

fn signature(oid: &ObjectIdentifier) -> String {
    let name = match oid.to_string().as_str() {
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" => "RSA with SHA-1",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA with SHA-256",
        "1.2.840.113549.1.1.12" => "RSA with SHA-384",
        "1.2.840.113549.1.1.13" => "RSA with SHA-512",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        other => return other.to_owned(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::ca::Ca;

    #[test]
    fn a_certificate_is_told_in_words() {
        let identity = Ca::new().issue(&["mx.example", "mail.example"]);
        let report = certificate(&identity.der.clone().into());
        assert_eq!(report.subject, "CN=mx.example");
        assert_eq!(report.issuer, "CN=Sealpost test authority");
        assert_eq!(report.names, ["mx.example", "mail.example"]);
        assert_eq!((report.key.as_str(), report.signature.as_str()), ("EC P-256", "ECDSA with SHA-256"));
        assert_eq!(report.not_after.unwrap().to_string(), "2120-01-01T00:00:00Z");
        assert!(identity.tlsa(3, 1, 1).ends_with(&report.key_sha256.unwrap()));
        assert!(identity.tlsa(3, 0, 1).ends_with(&report.sha256));
    }

    #[test]
    fn what_can_not_be_read_is_told() {
        assert_eq!(certificate(&vec![0x30, 0x03, 1, 2, 3].into()).subject, "unreadable");
    }
}
