//! MTA-STS (RFC 8461) and the record of TLS-RPT (RFC 8460): what a domain says
//! about its own MX hosts. Records and policies are read here, purely; who
//! fetches a policy is handed in as a [`PolicySource`].

mod cache;
mod policy;
mod record;
mod tls_rpt;

use mail::Domain;

pub use cache::{KnownPolicy, PoliciesUnknown, PolicyMemory, StsCache};
pub use policy::{MAX_AGE_S_MAX, MxPattern, StsMode, StsPolicy, StsPolicyFault};
pub use record::{StsRecord, StsRecordFault};
pub use tls_rpt::{TlsRptFault, TlsRptRecord};

use crate::network::Pending;

/// Why a policy was not had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The policy host gave none; in words without outside text.
    #[error("the policy could not be fetched: {0}")]
    Fetch(String),
    /// The certificate of the policy host does not verify; in words.
    #[error("the policy could not be fetched: {0}")]
    Certificate(String),
    /// What it gave is no policy.
    #[error("the policy can't be read")]
    Policy(#[source] StsPolicyFault),
}

/// Why a policy that a domain announces does not hold, as reports tell it apart
/// (RFC 8460 §4.3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StsTrouble {
    /// It could not be fetched.
    Fetch,
    /// It can't be read.
    Invalid,
    /// The certificate of the policy host does not verify.
    WebPki,
}

impl From<&PolicyError> for StsTrouble {
    fn from(error: &PolicyError) -> Self {
        match error {
            PolicyError::Fetch(_) => StsTrouble::Fetch,
            PolicyError::Certificate(_) => StsTrouble::WebPki,
            PolicyError::Policy(_) => StsTrouble::Invalid,
        }
    }
}

/// What fetches a domain's policy: `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`,
/// without redirects, from a host with a valid certificate (RFC 8461 §3.3).
pub trait PolicySource: Send + Sync {
    /// Fetches and reads it.
    fn policy<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<StsPolicy, PolicyError>>;
}
