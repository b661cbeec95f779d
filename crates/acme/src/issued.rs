//! What an authority issued, judged before anybody shows it.

use discovery::probe::read_certificate;
use jiff::Timestamp;
use mail::Domain;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::error::AcmeError;

/// A certificate that was had, with its key.
#[derive(Clone)]
pub struct Issued {
    /// The chain, PEM, the certificate itself first.
    pub chain: String,
    /// Its private key, PKCS#8 as PEM.
    pub key: Zeroizing<String>,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// From when it is valid.
    pub begins: Timestamp,
    /// Until when.
    pub ends: Timestamp,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("sha256", &self.sha256).field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Issued {
    /// Reads what came for these names and the public key that was sent, as DER.
    pub(crate) fn judge(
        chain: String,
        key: Zeroizing<String>,
        names: &[Domain],
        key_sha256: &str,
    ) -> Result<Self, AcmeError> {
        let unfit = |why: &str| AcmeError::Unfit { why: why.to_owned() };
        let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).map_err(|_| unfit("it is no certificate"))?;
        let report = read_certificate(&leaf);
        let (Some(begins), Some(ends)) = (report.not_before, report.not_after) else {
            return Err(unfit("its dates can't be read"));
        };
        if let Some(missing) = names.iter().find(|name| !report.names.iter().any(|one| one == name.as_str())) {
            return Err(unfit(&format!("it does not bear {missing}")));
        }
        if report.key_sha256.as_deref() != Some(key_sha256) {
            return Err(unfit("it is of another key"));
        }
        if ends <= begins {
            return Err(unfit("it ends before it begins"));
        }
        Ok(Self { chain, key, issuer: report.issuer, sha256: report.sha256, begins, ends })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn check(bears: &[&str], wanted: &str, same_key: bool) -> Result<Issued, AcmeError> {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = bears.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let of = read_certificate(certificate.der()).key_sha256.unwrap();
        let digest = if same_key { of } else { "00".repeat(32) };
        let names = [Domain::parse(wanted).unwrap()];
        Issued::judge(certificate.pem(), Zeroizing::new(key.serialize_pem()), &names, &digest)
    }

    #[test]
    fn what_does_not_bear_the_names_or_is_of_another_key_is_not_taken() {
        assert!(check(&["a.example", "b.example"], "b.example", true).is_ok());
        assert!(matches!(check(&["a.example"], "b.example", true), Err(AcmeError::Unfit { .. })));
        assert!(matches!(check(&["b.example"], "b.example", false), Err(AcmeError::Unfit { .. })));
        let nothing = Issued::judge("no PEM".to_owned(), Zeroizing::default(), &[], "");
        assert!(matches!(nothing, Err(AcmeError::Unfit { .. })));
    }
}
