//! The anchors that a peer's certificate chain must lead to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};

/// Why a file holds no anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnchorsError {
    /// It is no PEM.
    #[error("the file of anchors is no PEM")]
    Pem,
    /// It holds no certificate.
    #[error("the file of anchors holds no certificate")]
    Empty,
    /// One of its certificates can't be an anchor.
    #[error("certificate {0} of the file of anchors can't be used")]
    Certificate(usize),
}

/// The anchors that a peer's certificate chain must lead to.
#[derive(Clone)]
pub struct Anchors(Arc<[TrustAnchor<'static>]>);

impl Anchors {
    /// The public authorities of the Mozilla programme.
    pub fn public() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.into())
    }

    /// The certificates of a PEM text, and nothing else.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AnchorsError> {
        let mut anchors = Vec::new();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let certificate = certificate.map_err(|_| AnchorsError::Pem)?;
            let anchor = webpki::anchor_from_trusted_cert(&certificate);
            anchors.push(anchor.map_err(|_| AnchorsError::Certificate(index + 1))?.to_owned());
        }
        if anchors.is_empty() {
            return Err(AnchorsError::Empty);
        }
        Ok(Self(anchors.into()))
    }

    /// Both sets together.
    pub fn and(&self, other: &Anchors) -> Self {
        Self(self.0.iter().chain(other.0.iter()).cloned().collect())
    }

    /// The anchors, for another verifier of the same trust.
    pub fn all(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

/// The same set, not an equal one: a channel that was judged under one is
/// found again only by who was given that very one.
impl PartialEq for Anchors {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Anchors {}

impl Hash for Anchors {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchors({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_anchor_is_refused() {
        assert_eq!(Anchors::from_pem(b"").unwrap_err(), AnchorsError::Empty);
        assert_eq!(Anchors::from_pem(b"hello").unwrap_err(), AnchorsError::Empty);
        let junk = b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        assert_eq!(Anchors::from_pem(junk).unwrap_err(), AnchorsError::Certificate(1));
        let cut = b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n";
        assert_eq!(Anchors::from_pem(cut).unwrap_err(), AnchorsError::Pem);
    }

    #[test]
    fn public_anchors_are_there() {
        assert!(Anchors::public().all().len() > 50);
    }
}
