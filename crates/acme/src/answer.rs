//! What an authority looks at to see that a name is ours.

use mail::Domain;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

use crate::error::AcmeError;

/// How a name is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Challenge {
    /// A text at a path of port 80 (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate that is shown at port 443 to whoever asks for `acme-tls/1` (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

impl Challenge {
    /// Its name in the protocol.
    pub const fn word(self) -> &'static str {
        match self {
            Challenge::Http01 => "http-01",
            Challenge::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// The port that the authority connects to.
    pub const fn port(self) -> u16 {
        match self {
            Challenge::Http01 => 80,
            Challenge::TlsAlpn01 => 443,
        }
    }
}

/// An answer to a challenge, to be shown until the order is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The text at `/.well-known/acme-challenge/` and the token.
    Http {
        /// The token: base64url.
        token: String,
        /// The text.
        text: String,
    },
    /// The digest in the certificate that [`tls_answer`] makes.
    Tls {
        /// The name that is asked for.
        name: Domain,
        /// SHA-256 of the key authorization.
        digest: [u8; 32],
    },
}

/// A self-signed certificate and its key.
pub struct OwnCertificate {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// The certificate that answers TLS-ALPN-01 for a name (RFC 8737 §3).
///
/// # Errors
/// [`AcmeError::Crypto`] where no key can be made.
pub fn tls_answer(name: &Domain, digest: &[u8; 32]) -> Result<OwnCertificate, AcmeError> {
    let mut params = CertificateParams::new(vec![name.to_string()]).map_err(|_| AcmeError::Crypto)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    self_signed(&params)
}

/// What a listener shows before there is a certificate that anybody vouches
/// for: mail servers that would not judge one are not made to do without TLS.
///
/// # Errors
/// [`AcmeError::Crypto`] where no key can be made.
pub fn stand_in(names: &[Domain]) -> Result<OwnCertificate, AcmeError> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    self_signed(&CertificateParams::new(names).map_err(|_| AcmeError::Crypto)?)
}

fn self_signed(params: &CertificateParams) -> Result<OwnCertificate, AcmeError> {
    let key = KeyPair::generate().map_err(|_| AcmeError::Crypto)?;
    let certificate = params.self_signed(&key).map_err(|_| AcmeError::Crypto)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(OwnCertificate { certificate: certificate.der().clone(), key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_bears_the_name_and_the_digest_as_a_critical_extension() {
        let name = Domain::parse("secure.clinic.example").unwrap();
        let made = tls_answer(&name, &[7; 32]).unwrap();
        let report = discovery::probe::read_certificate(&made.certificate);
        assert_eq!(report.names, ["secure.clinic.example"]);
        // RFC 8737 §3: 1.3.6.1.5.5.7.1.31, critical, an OCTET STRING of 32 bytes.
        let oid = [6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 0x1f, 1, 1, 0xff, 4, 34, 4, 32];
        let extension = [oid.as_slice(), &[7; 32]].concat();
        assert!(made.certificate.windows(extension.len()).any(|window| window == extension));
    }
}
