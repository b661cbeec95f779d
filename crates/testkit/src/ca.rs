//! A certificate authority for tests, and certificates of every bad kind.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use sha2::{Digest, Sha256, Sha512};
use tempfile::TempDir;

/// An authority that nobody trusts but the test.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, as files and as text.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
    /// The chain's text.
    pub certificate_pem: String,
    /// The key's text.
    pub key_pem: String,
    /// The end entity's certificate.
    pub der: Vec<u8>,
    /// Its public key, as a DER SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
}

impl Identity {
    /// The data of a TLSA record of it, in hexadecimal: usage, selector,
    /// matching type, digest (`3 1 1 0123…`).
    pub fn tlsa(&self, usage: u8, selector: u8, matching: u8) -> String {
        tlsa(usage, selector, matching, if selector == 0 { &self.der } else { &self.spki })
    }
}

fn tlsa(usage: u8, selector: u8, matching: u8, selected: &[u8]) -> String {
    let data = match matching {
        1 => Sha256::digest(selected).to_vec(),
        2 => Sha512::digest(selected).to_vec(),
        _ => selected.to_vec(),
    };
    let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{usage} {selector} {matching} {digits}")
}

impl Default for Ca {
    fn default() -> Self {
        Self::new()
    }
}

impl Ca {
    /// A new authority with a key of its own.
    ///
    /// # Panics
    ///
    /// When no temporary file can be written.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Sealpost test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of the authority");
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("anchors.pem"), issuer.pem()).expect("the authority's file");
        Self { issuer, folder }
    }

    /// The authority's certificate, PEM: what `delivery.anchors` names.
    pub fn anchors(&self) -> PathBuf {
        self.folder.path().join("anchors.pem")
    }

    /// The authority's certificate as text.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's certificate as DER.
    pub fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// The data of a TLSA record of the authority, as [`Identity::tlsa`].
    pub fn tlsa(&self, usage: u8, selector: u8, matching: u8) -> String {
        let key = self.issuer.key().subject_public_key_info();
        tlsa(usage, selector, matching, if selector == 0 { self.issuer.der() } else { &key })
    }

    /// A valid certificate for these names (or addresses).
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.signed(params(names), "valid")
    }

    /// A certificate whose time is over.
    pub fn expired(&self, names: &[&str]) -> Identity {
        let mut params = params(names);
        params.not_before = date_time_ymd(2015, 1, 1);
        params.not_after = date_time_ymd(2016, 1, 1);
        self.signed(params, "expired")
    }

    /// A certificate that this authority did not sign.
    ///
    /// # Panics
    ///
    /// When the names are none.
    pub fn self_signed(&self, names: &[&str]) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(names).self_signed(&key).expect("a certificate");
        self.write("self-signed", certificate.pem(), certificate.der().to_vec(), &key)
    }

    fn signed(&self, params: CertificateParams, kind: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let chain = format!("{}{}", certificate.pem(), self.issuer.pem());
        self.write(kind, chain, certificate.der().to_vec(), &key)
    }

    fn write(&self, kind: &str, chain: String, der: Vec<u8>, key: &KeyPair) -> Identity {
        let folder = tempfile::Builder::new().prefix(kind).tempdir_in(self.folder.path()).expect("a folder").keep();
        let identity = Identity {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            certificate_pem: chain,
            key_pem: key.serialize_pem(),
            der,
            spki: key.subject_public_key_info(),
        };
        write_private(&identity.certificate, &identity.certificate_pem);
        write_private(&identity.key, &identity.key_pem);
        identity
    }
}

/// Servers refuse keys that others may read, so nobody else may.
fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("a file for the certificate");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).expect("names for a certificate");
    let common_name = names.first().cloned().unwrap_or_default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn openssl_verifies(ca: &Ca, identity: &Identity) -> bool {
        let verify = Command::new("openssl")
            .arg("verify")
            .args(["-purpose", "sslserver", "-verify_hostname", "mx.example", "-CAfile"])
            .arg(ca.anchors())
            .arg(&identity.certificate)
            .output()
            .expect("openssl");
        verify.status.success()
    }

    #[test]
    fn openssl_trusts_the_valid_one_only() {
        let ca = Ca::new();
        assert!(openssl_verifies(&ca, &ca.issue(&["mx.example"])));
        assert!(!openssl_verifies(&ca, &ca.issue(&["other.example"])));
        assert!(!openssl_verifies(&ca, &ca.expired(&["mx.example"])));
        assert!(!openssl_verifies(&ca, &ca.self_signed(&["mx.example"])));
        assert!(!openssl_verifies(&Ca::new(), &ca.issue(&["mx.example"])));
    }
}
