//! Files with private keys and certificates, whatever their form.

use zeroize::Zeroizing;

use crate::asn1::pem;
use crate::certificate::{BadCertificate, Certificate};
use crate::pbe::LockError;
use crate::pkcs12::{self, Contents, is_pkcs12};
use crate::software::SoftwareKey;

/// Reads a file: PEM with keys, certificates or both; DER of a key, a certificate or a bundle; PKCS#12, also in PEM's
/// dress. `passphrase` is used for what is locked.
pub fn read(file: &[u8], passphrase: Option<&str>) -> Result<Contents, LockError> {
    match pem::text(file) {
        Some(text) => read_text(&text, passphrase),
        None => read_binary(file, passphrase),
    }
}

fn read_text(text: &str, passphrase: Option<&str>) -> Result<Contents, LockError> {
    let mut contents = Contents::default();
    for block in pem::blocks(text) {
        match block.label {
            // OpenSSL's old way to lock a key (RFC 1421's headers) rests on MD5.
            "RSA PRIVATE KEY" | "EC PRIVATE KEY" if block.has_headers => return Err(LockError::Unsupported),
            "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                contents.keys.push(SoftwareKey::from_der(&block.bytes, passphrase)?);
            }
            "PKCS12" => {
                let inside = pkcs12::read(&block.bytes, passphrase.unwrap_or_default())?;
                contents.keys.extend(inside.keys);
                contents.certificates.extend(inside.certificates);
            }
            _ => {}
        }
    }
    match Certificate::read_all(text.as_bytes()) {
        Ok(certificates) => contents.certificates.extend(certificates),
        Err(BadCertificate::None) => {}
        Err(error) => return Err(LockError::Certificate(error)),
    }
    if contents.keys.is_empty() && contents.certificates.is_empty() {
        return Err(LockError::Empty);
    }
    Ok(contents.in_order())
}

fn read_binary(file: &[u8], passphrase: Option<&str>) -> Result<Contents, LockError> {
    if is_pkcs12(file) {
        return match pkcs12::read(file, passphrase.unwrap_or_default()) {
            Err(LockError::Passphrase) if passphrase.is_none() => Err(LockError::PassphraseNeeded),
            read => read,
        };
    }
    if let Ok(certificates) = Certificate::read_all(file) {
        return Ok(Contents { certificates, ..Contents::default() });
    }
    let key = SoftwareKey::from_der(&Zeroizing::new(file.to_vec()), passphrase)?;
    Ok(Contents { keys: vec![key], ..Contents::default() })
}
