//! Why a certificate is not trusted.

use std::fmt;

use jiff::Timestamp;

use crate::algorithm::BadSignature;
use crate::asn1::Oid;
use crate::certificate::Certificate;

/// Why a certificate is not trusted, and which certificate of its chain is the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Why.
    pub reason: Reason,
    /// Which certificate, if it is one alone.
    pub certificate: Option<Certificate>,
}

impl Invalid {
    pub(crate) fn of(certificate: &Certificate, reason: Reason) -> Self {
        Self { reason, certificate: Some(certificate.clone()) }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        match &self.certificate {
            Some(certificate) => write!(f, ": {}", certificate.subject()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Invalid {}

/// Why a certificate is not trusted. Later ones are nearer to a chain that holds, and are told in place of earlier ones
/// when several chains were tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Reason {
    /// The signature that it should vouch for is broken.
    #[error("the signature is not intact")]
    SignatureNotIntact,
    /// It is not for this address.
    #[error("the certificate is not for this address")]
    Address,
    /// Its issuer is not known, or it is signed by itself and not trusted.
    #[error("no chain leads from the certificate to a trusted authority")]
    NoChain,
    /// Finding out would take too long.
    #[error("the chain is too long, or there are too many to try")]
    Costly,
    /// Its issuer's key did not sign it.
    #[error("the issuer's signature on the certificate counts for nothing: {0}")]
    Signature(BadSignature),
    /// Its issuer may not issue certificates.
    #[error("the issuer is no authority")]
    NotAuthority,
    /// There are more authorities below its issuer than that may have.
    #[error("the chain is longer than an authority in it allows")]
    PathLength,
    /// An extension that must be understood is not, or is as it must not be.
    #[error("the certificate has an extension that is not understood: {0}")]
    Extension(Oid),
    /// Its names break the constraints of an authority above it.
    #[error("the certificate's names are outside of what its authority may issue for")]
    NameConstraints,
    /// Its policies break the constraints of an authority above it.
    #[error("the certificate's policies are not those that its authority demands")]
    Policies,
    /// Its key is too short, or of a kind that is not known here.
    #[error("the certificate's key is too short or of an unknown kind")]
    Key,
    /// Its key may not be used for this.
    #[error("the certificate's key is not for this use")]
    KeyUsage,
    /// It is not for mail, or an authority above it is not.
    #[error("the certificate is not for mail")]
    ExtendedUsage,
    /// It is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYet,
    /// It has expired.
    #[error("the certificate has expired")]
    Expired,
    /// Nobody says whether it is revoked, and policy wants to know.
    #[error("it is unknown whether the certificate is revoked")]
    RevocationUnknown,
    /// It is revoked.
    #[error("the certificate is revoked since {since}")]
    Revoked {
        /// Since when.
        since: Timestamp,
    },
}
